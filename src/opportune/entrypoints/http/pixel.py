"""A tracking pixel's query as a message: the names of its fields are paths, such as `properties.amount`."""

from collections.abc import Mapping
from typing import Any

import msgspec

DEPTH_MAX = 8


def pixel_message(query: Mapping[str, str]) -> bytes:
    """The JSON of the message that a query spells out; a field that contradicts an earlier one is left out."""
    message: dict[str, Any] = {}
    for name, value in query.items():
        *path, last = name.split(".", DEPTH_MAX)
        place: Any = message
        for part in path:
            place = place.setdefault(part, {}) if isinstance(place, dict) else None
        if isinstance(place, dict) and last not in place:
            place[last] = value
    return msgspec.json.encode(message)
