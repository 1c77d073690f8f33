"""Value types: how a tag's or a property's value becomes one 64-bit integer, and back.

bool       0 or 1
int        the number
decimal    the number x 10**scale
money      minor units of the deployment's currency (a decimal whose scale the deployment fixes)
date       days since 1970-01-01
timestamp  milliseconds since 1970-01-01T00:00:00Z
text       a code of the text dictionary, from 1
key        an opaque reference such as an order number: a 63-bit hash, compared for equality only
set        a bit mask over the declared members, at most 63
NULL       the smallest 64-bit integer, for every type
"""

from enum import StrEnum

import msgspec

NULL = -(2**63)
VALUE_MAX = 2**63 - 1
SET_MEMBERS_MAX = 63
TEXT_BYTES_MAX = 1_000


class Kind(StrEnum):
    """The kind of a value; its words are those of definitions (`type: decimal`)."""

    BOOL = "bool"
    INT = "int"
    DECIMAL = "decimal"
    MONEY = "money"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TEXT = "text"
    KEY = "key"
    SET = "set"


class ValueType(msgspec.Struct, frozen=True):
    """The exact type of a tag or property.

    `scale` is the number of decimals (decimal, money); `low` and `high` bound the encoded integer,
    both included; `members` name a set's bits, lowest first.
    """

    kind: Kind
    scale: int = 0
    low: int = NULL + 1
    high: int = VALUE_MAX
    members: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Bytes of a column of this type: 1, 2, 4 or 8; the smallest integer of the width is NULL."""
        for width in (1, 2, 4):
            bound = 2 ** (8 * width - 1)
            if -bound < self.low and self.high < bound:
                return width
        return 8


_KIND_BOUNDS: dict[Kind, tuple[int, int]] = {
    Kind.BOOL: (0, 1),
    Kind.DATE: (-(2**31) + 1, 2**31 - 1),
    Kind.TEXT: (1, 2**31 - 1),
    Kind.KEY: (0, VALUE_MAX),
}


def value_type(
    kind: Kind, scale: int = 0, low: int | None = None, high: int | None = None, members: tuple[str, ...] = ()
) -> ValueType:
    """A ValueType with the bounds its kind implies where none are declared. Raises ValueError."""
    if len(members) > SET_MEMBERS_MAX:
        raise ValueError(f"a set has at most {SET_MEMBERS_MAX} members, not {len(members)}")
    implied = _KIND_BOUNDS.get(kind, (NULL + 1, VALUE_MAX))
    if kind is Kind.SET:
        implied = (0, 2 ** len(members) - 1)
    return ValueType(kind, scale, implied[0] if low is None else low, implied[1] if high is None else high, members)
