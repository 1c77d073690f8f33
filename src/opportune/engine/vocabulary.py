"""From definitions to the catalogue: numbers for every name, exact types for every property and tag."""

from opportune.campaigns import TouchpointDefinition
from opportune.engine.definitions import CompileProblem, DefinitionSet, PlaybookBody
from opportune.engine.derived_types import derived_types
from opportune.facts import (
    Catalogue,
    Decimal,
    EventDefinition,
    EventSchema,
    IdentifierRule,
    Kind,
    Numbering,
    PropertySchema,
    TagSchema,
    ValueType,
    parse_scaled,
    value_type,
)
from opportune.profiles import DISTINCT_DEFAULT, DISTINCT_MAX, CounterDefinition, TagDefinition
from opportune.rules import Rule, RuleError, Scope, check

COUNT_MAX = 2**31 - 1
SUM_MAX = 2**52
"""Bounds of counters that declare no range: a sum of 1,024 buckets of this size stays below 2**63."""

IDENTIFIER_KINDS = ("user", "anonymous", "phone", "email", "card", "account", "device", "external")


KEY_SEPARATOR, RETIRED, UNSAYABLE = "\t", "~", "\x7f"


class Vocabulary:
    """Numbers and types of one set of definitions; collects what is wrong with them."""

    def __init__(self, definitions: DefinitionSet, numbering: Numbering) -> None:
        self.definitions = definitions
        self.numbering = numbering
        self.problems: list[CompileProblem] = []
        self.money_scale = definitions.deployment.money_scale
        self.every_event = definitions.every_event
        self.events = {name: self._event_types(event) for name, event in definitions.events.items()}
        self.tags: dict[str, ValueType] = {}
        self.rules: dict[str, Rule] = {}
        self.depths: dict[str, int] = {}
        """How many detectors stand one upon the other at most, per detector: 1 where it needs no derived event."""
        self.marks: dict[str, str] = {}
        """What each detector does, and all that this rests on, as text: filled when detectors are checked."""
        self._type_in_order()
        self._number_names()

    def problem(self, family: str, name: str, path: str, message: str, hint: str = "") -> None:
        """Note a problem; compilation goes on to find the others."""
        self.problems.append(CompileProblem(family, name, path, message, hint))

    def rule(self, family: str, name: str, path: str, text: str, scope: Scope, predicate: bool = True) -> Rule | None:
        """Check a rule text; None (and noted problems) where it is wrong or, for a predicate, not true-or-false."""
        try:
            rule = check(text, scope, where=f"{family} {name}, {path}")
        except RuleError as error:
            self.problems += [
                CompileProblem(family, name, path, one.message, one.hint, one.start, one.end) for one in error.problems
            ]
            return None
        personal = [ref.name for ref in rule.refs if ref.source == "tag" and self._is_personal(ref.name)]
        if personal:
            hint = "declare the tag internal, or derive an internal tag from it before it is sent"
            self.problem(
                family, name, path, f"tag `{personal[0]}` is personal: its values never reach the engine", hint
            )
            return None
        if predicate and rule.type.kind is not Kind.BOOL:
            self.problem(
                family,
                name,
                path,
                f"a condition is expected, this is a {rule.type.kind} value",
                "compare it with something",
            )
            return None
        return rule

    def _is_personal(self, tag: str) -> bool:
        definition = self.definitions.tags.get(tag)
        return definition is not None and definition.sensitivity == "personal"

    def scope(self, event: str | None = None, tags: bool = True) -> Scope:
        """What a rule may speak of: all tags, and the event that triggers it."""
        properties = self.events.get(event or "", {}) if event else None
        return Scope(self.tags if tags else {}, properties, self.money_scale, self.definitions.deployment.zone)

    def _scaled_type(
        self,
        where: tuple[str, str, str],
        kind: Kind,
        scale: int,
        bounds: tuple[Decimal, Decimal] | None,
        members: tuple[str, ...],
    ) -> ValueType:
        scale = self.money_scale if kind is Kind.MONEY else scale
        try:
            low, high = (
                (None, None) if bounds is None else (parse_scaled(bounds[0], scale), parse_scaled(bounds[1], scale))
            )
            if low is not None and high is not None and low > high:
                raise ValueError("the range's lower end is above its upper end")
            return value_type(kind, scale, low, high, members)
        except ValueError as error:
            self.problem(*where, str(error))
            return value_type(kind, scale)

    def _event_types(self, event: EventDefinition) -> dict[str, ValueType]:
        """The types of an event's values in the order of their slots, which never changes: facts keep their meaning.

        A property that was taken out, or got another kind or scale, keeps its slot under a name that no rule can say: `amount~2`.
        """
        typed = {
            name: self._scaled_type(("event", event.event, f"properties.{name}"), p.type, p.scale, p.range, p.members)
            for name, p in event.properties.items()
        }
        live = {_slot_key(event.event, name, kind): name for name, kind in typed.items()}
        for key in live:
            self.numbering.number("property", key)
        found: dict[str, ValueType] = {}
        for key in self.numbering.names["property"]:
            owner, name, kind, scale = key.split(KEY_SEPARATOR)
            if owner == event.event:
                if key in live:
                    found[live[key]] = typed[live[key]]
                else:
                    found[f"{name}{RETIRED}{len(found)}"] = value_type(Kind(kind), int(scale))
        return found

    def _type_plain_tag(self, name: str, tag: TagDefinition) -> None:
        if tag.counter is not None:
            counted = self._counter_type(name, tag, tag.counter)
            if counted is not None:
                self.tags[name] = counted
        elif tag.type is None:
            self.problem("tag", name, "", "the tag needs a type", "add for example `type: int`, or a rule or counter")
        else:
            self.tags[name] = self._scaled_type(("tag", name, "type"), tag.type, tag.scale, tag.range, tag.members)

    def _counter_type(self, name: str, tag: TagDefinition, counter: CounterDefinition) -> ValueType | None:
        if counter.of not in self.every_event:
            self.problem("tag", name, "counter.of", f"no event `{counter.of}`")
            return None
        if counter.of not in self.events:  # a detector's, which has a problem of its own
            return None
        base = value_type(Kind.INT, 0, 0, COUNT_MAX)
        if counter.measure != "count":
            if counter.value is None:
                self.problem(
                    "tag",
                    name,
                    "counter",
                    f"`{counter.measure}` needs a value",
                    "name a property of the event, or `at`",
                )
                return None
            if counter.value == "at":
                base = value_type(Kind.TIMESTAMP)
            elif counter.value in self.events[counter.of]:
                base = self.events[counter.of][counter.value]
            else:
                self.problem("tag", name, "counter.value", f"event `{counter.of}` has no property `{counter.value}`")
                return None
            if counter.measure == "distinct":
                return self._distinct_type(name, tag)
            if counter.measure == "sum":
                if base.kind not in (Kind.INT, Kind.DECIMAL, Kind.MONEY):
                    self.problem("tag", name, "counter.value", f"a {base.kind} cannot be summed")
                    return None
                base = value_type(base.kind, base.scale, -SUM_MAX, SUM_MAX)
        if tag.range is None:
            return base
        narrow = self._scaled_type(("tag", name, "range"), base.kind, base.scale, tag.range, base.members)
        if counter.measure in ("count", "sum") and not -SUM_MAX <= narrow.low <= 0 <= narrow.high <= SUM_MAX:
            self.problem(
                "tag",
                name,
                "range",
                f"a {counter.measure} begins at 0, which its range must include, and ends within {SUM_MAX:,} units",
            )
            return base
        return narrow

    def _distinct_type(self, name: str, tag: TagDefinition) -> ValueType:
        kind = value_type(Kind.INT, 0, 0, DISTINCT_DEFAULT)
        if tag.range is not None:
            kind = self._scaled_type(("tag", name, "range"), Kind.INT, 0, tag.range, ())
        if kind.low != 0 or not 1 <= kind.high <= DISTINCT_MAX:
            message = "a distinct begins at 0, and remembers as many values as its range has above that"
            self.problem("tag", name, "range", message, f"write [0, {DISTINCT_DEFAULT}], or up to [0, {DISTINCT_MAX}]")
            return value_type(Kind.INT, 0, 0, DISTINCT_DEFAULT)
        return kind

    def _type_in_order(self) -> None:
        """Tags and detectors may need others: type each after what it needs, and refuse a circle."""
        needs = self._needs()
        depths: dict[tuple[str, str], int] = {}
        while len(depths) < len(needs):
            ready = [one for one, needed in needs.items() if one not in depths and needed <= depths.keys()]
            if not ready:
                self._refuse_circle([one for one in needs if one not in depths])
                return
            for family, name in ready:
                depth = max((depths[one] for one in needs[family, name]), default=0)
                depths[family, name] = depth + (family == "detector")
                if family == "tag":
                    self._type_tag(name, self.definitions.tags[name])
                else:
                    self.depths[name] = depth + 1
                    self.events[name] = derived_types(self, name, self.definitions.detectors[name].when)

    def _needs(self) -> dict[tuple[str, str], set[tuple[str, str]]]:
        """What each tag and detector must come after."""
        d = self.definitions
        needs: dict[tuple[str, str], set[tuple[str, str]]] = {}
        for name, tag in d.tags.items():
            needs["tag", name] = {("tag", word) for word in _words(tag.rule or "") if word in d.tags and word != name}
            if tag.counter is not None and tag.counter.of in d.detectors:
                needs["tag", name].add(("detector", tag.counter.of))
        for name, detector in d.detectors.items():
            when = detector.when
            tags = _words(
                " ".join(text for text in (when.tag, when.date, when.enters, when.leaves) if isinstance(text, str))
            )
            needs["detector", name] = {("tag", tag) for tag in tags & d.tags.keys()}
            needs["detector", name] |= {("detector", e) for e in (*when.events, *when.then_events) if e in d.detectors}
        return needs

    def _refuse_circle(self, stuck: list[tuple[str, str]]) -> None:
        names = sorted(name for _, name in stuck)
        for family, name in sorted(stuck, key=lambda one: one[1]):
            message, path = "its rule depends on itself through other tags", "rule"
            if any(other == "detector" for other, _ in stuck):
                message, path = "it depends on itself through other detectors and tags", ""
            self.problem(family, name, path, message, "break the circle: " + ", ".join(names))

    def _type_tag(self, name: str, tag: TagDefinition) -> None:
        if tag.rule is None:
            self._type_plain_tag(name, tag)
            return
        rule = self.rule("tag", name, "rule", tag.rule, self.scope(), predicate=False)
        if rule is not None:
            self.rules[name] = rule
            self.tags[name] = rule.type

    def _number_names(self) -> None:
        number, d = self.numbering.number, self.definitions
        for kind in (*IDENTIFIER_KINDS, *d.identifiers):
            number("identifier", kind)
        for family, names in (
            ("event", self.every_event),
            ("tag", d.tags),
            ("touchpoint", d.touchpoints),
            ("offer", d.offers),
            ("campaign", d.campaigns),
        ):
            for name in names:
                number(family, name)
        for touchpoint in d.touchpoints.values():
            number("channel", channel_of(touchpoint))
        for campaign in d.campaigns.values():
            number("category", campaign.policy.category)
            number("purpose", campaign.policy.purpose)
        number("purpose", "marketing")

    def catalogue(self) -> Catalogue:
        """The catalogue that intake reads messages by."""
        d, names = self.definitions, self.numbering.names
        known = {family: {name: i for i, name in enumerate(all_names)} for family, all_names in names.items()}
        schemas = {
            name: EventSchema(
                name,
                known["event"][name],
                tuple(
                    PropertySchema(
                        p if RETIRED not in p else f"{UNSAYABLE}{p}",
                        slot,
                        kind,
                        p in d.every_event[name].properties and d.events[name].properties[p].personal,
                    )
                    for slot, (p, kind) in enumerate(types.items())
                ),
            )
            for name, types in self.events.items()
        }
        events = {name: schema for name, schema in schemas.items() if name in d.events}
        derived = {name: schema for name, schema in schemas.items() if name not in d.events}
        tags = {
            name: TagSchema(
                name,
                known["tag"][name],
                kind,
                d.tags[name].rule is None and d.tags[name].counter is None,
                d.tags[name].sensitivity == "personal",
            )
            for name, kind in self.tags.items()
        }
        return Catalogue(
            events, tags,
            {name: known["campaign"][name] for name in d.campaigns},
            {name: known["offer"][name] for name in d.offers},
            {name: known["touchpoint"][name] for name in d.touchpoints},
            known["channel"], known["category"], known["purpose"], known["identifier"],
            d.deployment.zone, self.money_scale, derived,
            {name: IdentifierRule(one.merges, one.anonymous, one.most or 0) for name, one in d.identifiers.items()},
        )  # fmt: skip


def numbers_of(body: PlaybookBody) -> dict[str, list[str]]:
    """The numbers by which the facts under a playbook are read; one that was journaled before properties had any gets them."""
    return Vocabulary(body.definitions, Numbering(body.numbers)).numbering.names


def _slot_key(event: str, name: str, kind: ValueType) -> str:
    """What tells a slot from others: a property of another kind or scale means other values."""
    return KEY_SEPARATOR.join((event, name, kind.kind.value, str(kind.scale)))


def channel_of(touchpoint: TouchpointDefinition) -> str:
    """The channel whose caps a touchpoint shares; its own name where none is given."""
    return touchpoint.channel or touchpoint.touchpoint


def _words(text: str) -> set[str]:
    """Every identifier-like word of a rule's text: more than its tags, so an order by it is safe."""
    word, words = "", set()
    for character in text + " ":
        if character.isalnum() or character == "_":
            word += character
        elif word:
            words.add(word)
            word = ""
    return words
