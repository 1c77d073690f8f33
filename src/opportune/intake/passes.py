"""What one compiled pass is handed, as a bundle: the lines it reads, what it knows, the rows it writes, what it found and counted."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opportune.facts import bundle, point, pointed, record, table
from opportune.intake.fingerprints import UNKNOWN
from opportune.intake.hashing import PADDING, PREFIX, prefix_of
from opportune.intake.messages import ANONYMOUS, USER
from opportune.intake.scanner import NEWLINE
from opportune.intake.shapes import FIELDS, SHAPES, Shapes

BLOCK_LINES = 128

LINE = record(
    [
        *((name, "i8") for name in ("start", "end", "status", "kind", "code", "at_ms", "first", "count")),
        *((name, "i8") for name in ("key_first", "key_count", "event", "timestamp", "original", "sent")),
        *((name, "i8") for name in ("sent_start", "sent_end")),
        *((name, "i8") for name in ("user", "user_end", "anonymous", "anonymous_end", "message", "message_end")),
        *((name, "u8") for name in ("user_low", "user_high", "anonymous_low", "anonymous_high")),
        *((name, "u8") for name in ("message_low", "message_high", "content")),
    ]
)
"""What is known of a line between scanning and applying: its place, the fact it states, its values and keys, its event's row (0: none),
its times (NULL where it has none), where `sentAt` stands, the places of its identifiers and message id (0 where it has none), and their hashes."""
LINE_WORDS = LINE.itemsize // 8
KEY_TEXT = record([(name, "i8") for name in ("row", "name", "name_end", "value", "value_end")])
"""Where the name and the text of a key stand, and the row of the fact that they belong to."""
NEWCOMER = record([(name, "i8") for name in ("customer", "start", "end", "anonymous")])
"""A new customer and where its identifier stands."""


class State(NamedTuple):
    """Where a pass is, its bounds, and what it has counted. `next` lines of the block's `lines` are applied."""

    at: int = 0
    data_bytes: int = 0
    lines: int = 0
    next: int = 0
    line_number: int = 0
    customers: int = 0
    customers_max: int = 0
    received_ms: int = 0
    earliest: int = 0
    latest: int = 0
    live: int = 0
    seeded: int = 0
    drawn: int = 0
    applied: int = 0
    duplicates: int = 0
    clashes: int = 0
    newcomers: int = 0
    keyed: int = 0


_PREFIXES = ("plain", "user", "anonymous", "message", "user_random", "anonymous_random")
HASHING = record(
    [
        ("key0", "u8"),
        ("key1", "u8"),
        *((name, PREFIX) for name in _PREFIXES),
        ("user_kind", "i8"),
        ("anonymous_kind", "i8"),
    ]
)
"""The key's words, what is hashed before texts of each use, and the numbers of the two kinds of identifier (UNKNOWN: not in the catalogue)."""
PASS = bundle(
    {
        "data": 1, "lines": 1, "words": 2, "places": 1, "values": 1, "keys": 1, "newcomers": 1, "keyed": 1, "drawn": 1, "kinds": 1,
        "roots": 1,
    },
    [
        ("shapes", SHAPES),
        ("hashing", HASHING),
        ("state", record([(name, "i8") for name in State._fields])),
        ("texts", "u8"),
        ("identifiers", "u8"),
        ("recent", "u8"),
        ("rows", "u8"),
        ("line_bytes_max", "i8"),
        ("keys_per_line", "i8"),
    ],
)  # fmt: skip
"""data u1 the text; lines the block, and words i8 the same as words; places i8: where each field of the line being read begins (0: noted
nowhere); values i8, one line's behind the other's; keys, keys_per_line for each line; newcomers and keyed are found; drawn i8 random keys to
give away; kinds u2 and roots u4 of the identity index. Then the addresses of what has a bundle of its own, and limits of a line."""
data_of, lines_of = table("data", "u1"), table("lines", LINE)
words_of, places_of = table("words", "i8", 2), table("places", "i8")
values_of, keys_of, keyed_of = table("values", "i8"), table("keys", KEY_TEXT), table("keyed", KEY_TEXT)
newcomers_of, drawn_of, kinds_of = table("newcomers", NEWCOMER), table("drawn", "i8"), table("kinds", "u2")
roots_of = table("roots", "u4")
pass_at = pointed(PASS)


