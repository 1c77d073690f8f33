"""Which tags are hot, where they live in the record, and which register each fills."""

from collections.abc import Iterable

import msgspec

from opportune.engine.vocabulary import Vocabulary
from opportune.facts import MS_PER_DAY, MS_PER_HOUR
from opportune.profiles import (
    BUCKETS_MAX,
    MEASURES,
    SLOT_AT,
    SLOT_COUNT,
    UNIT_DAY,
    UNIT_HOUR,
    UNIT_LIFE,
    CounterDefinition,
    HotCounter,
    HotTag,
)
from opportune.rules import Ref, Rule, RulePlanBuilder


class Registers:
    """Gives every reference its register: event slots from 0, then now, event.at, zone, then tags as they are met."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.slots = max((len(types) for types in vocabulary.events.values()), default=0)
        self.now, self.at, self.zone = self.slots, self.slots + 1, self.slots + 2
        self.tags: dict[str, int] = {}
        self.event: dict[str, int] = {}
        self.size = self.slots + 3

    def for_event(self, properties: Iterable[str]) -> None:
        """From here on `event.<property>` means the properties of this event."""
        self.event = {name: slot for slot, name in enumerate(properties)}

    def number(self, ref: Ref) -> int:
        """The register of a reference."""
        if ref.source == "event":
            return self.at if ref.name == "at" else self.event[ref.name]
        if ref.source == "clock":
            return {"now": self.now, "zone": self.zone}[ref.name]
        if ref.name not in self.tags:
            self.tags[ref.name] = self.size
            self.size += 1
        return self.tags[ref.name]


def hot_tags(vocabulary: Vocabulary, rules: Iterable[Rule], also: Iterable[str]) -> list[str]:
    """The tags that the given rules use, through rule tags too, each after those it depends on."""
    order: dict[str, None] = {}

    def need(name: str) -> None:
        if name in order or name not in vocabulary.tags:
            return
        if name in vocabulary.rules:
            for ref in vocabulary.rules[name].refs:
                if ref.source == "tag":
                    need(ref.name)
        order[name] = None

    for rule in rules:
        for ref in rule.refs:
            if ref.source == "tag":
                need(ref.name)
    for name in also:
        need(name)
    return list(order)


def hot_columns(
    vocabulary: Vocabulary, names: Iterable[str], registers: Registers, builder: RulePlanBuilder
) -> tuple[list[HotTag], list[HotCounter]]:
    """The columns of the hot tags: plain ones and counters, with the counters' filters compiled."""
    tags: list[HotTag] = []
    counters: list[HotCounter] = []
    for name in names:
        if name in vocabulary.rules:
            continue
        hot = HotTag(name, vocabulary.numbering.number("tag", name), vocabulary.tags[name])
        counter = vocabulary.definitions.tags[name].counter
        if counter is None:
            tags.append(hot)
        else:
            made = _counter(vocabulary, hot, counter, registers, builder)
            if made is not None:
                counters.append(made)
    return tags, counters


def check_counters(vocabulary: Vocabulary, names: Iterable[str]) -> None:
    """Note what is wrong with the conditions and windows of counters, without compiling them."""
    for name in names:
        counter = vocabulary.definitions.tags[name].counter
        if counter is not None:
            _buckets(vocabulary, name, counter)
            _condition(vocabulary, name, counter)


def _condition(vocabulary: Vocabulary, name: str, counter: CounterDefinition) -> Rule | None:
    """Which events count; None where all do, or where it is wrong."""
    if counter.where is None:
        return None
    return vocabulary.rule("tag", name, "counter.where", counter.where, vocabulary.scope(counter.of, tags=False))


def _counter(
    vocabulary: Vocabulary, hot: HotTag, counter: CounterDefinition, registers: Registers, builder: RulePlanBuilder
) -> HotCounter | None:
    window = _buckets(vocabulary, hot.name, counter)
    clauses = (0, 0)
    properties = list(vocabulary.events[counter.of])
    if counter.where is not None:
        rule = _condition(vocabulary, hot.name, counter)
        if rule is None:
            return None
        registers.for_event(properties)
        clauses = builder.add(rule)
    slot = SLOT_COUNT
    if counter.measure != "count":
        slot = SLOT_AT if counter.value == "at" else properties.index(counter.value or "")
    return HotCounter(
        hot, vocabulary.numbering.number("event", counter.of), MEASURES.index(counter.measure), slot,
        *clauses, *window, counter_fingerprint(counter, hot) + vocabulary.marks.get(counter.of, ""),
    )  # fmt: skip


def counter_fingerprint(counter: CounterDefinition, hot: HotTag) -> str:
    """What a counter counts: while it stays the same, its buckets may be kept across playbooks."""
    return msgspec.json.encode(
        [
            counter.of,
            counter.measure,
            counter.value,
            counter.where,
            int(counter.over or 0),
            counter.bucket,
            hot.type.low,
            hot.type.high,
            hot.type.scale,
        ]
    ).decode()


def _buckets(vocabulary: Vocabulary, name: str, counter: CounterDefinition) -> tuple[int, int]:
    """(unit, number of buckets) of a counter's window."""
    if counter.over is None:
        return UNIT_LIFE, 0
    bucket = counter.bucket or ("day" if counter.over >= 2 * MS_PER_DAY and counter.over % MS_PER_DAY == 0 else "hour")
    unit, length = (UNIT_DAY, MS_PER_DAY) if bucket == "day" else (UNIT_HOUR, MS_PER_HOUR)
    many, rest = divmod(counter.over, length)
    if rest or not 1 <= many <= BUCKETS_MAX:
        vocabulary.problem(
            "tag",
            name,
            "counter.over",
            f"the window is not 1 to {BUCKETS_MAX:,} whole {bucket}s",
            "choose another window or bucket",
        )
        return UNIT_LIFE, 0
    return unit, many
