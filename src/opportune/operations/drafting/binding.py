"""What an approval holds for: the campaigns that a draft changes, and everything that these refer to, each by the hash of what decides."""

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from opportune.operations.lineage import Lineage, Node
from opportune.store import FAMILIES, Change, Content, Definitions, difference, fingerprint_of

DIGEST_BYTES = 16
EVERYWHERE = ("policy", "deployment")
"""The families that every campaign rests on."""
UNBOUND = ("source", "segment", "approval")
"""The families that decide nothing of what a campaign does."""

Key = tuple[str, str]


class Binding(NamedTuple):
    """The definitions that it holds for as they are now, the campaigns that the draft changes, and the keys that it touches itself."""

    definitions: Content
    campaigns: tuple[str, ...]
    touched: frozenset[Key]

    def digest(self, report: str | None) -> str:
        """The hash of all of it, with that of the simulation report that was seen."""
        marks = {(family, name): fingerprint_of(family, one).decides for family, name, one in self.definitions}
        marks |= {key: "-" for key in self.touched if key not in marks}
        told = hashlib.blake2b(digest_size=DIGEST_BYTES)
        for (family, name), mark in sorted(marks.items()):
            told.update(f"{family} {name} {mark}\n".encode())
        told.update(f"report {report or '-'}\n".encode())
        return told.hexdigest()


def changes_of(before: Definitions, after: Definitions) -> Content:
    """What leads from one set to another, as a draft keeps it."""
    return tuple((one.family, one.name, after.of(one.family).get(one.name)) for one in difference(before, after))


def with_changes(before: Definitions, content: Content) -> Definitions:
    """A set with a draft's changes in it; the set itself stays as it is."""
    after = Definitions()
    for family in FAMILIES:
        after.of(family).update(before.of(family))
    for family, name, definition in content:
        if definition is None:
            after.of(family).pop(name, None)
        else:
            after.of(family)[name] = definition
    return after


def binding_of(definitions: Definitions, content: Content, base: Definitions) -> Binding:
    """What an approval of a draft would hold for: `definitions` are those with its changes, `base` those that it was made from."""
    touched = frozenset((family, name) for family, name, one in content if _decides(base, family, name, one))
    lineage = Lineage(definitions)
    rests: dict[str, set[Key]] = {name: set(rests_on(lineage, name)) for name in definitions.campaigns}
    campaigns = tuple(sorted(name for name, keys in rests.items() if keys & touched))
    bound = {key for name in campaigns for key in rests[name]} | touched
    found = [(family, name, definitions.of(family).get(name)) for family, name in sorted(bound)]
    return Binding(tuple(one for one in found if one[2] is not None), campaigns, touched)


def _decides(base: Definitions, family: str, name: str, now: Any) -> bool:
    before = base.of(family).get(name)
    if before is None or now is None:
        return before is not now
    return fingerprint_of(family, before).decides != fingerprint_of(family, now).decides


def rests_on(lineage: Lineage, campaign: str) -> Iterator[Key]:
    """Everything that what a campaign does follows from."""
    d, definition = lineage.definitions, lineage.definitions.campaigns[campaign]
    nodes = [Node("campaign", campaign), *(Node("offer", choice.offer) for choice in definition.offers)]
    for step in definition.touchpoints:
        nodes += [Node("touchpoint", name) for name in ((step.at,) if isinstance(step.at, str) else step.at)]
    nodes += [Node(family, name) for family in EVERYWHERE for name in d.of(family)]
    for node in nodes:
        yield node.family, node.name
        for below in lineage.comes_from(node):
            if below.family in FAMILIES and below.family not in UNBOUND:
                yield below.family, below.name


def moved(seen: Content, now: Binding, definitions: Definitions) -> list[Change]:
    """What has changed in what decides since an approval was asked for; new things that the campaigns refer to are `added`."""
    before, after = Definitions(), Definitions()
    for family, name, definition in seen:
        before.of(family)[name] = definition
        there = definitions.of(family).get(name)
        if there is not None:
            after.of(family)[name] = there
    for family, name, definition in now.definitions:
        after.of(family)[name] = definition
    return [change for change in difference(before, after) if not change.words_only]