class PassRoom:
    """The arrays behind a PASS bundle, which grow with the data. `address` is the bundle's."""

    def __init__(self, shapes: Shapes, line_values_max: int, keys_per_line: int, line_bytes_max: int) -> None:
        self._shapes = shapes
        self._bundle = np.zeros(1, PASS)
        self._record: Any = self._bundle.view(np.recarray)[0]
        self._state = self._bundle["state"]
        self.address = int(self._bundle.ctypes.data)
        self.keys_per_line = keys_per_line
        self.lines = np.zeros(BLOCK_LINES, LINE)
        self._data = np.zeros(PADDING, np.uint8)
        self._found: dict[str, NDArray[Any]] = {"newcomers": np.zeros(0, NEWCOMER), "keyed": np.zeros(0, KEY_TEXT)}
        self._fixed: dict[str, NDArray[Any]] = {
            "lines": self.lines,
            "words": self.lines.view(np.int64).reshape(BLOCK_LINES, -1),
            "places": np.zeros(len(FIELDS), np.int64),
            "values": np.zeros(BLOCK_LINES * line_values_max, np.int64),
            "keys": np.zeros(BLOCK_LINES * keys_per_line, KEY_TEXT),
        }
        self._record.keys_per_line, self._record.line_bytes_max = keys_per_line, line_bytes_max
        shapes.point_into(self._record.shapes)
        point(self._record, {**self._fixed, **self._found, "data": self._data})

    def hash_by(
        self,
        words: NDArray[np.uint64],
        seed: NDArray[np.uint64] | None,
        source: str,
        kinds: dict[str, int],
    ) -> None:
        """Hash by this key, for this source; `kinds` are the numbers of the kinds of identifiers."""
        hashing = self._record.hashing
        hashing.key0, hashing.key1 = words
        texts = (b"", *(f"{name}\0".encode() for name in (USER, ANONYMOUS, source)))
        for name, text in zip(_PREFIXES[:4], texts, strict=True):
            hashing[name] = prefix_of(words, text)
        if seed is not None:
            hashing.user_random, hashing.anonymous_random = (prefix_of(seed, text) for text in texts[1:3])
        hashing.user_kind, hashing.anonymous_kind = (kinds.get(kind, UNKNOWN) for kind in (USER, ANONYMOUS))

    def know(
        self, kinds: NDArray[np.uint16], roots: NDArray[np.uint32], drawn: NDArray[np.int64], **addresses: int
    ) -> None:
        """Take the identity index' `kinds` and `roots`, the array of random keys, and the addresses of texts, identifiers, recent and rows."""
        point(self._record, {"kinds": kinds, "roots": roots, "drawn": drawn})
        for name, address in addresses.items():
            self._record[name] = address

    def take(self, data: bytes) -> int:
        """Take another text, with room for what can be found in its lines; their number."""
        size = len(data)
        if size + PADDING > len(self._data):
            self._data = np.zeros(2 * size + PADDING, np.uint8)
            point(self._record, {"data": self._data})
        if size:
            self._data[:size] = np.frombuffer(data, np.uint8)
        self._data[size : size + PADDING] = 0
        lines = int(np.count_nonzero(self._data[:size] == NEWLINE)) + 1  # bytes.count takes five times as long
        if lines > len(self._found["newcomers"]):
            self._found = {
                "newcomers": np.zeros(2 * lines, NEWCOMER),
                "keyed": np.zeros(2 * lines * self.keys_per_line, KEY_TEXT),
            }
            point(self._record, self._found)
        return lines

    def begin(self, state: State) -> None:
        """Put the state in place."""
        self._state[0] = state

    def state(self) -> State:
        """The state as a pass has left it."""
        return State(*self._state[0].item())

    def found(self, name: str, count: int) -> list[tuple[int, ...]]:
        """What was found: `newcomers` or `keyed`."""
        found: list[tuple[int, ...]] = self._found[name][:count].tolist()
        return found
