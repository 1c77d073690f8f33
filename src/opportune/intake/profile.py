"""The profile of a load: how full, how different and how distributed its fields are. Counted exactly, in integers and decimals."""

import decimal
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from opportune.facts import PPM
from opportune.intake.cleaning import Cells
from opportune.intake.cleaning.duplicates import digest_of
from opportune.intake.cleaning.step import EXACT, number_of, plain
from opportune.intake.tables import ABSENT, text_of

FIELDS_MAX = 1_000
DISTINCT_MAX = 200_000
DIGESTS_MAX = 20_000_000
CUTS_MAX = 9
TEXTS_MAX = 20
BASELINE_ROWS_MIN = 100


class FieldProfile(msgspec.Struct, frozen=True):
    """One field: rows that have it, different values (at least, where `counted` is False: there are more than DISTINCT_MAX), and of those
    that are numbers how many, how many below zero and zero, and their exact sum.

    `cuts` part its values into buckets with `shares` rows each: the greatest of each tenth of its numbers, or digests of its most
    frequent texts. Empty where it was not counted to the end.
    """

    filled: int
    distinct: int
    counted: bool
    numbers: int = 0
    negative: int = 0
    zero: int = 0
    total: str = "0"
    cuts: tuple[str, ...] = ()
    shares: tuple[int, ...] = ()


class Profile(msgspec.Struct, frozen=True):
    """A load's rows, those of them that repeat another one altogether, and its fields."""

    rows: int
    repeated: int
    fields: dict[str, FieldProfile]


class Profiler:
    """Counts the rows of a load, and then says what it found."""

    def __init__(self, *, repeats: bool = True) -> None:
        """Without `repeats` nobody asks how many rows repeat another: none is counted."""
        self._rows = self._repeated = 0
        self._repeats = repeats
        self._digests: set[bytes] = set()
        self._fields: dict[str, Counter[bytes]] = {}
        self._filled: Counter[str] = Counter()
        self._given_up: set[str] = set()

    def add(self, rows: Sequence[Cells]) -> None:
        """Count some rows. Raises OverflowError for more than FIELDS_MAX fields or DIGESTS_MAX different rows."""
        self._rows += len(rows)
        if self._repeats:
            before = len(self._digests)
            self._digests.update(digest_of(cells) for cells in rows)
            self._repeated += len(rows) - (len(self._digests) - before)
        for name in dict.fromkeys(name for cells in rows for name in cells):
            if name not in self._fields and len(self._fields) >= FIELDS_MAX:
                raise OverflowError(
                    f"more than fields_max = {FIELDS_MAX:,} fields in a load; name those that are wanted"
                )
            tokens = [cells[name] for cells in rows if cells.get(name, ABSENT) != ABSENT]
            self._filled[name] += len(tokens)
            counts = self._fields.setdefault(name, Counter())
            if name not in self._given_up:
                counts.update(tokens)
                if len(counts) > DISTINCT_MAX:
                    self._given_up.add(name)
        if len(self._digests) > DIGESTS_MAX:
            raise OverflowError(f"more than {DIGESTS_MAX:,} different rows in a load; part the file")

    def profile(self) -> Profile:
        """What was counted so far."""
        return Profile(self._rows, self._repeated, {name: self._field(name) for name in self._fields})

    def drift(self, baseline: Profile) -> dict[str, int]:
        """Field -> population stability index against another load, in millionths; fields that were not counted to the end are left out."""
        found = {}
        for name, known in baseline.fields.items():
            if name in self._fields and known.cuts and name not in self._given_up:
                shares = _shares(self._fields[name], known.cuts, self._rows - self._filled[name], _is_numeric(known))
                found[name] = stability_index(known.shares, shares)
        return found

    def _field(self, name: str) -> FieldProfile:
        counts, filled = self._fields[name], self._filled[name]
        if name in self._given_up:
            return FieldProfile(filled, len(counts), counted=False)
        numbers = _numbers(counts)
        total = decimal.Decimal(0)
        for number, count in numbers:
            total = EXACT.add(total, EXACT.multiply(number, decimal.Decimal(count)))
        in_all = sum(count for _, count in numbers)
        cuts = _tenths(numbers, in_all) if in_all == filled else _frequent(counts)
        return FieldProfile(
            filled, len(counts), counted=True, numbers=in_all, negative=sum(count for number, count in numbers if number < 0),
            zero=sum(count for number, count in numbers if not number), total=plain(total), cuts=cuts,
            shares=_shares(counts, cuts, self._rows - filled, in_all == filled),
        )  # fmt: skip


def stability_index(expected: Sequence[int], found: Sequence[int]) -> int:
    """The population stability index of two counts over the same buckets, in millionths; half a row more in each keeps it finite."""
    n, m = sum(expected) + len(expected) / 2, sum(found) + len(found) / 2
    pairs = (((e + 0.5) / n, (f + 0.5) / m) for e, f in zip(expected, found, strict=True))
    return round(PPM * sum((q - p) * math.log(q / p) for p, q in pairs))


def _is_numeric(known: FieldProfile) -> bool:
    return known.numbers == known.filled


def _numbers(counts: Counter[bytes]) -> list[tuple[decimal.Decimal, int]]:
    found = []
    for token, count in counts.items():
        try:
            found.append((number_of(text_of(token)), count))
        except ValueError:
            continue
    return found


def _tenths(numbers: list[tuple[decimal.Decimal, int]], in_all: int) -> tuple[str, ...]:
    """The value at the end of each tenth, each once."""
    cuts: list[str] = []
    passed = 0
    for number, count in sorted(numbers):
        passed += count
        if passed * (CUTS_MAX + 1) >= in_all * (len(cuts) + 1) and len(cuts) < CUTS_MAX:
            cuts.append(plain(number))
            while len(cuts) < CUTS_MAX and passed * (CUTS_MAX + 1) >= in_all * (len(cuts) + 1):
                cuts.append(cuts[-1])
    return tuple(dict.fromkeys(cuts))


def _frequent(counts: Counter[bytes]) -> tuple[str, ...]:
    most = sorted(counts, key=lambda token: (-counts[token], token))[:TEXTS_MAX]
    return tuple(_digest(token) for token in most)


def _digest(token: bytes) -> str:
    return blake2b(token, digest_size=8).hexdigest()


def _shares(counts: Counter[bytes], cuts: tuple[str, ...], absent: int, numeric: bool) -> tuple[int, ...]:
    """Rows per bucket: up to each cut and beyond the last (or: of each text and of all others), and without a value."""
    found = [0] * (len(cuts) + 2)
    found[-1] = absent
    if numeric:
        bounds = [decimal.Decimal(cut) for cut in cuts]
        known = _numbers(counts)
        for number, count in known:
            found[bisect_left(bounds, number)] += count
        found[-2] += sum(counts.values()) - sum(count for _, count in known)
        return tuple(found)
    places = {cut: place for place, cut in enumerate(cuts)}
    for token, count in counts.items():
        found[places.get(_digest(token), len(cuts))] += count
    return tuple(found)
