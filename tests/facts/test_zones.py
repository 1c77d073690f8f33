"""Zone tables against the standard library."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from opportune.facts import MS_PER_MINUTE, transitions, zone_offset, zone_table

ZONES = ["UTC", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Europe/London", "America/St_Johns", "Asia/Kathmandu",
         "Pacific/Apia", "Africa/Casablanca", "Antarctica/Troll", "America/Sao_Paulo", "Pacific/Chatham", "Asia/Tehran"]  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TABLE = zone_table(ZONES)


def offset_of(zone: str, at_ms: int) -> int:
    """The offset by the standard library, in ms."""
    moment = (EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone))
    return int((moment.utcoffset() or timedelta()).total_seconds()) * 1000


@pytest.mark.parametrize("zone", range(len(ZONES)), ids=ZONES)
def test_local_time_is_that_of_the_standard_library(zone: int) -> None:
    random_moments = random.Random(zone)
    moments = [random_moments.randrange(0, 3_100_000_000_000) for _ in range(500)]
    for at, _ in transitions(ZONES[zone])[1:]:
        moments += [at - MS_PER_MINUTE, at - 1, at, at + 1, at + 3_600_000]
    for at in moments:
        offset = offset_of(ZONES[zone], at)
        assert zone_offset(TABLE, zone, at) == offset


def test_a_zone_that_is_none() -> None:
    for name in ("Mars/Olympus", "", "../etc/passwd"):
        with pytest.raises(ValueError, match="is no time zone"):
            transitions(name)
