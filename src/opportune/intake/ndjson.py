"""NDJSON to facts, line by line: the reference that says what every line means. `ColumnDecoder` does the same, compiled."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from opportune.facts import TEXTS_MAX, VALUE_MAX, BatchBuilder, Catalogue, FactBatch, FactKind, TextDictionary
from opportune.intake.hashing import (
    KEY_BYTES,
    hash_bytes,
    hash_content,
    hash_identifier,
    hash_key,
    hash_message,
    key_words,
)
from opportune.intake.identity import Conflict, IdentityIndex, limits_of
from opportune.intake.messages import ANONYMOUS, Message, MessageReader, extras_json
from opportune.intake.quarantine import Quarantined, QuarantineReason, RefusalError
from opportune.intake.readings import Pairs, parse_json
from opportune.intake.repeats import CLASH, NEW, RepeatFilter

LINE_BYTES_MAX = 32_768
BLANKS = b" \t\r"
Clock = Literal["live", "import"]
_SENT_AT = re.compile(rb'"sentAt"\s*:\s*("[^"]*"|[-0-9]+)')


class FactSink(Protocol):
    """Where facts go, one by one; the arguments are FactBatch's columns."""

    def add(
        self,
        kind: int,
        code: int,
        customer: int,
        at_ms: int,
        now_ms: int,
        values: Sequence[int] = (),
        message: tuple[int, int] = (0, 0),
        content: int = 0,
        extra: bytes | None = None,
    ) -> None:
        """Append one fact."""


@dataclass(slots=True)
class Intake:
    """What became of the messages of one `decode`; received = applied + duplicates + quarantined, always.

    `clashes` are the duplicates whose body differed; `rounded` values lost digits beyond their scale; `set_aside` are applied
    messages of a lenient source of which something is kept that the catalogue does not know; `conflicts` are identifiers that
    already meant another customer and were not merged, by reason. `identifiers` (customer, kind, text) are the new ones, `personal`
    (customer, field, text) the values for the store of people: neither is in the batch. `merged` are the (survivor, absorbed) of
    which the batch says so.
    """

    batch: FactBatch = field(default_factory=lambda: BatchBuilder().build())
    quarantined: list[Quarantined] = field(default_factory=list)
    identifiers: list[tuple[int, str, str]] = field(default_factory=list)
    personal: list[tuple[int, str, str]] = field(default_factory=list)
    received: int = 0
    applied: int = 0
    duplicates: int = 0
    clashes: int = 0
    rounded: int = 0
    conflicts: Counter[Conflict] = field(default_factory=Counter)
    merged: list[tuple[int, int]] = field(default_factory=list)
    set_aside: int = 0


