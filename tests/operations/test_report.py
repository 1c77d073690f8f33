"""The report against a plain count over the journal's lists and the messages themselves."""

from collections import Counter
from pathlib import Path

import pytest

from opportune.operations import journal_of
from opportune.operations.decisions import ARMS, DecisionFilter, list_decisions, moment_in
from opportune.operations.deployment import DeploymentError
from opportune.operations.lift import lift
from opportune.operations.report import Report, report
from tests.operations.little_mobile import DAY, START, by_time, deployed, month, used

CONTACTS = [message for message in month() if message["type"] == "contact"]


@pytest.fixture(scope="module")
def found(little_mobile: Path) -> Report:
    """The report of the whole month."""
    return report(little_mobile)


def test_facts_events_and_customers(little_mobile: Path, found: Report) -> None:
    told = list(month())
    assert found.events == sum(message["type"] == "track" for message in told)
    assert found.customers == 60
    assert found.facts == max(group.end_seq for group in journal_of(little_mobile).read(0))
    account = found.sources["world"]
    assert account.received == len(told) == account.applied + account.duplicates + account.quarantined


def test_decisions_per_campaign_and_arm(little_mobile: Path, found: Report) -> None:
    counted = Counter((d.campaign, d.arm) for d in list_decisions(little_mobile, limit=100_000))
    counted |= Counter((str(message["campaign"]), "imported") for message in CONTACTS)
    assert {(one.campaign, arm.arm): arm.decisions for one in found.campaigns for arm in one.arms} == counted
    assert found.decisions == sum(many for (_, arm), many in counted.items() if arm != "imported") > 0


def test_contacts_per_customer_and_month(little_mobile: Path, found: Report) -> None:
    treated = [d for d in list_decisions(little_mobile, limit=100_000) if d.arm == "treated"]
    contacts = Counter(d.customer for d in treated)
    for message in CONTACTS:
        contacts[int(str(message["userId"])[-3:])] += 1
    spread = Counter(min(many, 4) for many in contacts.values())
    spread[0] = 60 - len(contacts)
    assert found.contacts_whole.spread == tuple(spread[many] for many in range(5))
    assert found.contacts_whole.mean == pytest.approx(contacts.total() / 60)
    months = Counter(d.at[:7] for d in treated)
    for message in CONTACTS:  # local time is eight hours ahead
        months["2026-12" if int(message["timestamp"]) + 8 * 3_600_000 >= START + 30 * DAY else "2026-11"] += 1
    assert {one.month: one.contacts for one in found.contacts} == months


def test_goals_rates_and_lift(found: Report) -> None:
    upsell = next(one for one in found.campaigns if one.campaign == "data-pack-upsell")
    arms = {arm.arm: arm for arm in upsell.arms}
    for arm in arms.values():
        assert arm.reached <= arm.decisions
        assert arm.mature <= arm.decisions
        assert arm.rate == (arm.mature_reached / arm.mature if arm.mature else None)
    treated, control = arms["treated"], arms["control"]
    assert upsell.lift == lift(treated.mature_reached, treated.mature, control.mature_reached, control.mature)
    assert upsell.lift is not None
    assert upsell.lift.low <= upsell.lift.difference <= upsell.lift.high
    assert control.cost == "0.00 CNY"


def test_goals_of_contacts_made_elsewhere(tmp_path: Path) -> None:
    """Three contacts: one reached in time, one too late, one still open at the end."""
    told = [used(f"someone-{i}", START, 1) for i in range(3)]
    for i in range(3):
        at = START + DAY if i < 2 else START + 20 * DAY
        told.append(
            {
                "type": "contact",
                "userId": f"someone-{i}",
                "timestamp": at,
                "campaign": "data-pack-upsell",
                "touchpoint": "sms",
            }
        )
        bought_at = at + (2 if i == 0 else 9) * DAY
        told.append(
            {
                "type": "track",
                "event": "pack_purchased",
                "userId": f"someone-{i}",
                "timestamp": bought_at,
                "properties": {"amount": "12.34"},
            }
        )
    told[-1]["timestamp"] = START + 22 * DAY
    told[-1]["event"] = "data_usage_reported"
    told[-1]["properties"] = {}
    folder = deployed(tmp_path / "data", messages=by_time(iter(told)))
    (upsell,) = report(folder).campaigns
    (arm,) = upsell.arms
    assert (arm.arm, arm.decisions, arm.reached, arm.lapsed, arm.mature, arm.mature_reached) == (
        "imported",
        3,
        1,
        1,
        2,
        1,
    )
    assert (arm.rate, arm.value) == (0.5, "12.34 CNY")
    assert upsell.lift is None


