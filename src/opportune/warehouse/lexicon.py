"""What numbers mean: the names and types that the exported playbooks gave them."""

import zoneinfo
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from opportune.engine import DefinitionSet, PlaybookBody, Vocabulary, decode_body
from opportune.facts import Numbering, ValueType
from opportune.rules import DUCKDB_ZONES_MAX


class Published(NamedTuple):
    """A playbook: the fact from which on it was in force, when that was (ms), and what it says."""

    seq: int
    at_ms: int
    body: PlaybookBody


class Lexicon:
    """Names by number and types by name. Numbers are never given twice, so the latest playbook knows all names; the types of
    what it no longer declares are those of the last playbook that did.
    """

    def __init__(self, bodies: Sequence[tuple[int, int, bytes]], texts: Sequence[str] = ()) -> None:
        """`bodies` are (seq, ms, body) of every PLAYBOOK fact, in order; `texts` those among which customers' time zones may be."""
        self.playbooks = [Published(seq, at_ms, decode_body(body)) for seq, at_ms, body in bodies]
        last = self.playbooks[-1].body if self.playbooks else None
        self.definitions = last.definitions if last is not None else DefinitionSet()
        self.names: dict[str, list[str]] = last.numbers if last is not None else {}
        self.vocabulary = Vocabulary(self.definitions, Numbering(self.names))
        self.zone = self.definitions.deployment.zone
        self.zones = self._zones(texts)
        self.events, self.tags = self._types()
        self.derived = {name for one in self.playbooks for name in one.body.definitions.detectors}
        """The events that detectors make."""

    def number(self, family: str, name: str) -> int:
        """The number of a name that is known."""
        return self.names[family].index(name)

    def _zones(self, texts: Sequence[str]) -> list[str]:
        """The zones that customers may live in, the deployment's first; only as many as a query can tell apart."""
        policy = self.definitions.policy
        known = zoneinfo.available_timezones() if policy is not None and policy.time_zone else set()
        found = [text for text in texts if text in known and text != self.zone]
        return [self.zone, *found][:DUCKDB_ZONES_MAX]

    def _types(self) -> tuple[Mapping[str, Mapping[str, ValueType]], Mapping[str, ValueType]]:
        events: dict[str, Mapping[str, ValueType]] = dict(self.vocabulary.events)
        tags = dict(self.vocabulary.tags)
        for published in reversed(self.playbooks[:-1]):
            d = published.body.definitions
            if d.events.keys() - events.keys() or d.tags.keys() - tags.keys():
                then = Vocabulary(d, Numbering(published.body.numbers))
                events = {**then.events, **events}
                tags = {**then.tags, **tags}
        return events, tags