class Decoder:
    """Turns canonical messages into facts for one source.

    `key` (16 bytes) is the deployment's; with a `seed` the customers' random keys are derived from their first
    identifier, so that a demonstration repeats; without one they come from the operating system.
    `clock`: "live" stamps facts with the time of arrival, "import" with the time they happened. A `lenient` source is one from which
    unknown events and values are taken aside instead of into the quarantine (see `MessageReader`).
    """

    def __init__(
        self,
        catalogue: Catalogue,
        dictionary: TextDictionary,
        identity: IdentityIndex,
        repeats: RepeatFilter,
        *,
        key: bytes,
        source: str,
        clock: Clock = "live",
        seed: bytes | None = None,
        lenient: bool = False,
    ) -> None:
        self.dictionary = dictionary
        self.identity = identity
        self.repeats = repeats
        self.source = source
        self.live = clock == "live"
        self.words = key_words(key)
        self.seed_words = None
        if seed is not None:
            self.seed_words = key_words(hashlib.blake2b(seed, digest_size=KEY_BYTES).digest())
        self.use(catalogue, lenient=lenient)

    def use(self, catalogue: Catalogue, *, lenient: bool = False) -> None:
        """Read from now on by another catalogue, leniently or not (a new playbook came into force)."""
        self.catalogue = catalogue
        self.reader = MessageReader(catalogue, live=self.live, lenient=lenient)
        self._limits = limits_of(catalogue.linking, catalogue.identifiers)

    def decode(self, data: bytes, received_ms: int) -> Intake:
        """The facts of many lines. `received_ms` is when they arrived; blank lines are no messages."""
        known = len(self.dictionary)
        builder, intake = BatchBuilder(), Intake()
        for line_number, line in enumerate(data.split(b"\n"), 1):
            self.decode_line(line, line_number, received_ms, builder, intake)
        intake.batch = builder.build()
        intake.batch.texts = self.dictionary.since(known)
        return intake

    def decode_line(self, line: bytes, line_number: int, received_ms: int, sink: FactSink, intake: Intake) -> None:
        """Decode one line into `sink` and count it in `intake`; nothing is changed by a line that is refused."""
        body = line.strip(BLANKS)
        if not body:
            return
        intake.received += 1
        try:
            self._apply(self.reader.read(_parse(body), received_ms), body, received_ms, sink, intake)
        except RefusalError as refused:
            intake.quarantined.append(Quarantined(line_number, refused.reason, refused.detail, line))

    def _apply(self, message: Message, body: bytes, received_ms: int, sink: FactSink, intake: Intake) -> None:
        stamp, content = (0, 0), 0
        if message.message_id is not None:
            stamp = hash_message(self.words, self.source, message.message_id)
            sent_at = _SENT_AT.search(body) if self.live else None  # who sends it again says another one
            content = hash_content(self.words, body, sent_at and sent_at.span(1))
            known = self.repeats.check(stamp, content)
            if known != NEW:
                intake.duplicates += 1
                intake.clashes += known == CLASH
                return
        self._require_room(message)
        now_ms = received_ms if self.live else message.at_ms
        customer = self._customer(message, now_ms, sink, intake)
        values = [self._encode(slot.encoded, slot.text, slot.is_key) for slot in message.slots]
        sink.add(
            message.kind,
            message.code,
            customer,
            message.at_ms,
            now_ms,
            values,
            stamp,
            content,
            extras_json(message.extras),
        )
        if message.message_id is not None:
            self.repeats.add(stamp, content, now_ms)
        intake.personal += [(customer, name, text) for name, text in message.personal]
        intake.rounded += message.rounded
        intake.set_aside += message.set_aside
        intake.applied += 1

    def _encode(self, encoded: int, text: str | None, is_key: bool) -> int:
        if text is None:
            return encoded
        return hash_key(self.words, text) if is_key else self.dictionary.intern(text)

    def _require_room(self, message: Message) -> None:
        if len(self.dictionary) + len(message.slots) > TEXTS_MAX:
            new = sum(s.text is not None and not s.is_key and not self.dictionary.code(s.text) for s in message.slots)
            if len(self.dictionary) + new > TEXTS_MAX:
                raise RefusalError(QuarantineReason.NO_ROOM, f"the dictionary is full ({TEXTS_MAX:,} texts)")
        if not self.identity.has_room(len(message.identifiers)):
            prints = [hash_identifier(self.words, kind, text) for kind, _, text in message.identifiers]
            if any(self.identity.find(fingerprint) < 0 for fingerprint in prints):
                raise RefusalError(
                    QuarantineReason.NO_ROOM,
                    f"no room for new customers (customers_max = {self.identity.customers_max:,})",
                )

    def _customer(self, message: Message, now_ms: int, sink: FactSink, intake: Intake) -> int:
        """The message's customer; new customers and identifiers become facts that stand before the message's own."""
        if self.catalogue.linking:
            return self._person(message, now_ms, sink, intake)
        identity = self.identity
        prints = [hash_identifier(self.words, kind, text) for kind, _, text in message.identifiers]
        customer = self._known_customer(message, prints)
        if customer < 0:
            customer = self._create(message, now_ms, sink)
        for identifier, fingerprint in zip(message.identifiers, prints, strict=True):
            known = identity.find(fingerprint)
            if known < 0:
                self._link(identifier, fingerprint, customer, message, now_ms, sink, intake)
            elif identity.root(known) != identity.root(customer):
                intake.conflicts[Conflict.NOT_MERGED] += 1
        return customer

    def _create(self, message: Message, now_ms: int, sink: FactSink) -> int:
        customer = self.identity.create()
        sink.add(FactKind.CUSTOMER, 0, customer, message.at_ms, now_ms, (self._random_key(message),))
        return customer

    def _link(
        self,
        identifier: tuple[str, int, str],
        fingerprint: tuple[int, int],
        customer: int,
        message: Message,
        now_ms: int,
        sink: FactSink,
        intake: Intake,
    ) -> None:
        kind, number, text = identifier
        self.identity.link(fingerprint, number, customer)
        values = (_signed(fingerprint[0]), _signed(fingerprint[1]))
        sink.add(FactKind.IDENTIFIER, number, customer, message.at_ms, now_ms, values)
        intake.identifiers.append((customer, kind, text))

    def _person(self, message: Message, now_ms: int, sink: FactSink, intake: Intake) -> int:
        """The number that the first known identifier means. Identifiers of kinds that merge make all that they mean one person.

        Those of other kinds name a customer only where there is no such identifier, and are linked with nothing.
        """
        identity, rules = self.identity, self.catalogue.linking
        merging = [one for one in message.identifiers if one[0] in rules and rules[one[0]].merges]
        told = [(one, hash_identifier(self.words, one[0], one[2])) for one in merging or message.identifiers[:1]]
        known = [number for _, fingerprint in told if (number := identity.find(fingerprint)) >= 0]
        customer = known[0] if known else self._create(message, now_ms, sink)
        for other in known[1:]:
            if identity.root(other) == identity.root(customer):
                continue
            conflict = identity.conflict(customer, other, self._limits)
            if conflict is None:
                low, high = identity.merge(customer, other)
                sink.add(FactKind.MERGED, 0, low, message.at_ms, now_ms, (high,))
                intake.merged.append((low, high))
            else:
                intake.conflicts[conflict] += 1
        for identifier, fingerprint in told:
            if identity.find(fingerprint) >= 0:
                continue
            most = rules[identifier[0]].most if identifier[0] in rules else 0
            if most and identity.how_many(customer, identifier[1]) >= most:
                intake.conflicts[Conflict.TOO_MANY] += 1
            else:
                self._link(identifier, fingerprint, customer, message, now_ms, sink, intake)
        return customer

    def _known_customer(self, message: Message, prints: list[tuple[int, int]]) -> int:
        """The customer of the first known identifier, or -1.

        An anonymous customer is only taken for a named one while nobody else has a name there: merging two
        customers is not intake's to do.
        """
        named = False
        for (kind, number, _), fingerprint in zip(message.identifiers, prints, strict=True):
            customer = self.identity.find(fingerprint)
            taken = kind == ANONYMOUS and named and customer >= 0 and self.identity.has_other_kind(customer, number)
            if customer >= 0 and not taken:
                return customer
            named = named or kind != ANONYMOUS
        return -1

    def _random_key(self, message: Message) -> int:
        if self.seed_words is None:
            return int.from_bytes(os.urandom(8), "little") & VALUE_MAX
        kind, _, text = message.identifiers[0]
        return hash_bytes(self.seed_words, b"%b\0%b" % (kind.encode(), text.encode()))[0] & VALUE_MAX


