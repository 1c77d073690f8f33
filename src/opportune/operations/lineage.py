"""What definitions are made of each other: where a tag or an event comes from, and who would feel it if it changed."""

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from opportune.campaigns import CampaignDefinition
from opportune.delivery import content_variables
from opportune.engine import Vocabulary
from opportune.facts import Numbering
from opportune.operations.publish import definition_set
from opportune.operations.source_definitions import definitions_of, sources_of
from opportune.profiles import DetectorDefinition, TagDefinition
from opportune.rules import Scope, check
from opportune.store import FAMILIES, Definitions

DECIDING = ("campaign", "offer", "detector", "policy")
"""The families whose rules the engine evaluates at events; what they read has a column."""


class Node(NamedTuple):
    """A definition. Of the family `model` a model that writes scores, `outside` what a tag's own `source` names, `touch` a visit to a touchpoint."""

    family: str
    name: str


class Relation(NamedTuple):
    """`user` is made of `used`, or asks about it, in its key `path`."""

    user: Node
    path: str
    used: Node


class Related(msgspec.Struct, frozen=True):
    """A definition somewhere up or down the chain: `path` is the key that says so, `through` the names between, nearest to the asked one first."""

    family: str
    name: str
    title_en: str
    title_zh: str
    path: str
    through: tuple[str, ...]


class Lineage:
    """One set of definitions with their types and their relations, both ways. An event that a detector makes is the detector."""

    def __init__(self, definitions: Definitions) -> None:
        """Read every rule, reference and source. The definitions are sound: they were published."""
        self.definitions = definitions
        self.vocabulary = Vocabulary(definition_set(definitions), Numbering())
        self._origins: dict[Node, list[Relation]] = {}
        self._uses: dict[Node, list[Relation]] = {}
        for relation in dict.fromkeys(_Reader(definitions, self.vocabulary).relations()):
            self._origins.setdefault(relation.user, []).append(relation)
            self._uses.setdefault(relation.used, []).append(relation)

    def comes_from(self, node: Node) -> list[Related]:
        """All that it is made of, down to events, models and sources; the nearest first, each once."""
        return [self._related(r.used, r.path, through) for r, through in _walk(node, self._origins, forwards=True)]

    def used_by(self, node: Node) -> list[Related]:
        """All that use it, directly or through others; the nearest first, each once by each of its keys."""
        return [self._related(r.user, r.path, through) for r, through in _walk(node, self._uses, forwards=False)]

    def uses_of(self, node: Node) -> int:
        """How many definitions use it directly."""
        return len({relation.user for relation in self._uses.get(node, ())})

    def is_hot(self, tag: str) -> bool:
        """Whether the engine keeps a column for it: something that decides reads it, itself or through rule tags."""
        seen, ahead = {tag}, [tag]
        while ahead:
            for relation in self._uses.get(Node("tag", ahead.pop()), ()):
                if relation.user.family in DECIDING and not relation.path.startswith("content"):
                    return True
                if relation.user.family == "tag" and relation.user.name not in seen:
                    seen.add(relation.user.name)
                    ahead.append(relation.user.name)
        return False

    def _related(self, node: Node, path: str, through: tuple[str, ...]) -> Related:
        family = {"touch": "touchpoint"}.get(node.family, node.family)
        found = self.definitions.of(family).get(node.name) if family in FAMILIES else None
        title = getattr(found, "title", None)
        return Related(*node, title.en if title else "", title.zh if title else "", path, through)


def read_lineage(folder: Path) -> Lineage:
    """Of the definitions saved last in a data folder. Raises DeploymentError where it is none or has none."""
    return Lineage(definitions_of(folder))


def _walk(
    start: Node, relations: dict[Node, list[Relation]], *, forwards: bool
) -> Iterator[tuple[Relation, tuple[str, ...]]]:
    """Breadth first. Each definition is gone through once; one that is met again by another key of its own is told again."""
    ahead: deque[tuple[Node, tuple[str, ...]]] = deque([(start, ())])
    seen = {start}
    while ahead:
        node, through = ahead.popleft()
        met = set()
        for relation in relations.get(node, ()):
            other = relation.used if forwards else relation.user
            if other in seen and other not in met:
                continue
            yield relation, through
            if other not in seen:
                seen.add(other)
                met.add(other)
                ahead.append((other, (*through, other.name)))


