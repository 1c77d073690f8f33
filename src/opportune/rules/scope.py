"""What a rule may speak of: the tags, the properties of the triggering event, and how literals are read."""

from collections.abc import Mapping

import msgspec

from opportune.facts import ValueType


class Scope(msgspec.Struct, frozen=True):
    """The names a rule may use and their types.

    `event` is None where no event triggers (then `event.x` is refused); `zone` is the deployment's, in which TIMESTAMP
    literals without an offset are read.
    """

    tags: Mapping[str, ValueType]
    event: Mapping[str, ValueType] | None = None
    money_scale: int = 2
    zone: str = "UTC"
