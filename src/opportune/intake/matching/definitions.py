"""The definition of a matching, as it stands in YAML."""

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from opportune.facts import Rate, Title, decode_scalar, parse_rate

Comparison = Literal["name", "address", "number", "date", "postcode", "email", "phone", "exact"]
FIELDS_MAX = 30
RULES_MAX = 30
_WORD = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PLACES = ("personal", "tag", "identifier")


class MatchingField(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from"}):
    """What is compared, and how.

    `from` says where it lies: `personal.NAME` (a personal tag), `tag.NAME` (any other), `identifier.KIND`; without it, `personal.` and
    the field's own name. `name` and `address` may be misspelt, `number`, `date`, `postcode` and `phone` may have digits
    wrong or exchanged, of an `email` the part before the @ may be elsewhere; `exact` is the same or not. `swap` names another field
    whose text may stand here by mistake, as given name and surname do.
    """

    compare: Comparison
    source: str | None = None
    swap: str | None = None


class MatchingDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How customers are found who are probably the same person.

    Two customers are looked at only where all fields of a rule of `block` are equal: one field, or several in a list. From the probability
    `same` on they are called the same, from `review` on somebody is asked. With `merge` those that are the same are merged without asking.
    """

    matching: str
    fields: dict[str, MatchingField]
    block: tuple[str | tuple[str, ...], ...]
    title: Title = Title()
    same: Rate = parse_rate("95%")
    review: Rate = parse_rate("20%")
    merge: bool = False
    note: str = ""

    def rules(self) -> tuple[tuple[str, ...], ...]:
        """The rules of `block`, each as the names of its fields."""
        return tuple((rule,) if isinstance(rule, str) else rule for rule in self.block)

    def place_of(self, field: str) -> tuple[str, str]:
        """(`personal`, `tag` or `identifier`, the name there) of a field."""
        place, _, name = (self.fields[field].source or f"personal.{field}").partition(".")
        return place, name

    def columns_of(self, field: str) -> frozenset[str]:
        """The fields that a comparison reads: itself, and the one it may be exchanged with."""
        swap = self.fields[field].swap
        return frozenset({field} if swap is None else {field, swap})


def read_matching(name: str, document: Mapping[str, Any]) -> MatchingDefinition:
    """A matching's definition, checked. Raises ValueError with what is wrong, and where as msgspec says it."""
    try:
        found = msgspec.convert(document, MatchingDefinition, strict=False, dec_hook=decode_scalar)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
    if not 1 <= len(found.fields) <= FIELDS_MAX or not 1 <= len(found.block) <= RULES_MAX:
        raise ValueError(f"matching {name}: give 1 to {FIELDS_MAX} `fields` and 1 to {RULES_MAX} rules of `block`")
    for field, given in found.fields.items():
        place, inner = found.place_of(field)
        if _WORD.fullmatch(field) is None or place not in _PLACES or not inner:
            raise ValueError(
                f"fields.{field}: a field is named by small letters, digits and _, and taken `from` personal.NAME, tag.NAME or identifier.KIND"
            )
        if given.swap is not None and (given.swap not in found.fields or given.swap == field):
            raise ValueError(f"fields.{field}.swap: no other field `{given.swap}`")
    for place_of_rule, rule in enumerate(found.rules()):
        unknown = [field for field in rule if field not in found.fields]
        if unknown or not rule:
            raise ValueError(f"block[{place_of_rule}]: no field `{', '.join(unknown)}` among `fields`")
    for field in found.fields:
        if all(found.columns_of(field) & set(rule) for rule in found.rules()):
            raise ValueError(
                f"block: no rule leaves `{field}` out, so how much it weighs cannot be learnt; add one without it"
            )
    if not 0 < found.review <= found.same <= 1_000_000:
        raise ValueError("review: lies above 0 and not above `same`, which is at most 100 %")
    return found
