"""Running-total goals."""

import pytest

from opportune.rules import Reach, RuleError, check_reach
from tests.rules.worlds import SCOPE


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("sum(event.amount) >= 10.00", Reach("sum", "amount", 1_000, False)),
        ("sum(event.amount) > 10", Reach("sum", "amount", 1_000, True)),
        ("SUM(event.amount) > 10.005", Reach("sum", "amount", 1_001, False)),
        ("sum(event.amount) >= 10.005", Reach("sum", "amount", 1_001, False)),
        ("sum(event.used_pct) >= 3", Reach("sum", "used_pct", 3, False)),
        ("count() >= 3", Reach("count", None, 3, False)),
        ("count() > 0", Reach("count", None, 0, True)),
    ],
)
def test_what_must_be_reached(text: str, wanted: Reach) -> None:
    assert check_reach(text, SCOPE) == wanted


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("sum(event.amount) <= 10", "syntax"),
        ("sum(event.amount)", "syntax"),
        ("sum(arpu) >= 10", "type"),
        ("sum(event.product) >= 10", "type"),
        ("sum(event.amont) >= 10", "unknown_name"),
        ("avg(event.amount) >= 10", "not_allowed"),
        ("count(event.amount) >= 10", "not_allowed"),
        ("count(*) >= 10", "not_allowed"),
        ("count() >= 0", "literal"),
        ("count() >= -3", "literal"),
        ("count() >= 'x'", "literal"),
        ("sum(event.amount) >= event.used_pct", "literal"),
        ("sum(event.amount) >= 99999999999999999999", "literal"),
        ("sum(event.amount + 1) >= 10", "type"),
        ("sum(event.amount) >= 10 AND count() > 3", "syntax"),
    ],
)
def test_what_is_no_running_total(text: str, code: str) -> None:
    with pytest.raises(RuleError) as caught:
        check_reach(text, SCOPE, where="goal")
    assert caught.value.code == code
    assert 0 <= caught.value.start <= caught.value.end <= len(text)
