"""How each kind of value is compared: levels of likeness, the first that holds counts; as SQL over the normal forms of two rows."""

from typing import Any, NamedTuple

from opportune.intake.matching.definitions import Comparison, MatchingDefinition, MatchingField


class Level(NamedTuple):
    """A level of likeness, its condition with {l} and {r} for the two values, and whether a rare value weighs more than a frequent one."""

    name: str
    condition: str
    by_frequency: bool = False


MISSING = Level("missing", "{l} IS NULL OR {r} IS NULL")
DIFFERENT = Level("different", "ELSE")
_EQUAL = Level("equal", "{l} = {r}", by_frequency=True)
_ONE_SLIP = Level("close", "damerau_levenshtein({l}, {r}) <= 1")
_TWO_SLIPS = Level("similar", "damerau_levenshtein({l}, {r}) <= 2")
_EXCHANGED = Level("exchanged", "{l} = {other_r} OR {other_l} = {r}")

LEVELS: dict[Comparison, tuple[Level, ...]] = {
    "name": (
        _EQUAL,
        Level("close", "jaro_winkler_similarity({l}, {r}) >= 0.92"),
        Level("similar", "jaro_winkler_similarity({l}, {r}) >= 0.8"),
    ),
    "address": (
        _EQUAL,
        Level("close", "jaro_winkler_similarity({l}, {r}) >= 0.92"),
        Level("similar", "jaro_winkler_similarity({l}, {r}) >= 0.8"),
    ),
    "number": (_EQUAL, _ONE_SLIP, _TWO_SLIPS),
    "date": (_EQUAL, _ONE_SLIP, _TWO_SLIPS),
    "postcode": (_EQUAL, _ONE_SLIP),
    "email": (
        _EQUAL,
        Level("close", "split_part({l}, '@', 1) = split_part({r}, '@', 1)"),
        Level("similar", "jaro_winkler_similarity({l}, {r}) >= 0.92"),
    ),
    "phone": (_EQUAL, _ONE_SLIP),
    "exact": (_EQUAL,),
}
"""Between MISSING and DIFFERENT, the most alike first. A slip is a letter or digit too many, too few, wrong, or two exchanged."""


def levels_of(field: MatchingField) -> tuple[Level, ...]:
    """All levels of a field, from MISSING to DIFFERENT."""
    alike = LEVELS[field.compare]
    exchanged = (_EXCHANGED,) if field.swap is not None else ()
    return (MISSING, alike[0], *exchanged, *alike[1:], DIFFERENT)


def comparison_of(definition: MatchingDefinition, field: str) -> dict[str, Any]:
    """A field's comparison as splink takes it."""
    given = definition.fields[field]
    other = given.swap or field
    words = {"l": f'"{field}_l"', "r": f'"{field}_r"', "other_l": f'"{other}_l"', "other_r": f'"{other}_r"'}
    told = []
    for level in levels_of(given):
        one: dict[str, Any] = {"sql_condition": level.condition.format(**words), "label_for_charts": level.name}
        if level is MISSING:
            one["is_null_level"] = True
        elif level.by_frequency:
            one["tf_adjustment_column"] = field
        told.append(one)
    return {"output_column_name": field, "comparison_levels": told}


def condition_of(rule: tuple[str, ...]) -> str:
    """A rule of `block` as SQL over two rows, l and r."""
    return " AND ".join(f'l."{field}" = r."{field}"' for field in rule)
