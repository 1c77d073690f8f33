"""The tables that a person queries, as views over the files: names for numbers, texts for codes, local times, exact money.

raw.<table>     the files as they are
events, tags, decisions, moves, contacts ...   one view per kind of fact
event.<name>    one view per event type, a typed column per property
tag.<name>      what was said of a tag, over time
latest.<name>   every customer's value of a tag, of any kind, at the end (or as of a moment)
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum

from opportune.facts import (
    DERIVED_VALUES_MAX,
    NO_CAMPAIGN,
    NO_OFFER,
    NO_TOUCHPOINT,
    Answer,
    Arm,
    FactKind,
    GoalKind,
    MoveKind,
    Outcome,
    Reason,
    ValueType,
)
from opportune.rules import zone_macro
from opportune.warehouse.decoding import as_text, decoded, moment, scaled
from opportune.warehouse.files import named, quoted
from opportune.warehouse.groups import slot_name
from opportune.warehouse.lexicon import Lexicon

FAMILIES = ("event", "tag", "campaign", "offer", "touchpoint", "channel", "purpose", "identifier", "limit")
_TAKEN = ("seq", "customer", "happened_at")

RAW_COLUMNS: dict[str, dict[str, str]] = {
    "facts": {
        "seq": "BIGINT", "kind": "UTINYINT", "code": "USMALLINT", "customer": "UINTEGER", "at_ms": "BIGINT", "now_ms": "BIGINT",
        "engine_ms": "BIGINT", "size": "UINTEGER",
    },
    "tags": {"seq": "BIGINT", "customer": "UINTEGER", "at_ms": "BIGINT", "position": "UINTEGER", "tag": "USMALLINT", "value": "BIGINT"},
    "texts": {"code": "BIGINT", "first_seq": "BIGINT", "text": "VARCHAR"},
    "bodies": {"first_seq": "BIGINT", "position": "UINTEGER", "body": "BLOB"},
    "groups": {"first_seq": "BIGINT", "facts": "BIGINT", "received_ms": "BIGINT", "accounting": "BLOB"},
    "decisions": {
        "number": "BIGINT", "seq": "BIGINT", "now_ms": "BIGINT", "priority": "BIGINT", "cost": "BIGINT", "customer": "UINTEGER",
        "propensity_ppm": "INTEGER", "campaign": "USMALLINT", "offer": "USMALLINT", "touchpoint": "USMALLINT", "arm": "UTINYINT",
        "contact_class": "UTINYINT", "position": "UINTEGER",
    },
    "goals": {
        "seq": "BIGINT", "at_ms": "BIGINT", "origin_seq": "BIGINT", "opened_ms": "BIGINT", "value": "BIGINT", "customer": "UINTEGER",
        "campaign": "USMALLINT", "kind": "UTINYINT", "arm": "UTINYINT", "position": "UINTEGER",
    },
    "withheld": {
        "seq": "BIGINT", "hour": "BIGINT", "count": "BIGINT", "campaign": "USMALLINT", "reason": "USMALLINT", "position": "UINTEGER",
    },
    "limits": {
        "seq": "BIGINT", "now_ms": "BIGINT", "limit": "UINTEGER", "closed": "UINTEGER", "marks": "BIGINT", "position": "UINTEGER",
    },
    "moves": {
        "seq": "BIGINT", "now_ms": "BIGINT", "decision": "BIGINT", "decided_seq": "BIGINT", "until_ms": "BIGINT", "cost": "BIGINT",
        "customer": "UINTEGER", "campaign": "USMALLINT", "offer": "USMALLINT", "touchpoint": "USMALLINT", "reason": "USMALLINT",
        "kind": "UTINYINT", "contact_class": "UTINYINT", "position": "UINTEGER",
    },
    "derived": {
        "seq": "BIGINT", "at_ms": "BIGINT", "now_ms": "BIGINT", "marks": "BIGINT",
        **{slot_name(slot): "BIGINT" for slot in range(DERIVED_VALUES_MAX)},
        "customer": "UINTEGER", "event": "USMALLINT", "position": "UINTEGER",
    },
}  # fmt: skip
"""Table -> columns and types that a table without files has."""


def empty_table(table: str) -> str:
    """A table without rows."""
    columns = ", ".join(f"CAST(NULL AS {kind}) AS {named(name)}" for name, kind in RAW_COLUMNS[table].items())
    return f"SELECT {columns} WHERE false"


class Views:
    """Writes the statements that create the views. `slots` is how many value columns the facts have."""

    def __init__(self, lexicon: Lexicon, slots: int) -> None:
        self.lexicon, self.slots = lexicon, slots
        self.zone = lexicon.zone
        self.money_scale = lexicon.definitions.deployment.money_scale

    def macros(self) -> Iterable[str]:
        """Names for numbers, and local time."""
        yield zone_macro(self.lexicon.zones)
        for family in FAMILIES:
            yield f"CREATE MACRO {family}_name(number) AS {_picked(self.lexicon.names.get(family, []), 'number + 1')}"
        reasons = {reason.value: reason.name for reason in Reason}
        listed = [reasons.get(value, "") for value in range(max(reasons) + 1)]
        yield f"CREATE MACRO reason_name(number) AS {_picked(listed, 'number + 1')}"

    def main(self) -> Mapping[str, str]:
        """View -> its query."""
        return {**self._facts(), **self._outputs(), **self._joined()}

    def value(self, slot: int) -> str:
        """The column of a value of facts; NULL where no fact has so many."""
        return f"f.{slot_name(slot)}" if slot < self.slots else "CAST(NULL AS BIGINT)"

    def local(self, milliseconds: str) -> str:
        """The local time of a moment."""
        return moment(milliseconds, self.zone)

    def event(self, name: str) -> str:
        """The query of an event type's view."""
        columns, joins = ["f.seq", "f.customer", f"{self.local('f.at_ms')} AS happened_at"], []
        for slot, (known, kind) in enumerate(self.lexicon.events[name].items()):
            text, value = f"t{slot}", self.event_value(name, slot)
            if kind.kind == "text":
                joins.append(f"LEFT JOIN raw.texts {text} ON {text}.code = {value}")
            called = f"event_{known}" if known in _TAKEN else known
            columns.append(f"{decoded(value, kind, self.zone, f'{text}.text')} AS {named(called)}")
        return f"SELECT {', '.join(columns)} FROM {self.event_rows(name)} f {' '.join(joins)}"

    def event_rows(self, name: str) -> str:
        """Where the events of a type stand: seq, customer, at_ms, engine_ms and values; those that a detector made among the outputs."""
        number = self.lexicon.number("event", name)
        if name in self.lexicon.derived:
            return f"(SELECT *, now_ms AS engine_ms FROM raw.derived WHERE event = {number})"
        return f"(SELECT * FROM raw.facts WHERE kind = {FactKind.EVENT.value} AND code = {number})"

    def event_value(self, name: str, slot: int) -> str:
        """The column of a value of an event type."""
        return f"f.{slot_name(slot)}" if name in self.lexicon.derived else self.value(slot)

    def tag(self, name: str) -> str:
        """The query of what was said of a tag over time."""
        kind = self.lexicon.tags[name]
        value = decoded("f.value", kind, self.zone, "t.text")
        called = named(f"tag_{name}" if name in _TAKEN else name)
        join = "LEFT JOIN raw.texts t ON t.code = f.value" if kind.kind == "text" else ""
        return (
            f"SELECT f.seq, f.customer, {self.local('f.at_ms')} AS happened_at, {value} AS {called} FROM raw.tags f {join} "
            f"WHERE f.tag = {self.lexicon.number('tag', name)}"
        )

    def _fact(self, kind: FactKind, columns: Mapping[str, str]) -> str:
        listed = ", ".join(f"{sql} AS {named(name)}" for name, sql in columns.items())
        return f"SELECT f.seq, f.customer, {self.local('f.at_ms')} AS happened_at, {listed} FROM raw.facts f WHERE f.kind = {kind.value}"

    def _facts(self) -> dict[str, str]:
        v = self.value
        channel = f"CASE WHEN {v(0)} IS NULL THEN '*' ELSE channel_name({v(0)}) END"
        return {
            "customers": f"SELECT f.customer, {self.local('f.at_ms')} AS happened_at, f.seq FROM raw.facts f WHERE f.kind = {FactKind.CUSTOMER.value}",
            "events": self._events(),
            "consents": self._fact(
                FactKind.CONSENT, {"purpose": "purpose_name(f.code)", "channel": channel, "given": f"({v(1)} = 1)"}
            ),
            "do_not_disturb": self._fact(FactKind.DO_NOT_DISTURB, {"listed": f"({v(0)} = 1)"}),
            "identifiers": self._fact(FactKind.IDENTIFIER, {"kind": "identifier_name(f.code)"}),
            "touches": self._fact(FactKind.TOUCH, {"touchpoint": "touchpoint_name(f.code)", "slots": v(0)}),
            "receipts": self._fact(
                FactKind.RECEIPT,
                {
                    "touchpoint": "touchpoint_name(f.code)", "decision": v(0), "outcome": _word(v(1), Outcome),
                    "campaign": f"campaign_name({v(2)})", "reason": f"(SELECT text FROM raw.texts WHERE code = {v(3)})",
                },
            ),
            "tags": self._tags(),
        }  # fmt: skip

    def _events(self) -> str:
        """All events, those that detectors made among them."""
        told = {"event": "event_name(f.event)", "taken_in": self.local("f.now_ms")}
        listed = ", ".join(f"{sql} AS {name}" for name, sql in told.items())
        return (
            f"{self._fact(FactKind.EVENT, {'event': 'event_name(f.code)', 'taken_in': self.local('f.engine_ms')})} UNION ALL "
            f"SELECT f.seq, f.customer, {self.local('f.at_ms')} AS happened_at, {listed} FROM raw.derived f"
        )

    def _tags(self) -> str:
        branches = []
        for name, kind in self.lexicon.tags.items():
            if name in self.lexicon.names.get("tag", []):
                number = self.lexicon.number("tag", name)
                branches.append(f"WHEN {number} THEN {as_text('f.value', kind, self.zone, 't.text')}")
        value = f"CASE f.tag {' '.join(branches)} END" if branches else "CAST(NULL AS VARCHAR)"
        return (
            f"SELECT f.seq, f.customer, {self.local('f.at_ms')} AS happened_at, tag_name(f.tag) AS tag, {value} AS value "
            "FROM raw.tags f LEFT JOIN raw.texts t ON t.code = f.value"
        )

    def _outputs(self) -> dict[str, str]:
        money, local = self._money, self.local
        offer, campaign = _unless("offer", NO_OFFER), _unless("campaign", NO_CAMPAIGN)
        touchpoint = _unless("touchpoint", NO_TOUCHPOINT)
        return {
            "decisions": (
                f"SELECT number, seq, customer, {local('now_ms')} AS happened_at, campaign_name(campaign) AS campaign, {offer} AS offer, "
                f"{touchpoint} AS touchpoint, {_word('arm', Arm)} AS arm, propensity_ppm, priority, {money('cost')} AS cost FROM raw.decisions"
            ),
            "goals": (
                f"SELECT seq, customer, {local('at_ms')} AS happened_at, campaign_name(campaign) AS campaign, {_word('kind', GoalKind)} AS goal, "
                f"{_word('arm', Arm)} AS arm, {local('opened_ms')} AS opened_at, origin_seq, {money('value')} AS value FROM raw.goals"
            ),
            "withheld": (
                f"SELECT seq, {local('hour * 3600000')} AS hour, {campaign} AS campaign, reason_name(reason) AS reason, count FROM raw.withheld"
            ),
            "limits": f'SELECT seq, {local("now_ms")} AS happened_at, limit_name("limit") AS "limit", (closed = 1) AS closed FROM raw.limits',
            "moves": (
                f"SELECT seq, customer, {local('now_ms')} AS happened_at, decision, decided_seq, campaign_name(campaign) AS campaign, {offer} AS offer, "
                f"{touchpoint} AS touchpoint, {_word('kind', MoveKind)} AS move, reason_name(reason) AS reason, "
                f"CASE WHEN until_ms <> 0 THEN {local('until_ms')} END AS until, {money('cost')} AS cost FROM raw.moves"
            ),
        }  # fmt: skip

    def _joined(self) -> dict[str, str]:
        """Contacts and responses, whichever way they came to be known."""
        v, local = self.value, self.local
        shown = f"{MoveKind.PRESENTED.value}, {MoveKind.UNKNOWN.value}"
        contacts = (
            f"SELECT seq, customer, {local('at_ms')} AS happened_at, campaign_name(code) AS campaign, offer_name({v(1)}) AS offer, "
            f"touchpoint_name({v(0)}) AS touchpoint, 'elsewhere' AS made, CAST(NULL AS BIGINT) AS decision "
            f"FROM raw.facts f WHERE kind = {FactKind.CONTACT.value} UNION ALL "
            f"SELECT seq, customer, {local('now_ms')}, campaign_name(campaign), {_unless('offer', NO_OFFER)}, touchpoint_name(touchpoint), "
            f"'at once', number FROM raw.decisions d WHERE arm = {Arm.TREATED.value} AND touchpoint <> {NO_TOUCHPOINT} "
            "AND number NOT IN (SELECT decision FROM raw.moves) UNION ALL "
            f"SELECT seq, customer, {local('now_ms')}, campaign_name(campaign), {_unless('offer', NO_OFFER)}, touchpoint_name(touchpoint), "
            f"{_word('kind', MoveKind)}, decision FROM raw.moves WHERE kind IN ({shown})"
        )  # fmt: skip
        answers = {int(outcome): outcome.name.lower() for outcome in Outcome if outcome.name in Answer.__members__}
        said = f"CASE {v(1)} {' '.join(f'WHEN {n} THEN {quoted(word)}' for n, word in answers.items())} END"
        responses = (
            f"SELECT seq, customer, {local('at_ms')} AS happened_at, campaign_name(code) AS campaign, {_word(v(0), Answer)} AS answer, "
            f"CAST(NULL AS VARCHAR) AS touchpoint, CAST(NULL AS BIGINT) AS decision FROM raw.facts f "
            f"WHERE kind = {FactKind.RESPONSE.value} UNION ALL "
            f"SELECT seq, customer, {local('at_ms')}, campaign_name({v(2)}), {said}, touchpoint_name(code), {v(0)} FROM raw.facts f "
            f"WHERE kind = {FactKind.RECEIPT.value} AND {v(1)} IN ({', '.join(map(str, answers))})"
        )  # fmt: skip
        return {"contacts": contacts, "responses": responses}

    def _money(self, column: str) -> str:
        return scaled(column, self.money_scale)

    def kind_of(self, tag: str) -> ValueType:
        """A tag's type."""
        return self.lexicon.tags[tag]


def _picked(names: Iterable[str], place: str) -> str:
    listed = ", ".join(quoted(name) for name in names)
    return f"[{listed}][{place}]" if listed else "CAST(NULL AS VARCHAR)"


def _word(value: str, words: type[IntEnum]) -> str:
    cases = " ".join(f"WHEN {word.value} THEN {quoted(word.name.lower())}" for word in words)
    return f"CASE {value} {cases} END"


def _unless(column: str, nothing: int) -> str:
    return f"CASE WHEN {column} <> {nothing} THEN {column}_name({column}) END"
