"""Every customer's value of a tag at a moment, as SQL over the journal's facts: the same as the engine's columns had then.

Declared and scored tags are what was said last; counters are counted again over their buckets in the deployment's zone; rule tags are
their rules, lowered to DuckDB. What the engine decides exactly, this does: the order of arrival, the ends of declared ranges, NULL.
"""

from collections.abc import Callable, Mapping

from opportune.facts import MS_PER_DAY, MS_PER_HOUR, NULL, FactKind, Kind, ValueType, transitions
from opportune.profiles import CounterDefinition
from opportune.rules import EVENT_AT, NOW, ZONE, ZONE_MACRO, Ref, Rule, RuleError, check_condition, to_duckdb
from opportune.warehouse.decoding import decoded
from opportune.warehouse.errors import QueryRefused
from opportune.warehouse.files import named, quoted
from opportune.warehouse.kinds import EVENTS, TAGS, end_of_day
from opportune.warehouse.manifest import Manifest
from opportune.warehouse.views import Views

POSITION_BITS = 16
"""A fact sets fewer tags than this many bits count."""


class Latest:
    """Values as of a moment: facts below `cut`, with rolling windows brought to the moment (the end's engine time without one)."""

    def __init__(self, views: Views, manifest: Manifest, cut: int, as_of_ms: int | None) -> None:
        self.views, self.cut = views, cut
        self.lexicon = views.lexicon
        self.now_ms = manifest.now_ms if as_of_ms is None else as_of_ms
        self._manifest = manifest
        self.held = False
        """Whether the tables of events have `counted_ms` as a column."""

    def view(self, tag: str) -> str:
        """The query of `latest.<tag>` (customer, and a column named as the tag): a row per customer, NULL where it is unknown.

        Raises QueryRefused.
        """
        kind = self.lexicon.tags[tag]
        value = decoded("v.value", kind, self.lexicon.zone, "v.value")
        called = named(f"tag_{tag}" if tag == "customer" else tag)
        return (
            f"SELECT v.customer, {value} AS {called} FROM ({self.relation([tag], 'p.customer, t0.value AS value')}) v"
        )

    def audience(self, text: str) -> str:
        """The query of the customers for whom a condition over tags is true. Raises QueryRefused where it is wrong."""
        try:
            rule = check_condition(text, self.lexicon.vocabulary.scope(None), where="where")
        except RuleError as error:
            raise QueryRefused(str(error)) from error
        tags = _tags_of(rule)
        where = to_duckdb(rule, self._columns(tags))
        return f"{self.relation(tags, 'p.customer', zone=_asks_zone(rule))} WHERE {where}"

    def relation(self, tags: list[str], chosen: str, *, zone: bool = False) -> str:
        """`chosen` of everybody, with t0.value, t1.value ... beside: the encoded values of these tags (texts as text)."""
        joins = [f"LEFT JOIN ({self.encoded(tag)}) t{at} ON t{at}.customer = p.customer" for at, tag in enumerate(tags)]
        if zone:
            joins.append(f"LEFT JOIN ({self._zone()}) z ON z.customer = p.customer")
        return f"SELECT {chosen} FROM ({self._population()}) p {' '.join(joins)}"

    def encoded(self, tag: str) -> str:
        """(customer, value) of a tag: encoded as in the engine, texts as VARCHAR. Raises QueryRefused."""
        definition = self.lexicon.definitions.tags.get(tag)
        if definition is not None and definition.sensitivity == "personal":
            raise QueryRefused(f"`{tag}` is personal: its values never reach the journal")
        rule = self.lexicon.vocabulary.rules.get(tag)
        if rule is not None:
            tags = _tags_of(rule)
            value = to_duckdb(rule, self._columns(tags), encoded=True)
            return self.relation(tags, f"p.customer, {value} AS value", zone=_asks_zone(rule))
        kind = self.lexicon.tags[tag]
        counter = definition.counter if definition is not None else None
        query = self._declared(tag) if counter is None else self._counted(tag, counter, kind)
        if kind.kind is Kind.TEXT:
            return f"SELECT e.customer, x.text AS value FROM ({query}) e LEFT JOIN raw.texts x ON x.code = e.value"
        return query

    def _columns(self, tags: list[str]) -> Callable[[Ref], str]:
        numbers: Mapping[str, int] = {tag: at for at, tag in enumerate(tags)}

        def column(ref: Ref) -> str:
            if ref == NOW:
                return f"CAST({self.now_ms} AS BIGINT)"
            if ref == ZONE:
                return f"coalesce(z.zone, {quoted(self.lexicon.zone)})"
            return f"t{numbers[ref.name]}.value"

        return column

    def _population(self) -> str:
        """Everybody known at the cut: created, and not forgotten."""
        known = f"SELECT customer FROM raw.facts WHERE kind = {{kind}} AND seq < {self.cut}"
        gone = known.format(kind=FactKind.FORGOTTEN.value)
        return f"{known.format(kind=FactKind.CUSTOMER.value)} AND customer NOT IN ({gone})"

    def _zone(self) -> str:
        """Every customer's time zone, where she has told one that is known."""
        policy = self.lexicon.definitions.policy
        if policy is None or not policy.time_zone:
            return "SELECT CAST(0 AS UINTEGER) AS customer, CAST(NULL AS VARCHAR) AS zone WHERE false"
        known = ", ".join(quoted(zone) for zone in self.lexicon.zones)
        return f"SELECT customer, value AS zone FROM ({self.encoded(policy.time_zone)}) WHERE value IN ({known})"

    def _zones_told(self) -> str:
        """The time zones that customers told, with the fact from which on each held; NULL for one that is not known."""
        policy = self.lexicon.definitions.policy
        if policy is None or not policy.time_zone:
            return "SELECT CAST(0 AS UINTEGER) AS customer, CAST(0 AS BIGINT) AS seq, CAST(NULL AS VARCHAR) AS zone WHERE false"
        known = ", ".join(quoted(zone) for zone in self.lexicon.zones)
        number = self.lexicon.number("tag", policy.time_zone)
        return (
            f"SELECT t.customer, t.seq, arg_max(CASE WHEN x.text IN ({known}) THEN x.text ELSE '' END, t.position) AS said, nullif(said, '') AS zone "
            f"FROM raw.tags t LEFT JOIN raw.texts x ON x.code = t.value WHERE t.tag = {number} GROUP BY t.customer, t.seq"
        )

    def _declared(self, tag: str) -> str:
        """What was said last; setting it to nothing is said, too."""
        until = self._manifest.dropped_until(TAGS)
        if until is not None:
            raise QueryRefused(
                f"what was said of `{tag}` until {until} was dropped by retention; ask the engine for it"
            )
        last = f"arg_max(coalesce(value, {NULL}), (seq << {POSITION_BITS}) + position)"
        if any(kind.merges for kind in self.lexicon.definitions.identifiers.values()):  # then the later moment rules
            last = f"arg_max(coalesce(value, {NULL}), (at_ms, coalesce(value, {NULL})))"
        number = self.lexicon.number("tag", tag)
        return f"SELECT customer, nullif({last}, {NULL}) AS value FROM raw.tags WHERE tag = {number} AND seq < {self.cut} GROUP BY customer"

    def _counted(self, tag: str, counter: CounterDefinition, kind: ValueType) -> str:
        """A counter's figure; count and sum of nothing are 0."""
        until = self._manifest.dropped_until(EVENTS)
        if until is not None and (
            counter.over is None or self.now_ms - int(counter.over) < end_of_day(until) + MS_PER_DAY
        ):
            raise QueryRefused(
                f"`{tag}` counts events that retention dropped: they are kept from the day after {until} on; ask the engine for it"
            )
        rows = self._rows(tag, counter)
        figure = _life(counter, kind) if counter.over is None else _windowed(counter, kind)
        additive = counter.measure in ("count", "sum", "distinct")
        if not additive:
            return figure.format(rows=rows)
        return f"SELECT p.customer, coalesce(c.value, 0) AS value FROM ({self._population()}) p LEFT JOIN ({figure.format(rows=rows)}) c ON c.customer = p.customer"

    def _rows(self, tag: str, counter: CounterDefinition) -> str:
        """The events that a counter counts: customer, seq, at_ms, value, and the bucket they fall into."""
        types = self.lexicon.vocabulary.events[counter.of]
        properties = list(types)
        value = "CAST(1 AS BIGINT)"
        if counter.measure != "count":
            value = (
                "f.at_ms"
                if counter.value == "at"
                else self.views.event_value(counter.of, properties.index(counter.value or ""))
            )
        conditions = [f"f.seq < {self.cut}", f"{value} IS NOT NULL"]
        joins = []
        if counter.where is not None:
            scope = self.lexicon.vocabulary.scope(counter.of, tags=False)
            rule = self.lexicon.vocabulary.rule("tag", tag, "counter.where", counter.where, scope)
            assert rule is not None, "it was checked when it was published"
            if _asks_zone(rule):
                joins.append(f"ASOF LEFT JOIN ({self._zones_told()}) z ON z.customer = f.customer AND z.seq <= f.seq")
            texts = {
                ref.name
                for ref in rule.refs
                if ref.source == "event" and ref.name != "at" and types[ref.name].kind is Kind.TEXT
            }
            for name in sorted(texts):
                slot = properties.index(name)
                joins.append(
                    f"LEFT JOIN raw.texts x{slot} ON x{slot}.code = {self.views.event_value(counter.of, slot)}"
                )

            def column(ref: Ref) -> str:
                if ref == EVENT_AT:
                    return "f.at_ms"
                if ref == NOW:
                    return "f.engine_ms"
                if ref == ZONE:
                    return f"coalesce(z.zone, {quoted(self.lexicon.zone)})"
                slot = properties.index(ref.name)
                return f"x{slot}.text" if ref.name in texts else self.views.event_value(counter.of, slot)

            conditions.append(to_duckdb(rule, column))
        bucket = "0"
        if counter.over is not None:
            length, many = _window(counter)
            bucket = f"{'f.counted_ms' if self.held else self.counted_ms('f.at_ms', 'f.engine_ms')} // {length}"
            offset = next(ms for since, ms in reversed(transitions(self.lexicon.zone)) if since <= self.now_ms)
            conditions.append(f"{bucket} > {(self.now_ms + offset) // length - many}")
        where = " AND ".join(f"({one})" for one in conditions)
        return (
            f"SELECT f.customer, f.seq, f.at_ms, {value} AS value, {bucket} AS bucket "
            f"FROM {self.views.event_rows(counter.of)} f {' '.join(joins)} WHERE {where}"
        )

    def counted_ms(self, at_ms: str, engine_ms: str) -> str:
        """The local moment that an event is counted at, in the deployment's zone: never ahead of when it was met."""
        return f"least({self._local(f'least({at_ms}, {engine_ms})')}, {self._local(engine_ms)})"

    def _local(self, milliseconds: str) -> str:
        return f"({milliseconds} + {ZONE_MACRO}({quoted(self.lexicon.zone)}, {milliseconds}))"


