"""From definitions to the catalogue: numbers for every name, exact types for every property and tag."""

from opportune.campaigns import TouchpointDefinition
from opportune.engine.definitions import CompileProblem, DefinitionSet
from opportune.facts import (
    Catalogue,
    Decimal,
    EventDefinition,
    EventSchema,
    Kind,
    Numbering,
    PropertySchema,
    TagSchema,
    ValueType,
    parse_scaled,
    value_type,
)
from opportune.profiles import CounterDefinition, TagDefinition
from opportune.rules import Rule, RuleError, Scope, check

COUNT_MAX = 2**31 - 1
SUM_MAX = 2**52
"""Bounds of counters that declare no range: a sum of 1,024 buckets of this size stays below 2**63."""

IDENTIFIER_KINDS = ("user", "anonymous", "phone", "email", "card", "account", "device", "external")


class Vocabulary:
    """Numbers and types of one set of definitions; collects what is wrong with them."""

    def __init__(self, definitions: DefinitionSet, numbering: Numbering) -> None:
        self.definitions = definitions
        self.numbering = numbering
        self.problems: list[CompileProblem] = []
        self.money_scale = definitions.deployment.money_scale
        self.events = {name: self._event_types(event) for name, event in definitions.events.items()}
        self.tags: dict[str, ValueType] = {}
        self.rules: dict[str, Rule] = {}
        for name, tag in definitions.tags.items():
            if tag.rule is None:
                self._type_plain_tag(name, tag)
        self._type_rule_tags()
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
        return {
            name: self._scaled_type(("event", event.event, f"properties.{name}"), p.type, p.scale, p.range, p.members)
            for name, p in event.properties.items()
        }

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
        if counter.of not in self.events:
            self.problem("tag", name, "counter.of", f"no event `{counter.of}`")
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

    def _type_rule_tags(self) -> None:
        """Rule tags may use rule tags: check them in the order of their dependence, and refuse a circle."""
        waiting = {name: tag for name, tag in self.definitions.tags.items() if tag.rule is not None}
        while waiting:
            names = set(waiting)
            ready = [n for n, tag in waiting.items() if not (_words(tag.rule or "") & (names - {n}))]
            if not ready:
                for name in sorted(waiting):
                    self.problem(
                        "tag",
                        name,
                        "rule",
                        "its rule depends on itself through other tags",
                        "break the circle: " + ", ".join(sorted(waiting)),
                    )
                return
            for name in ready:
                rule = self.rule("tag", name, "rule", waiting.pop(name).rule or "", self.scope(), predicate=False)
                if rule is not None:
                    self.rules[name] = rule
                    self.tags[name] = rule.type

    def _number_names(self) -> None:
        number, d = self.numbering.number, self.definitions
        for kind in IDENTIFIER_KINDS:
            number("identifier", kind)
        for family, names in (
            ("event", d.events),
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
        events = {
            name: EventSchema(
                name,
                known["event"][name],
                tuple(
                    PropertySchema(p, slot, kind, d.events[name].properties[p].personal)
                    for slot, (p, kind) in enumerate(types.items())
                ),
            )
            for name, types in self.events.items()
        }
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
            d.deployment.zone, self.money_scale,
        )  # fmt: skip


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
