"""Dates and moments of rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opportune.facts import MS_PER_DAY, MS_PER_HOUR, zone_offset, zone_table
from opportune.rules.literals import Number, parse_date, parse_moment
from tests.rules.worlds import TABLE, ZONES


@pytest.mark.parametrize(
    ("text", "zone", "wanted"),
    [
        ("1970-01-01 00:00", "UTC", 0),
        ("1970-01-01T00:00:00.5Z", "Asia/Shanghai", 500),
        ("1970-01-01 08:00:00", "Asia/Shanghai", 0),
        ("1970-01-01 00:00:00+08:00", "UTC", -8 * MS_PER_HOUR),
        ("1970-01-01 00:00:00-03:30", "UTC", 12_600_000),
        ("2026-03-08 01:59", "America/New_York", 1_772_953_140_000),
        ("2026-03-08 03:00", "America/New_York", 1_772_953_200_000),
        ("2026-11-01 01:30", "America/New_York", 1_793_511_000_000),
        ("2026-11-01 01:30-05:00", "America/New_York", 1_793_514_600_000),
    ],
)
def test_moments(text: str, zone: str, wanted: int) -> None:
    assert parse_moment(text, zone) == wanted


@given(st.integers(1, 36_000 * 24), st.integers(0, len(ZONES) - 1))
def test_a_local_time_is_read_back_as_its_moment_or_the_first_of_two(hour: int, zone: int) -> None:
    moment = hour * MS_PER_HOUR
    local = moment + int(zone_offset(TABLE, zone, moment))
    day, rest = divmod(local, MS_PER_DAY)
    text = f"{_iso(day)} {rest // MS_PER_HOUR:02}:{rest % MS_PER_HOUR // 60_000:02}:{rest % 60_000 // 1000:02}"
    found = parse_moment(text, ZONES[zone])
    assert found <= moment
    assert found + zone_offset(zone_table(ZONES), zone, found) == local


def _iso(day: int) -> str:
    year = 1970 + day * 400 // 146_097
    while parse_date(f"{year}-12-31") < day:
        year += 1
    while parse_date(f"{year}-01-01") > day:
        year -= 1
    return next(
        f"{year}-{month:02}-{day - first + 1:02}"
        for month in range(12, 0, -1)
        if (first := parse_date(f"{year}-{month:02}-01")) <= day
    )


@pytest.mark.parametrize(
    "text", ["2026-1-1", "2026-02-30", "20260131", "2026-13-01", "", "２０２６-01-01", "2026-01-31 "]
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a date|no day"):
        parse_date(text)


@pytest.mark.parametrize("text", ["2026-01-31", "2026-01-31 24:00", "2026-01-31 10:60", "2026-01-31 10", "now"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a moment|no time of day"):
        parse_moment(text, "UTC")


def test_numbers_are_read_digit_by_digit() -> None:
    assert Number("0.1").value * 10 == 1
    assert Number("12.50").scale == 2
    assert Number("5.").value == 5
    assert Number("-.5").value * 2 == -1
