"""Compiles detectors: who listens to which event, what each waits for or compares, and what it remembers of customers."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from opportune.engine.compile_profiles import Registers, hot_tags
from opportune.engine.derived_types import PLACE_SCALE, place_of
from opportune.engine.turns import DERIVED_PER_TURN_MAX
from opportune.engine.vocabulary import Vocabulary
from opportune.facts import Kind, encode_scalar
from opportune.profiles import (
    ANSWERS,
    AREA,
    BEGINS,
    CROSSING,
    DATE,
    DATES,
    DETECTOR,
    GLANCES,
    LISTENS,
    LOOKS,
    RULE,
    SEES,
    SILENCE,
    THEN,
    THEN_NOT,
    Area,
    Detection,
    DetectionPlan,
    Layout,
    cosine_ppm,
    radius_of,
)
from opportune.rules import Ref, Rule, RulePlanBuilder


class Watch(msgspec.Struct, frozen=True):
    """What detectors remember of a customer, by the number of their event: what moves with her from one playbook to the next.

    `looks` is the word of what was seen last, `keeps` how many values a record keeps; `marks` says what a detector does: while it
    stays the same, what it remembers does too.
    """

    look_words: int = 0
    value_words: int = 0
    looks: dict[int, int] = {}
    keeps: dict[int, int] = {}
    marks: dict[int, str] = {}


class DetectorCompiler:
    """`check` first, then `add` all, then `build`. `asked` are the tags' rules and the tags of each condition, in the order of its rows."""

    def __init__(self, vocabulary: Vocabulary, registers: Registers, builder: RulePlanBuilder) -> None:
        self.v, self.registers, self.builder = vocabulary, registers, builder
        names = vocabulary.definitions.detectors
        self.names = sorted(names, key=lambda name: vocabulary.numbering.number("event", name))
        self.conditions: dict[str, Rule] = {}
        self.asked: list[list[Rule]] = []
        self.watch = Watch()
        self._wheres: dict[tuple[str, str, str], Rule] = {}
        self._listens: list[tuple[int, ...]] = []
        self._kept: list[int] = []
        self._corners: list[tuple[int, int]] = []

    def check(self) -> None:
        """Check the rules of all detectors; problems are noted in the vocabulary."""
        v = self.v
        for name in self.names:
            when = v.definitions.detectors[name].when
            text, path = when.enters or when.leaves, "when.enters" if when.enters else "when.leaves"
            if when.tag is not None:
                text, path = f"{when.tag} {when.crosses}", "when.crosses"
            if isinstance(text, str):
                rule = v.rule("detector", name, path, text, v.scope())
                if rule is not None:
                    self._check_crossing(name, when, rule)
                    self.conditions[name] = rule
            if when.date is not None:
                self._check_date(name, when.date)
            for part, where, events in (
                ("where", when.where, when.events), ("then_where", when.then_where, when.then_events),
            ):  # fmt: skip
                for event in events if where is not None else ():
                    rule = v.rule("detector", name, f"when.{part}", where or "", v.scope(event, tags=False))
                    if rule is not None:
                        self._wheres[name, part, event] = rule
        if not v.problems:
            for name in sorted(self.names, key=lambda one: v.depths[one]):
                v.marks[name] = self._mark(name)

    def _check_crossing(self, name: str, when: Detection, rule: Rule) -> None:
        if when.tag is not None and any(ref != Ref("tag", when.tag) for ref in rule.refs):
            hint = "compare it with a value, or write the whole condition as `enters:`"
            self.v.problem("detector", name, "when.crosses", "a crossing asks about its tag only", hint)

    def _check_date(self, name: str, tag: str) -> None:
        kind = self.v.tags.get(tag)
        if kind is None or kind.kind is not Kind.DATE or tag in self.v.rules:
            message = f"no tag `{tag}` of type date that is set from outside or counted"
            self.v.problem("detector", name, "when.date", message, "name one with `type: date`")
        elif self.v.definitions.tags[tag].sensitivity == "personal":
            self.v.problem("detector", name, "when.date", f"tag `{tag}` is personal: its values never reach the engine")

    @property
    def dates(self) -> tuple[str, ...]:
        """The date tags that are waited for."""
        found = (self.v.definitions.detectors[name].when.date for name in self.names)
        return tuple(tag for tag in found if tag is not None)

    def build(self, layout: Layout) -> DetectionPlan:
        """The tables; every check was passed and the records are laid out."""
        numbering = self.v.numbering
        rows = [self._detector(i, name, layout) for i, name in enumerate(self.names)]
        self._listens.sort()
        self._check_cascade()
        tag_detectors = sorted({pair for i, name in enumerate(self.names) for pair in self._tag_pairs(i, name)})
        counts = np.bincount([tag for tag, _ in tag_detectors], minlength=len(numbering.names["tag"]))
        detector_of = np.full(len(numbering.names["event"]), -1, np.int32)
        for i, name in enumerate(self.names):
            detector_of[numbering.number("event", name)] = i
        return DetectionPlan(
            np.array(rows, DETECTOR).view(np.recarray), detector_of,
            np.array([row[1:] for row in self._listens], LISTENS).view(np.recarray), np.array(self._kept, np.int32),
            np.array(self._corners, np.int64).reshape(-1, 2),
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
            np.array([detector for _, detector in tag_detectors], np.int32),
        )  # fmt: skip

    def listens_of(self, event: int) -> tuple[int, int]:
        """Rows of LISTENS of an event: the first, and the end."""
        places = [at for at, row in enumerate(self._listens) if row[0] == event]
        return (places[0], places[-1] + 1) if places else (0, 0)

    def _detector(self, i: int, name: str, layout: Layout) -> tuple[Any, ...]:
        """One row of DETECTOR; what it listens to is noted."""
        v, when = self.v, self.v.definitions.detectors[name].when
        number = v.numbering.number("event", name)
        form = {"silence": SILENCE, "crossing": CROSSING, "rule": RULE, "area": AREA, "date": DATE}.get(
            when.form, THEN if when.then is not None else THEN_NOT
        )
        row: dict[str, Any] = dict.fromkeys(DETECTOR.names or (), 0)
        row |= {"event": number, "form": form, "want": int(when.leaves is None), "look": -1, "asked": -1}
        row |= {
            "window": when.within or when.silent or 0,
            "keyed": int(when.key is not None),
            "keep_count": len(when.keep),
        }
        keeps, looks = dict(self.watch.keeps), dict(self.watch.looks)
        if form in (CROSSING, RULE):
            row["clause_first"], row["clause_count"] = self._clauses[name]
            row["asked"] = len(self.asked)
            self.asked.append([self.conditions[name]])
            if when.tag is not None:
                row["ref"] = self.registers.number(Ref("tag", when.tag))
        if form in (CROSSING, RULE, AREA):
            row["look"] = looks[number] = len(looks)
        area = when.enters or when.leaves
        if isinstance(area, Area):
            self._add_area(row, area)
        if form == DATE:
            row["offset"], row["width"] = layout.columns[v.numbering.number("tag", when.date or "")]
            row["days"], row["minute"] = when.days, when.at
        if form in (THEN, THEN_NOT, SILENCE):
            keeps[number] = len(when.keep)
        marks = {**self.watch.marks, number: v.marks[name]}
        self.watch = Watch(len(looks), max(keeps.values(), default=0), looks, keeps, marks)
        self._listens += self._listening(i, name, form)
        return tuple(row.values())

    def add(self) -> None:
        """Compile the conditions into the rule plan, which is built before the tables."""
        self._clauses = {name: self._compiled(rule, None) for name, rule in self.conditions.items()}
        self._where_clauses = {key: self._compiled(rule, key[2]) for key, rule in self._wheres.items()}

    def _compiled(self, rule: Rule, event: str | None) -> tuple[int, int]:
        self.registers.for_event(self.v.events[event] if event else ())
        return self.builder.add(rule)

    def _add_area(self, row: dict[str, Any], area: Area) -> None:
        if area.centre is not None:
            row["centre_lat"], row["centre_lon"] = place_of(area.centre)
            row["radius"], row["cosine"] = radius_of(area.radius or 0), cosine_ppm(row["centre_lat"])
        row["corner_first"], row["corner_count"] = len(self._corners), len(area.polygon)
        self._corners += [place_of(corner) for corner in area.polygon]

    # -- who listens to what

    def _listening(self, i: int, name: str, form: int) -> Iterator[tuple[int, ...]]:
        """The rows of LISTENS of a detector, each behind the number of its event."""
        v, when = self.v, self.v.definitions.detectors[name].when
        everything = list(v.definitions.events)
        if form in (THEN, THEN_NOT):
            yield from (
                self._listen(i, name, event, ANSWERS, "then_where") for event in dict.fromkeys(when.then_events)
            )
        if form in (THEN, THEN_NOT, SILENCE):
            begins = dict.fromkeys(when.events) or everything
            yield from (self._listen(i, name, event, BEGINS, "where") for event in begins)
        elif form == AREA:
            yield from (self._listen(i, name, event, SEES, "where") for event in dict.fromkeys(when.events))
        else:
            feeding = self._feeding(name)
            looks = DATES if form == DATE else LOOKS
            yield from (self._listen(i, name, event, looks, "") for event in feeding)
            if form != DATE and self._changes_with_time(name):
                yield from (self._listen(i, name, event, GLANCES, "") for event in everything if event not in feeding)

    def _listen(self, i: int, name: str, event: str, role: int, part: str) -> tuple[int, ...]:
        v, when = self.v, self.v.definitions.detectors[name].when
        properties = list(v.events[event])
        clauses = self._where_clauses.get((name, part, event), (0, 0))
        key, kept = -1, len(self._kept)
        if when.key_property is not None:
            key = properties.index(when.key_property)
        if role in (BEGINS, SEES):
            self._kept += [properties.index(one) for one in when.keep]
        place = (0, 0, 0, 0)
        if role == SEES:
            slots = [properties.index(one) for one in when.position]
            factors = [10 ** (PLACE_SCALE - v.events[event][one].scale) for one in when.position]
            place = (slots[0], slots[1], factors[0], factors[1])
        return (v.numbering.number("event", event), i, role, *clauses, key, kept, *place)

    def _tags_of(self, name: str) -> list[str]:
        """The tags a detector reads, through rule tags too."""
        rules = [self.conditions[name]] if name in self.conditions else []
        date = self.v.definitions.detectors[name].when.date
        return hot_tags(self.v, rules, (date,) if date else ())

    def _feeding(self, name: str) -> list[str]:
        """The events that the counters count which a detector reads."""
        tags = (self.v.definitions.tags[tag] for tag in self._tags_of(name))
        return list(dict.fromkeys(tag.counter.of for tag in tags if tag.counter is not None))

    def _changes_with_time(self, name: str) -> bool:
        """Whether what a detector reads may change when nothing happens: a rolling window, or what asks for `now`."""
        rules = [self.conditions[name], *(self.v.rules[tag] for tag in self._tags_of(name) if tag in self.v.rules)]
        counters = (self.v.definitions.tags[tag].counter for tag in self._tags_of(name))
        asks = any(ref.source == "clock" for rule in rules for ref in rule.refs)
        return asks or any(counter is not None and counter.over is not None for counter in counters)

    def _tag_pairs(self, i: int, name: str) -> Iterator[tuple[int, int]]:
        """(tag, detector) of the tags from outside that a detector reads; of a date also the customer's zone."""
        d = self.v.definitions
        tags = [tag for tag in self._tags_of(name) if tag not in self.v.rules and d.tags[tag].counter is None]
        if d.detectors[name].when.date is not None and d.policy and d.policy.time_zone:
            tags.append(d.policy.time_zone)
        for tag in tags:
            yield self.v.numbering.number("tag", tag), i

    def _check_cascade(self) -> None:
        """No event may lead to more derived events than a turn has room for."""
        v, many = self.v, dict[int, int]()
        for name in sorted(self.names, key=lambda one: -v.depths[one]):  # the highest first: nothing comes of those
            many[v.numbering.number("event", name)] = self._derived_of(v.numbering.number("event", name), many)
        for name in [*v.definitions.events, *self.names]:
            number = v.numbering.number("event", name)
            if self._derived_of(number, many) + (number in many) > DERIVED_PER_TURN_MAX:
                message = f"one `{name}` may lead to more than {DERIVED_PER_TURN_MAX} derived events"
                v.problem("event" if number not in many else "detector", name, "", message, "use fewer detectors")

    def _derived_of(self, event: int, many: dict[int, int]) -> int:
        told = 0
        for row in self._listens:
            detector = self.v.definitions.detectors[self.names[row[1]]]
            tells = row[2] in (GLANCES, LOOKS, SEES) or (row[2] == ANSWERS and detector.when.then is not None)
            if row[0] == event and tells:
                told += 1 + many[self.v.numbering.number("event", detector.detector)]
        return told

    def _mark(self, name: str) -> str:
        """What a detector does, and all that this rests on."""
        v, d = self.v, self.v.definitions
        when = d.detectors[name].when
        tags = {tag: [d.tags[tag].rule, d.tags[tag].counter, v.tags[tag]] for tag in self._tags_of(name)}
        below = {*when.events, *when.then_events, *self._feeding(name)}
        events = {e: v.marks[e] if e in d.detectors else v.events[e] for e in sorted(below)}
        zone = d.policy.time_zone if d.policy and when.date else None
        return msgspec.json.encode([when, tags, events, zone], enc_hook=encode_scalar, order="sorted").decode()