class _Reader:
    """Reads the relations out of definitions."""

    def __init__(self, definitions: Definitions, vocabulary: Vocabulary) -> None:
        self.d, self.v = definitions, vocabulary

    def relations(self) -> Iterator[Relation]:
        for name, tag in self.d.tags.items():
            yield from self._of(Node("tag", name), self._tag(name, tag))
        for name, detector in self.d.detectors.items():
            yield from self._of(Node("detector", name), self._detector(detector))
        for name, campaign in self.d.campaigns.items():
            yield from self._of(Node("campaign", name), self._campaign(campaign))
            yield from self._eligible(campaign)
        for name, offer in self.d.offers.items():
            found = ((f"content.{path}", self._variable(word)) for path, word in content_variables(offer.content))
            yield from self._of(Node("offer", name), ((path, node) for path, node in found if node is not None))
        for name, segment in self.d.segments.items():
            yield from self._of(Node("segment", name), self._rule("where", segment.where, self.v.scope()))
        for name, policy in self.d.policies.items():
            if policy.time_zone is not None:
                yield Relation(Node("policy", name), "time_zone", Node("tag", policy.time_zone))
        yield from self._touchpoints()
        yield from self._sources()

    def _of(self, user: Node, found: Iterable[tuple[str, Node]]) -> Iterator[Relation]:
        return (Relation(user, path, used) for path, used in found)

    def _event(self, name: str) -> Node:
        return Node("detector" if name in self.d.detectors else "event", name)

    def _rule(self, path: str, text: str | None, scope: Scope) -> Iterator[tuple[str, Node]]:
        if text is not None:
            for ref in check(text, scope, where=path).refs:
                if ref.source == "tag":
                    yield path, Node("tag", ref.name)

    def _variable(self, word: str) -> Node | None:
        """What a variable of content speaks of; None for the event, whose type depends on the campaign, and for a fixed word."""
        return Node("tag", word) if word in self.d.tags else None

    def _tag(self, name: str, tag: TagDefinition) -> Iterator[tuple[str, Node]]:
        if tag.rule is not None:
            for ref in self.v.rules[name].refs:
                if ref.source == "tag":
                    yield "rule", Node("tag", ref.name)
        if tag.counter is not None:
            yield "counter.of", self._event(tag.counter.of)
        if tag.score is not None:
            yield "score", Node("model", tag.score)
        if tag.source:
            yield "source", Node("outside", tag.source)

    def _detector(self, detector: DetectorDefinition) -> Iterator[tuple[str, Node]]:
        when = detector.when
        for key, names in (("event", when.events), ("then" if when.then is not None else "then_not", when.then_events)):
            for name in names:
                yield f"when.{key}", self._event(name)
        for key in ("tag", "date"):
            if getattr(when, key) is not None:
                yield f"when.{key}", Node("tag", getattr(when, key))
        for key in ("enters", "leaves"):
            text = getattr(when, key)
            if isinstance(text, str):
                yield from self._rule(f"when.{key}", text, self.v.scope())

    def _scope_of(self, campaign: CampaignDefinition) -> Scope:
        return self.v.scope(campaign.trigger.event if campaign.trigger else None)

    def _campaign(self, campaign: CampaignDefinition) -> Iterator[tuple[str, Node]]:
        scope, trigger, goal = self._scope_of(campaign), campaign.trigger, campaign.goal
        if trigger is not None:
            yield "trigger.event", self._event(trigger.event)
            yield from self._rule("trigger.where", trigger.where, scope)
        yield from self._rule("audience", campaign.audience, scope)
        for i, choice in enumerate(campaign.offers):
            yield from self._rule(f"offers[{i}].when", choice.when, scope)
        if goal is not None:
            yield "goal.event", self._event(goal.event)
            if goal.regret is not None:
                yield "goal.regret.event", self._event(goal.regret.event)
        if campaign.propensity in self.d.tags:
            yield "propensity", Node("tag", campaign.propensity)

    def _eligible(self, campaign: CampaignDefinition) -> Iterator[Relation]:
        """An offer's condition may speak of the event of the campaign that proposes it."""
        for choice in campaign.offers:
            text = self.d.offers[choice.offer].eligible
            yield from self._of(Node("offer", choice.offer), self._rule("eligible", text, self._scope_of(campaign)))

    def _touchpoints(self) -> Iterator[Relation]:
        for name, touchpoint in self.d.touchpoints.items():
            address = touchpoint.delivery.address if touchpoint.delivery is not None else None
            if address in self.d.tags:
                yield Relation(Node("touchpoint", name), "delivery.address", Node("tag", address))
            if touchpoint.event is not None:
                yield Relation(self._event(touchpoint.event), "touchpoint.event", Node("touch", name))

    def _sources(self) -> Iterator[Relation]:
        for source in sources_of(self.d):
            node = Node("source", source.source)
            mapped: list[tuple[str, dict[str, Any]]] = [("tags", dict(source.tags))]
            mapped += [(f"rows[{i}].tags", dict(row.tags)) for i, row in enumerate(source.rows)]
            for path, tags in mapped:
                for tag in tags:
                    yield Relation(Node("tag", tag), f"{path}.{tag}", node)
            for i, row in enumerate(source.rows):
                if row.event is not None:
                    yield Relation(self._event(row.event), f"rows[{i}].event", node)
