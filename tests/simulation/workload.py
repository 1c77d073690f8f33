"""A seeded stream of messages as several sources would send them, and what must become of each.

The fates are the generator's own: it never asks intake. Time runs on with the stream, so that windows roll and goals lapse;
whoever sends a piece again sends the same bytes with the same ids.
"""

import json
import random
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

START_MS = 1_796_112_000_000
"""2026-12-01T08:00:00Z."""
MINUTE_MS = 60_000
CUSTOMERS = 90
PIECE_MESSAGES_MAX = 14
RECENT_MESSAGES = 40
"""How far back a repeat reaches: some pieces, hours of engine time, well inside the filter's 24 h."""
SOURCES = ("app", "shop", "crm")
IMPORTED = "crm"
"""The source that is read with the clock of an import."""


class Fate(Enum):
    """What must become of a message that was acknowledged."""

    APPLIED = 1
    REPEATED = 2
    QUARANTINED = 3


class Sent(NamedTuple):
    """One message: its id ("" for one that has none to be read), its fate, its line, and the texts that name its customer."""

    message_id: str
    fate: Fate
    line: bytes
    identifiers: tuple[tuple[str, str], ...]


class Piece(NamedTuple):
    """What is sent and acknowledged together."""

    source: str
    received_ms: int
    messages: tuple[Sent, ...]
    data: bytes


@lru_cache(8)
def stream(seed: int, pieces: int, changed_at: int) -> tuple[Piece, ...]:
    """`pieces` pieces; from number `changed_at` on they also speak of what only the changed playbook knows."""
    writer = _Writer(random.Random(seed))
    return tuple(writer.piece(changed=number >= changed_at) for number in range(pieces))


class _Writer:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.now_ms = START_MS
        self.serial = 0
        self.known = 1
        self.recent: dict[str, list[Sent]] = {source: [] for source in SOURCES}

    def piece(self, *, changed: bool) -> Piece:
        chance = self.chance
        self.now_ms += chance.choice([1_000, 20_000, 3 * MINUTE_MS, 11 * MINUTE_MS, 35 * MINUTE_MS])
        source = chance.choice(SOURCES)
        if self.recent[source] and chance.random() < 0.07:  # a piece that brings nothing new
            again = chance.sample(self.recent[source], min(3, len(self.recent[source])))
            messages = tuple(sent._replace(fate=Fate.REPEATED) for sent in again)
        else:
            messages = tuple(self._message(source, changed) for _ in range(chance.randint(1, PIECE_MESSAGES_MAX)))
        blanks = [chance.choice([b"", b"", b"", b"\n", b" \r\n"]) for _ in messages]
        data = b"".join(blank + sent.line + b"\n" for blank, sent in zip(blanks, messages, strict=True))
        return Piece(source, self.now_ms, messages, data)

    def _message(self, source: str, changed: bool) -> Sent:
        draw = self.chance.random()
        if draw < 0.08 and self.recent[source]:
            return self._repeat(self.chance.choice(self.recent[source]))
        if draw < 0.15:
            return self._bad()
        sent = self._good(changed)
        self.recent[source] = [*self.recent[source][-RECENT_MESSAGES:], sent]
        return sent

    def _repeat(self, sent: Sent) -> Sent:
        """The same again, or another body under the same id: a repeat all the same."""
        if self.chance.random() < 0.7:
            return sent._replace(fate=Fate.REPEATED)
        line = json.dumps({"type": "track", "event": "used", "userId": "clash", "messageId": sent.message_id})
        return sent._replace(fate=Fate.REPEATED, line=line.encode())

    def _bad(self) -> Sent:
        """A line that no playbook of ours can take; its number makes it one of a kind."""
        self.serial += 1
        user, mark = {"userId": f"bad{self.serial}"}, f"m{self.serial}"
        line = self.chance.choice([
            b'{"type":"track","event":"used","userId":"bad%d", broken' % self.serial,
            _json({"type": "track", "event": "never_declared", "messageId": mark, **user}),
            _json({"type": "track", "event": "used", "properties": {"pct": 1_000}, "messageId": mark, **user}),
            _json({"type": "track", "event": "used", "messageId": f"nobody {mark}"}),
            _json({"type": "track", "event": "used", "timestamp": "not a time", "messageId": mark, **user}),
            _json({"type": "identify", "traits": {"buyer": True}, "messageId": mark, **user}),
        ])  # fmt: skip
        return Sent("", Fate.QUARANTINED, line, ())

    def _good(self, changed: bool) -> Sent:
        self.serial += 1
        message_id = f"m{self.serial}"
        who, identifiers = self._customer()
        late = self.chance.choice([0, 0, 0, 0, 5 * MINUTE_MS, 50 * MINUTE_MS, 300 * MINUTE_MS])
        body = self._body(changed) | who | {"timestamp": self.now_ms - late, "messageId": message_id}
        return Sent(message_id, Fate.APPLIED, _json(body), identifiers)

    def _customer(self) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
        """Mostly somebody known; now and then somebody new, somebody without a name, or the moment a visitor gives one."""
        chance = self.chance
        if chance.random() < 0.2:
            self.known = min(self.known + 1, CUSTOMERS)
        number = chance.randrange(self.known)
        user, visitor = f"user-{number}", f"visitor-{number}"
        how = chance.random()
        if number % 3 or how < 0.3:
            return {"userId": user}, (("user", user),)
        if how < 0.7:
            return {"anonymousId": visitor}, (("anonymous", visitor),)
        return {"userId": user, "anonymousId": visitor}, (("user", user), ("anonymous", visitor))

    def _body(self, changed: bool) -> dict[str, Any]:
        chance, serial = self.chance, self.serial
        if changed and chance.random() < 0.1:
            return _track("roamed", {"country": chance.choice(["there", "here"]), "serial": serial})
        draw = chance.random()
        if draw < 0.4:
            cell = f"cell-{chance.randrange(300)}"
            return _track("used", {"pct": chance.randint(0, 100), "cell": cell, "serial": serial})
        if draw < 0.62:
            given = {"amount": f"{chance.randint(0, 3_000) / 100:.2f}", "order": f"order-{serial}", "serial": serial}
            return _track("bought", given | ({"phone": f"+86138{serial:08}"} if chance.random() < 0.3 else {}))
        if draw < 0.65:
            return _track("complained", {"serial": serial})
        if draw < 0.8:
            traits = {"value_class": chance.randint(0, 9), "city": chance.choice(["far", "near", f"town-{serial}"])}
            return {"type": "identify", "traits": traits | {"full_name": f"Full Name {serial}"}}
        if draw < 0.93:
            return {"type": "consent", "purpose": "marketing", "given": chance.random() < 0.8}
        if draw < 0.97:
            return {
                "type": "response",
                "campaign": chance.choice(["upsell", "loyal"]),
                "answer": chance.choice(["refused", "accepted"]),
            }
        if draw < 0.985:
            return {"type": "contact", "campaign": "upsell", "touchpoint": "sms", "offer": "pack"}
        return {"type": "do_not_disturb", "on": chance.random() < 0.5}


def _track(event: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "track", "event": event, "properties": properties}


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
