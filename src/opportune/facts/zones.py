"""Time zones as arrays, so that a kernel can tell local time without calling out."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from opportune.facts.compiled import compiled_leaf
from opportune.facts.scalars import MS_PER_MINUTE

FIRST_YEAR, LAST_YEAR = 1970, 2070
OFFSET_MAX_MS = 16 * 3_600_000
"""No zone is further ahead of UTC."""


class ZoneTable(NamedTuple):
    """Zones by number. Zone z has the transitions first[z] <= i < first[z+1]: from `at[i]` (ms UTC) on, local = UTC + `offset[i]` ms."""

    first: NDArray[np.int64]
    at: NDArray[np.int64]
    offset: NDArray[np.int64]


@cache
def transitions(zone: str) -> tuple[tuple[int, int], ...]:
    """(ms UTC, offset ms) of every change of a zone's offset, the first one at the beginning of time. Raises ValueError for an unknown zone."""
    try:
        info = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"`{zone}` is no time zone; write for example Asia/Shanghai") from error

    def offset(moment: datetime) -> timedelta:
        return moment.astimezone(info).utcoffset() or timedelta()

    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    known = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    found = [(-(2**62), int(offset(known).total_seconds()) * 1000)]
    while known.year < LAST_YEAR:
        after = known + timedelta(days=7)
        if offset(after) != offset(known):
            low, high = known, after
            while high - low > timedelta(minutes=1):
                middle = low + timedelta(minutes=(high - low) // timedelta(minutes=2))
                low, high = (middle, high) if offset(middle) == offset(known) else (low, middle)
            moment = int((high - epoch).total_seconds()) * 1000
            found.append((moment // MS_PER_MINUTE * MS_PER_MINUTE, int(offset(high).total_seconds()) * 1000))
        known = after
    return tuple(found)


def zone_table(zones: list[str]) -> ZoneTable:
    """The table of `zones`, in that order. Raises ValueError for an unknown zone."""
    rows = [transitions(zone) for zone in zones]
    first = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=first[1:])
    flat = [pair for row in rows for pair in row]
    return ZoneTable(
        first, np.array([at for at, _ in flat], np.int64), np.array([offset for _, offset in flat], np.int64)
    )


@compiled_leaf
def zone_change(zones: ZoneTable, zone: int, at_ms: int) -> int:
    """Index of the latest change of a zone's offset at or before a moment."""
    low, high = zones.first[zone], zones.first[zone + 1] - 1
    if at_ms >= zones.at[high]:
        return high
    while low < high - 1:
        middle = (low + high) // 2
        if at_ms >= zones.at[middle]:
            low = middle
        else:
            high = middle
    return low


@compiled_leaf
def local_moment(zones: ZoneTable, zone: int, local_ms: int) -> int:
    """The first moment (ms UTC) at which the clocks of `zone` show `local_ms` or later: an hour that is skipped is over at once."""
    change = zone_change(zones, zone, local_ms - OFFSET_MAX_MS)
    last = zones.first[zone + 1] - 1
    at_ms = local_ms - zones.offset[change]
    while change < last and at_ms >= zones.at[change + 1]:
        change += 1
        at_ms = max(zones.at[change], local_ms - zones.offset[change])
    return at_ms


@compiled_leaf
def zone_offset(zones: ZoneTable, zone: int, at_ms: int) -> int:
    """What to add to `at_ms` (UTC) for the local time of `zone`, in ms."""
    return zones.offset[zone_change(zones, zone, at_ms)]
