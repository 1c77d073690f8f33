"""Explaining an event gives what was decided then, for every event; every reason is told with a readable key figure."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from opportune.facts import NO_CAMPAIGN, REASON_TEXTS, FactKind, Reason
from opportune.operations import DeploymentError, journal_of, open_deployment
from opportune.operations.decisions import DecisionFilter, list_decisions
from opportune.operations.explain import Candidate, Explanation, explain
from opportune.operations.who import find_customer
from tests.operations.little_mobile import CUSTOMERS_MAX
from tests.operations.reasons_world import PROVOKED


def events_of(folder: Path) -> list[tuple[int, int]]:
    """(seq, customer) of every event of a journal."""
    found = []
    for group in journal_of(folder).read(0):
        at = np.flatnonzero(group.arrays["kind"] == FactKind.EVENT)
        found += [(group.first_seq + int(i), int(group.arrays["customer"][i])) for i in at]
    return found


@pytest.fixture(scope="module")
def explained(reasons: Path) -> dict[int, Explanation]:
    """The explanation of every event of the world of reasons, by seq."""
    return {seq: explain(reasons, customer, seq) for seq, customer in events_of(reasons)}


def candidates(explained: dict[int, Explanation]) -> list[Candidate]:
    """All candidates of all events."""
    return [candidate for one in explained.values() for candidate in one.candidates]


def test_every_event_is_decided_again_as_it_was(explained: dict[int, Explanation]) -> None:
    assert len(explained) > 200
    assert [seq for seq, one in explained.items() if not (one.agrees and one.history_agrees)] == []


def test_every_reason_is_met(explained: dict[int, Explanation]) -> None:
    assert {Reason[one.reason] for one in candidates(explained)} == PROVOKED


def test_withheld_counts_of_the_journal_are_the_sum_of_the_fates(
    reasons: Path, explained: dict[int, Explanation]
) -> None:
    told: Counter[tuple[int, int]] = Counter()
    for group in journal_of(reasons).read(0):
        for row in group.arrays.get("withheld", ()):
            if row["campaign"] != NO_CAMPAIGN:
                told[int(row["campaign"]), int(row["reason"])] += int(row["count"])
    with open_deployment(reasons, customers_max=CUSTOMERS_MAX) as deployment:
        numbers = deployment.playbook.numbering
    last_hour = max(one.now_ms for one in explained.values()) // 3_600_000
    fates: Counter[tuple[int, int]] = Counter()
    for one in explained.values():
        if one.now_ms // 3_600_000 < last_hour:
            for candidate in one.candidates:
                if candidate.code >= Reason.DECISION_OPEN:
                    fates[numbers.number("campaign", candidate.campaign), candidate.code] += 1
    assert fates == told


def test_decisions_are_those_of_the_list(reasons: Path, explained: dict[int, Explanation]) -> None:
    listed = {one.seq: one for one in list_decisions(reasons, limit=10_000)}
    made = {seq: one for seq, one in explained.items() if one.decisions}
    assert listed.keys() == made.keys()
    for seq, one in made.items():
        line, told = listed[seq], one.decisions[0]
        assert (told.campaign, told.offer, told.touchpoint, told.arm) == (
            line.campaign,
            line.offer,
            line.touchpoint,
            line.arm,
        )
        won = [c for c in one.candidates if c.campaign == told.campaign]
        assert (
            won[0].reason
            == {"treated": "PROPOSED", "control": "CONTROL", "universal_control": "UNIVERSAL_CONTROL"}[told.arm]
        )


def of_reason(explained: dict[int, Explanation], reason: Reason, campaign: str | None = None) -> Candidate:
    """The first candidate with a reason."""
    return next(c for c in candidates(explained) if c.reason == reason.name and campaign in (None, c.campaign))


@pytest.mark.parametrize(
    ("reason", "figure"),
    [
        (Reason.QUIET_HOURS, "sms"),
        (Reason.CAP_CHANNEL, "letter"),
        (Reason.CAPACITY, "visit"),
        (Reason.BUDGET_CONTACTS, "campaign/few/contacts"),
        (Reason.BUDGET_MONEY, "campaign/poor/money"),
        (Reason.OUT_OF_STOCK, "rare_offer"),
        (Reason.CAMPAIGN_NOT_VALID, "2026-10-02 00:00:00 (UTC)"),
        (Reason.COOL_DOWN_REFUSED, "2026-11-11 01:00:00 (UTC)"),
        (Reason.CAMPAIGN_COOL_DOWN, "2026-12-01 01:00:00 (UTC)"),
        (Reason.COOL_DOWN_COMPLAINT, "2026-11-21 01:00:00 (UTC)"),
        (Reason.CAP_CUSTOMER, "2026-11-08 01:00:00 (UTC)"),
        (Reason.DECISION_OPEN, "2026-11-09 12:00:00 (UTC)"),
        (Reason.AGAIN_TOO_SOON, "2026-11-22 12:00:00 (UTC)"),
        (Reason.OUTRANKED, "15.0000 EUR"),
        (Reason.EVENT_TOO_OLD, "2d > 1h"),
        (Reason.DO_NOT_DISTURB, ""),
    ],
)
def test_key_figures_are_told_in_words(explained: dict[int, Explanation], reason: Reason, figure: str) -> None:
    found = of_reason(explained, reason)
    assert found.figure == figure
    assert found.text == REASON_TEXTS[reason][0]


def test_an_unmet_condition_is_told_with_the_values_it_saw(explained: dict[int, Explanation]) -> None:
    low = next(
        c
        for one in explained.values()
        for c in one.candidates
        if c.campaign == "choosy" and one.properties == {"amount": 0}
    )
    assert [(one.condition, one.values) for one in low.unmet] == [
        ("amount of the event is at least 100", {"event.amount": 0})
    ]
    found = of_reason(explained, Reason.NOT_IN_AUDIENCE, "audience")
    assert [one.values for one in found.unmet] == [{"vip": None}, {"score": 0}]
    assert "score is at least 10" in found.figure


def test_counters_that_a_new_playbook_brought_are_explained(explained: dict[int, Explanation]) -> None:
    counted = [c for c in candidates(explained) if c.campaign == "counted"]
    assert {c.reason for c in counted} & {"PROPOSED", "UNIVERSAL_CONTROL"}


def test_control_figures_say_the_place_and_the_share(explained: dict[int, Explanation]) -> None:
    found = of_reason(explained, Reason.CONTROL)
    assert found.arg < 300_000
    assert found.figure.endswith("< 30.0000%")


def test_chinese(reasons: Path) -> None:
    customer = find_customer(reasons, "choosy-0")
    found = explain(reasons, customer, language="zh")
    (one,) = [c for c in found.candidates if c.campaign == "choosy"]
    assert one.text == REASON_TEXTS[Reason.TRIGGER_CONDITION][1]
    assert "不低于100" in one.figure


def test_the_last_event_with_candidates_or_the_one_at_a_moment(reasons: Path) -> None:
    customer = find_customer(reasons, "plain-1")
    assert explain(reasons, customer).event == "ev_plain"
    at = explain(reasons, customer, at_ms=1_793_491_200_000 + 5 * 86_400_000)
    assert at.at == "2026-11-03 12:00:00"  # her goal of the day after triggers nothing


def test_nothing_is_written(reasons: Path) -> None:
    def fingerprint() -> dict[str, str]:
        paths = [
            path for path in sorted(reasons.rglob("*")) if path.is_file() and path.suffix not in (".db-shm", ".db-wal")
        ]
        return {str(path): hashlib.blake2b(path.read_bytes()).hexdigest() for path in paths}

    before = fingerprint()
    explain(reasons, 3)
    list_decisions(reasons, DecisionFilter(customer=3))
    assert fingerprint() == before


def test_it_works_beside_a_writer(reasons: Path) -> None:
    with open_deployment(reasons, customers_max=CUSTOMERS_MAX):
        assert explain(reasons, 0).agrees


@pytest.mark.parametrize(
    ("customer", "seq", "at_ms", "said"),
    [
        (9_999, None, None, "no customer #9999"),
        (0, 0, None, "is no event of customer #0; the nearest of hers is"),
        (0, None, 0, "no event up to that moment"),
    ],
)
def test_what_cannot_be_explained_is_told(
    reasons: Path, customer: int, seq: int | None, at_ms: int | None, said: str
) -> None:
    with pytest.raises(DeploymentError, match=said):
        explain(reasons, customer, seq, at_ms=at_ms)
