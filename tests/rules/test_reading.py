"""Rules read out in English and Chinese."""

import pytest

from opportune.rules import check, read
from tests.rules.generated import BOOLS, NUMBERS
from tests.rules.test_cases import ALL
from tests.rules.worlds import SCOPE

TITLES = {
    "arpu": ("ARPU in 30 days", "近30天ARPU"),
    "plan": ("Plan", "套餐"),
    "vip": ("VIP customer", "VIP客户"),
    "calls_7d": ("Calls in 7 days", "近7天通话次数"),
    "interests": ("Interests", "兴趣"),
    "last_seen": ("the last visit", "最近一次访问"),
    "birthday": ("Birthday", "生日"),
    "event.amount": ("Amount", "金额"),
}


@pytest.mark.parametrize(
    ("text", "en", "zh"),
    [
        ("arpu > 80 AND NOT vip", "ARPU in 30 days is more than 80 and VIP customer is no", "近30天ARPU大于80且VIP客户为“否”"),
        ("NOT arpu > 80", "ARPU in 30 days is at most 80", "近30天ARPU不超过80"),
        ("event.amount >= 50.00", "Amount of the event is at least 50.00", "本次事件的金额不低于50.00"),
        ("plan IN ('gold', 'silver')", "Plan is “gold” or “silver”", "套餐为“gold”或“silver”"),
        ("plan NOT IN ('a', 'b', 'c')", "Plan is none of “a”, “b”, “c”", "套餐不是“a”、“b”、“c”中的任何一个"),
        ("plan LIKE 'gold%'", "Plan starts with “gold”", "套餐以“gold”开头"),
        ("plan NOT LIKE '%x%'", "Plan does not contain “x”", "套餐中不含“x”"),
        ("plan LIKE 'a_c'", "Plan matches the pattern “a_c”", "套餐符合模式“a_c”"),
        ("calls_7d BETWEEN 3 AND 5", "Calls in 7 days is between 3 and 5", "近7天通话次数在3到5之间"),
        ("contains(interests, 'video')", "Interests includes “video”", "兴趣包含“video”"),
        ("days_since(last_seen) > 30", "more than 30 days have passed since the last visit", "距最近一次访问已超过30天"),
        ("NOT hours_since(event.at) > 3", "at most 3 hours have passed since the time of the event", "距事件发生时间不超过3小时"),
        ("weekday(now) IN (6, 7)", "today is Saturday or Sunday", "今天是周六或周日"),
        ("local_hour(now) >= 9", "the customer's local hour is at least 9", "客户当地时间的小时不低于9"),
        ("birthday >= '1990-01-01'", "Birthday is not before 1990-01-01", "生日不早于1990-01-01"),
        ("plan IS NULL OR birthday IS NOT NULL", "Plan is unknown or Birthday is known", "套餐未知或生日已知"),
        ("vip OR (calls_7d = 3 AND vip)", "VIP customer is yes or (Calls in 7 days is 3 and VIP customer is yes)", "VIP客户为“是”或（近7天通话次数等于3且VIP客户为“是”）"),
        ("coalesce(arpu, 0) * 2 > 10", "ARPU in 30 days (if unknown, 0) × 2 is more than 10", "近30天ARPU（未知时取0） × 2大于10"),
        ("CASE WHEN vip THEN 'a' ELSE 'b' END", "(“a” if VIP customer is yes, otherwise “b”)", "（若VIP客户为“是”则为“a”，否则为“b”）"),
    ],
)  # fmt: skip
def test_a_rule_in_plain_words(text: str, en: str, zh: str) -> None:
    rule = check(text, SCOPE)
    assert read(rule, "en", TITLES) == en
    assert read(rule, "zh", TITLES) == zh


def test_what_has_no_title_is_called_by_its_name() -> None:
    assert read(check("data_mb > 3", SCOPE), "zh", TITLES) == "data_mb大于3"


@pytest.mark.parametrize("case", ALL, ids=lambda case: case["rule"])
def test_every_rule_of_the_cases_can_be_read(case: dict[str, str]) -> None:
    rule = check(case["rule"], SCOPE)
    en, zh = read(rule, "en", {}), read(rule, "zh", {})
    assert en
    assert zh
    assert "{" not in en + zh
    named = [name for name in NUMBERS + BOOLS if name in case["rule"] and not name.startswith("event")]
    assert all(name in en and name in zh for name in named)
