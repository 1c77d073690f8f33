"""The oracle of detectors: what is waited for and what was seen, in plain dictionaries per customer, from the definitions alone.

There are no roles, pools or slots here. A place is in a polygon by crossings in exact fractions; the first moment of a local time is found
by looking at the clock; a publishing begins anew and is told everything that ever happened.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from opportune.engine import Playbook
from opportune.facts import NULL, FactKind, TextDictionary, parse_scaled
from opportune.profiles import Area, CounterDefinition, Detection
from opportune.rules import Ref, Scope, check
from tests.engine.records import DAY, HOUR, MINUTE, Fact, Happening, Person, local_of
from tests.engine.waiting_oracle import WaitingOracle

WAITING_MAX = 128
ROUND = 65_536
AGAIN = 40 * 1_440


class Derived(NamedTuple):
    """A derived event as the journal tells it."""

    seq: int
    at: int
    now: int
    customer: int
    event: int
    values: tuple[int, ...]


@dataclass
class Wait:
    """One thing a detector waits for."""

    since: int
    kept: list[int]
    deadline: int = 0
    minute: int = 0
    put: int = 0


@dataclass
class Memory:
    """What detectors remember of one customer: by (detector, key), and by detector."""

    waits: dict[tuple[str, int], Wait] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)


class DetectorOracle(WaitingOracle):
    """The WaitingOracle, and `derived`: every derived event."""

    def __init__(self, dictionary: TextDictionary) -> None:
        super().__init__(dictionary)
        self.derived: list[Derived] = []
        self.memories: dict[int, Memory] = {}
        self.told: list[Fact] = []
        self.minute = self.wheel_puts = self.refused_waits = self.late = 0
        self.queue: list[tuple[int, Happening]] = []

    # -- facts

    def tell(self, fact: Fact) -> None:
        """Take one fact."""
        self.told.append(fact)
        super().tell(fact)

    def _publish(self, playbook: Playbook) -> None:
        super()._publish(playbook)
        self.detectors = dict(
            sorted(playbook.definitions.detectors.items(), key=lambda one: self.names["event"].index(one[0]))
        )
        self.reads = {name: self._tags_read(one.when) for name, one in self.detectors.items()}
        if self.told[:-1] and self.people:
            again = DetectorOracle(self.dictionary)
            again.tell(Fact(FactKind.PLAYBOOK, 0, None, 0, 0, (), playbook))
            for fact in self.told[:-1]:
                if fact.kind is not FactKind.PLAYBOOK:
                    again.tell(fact)
            self.memories = again.memories
            for customer, person in self.people.items():  # and what detectors told is what these would have told
                person.events = again.people[customer].events

    def _take(self, fact: Fact, customer: int) -> None:
        if customer not in self.people:
            super()._take(fact, customer)
            return
        self._end_own(customer)
        person = self.people[customer]
        tags = {self.names["tag"][n] for n in fact.values[::2]} if fact.kind is FactKind.TAGS_SET else set()
        policy = self.definitions.policy
        zone = policy.time_zone if policy else None
        touched = [name for name, read in self.reads.items() if tags & read and not self.detectors[name].when.date]
        for name in touched:
            self._compare(name, customer, person, self.now)
        super()._take(fact, customer)
        for name, detector in self.detectors.items():
            if name in touched:
                self._compare(name, customer, person, self.now)
            if detector.when.date and (detector.when.date in tags or zone in tags):
                self._set_day(name, customer, person)
        self._follow()

    def _event(self, fact: Fact, customer: int, person: Person) -> None:
        super()._event(fact, customer, person)
        self._follow()

    def _follow(self) -> None:
        while self.queue:
            customer, happening = self.queue.pop(0)
            self._happens(customer, self.people[customer], happening, derived=True)

    def _happens(self, customer: int, person: Person, happening: Happening, derived: bool = False) -> None:
        event, at = happening.event, min(happening.at, self.now)
        happening.zone = self._zone_of(person)
        outside = event in self.definitions.events
        for name in self.detectors:
            if self._feeds(event, name) or (outside and self._moves_with_time(name)):
                self._compare(name, customer, person, self.now)
        super()._happens(customer, person, happening)
        read = self._row(person, happening)
        for name, detector in self.detectors.items():
            when = detector.when
            if self._feeds(event, name):
                self._compare(name, customer, person, at)
                if when.date:
                    self._set_day(name, customer, person)
            if event in when.then_events and self._holds(when.then_where, event, read, False):
                self._answer(name, customer, at, happening)
            begins = event in when.events or (when.silent is not None and not when.events and outside)
            if begins and self._holds(when.where, event, read, False):
                if when.form == "area":
                    self._see(name, customer, at, happening)
                else:
                    self._begin(name, customer, at, happening, derived)

    # -- what a detector reads

    def _tags_read(self, when: Detection) -> set[str]:
        text = f"{when.tag} {when.crosses}" if when.tag else when.enters or when.leaves
        found = {when.date} if when.date else set()
        if isinstance(text, str):
            found |= self._tags_in(text)
        return found

    def _tags_in(self, text: str) -> set[str]:
        rule = check(text, Scope(self.tag_types, None, self.definitions.deployment.money_scale, self.zone))
        names = {ref.name for ref in rule.refs if ref.source == "tag"}
        for name in set(names):
            deeper = self.definitions.tags[name].rule
            names |= self._tags_in(deeper) if deeper else set()
        if any(ref.source == "clock" for ref in rule.refs):
            names.add("now")
        return names

    def _counters(self, name: str) -> Iterator[CounterDefinition]:
        for tag in self.reads[name] - {"now"}:
            counter = self.definitions.tags[tag].counter
            if counter is not None:
                yield counter

    def _feeds(self, event: str, name: str) -> bool:
        return any(counter.of == event for counter in self._counters(name))

    def _moves_with_time(self, name: str) -> bool:
        when = self.detectors[name].when
        if when.date:
            return False
        return "now" in self.reads[name] or any(counter.over is not None for counter in self._counters(name))

    def _moment(self, person: Person) -> Callable[[Ref], int | None]:
        return self._row(person, Happening("", self.now, self.now, self._zone_of(person), {}))

    # -- forms

    def _compare(self, name: str, customer: int, person: Person, at: int) -> None:
        when, seen = self.detectors[name].when, self.memories.setdefault(customer, Memory()).seen
        read = self._moment(person)
        if when.tag is not None:
            value = read(Ref("tag", when.tag))
            value, before = NULL if value is None else value, seen.get(name, NULL)
            seen[name] = value
            condition = f"{when.tag} {when.crosses}"
            met = self._holds(condition, None, lambda _: before)
            if value != before and not met and self._holds(condition, None, lambda _: value):
                self._tell(name, customer, at, (value, before))
        elif when.form == "rule":
            text = when.enters or when.leaves
            assert isinstance(text, str)
            held, before = self._holds(text, None, read), seen.get(name, 0)
            seen[name] = int(held)
            if held != before and held == (when.leaves is None):
                self._tell(name, customer, at, ())

    def _see(self, name: str, customer: int, at: int, happening: Happening) -> None:
        when, seen = self.detectors[name].when, self.memories.setdefault(customer, Memory()).seen
        place = [happening.values.get(one, NULL) for one in when.position]
        if NULL in place:
            return
        scales = [self.event_types[happening.event][one].scale for one in when.position]
        lat, lon = (value * 10 ** (6 - scale) for value, scale in zip(place, scales, strict=True))
        area = when.enters or when.leaves
        assert isinstance(area, Area)
        inside, before = is_inside(area, lat, lon), seen.get(name, 0)
        seen[name] = int(inside)
        if inside != before and inside == (when.leaves is None):
            self._tell(name, customer, at, tuple(happening.values.get(one, NULL) for one in when.keep))

    def _key(self, name: str, happening: Happening) -> int | None:
        """The key; None where it is unknown, so that the event is none of this detector's."""
        key = self.detectors[name].when.key_property
        if key is None:
            return NULL
        value = happening.values.get(key, NULL)
        return None if value == NULL else value

    def _begin(self, name: str, customer: int, at: int, happening: Happening, derived: bool) -> None:
        when, waits = self.detectors[name].when, self.memories.setdefault(customer, Memory()).waits
        key = self._key(name, happening)
        if key is None:
            return
        found = waits.get((name, key))
        deadline = at + (when.within or when.silent or 0) + 1
        if found is None:
            if deadline <= self.now and not derived:
                self.late += 1
                return
            if len(waits) >= WAITING_MAX:
                self.refused_waits += 1
                return
        elif when.then_not is not None or at < found.since:
            return
        kept = [happening.values.get(one, NULL) for one in when.keep]
        wait = waits.setdefault((name, key), Wait(at, kept))
        wait.since, wait.kept = at, kept
        self._await(wait, deadline)

    def _answer(self, name: str, customer: int, at: int, happening: Happening) -> None:
        waits = self.memories.setdefault(customer, Memory()).waits
        key = self._key(name, happening)
        found = None if key is None else waits.get((name, key))
        if key is None or found is None or not found.since <= at < found.deadline:
            return
        if self.detectors[name].when.then is not None:
            self._tell_wait(name, customer, at, key, found)
        del waits[name, key]

    def _set_day(self, name: str, customer: int, person: Person) -> None:
        when, waits = self.detectors[name].when, self.memories.setdefault(customer, Memory()).waits
        day = self._moment(person)(Ref("tag", when.date or ""))
        due = NULL
        if day is not None and day != NULL:
            due = first_at(self._zone_of(person), (day + when.days) * DAY + when.at * MINUTE)
        if due <= self.now:
            waits.pop((name, NULL), None)
            return
        if (name, NULL) not in waits and len(waits) >= WAITING_MAX:
            self.refused_waits += 1
            return
        assert day is not None
        wait = waits.setdefault((name, NULL), Wait(day, []))
        wait.since = day
        if wait.deadline != due:
            self._await(wait, due)

    # -- time

    def _await(self, wait: Wait, deadline: int) -> None:
        self.wheel_puts += 1
        wait.deadline, wait.put = deadline, self.wheel_puts
        wait.minute = min(max(-(-deadline // MINUTE), self.minute + 1), self.minute + AGAIN)

    def _end_deadlines(self) -> None:
        super()._end_deadlines()
        if not getattr(self, "detectors", None):
            return
        last = self.now // MINUTE
        self.minute = max(self.minute, last - ROUND)
        while met := [
            (wait.minute + max(0, -(-(self.minute + 1 - wait.minute) // ROUND)) * ROUND, wait.put, customer, wait)
            for customer, memory in self.memories.items() for wait in memory.waits.values()
        ]:  # fmt: skip
            minute, _, customer, wait = min(met, key=lambda one: one[:2])
            if minute > last:
                break
            self.minute = minute - 1
            if wait.deadline > self.now:
                self._await(wait, wait.deadline)
            else:
                self._end_over(customer)
        self.minute = last

    def _end_own(self, customer: int) -> None:
        while True:
            while mine := [one for one in self._of(customer) if one.deadline <= self.now]:
                self._end_deadline(min(mine, key=lambda one: one.number))
            if not self._end_over(customer, 1):
                return

    def _end_over(self, customer: int, most: int = 10**9) -> bool:
        """End what is over of a customer, the oldest deadline first; whether anything was."""
        memory, any_over = self.memories.setdefault(customer, Memory()), False
        while most and (over := [(wait.deadline, self.names["event"].index(name), key) for (name, key), wait in memory.waits.items()
                                 if wait.deadline <= self.now]):  # fmt: skip
            most -= 1
            any_over = True
            deadline, number, key = min(over)
            name = self.names["event"][number]
            wait = memory.waits.pop((name, key))
            if self.detectors[name].when.then is None:
                self._tell_wait(name, customer, deadline, key, wait)
            self._follow()
        return any_over

    # -- telling

    def _tell_wait(self, name: str, customer: int, at: int, key: int, wait: Wait) -> None:
        keyed = () if self.detectors[name].when.key is None else (key,)
        self._tell(name, customer, at, (wait.since, *keyed, *wait.kept))

    def _tell(self, name: str, customer: int, at: int, values: tuple[int, ...]) -> None:
        padded = (*values, *[NULL] * (6 - len(values)))
        self.derived.append(Derived(self.seq, at, self.now, customer, self.names["event"].index(name), padded))
        happening = Happening(name, at, self.now, "", dict(zip(self.event_types[name], values, strict=False)))
        self.queue.append((customer, happening))


@lru_cache(maxsize=100_000)
def first_at(zone: str, local: int) -> int:
    """The first moment at which a clock there shows this local time or later, found by looking at the clock every minute."""
    hour = next(at for at in range(local - 16 * HOUR, local + 17 * HOUR, HOUR) if local_of(zone, at) >= local)
    return next(at for at in range(hour - 3 * HOUR, hour + 1, MINUTE) if local_of(zone, at) >= local)


def is_inside(area: Area, lat: int, lon: int) -> bool:
    """Whether a place in micro-degrees is in an area."""
    if area.centre is not None:
        there = [parse_scaled(one, 6) for one in area.centre]
        cosine = round(math.cos(math.radians(there[0] / 1e6)) * 1e6)
        radius = Fraction(area.radius or 0) * 10**6 / 111_195
        east = abs(lon - there[1])
        east = min(east, 360 * 10**6 - east)
        return (lat - there[0]) ** 2 + (east * cosine // 10**6) ** 2 <= math.floor(radius) ** 2
    corners = [(parse_scaled(a, 6), parse_scaled(b, 6)) for a, b in area.polygon]
    crossings = 0
    for (y1, x1), (y2, x2) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if y1 == y2:
            if lat == y1 and min(x1, x2) <= lon <= max(x1, x2):
                return True
            continue
        x = x1 + Fraction((x2 - x1) * (lat - y1), y2 - y1)
        if min(y1, y2) <= lat <= max(y1, y2) and x == lon:
            return True
        crossings += min(y1, y2) <= lat < max(y1, y2) and x > lon
    return crossings % 2 == 1