def test_withheld_by_reason_adds_up(little_mobile: Path, found: Report) -> None:
    counted: Counter[int] = Counter()
    for group in journal_of(little_mobile).read(0):
        for row in group.arrays.get("withheld", ()):
            counted[int(row["reason"])] += int(row["count"])
    assert {one.code: one.count for one in found.withheld_by_reason} == counted
    assert sum(one.share for one in found.withheld_by_reason) == pytest.approx(1)
    assert sum(one.count for one in found.withheld) == counted.total()
    counts = [one.count for one in found.withheld_by_reason]
    assert counts == sorted(counts, reverse=True)


def test_limits_that_closed(reasons: Path) -> None:
    limits = {one.limit: one for one in report(reasons).limits}
    assert limits["campaign/few/contacts"].closings >= 1
    assert limits["offer/rare_offer/stock"].closed
    assert not limits["touchpoint/visit/day"].closed  # open again the day after


def test_a_time_and_the_rest_of_the_time_are_the_whole(little_mobile: Path, found: Report) -> None:
    cut = moment_in(little_mobile, "2026-11-15")
    one, other = report(little_mobile, until_ms=cut), report(little_mobile, since_ms=cut)
    assert one.decisions + other.decisions == found.decisions
    assert one.contacts_whole.contacts + other.contacts_whole.contacts == found.contacts_whole.contacts
    for name in ("reached", "lapsed"):
        parts = [sum(getattr(arm, name) for c in part.campaigns for arm in c.arms) for part in (one, other, found)]
        assert parts[0] + parts[1] == parts[2]


def test_an_empty_folder_has_an_empty_report(tmp_path: Path) -> None:
    found = report(deployed(tmp_path / "data"))
    assert (found.events, found.customers, found.decisions, found.campaigns, found.contacts) == (0, 0, 0, (), ())
    assert found.contacts_whole.mean == 0


def test_chinese(little_mobile: Path) -> None:
    found = report(little_mobile, language="zh")
    assert "流量包适时推荐" in {one.title for one in found.campaigns}
    assert "客户在免打扰名单中" in {one.text for one in found.withheld_by_reason}


def test_the_list_of_decisions_is_filtered(little_mobile: Path) -> None:
    every = list_decisions(little_mobile, limit=100_000)
    assert [d.number for d in every] == list(range(len(every)))
    for arm in ARMS:
        some = list_decisions(little_mobile, DecisionFilter(arm=arm))
        assert [d.number for d in some] == [d.number for d in every if d.arm.startswith(arm)]
    one = every[3].customer
    assert {d.customer for d in list_decisions(little_mobile, DecisionFilter(customer=one))} == {one}
    assert list_decisions(little_mobile, limit=2) == every[-2:]
    cut = every[5].now_ms
    assert list_decisions(little_mobile, DecisionFilter(until_ms=cut)) == [d for d in every if d.now_ms < cut]
    upsell = list_decisions(little_mobile, DecisionFilter(campaign="data-pack-upsell", since_ms=cut))
    assert upsell == [d for d in every if d.now_ms >= cut and d.campaign == "data-pack-upsell"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [(DecisionFilter(campaign="data-pack-upsel"), "did you mean `data-pack-upsell`"), (DecisionFilter(arm="both"), "no arm `both`")],
)  # fmt: skip
def test_a_wrong_filter_is_told(little_mobile: Path, wanted: DecisionFilter, said: str) -> None:
    with pytest.raises(DeploymentError, match=said):
        list_decisions(little_mobile, wanted)


def test_moments_are_local_unless_they_say_otherwise(little_mobile: Path) -> None:
    assert moment_in(little_mobile, "2026-11-01T08:00") == START
    assert moment_in(little_mobile, "2026-11-01T00:00Z") == START
    with pytest.raises(DeploymentError, match="`soon` is no moment"):
        moment_in(little_mobile, "soon")
