"""What explain says would change a fate does change it, and one step less does not: decided again, and lived again in other folders."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opportune.facts import Reason
from opportune.operations.explain import Candidate, explain
from opportune.operations.flips import CHOSEN, Flips, Turn
from opportune.operations.names import Names
from opportune.operations.one_customer import OneCustomer, read_trail
from opportune.operations.supposing import Supposed, Supposing
from opportune.operations.who import find_customer
from tests.operations.little_mobile import DAY, HOUR, START, consent, deployed, identify, used
from tests.operations.reasons_world import PROVOKED
from tests.operations.test_explain import events_of


def reasons_at(again: Supposing, supposed: Supposed) -> dict[int, Reason]:
    """The fate of every campaign when the fact is decided so."""
    return {int(row["campaign"]): Reason(int(row["reason"])) for row in again.fates(supposed)}


def turned(first: Reason, now: Reason) -> bool:
    """Said once more, on its own: silent who was proposed, proposed who was in control, chosen who was not."""
    if first is Reason.PROPOSED:
        return now not in CHOSEN
    return now is Reason.PROPOSED if first in CHOSEN else now in CHOSEN


def turns_of(folder: Path, every: int) -> Iterator[tuple[Reason, int, Turn, Supposing]]:
    """Each candidate of every n-th event: its reason, campaign, turn, and a fresh engine to decide the event again in."""
    for seq, customer in events_of(folder)[::every]:
        trail = read_trail(folder, customer, seq + 1)
        one, other = OneCustomer(trail), OneCustomer(trail)
        one.play(seq)
        other.play(seq)
        again, search = Supposing(one), Supposing(other)
        flips = Flips(search, Names(trail.body), other.contacts)
        for campaign, reason in reasons_at(again, Supposed()).items():
            yield reason, campaign, flips.turn(campaign, again.fact), again


@pytest.fixture(scope="module")
def every_turn(reasons: Path, little_mobile: Path) -> list[tuple[Reason, int, Turn, Supposing]]:
    """Of both worlds."""
    return [*turns_of(reasons, 1), *turns_of(little_mobile, 7)]


def test_the_stated_changes_turn_every_fate(every_turn: list[tuple[Reason, int, Turn, Supposing]]) -> None:
    assert len(every_turn) > 280
    for reason, campaign, turn, again in every_turn:
        assert turn.steps, (reason, campaign)
        now = reasons_at(again, turn.steps[-1].supposed)[campaign]
        assert turned(reason, now), (reason, campaign, turn.flips)
        assert turn.flips[-1].then == now.name


def test_one_step_less_does_not(every_turn: list[tuple[Reason, int, Turn, Supposing]]) -> None:
    tried = 0
    for reason, campaign, turn, again in every_turn:
        last = turn.steps[-1]
        for less in last.less if last.flips[0].smallest else ():
            tried += 1
            assert not turned(reason, reasons_at(again, less)[campaign]), (reason, campaign, turn.flips)
    assert tried > 80


def test_every_reason_was_turned(every_turn: list[tuple[Reason, int, Turn, Supposing]]) -> None:
    assert {reason for reason, *_ in every_turn} >= PROVOKED


# -- lived again: the same customer in another data folder, with what explain said -------------------------------

WHO = "customer-000"
NOON = START + DAY + 4 * HOUR
"""2026-11-02 12:00 in Shanghai."""


def life(**other: Any) -> list[dict[str, Any]]:
    """A customer of the minimal example who is proposed a pack, but for what is told otherwise."""
    told: dict[str, Any] = {"arpu": "80.00", "pct": 85, "consent": True, "at": NOON} | other
    messages = [identify(WHO, START, arpu=told["arpu"], has_unlimited=False, upsell_propensity=100_000)]
    messages += [consent(WHO, START + 1)] if told["consent"] else []
    return [*messages, used(WHO, told["at"], told["pct"])]


def explained(root: Path, **other: Any) -> Candidate:
    """What becomes of the upsell campaign in a data folder of its own."""
    root.mkdir()
    folder = deployed(root / "data", messages=life(**other))
    found = explain(folder, find_customer(folder, WHO))
    return next(one for one in found.candidates if one.campaign == "data-pack-upsell")


CHOSEN_NAMES = {reason.name for reason in CHOSEN}


@pytest.mark.parametrize(
    ("otherwise", "reason", "text", "after", "less"),
    [
        ({"pct": 60}, "TRIGGER_CONDITION", "Share of the bundle used of the event 60 → 80", {"pct": 80}, {"pct": 79}),
        ({"arpu": "47.00"}, "NOT_IN_AUDIENCE", "Revenue per month 47.00 → 50.00", {"arpu": "50.00"}, {"arpu": "49.99"}),
        ({"consent": False}, "NO_CONSENT", "consent for marketing/sms", {"consent": True}, None),
        ({"at": NOON + 10 * HOUR}, "QUIET_HOURS", "from 2026-11-03 09:00:00 on (quiet_hours)", {"at": NOON + 21 * HOUR},
         {"at": NOON + 21 * HOUR - 1}),
    ],
)  # fmt: skip
def test_what_is_said_comes_true_in_another_life(
    tmp_path: Path,
    otherwise: dict[str, Any],
    reason: str,
    text: str,
    after: dict[str, Any],
    less: dict[str, Any] | None,
) -> None:
    found = explained(tmp_path / "as-was", **otherwise)
    assert (found.reason, [flip.text for flip in found.flips]) == (reason, [text])
    assert explained(tmp_path / "after", **{**otherwise, **after}).reason in CHOSEN_NAMES
    if less is not None:
        assert explained(tmp_path / "less", **{**otherwise, **less}).reason == reason


def test_why_nothing(reasons: Path) -> None:
    customer = find_customer(reasons, "plain-1")
    told = [explain(reasons, customer, seq) for seq, hers in events_of(reasons) if hers == customer]
    (goal,) = [one for one in told if one.event == "ev_goal"]
    assert (goal.candidates, goal.silence) == ((), "no campaign in force waits for this event")
    assert {one.silence for one in told if one.decisions} == {""}


def test_chinese(tmp_path: Path) -> None:
    folder = deployed(tmp_path / "data", messages=life(pct=60))
    found = explain(folder, find_customer(folder, WHO), language="zh")
    upsell = next(one for one in found.candidates if one.campaign == "data-pack-upsell")
    assert "60 → 80" in upsell.flips[0].text
    assert found.silence == "等待该事件的营销案均未推荐，原因逐一列出"
