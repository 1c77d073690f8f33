"""What changes between two sets of definitions, key by key: what `apply` shows before it saves."""

from typing import Any, Literal

import msgspec

from opportune.store.canonical import leaves
from opportune.store.definitions import FAMILIES, Definitions
from opportune.store.fingerprint import fingerprint_of, is_words


class FieldChange(msgspec.Struct, frozen=True):
    """One key: its path and its value before and after, as a definition writes it; None where it is unset."""

    path: str
    before: Any
    after: Any


class Change(msgspec.Struct, frozen=True):
    """One definition that was added, changed or removed; `words_only` if no decision changes by it."""

    family: str
    name: str
    kind: Literal["added", "changed", "removed"]
    fields: tuple[FieldChange, ...] = ()
    words_only: bool = False


def difference(old: Definitions, new: Definitions) -> list[Change]:
    """The changes that lead from `old` to `new`, by family and name. How a number is written (12.00 or 12) is no change."""
    changes = []
    for family in FAMILIES:
        before, after = old.of(family), new.of(family)
        for name in sorted({*before, *after}):
            if name not in after:
                changes.append(Change(family, name, "removed"))
            elif name not in before:
                changes.append(Change(family, name, "added"))
            elif fingerprint_of(family, before[name]) != fingerprint_of(family, after[name]):
                fields = _fields(before[name], after[name])
                only = all(is_words(family, field.path) for field in fields)
                changes.append(Change(family, name, "changed", fields, only))
    return changes


def _fields(before: Any, after: Any) -> tuple[FieldChange, ...]:
    was, now = dict(leaves(before)), dict(leaves(after))
    paths = [*was, *(path for path in now if path not in was)]
    return tuple(FieldChange(path, was.get(path), now.get(path)) for path in paths if was.get(path) != now.get(path))
