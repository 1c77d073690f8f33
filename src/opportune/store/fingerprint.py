"""Two hashes of a definition: of what changes decisions, and of what changes only words. A playbook has the same two."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from opportune.store.canonical import canonical_json, plain
from opportune.store.definitions import Definitions

DIGEST_BYTES = 16

WORDS: Final[dict[str, tuple[str, ...]]] = {
    "deployment": ("title", "categories", "note", "retention"),
    "identifier": ("title", "owner", "note"),
    "event": ("title", "category", "owner", "note", "properties.*.title", "properties.*.unit", "properties.*.note"),
    "tag": ("title", "category", "owner", "unit", "freshness", "source", "note"),
    "detector": ("title", "category", "owner", "note"),
    "touchpoint": ("title", "note"),
    "offer": ("title", "content", "note"),
    "policy": ("title", "note"),
    "campaign": ("title", "owner", "note"),
    "segment": ("title", "where", "owner", "note"),
    "approval": ("title", "note"),
    "source": ("title", "owner", "note"),
    "matching": ("title", "owner", "note"),
}
"""What of a definition is words: it may be edited without a new approval, and no decision changes by it. `*` is any key.
All else decides. An offer's content is words: what is *said*; who hears it, where and when stays the same."""

_STEP = re.compile(r"\[[^\]]*\]|[^.\[\]]+")


class Fingerprint(msgspec.Struct, frozen=True):
    """Hexadecimal hashes; equal `decides` means equal decisions, equal `words` the same names and texts."""

    decides: str
    words: str


def fingerprint_of(family: str, definition: Any) -> Fingerprint:
    """The two hashes of one definition. Keys at their default do not count, nor how a number is written (12.00 is 12)."""
    tree = plain(definition, exact_text=False)
    patterns = [pattern.split(".") for pattern in WORDS[family]]
    words = _part(tree, patterns, words=True)
    decides = _part(tree, patterns, words=False)
    return Fingerprint(_digest([family.encode(), canonical_json(decides)]), _digest([canonical_json(words)]))


def playbook_fingerprint(definitions: Definitions) -> Fingerprint:
    """The two hashes of a whole set of definitions."""
    return combine((family, name, fingerprint_of(family, definition)) for family, name, definition in definitions.all())


def combine(parts: Iterable[tuple[str, str, Fingerprint]]) -> Fingerprint:
    """The fingerprint of a set from the (family, name, fingerprint) of its definitions, in any order."""
    ordered = sorted(parts, key=lambda part: part[:2])
    decides = _digest(f"{family} {name} {mark.decides}".encode() for family, name, mark in ordered)
    return Fingerprint(decides, _digest(f"{family} {name} {mark.words}".encode() for family, name, mark in ordered))


def is_words(family: str, path: str) -> bool:
    """Is the key at `path` (`properties.amount.title.en`) words, so that changing it changes no decision?"""
    steps = _STEP.findall(path)
    return any(_fits(pattern.split("."), steps) for pattern in WORDS[family])


def _fits(pattern: list[str], steps: list[str]) -> bool:
    return len(steps) >= len(pattern) and all(a in ("*", b) for a, b in zip(pattern, steps, strict=False))


def _part(tree: Any, patterns: list[list[str]], words: bool) -> Any:
    """The keys of `tree` that the patterns name (`words`), or all the others."""
    kept = {}
    for key, value in tree.items():
        inner = [pattern[1:] for pattern in patterns if pattern[0] in ("*", key)]
        if [] in inner:
            if words:
                kept[key] = value
        elif inner and isinstance(value, dict):
            kept[key] = _part(value, inner, words)
        elif not words:
            kept[key] = value
    return kept


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()