def _signed(word: int) -> int:
    return word - 2**64 if word > VALUE_MAX else word


def _parse(body: bytes) -> Any:
    if len(body) > LINE_BYTES_MAX:
        raise RefusalError(QuarantineReason.LINE_TOO_LONG, f"{len(body):,} bytes; line_bytes_max is {LINE_BYTES_MAX:,}")
    try:
        parsed = parse_json(body.decode())
        if b"\\u" in body:
            _refuse_half_characters(parsed)
    except UnicodeError as error:
        raise RefusalError(
            QuarantineReason.INVALID_UTF8, str(getattr(error, "reason", "half of a surrogate pair"))
        ) from None
    except (ValueError, RecursionError) as error:
        place = f" at character {error.pos + 1}" if hasattr(error, "pos") else ""
        raise RefusalError(QuarantineReason.BROKEN_JSON, f"no JSON object{place}") from None
    return parsed


def _refuse_half_characters(value: Any) -> None:
    """Raises UnicodeError where an escape wrote half of a surrogate pair, which no UTF-8 can hold."""
    if isinstance(value, str):
        value.encode()
    elif type(value) is Pairs:
        for name, inner in value:
            name.encode()
            _refuse_half_characters(inner)
    elif type(value) is list:
        for inner in value:
            _refuse_half_characters(inner)