def _window(counter: CounterDefinition) -> tuple[int, int]:
    """(ms of a bucket, how many buckets), as the engine has them."""
    over = int(counter.over or 0)
    bucket = counter.bucket or ("day" if over >= 2 * MS_PER_DAY and over % MS_PER_DAY == 0 else "hour")
    length = MS_PER_DAY if bucket == "day" else MS_PER_HOUR
    return length, over // length


def _clamped(value: str, kind: ValueType) -> str:
    return f"least(greatest({value}, {kind.low}), {kind.high})"


def _summed(kind: ValueType) -> str:
    """A sum in the order of arrival; a figure beyond its declared range stays at the range's end until values bring it back."""
    each = f"list({_clamped('value', kind)} ORDER BY seq)"
    step = _clamped("figure + one", kind)
    return f"list_reduce({each}, lambda figure, one: {step}, CAST(0 AS BIGINT))"


def _life(counter: CounterDefinition, kind: ValueType) -> str:
    """A figure over all of a customer's rows. first and last go by when it happened, then by arrival."""
    figure = {
        "count": f"least(count(*), {kind.high})",
        "sum": _summed(kind),
        "min": "min(value)",
        "max": "max(value)",
        "first": "arg_min(value, (at_ms, seq))",
        "last": "arg_max(value, (at_ms, seq))",
        "distinct": "count(DISTINCT value)",
    }[counter.measure]
    return f"SELECT customer, CAST({_clamped(figure, kind)} AS BIGINT) AS value FROM ({{rows}}) GROUP BY customer"


