"""The oracle's questions about one customer: what a rule says, what a counter counts, by looking at all that ever happened."""

from collections.abc import Callable

from opportune.engine import DefinitionSet, Playbook
from opportune.facts import NULL, TextDictionary, ValueType, zone_table
from opportune.profiles import CounterDefinition
from opportune.rules import EVENT_AT, NOW, ZONE, Ref, Rule, Scope, check, evaluate
from tests.engine.records import DAY, HOUR, Happening, Person, available_zones, clamp, is_zone, local_of, measured


class Asking:
    """Answers under the definitions in force, at engine time `now`."""

    def __init__(self, dictionary: TextDictionary) -> None:
        self.dictionary = dictionary
        self.definitions = DefinitionSet()
        self.names: dict[str, list[str]] = {}
        self.rules: dict[tuple[str, str | None, bool], Rule] = {}
        self.people: dict[int, Person] = {}
        self.now = 0

    def _ask_under(self, playbook: Playbook) -> None:
        before = self._home()
        d = self.definitions = playbook.definitions
        self.names = playbook.numbering.names
        self.rules = {}
        self.event_types = {
            name: {p.name: p.type for p in schema.properties}
            for name, schema in (playbook.catalogue.events | playbook.catalogue.derived).items()
        }
        self.tag_types = {name: schema.type for name, schema in playbook.catalogue.tags.items()}
        self.zone = d.deployment.zone
        self.zones = sorted(available_zones(self.dictionary) | {self.zone})
        self.zone_table = zone_table(self.zones)
        if self._home() != before:  # what happened is looked at again by the hour that it was there
            for person in self.people.values():
                for one in person.events:
                    one.zone = self._zone_named(one.home)

    def _home(self) -> tuple[str, str | None]:
        policy = self.definitions.policy
        return self.definitions.deployment.zone, policy.time_zone if policy else None

    # -- rules

    def _holds(self, text: str | None, event: str | None, row: Callable[[Ref], int | None], tags: bool = True) -> bool:
        return text is None or self._value(text, event, row, tags) == 1

    def _value(self, text: str, event: str | None, row: Callable[[Ref], int | None], tags: bool = True) -> int | None:
        rule = self.rules.get((text, event, tags))
        if rule is None:
            types: dict[str, ValueType] = self.tag_types if tags else {}
            properties = self.event_types[event] if event else None
            scope = Scope(types, properties, self.definitions.deployment.money_scale, self.zone)
            rule = self.rules[text, event, tags] = check(text, scope)
        return evaluate(rule, {ref: row(ref) for ref in rule.refs}, self.dictionary, self.zone_table)

    def _row(self, person: Person, happening: Happening) -> Callable[[Ref], int | None]:
        """What a rule about this event reads, by the clock at which it was met."""

        def read(ref: Ref) -> int | None:
            if ref == NOW:
                return happening.now
            if ref == ZONE:
                return self.zones.index(happening.zone)
            if ref == EVENT_AT:
                return happening.at
            if ref.source == "event":
                return happening.values.get(ref.name, NULL)
            return self._tag(person, ref.name, happening)

        return read

    def _tag(self, person: Person, name: str, happening: Happening) -> int | None:
        tag = self.definitions.tags[name]
        if tag.rule is not None:
            return self._value(tag.rule, None, self._row(person, happening))
        if tag.counter is not None:
            return self._counted(person, tag.counter, self.tag_types[name])
        return person.tags.get(name)

    def _zone_of(self, person: Person) -> str:
        policy = self.definitions.policy
        return self._zone_named(person.tags.get(policy.time_zone, NULL) if policy and policy.time_zone else NULL)

    def _zone_named(self, code: int) -> str:
        policy = self.definitions.policy
        text = self.dictionary.text(code) if code > 0 and policy and policy.time_zone else ""
        return text if is_zone(text) else self.zone

    # -- counters

    def _distinct(self, person: Person, counter: CounterDefinition, kind: ValueType) -> int:
        """Different values, met one after the other; where all places are taken a new one is not remembered."""
        places: dict[int, int] = {}
        newest = 0

        def forget(now: int) -> int:
            bucket = max(newest, self._bucket(counter, now)) if counter.over else 0
            for value in [value for value, last in places.items() if last <= bucket - many]:
                del places[value]
            return bucket

        many = (counter.over or 1) // self._bucket_ms(counter) if counter.over else 1
        for one in person.events:
            newest = forget(one.now)
            if one.event != counter.of or not self._holds(counter.where, one.event, self._row(person, one), False):
                continue
            value = one.at if counter.value == "at" else one.values.get(counter.value or "", NULL)
            met = self._bucket(counter, min(one.at, one.now)) if counter.over else 0
            if value == NULL or met <= newest - many:
                continue
            if value in places or len(places) < kind.high:
                places[value] = max(places.get(value, met), min(met, newest))
        forget(self.now)
        return len(places)

    def _bucket(self, counter: CounterDefinition, at: int) -> int:
        return local_of(self.zone, at) // self._bucket_ms(counter)

    def _bucket_ms(self, counter: CounterDefinition) -> int:
        over = counter.over or 0
        by_day = counter.bucket == "day" or (counter.bucket is None and over >= 2 * DAY and over % DAY == 0)
        return DAY if by_day else HOUR

    def _counted(self, person: Person, counter: CounterDefinition, kind: ValueType) -> int:
        """The counter now: over all events there ever were."""
        found: list[tuple[int, int, int]] = []
        for one in person.events:
            if one.event != counter.of or not self._holds(counter.where, one.event, self._row(person, one), False):
                continue
            value = one.at if counter.value == "at" else one.values.get(counter.value or "", NULL)
            if counter.measure == "count" or value != NULL:
                found.append((one.at, min(one.at, one.now), value))
        if counter.measure == "distinct":
            return self._distinct(person, counter, kind)
        if counter.over is None:
            if counter.measure == "first":
                return min(found, key=lambda f: f[0])[2] if found else NULL
            if counter.measure == "last":
                return max(reversed(found), key=lambda f: f[0])[2] if found else NULL
            return measured(counter.measure, [value for _, _, value in found], kind)
        newest = self._bucket(counter, self.now)
        buckets: dict[int, list[int]] = {}
        for _, counted_at, value in found:
            place = self._bucket(counter, counted_at)
            if place > newest - counter.over // self._bucket_ms(counter):
                buckets.setdefault(place, []).append(value)
        figures = [measured(counter.measure, buckets[place], kind) for place in sorted(buckets)]
        if counter.measure in ("count", "sum"):
            return clamp(sum(figures), kind)
        return measured(counter.measure, figures, kind)