def _windowed(counter: CounterDefinition, kind: ValueType) -> str:
    """A figure over a customer's buckets. Within a bucket first and last go by arrival, between buckets by when it happened."""
    if counter.measure in ("count", "sum"):
        bucket = f"least(count(*), {kind.high})" if counter.measure == "count" else _summed(kind)
        figure = _clamped("sum(value)", kind)
        return (
            f"SELECT customer, CAST({figure} AS BIGINT) AS value FROM "
            f"(SELECT customer, bucket, {bucket} AS value FROM ({{rows}}) GROUP BY customer, bucket) GROUP BY customer"
        )
    figure = {
        "min": "min(value)",
        "max": "max(value)",
        "first": "arg_min(value, (bucket, seq))",
        "last": "arg_max(value, (bucket, seq))",
        "distinct": "count(DISTINCT value)",  # the engine's, as long as it has room to remember them all
    }[counter.measure]
    return f"SELECT customer, CAST({_clamped(figure, kind)} AS BIGINT) AS value FROM ({{rows}}) GROUP BY customer"


def _tags_of(rule: Rule) -> list[str]:
    """The tags that a rule names itself."""
    return list(dict.fromkeys(ref.name for ref in rule.refs if ref.source == "tag"))


def _asks_zone(rule: Rule) -> bool:
    return any(ref == ZONE for ref in rule.refs)
