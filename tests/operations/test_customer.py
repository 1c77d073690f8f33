"""A customer's view against the messages that made her: tags, counters, consents, caps, goals; masked unless asked."""

from pathlib import Path

import pytest

from opportune.operations import DeploymentError
from opportune.operations.customer import CustomerView, view_customer
from opportune.operations.who import find_customer, identifiers
from tests.operations.little_mobile import DAY, HOUR, START, bought, by_time, consent, deployed, identify, month, used


def tags(view: CustomerView) -> dict[str, object]:
    """Values of tags by name."""
    return {tag.tag: tag.value for tag in view.tags}


def test_tags_of_every_origin_are_decoded(little_mobile: Path) -> None:
    now = max(int(message["timestamp"]) for message in month())
    for i in (0, 7, 10, 33):
        user = f"customer-{i:03}"
        view = view_customer(little_mobile, find_customer(little_mobile, user))
        # Thirty whole days in the deployment's zone, the newest one partial.
        today = (now + 8 * 3_600_000) // DAY
        packs = sum(
            today - (int(m["timestamp"]) + 8 * 3_600_000) // DAY < 30
            for m in month()
            if m.get("event") == "pack_purchased" and m["userId"] == user
        )
        unlimited = i % 7 == 0
        assert tags(view) == {
            "arpu": f"{20 + 3 * i}.00",
            "has_unlimited": unlimited,
            "packs_30d": packs,
            "pack_lover": packs >= 2 and not unlimited,
            "upsell_propensity": 1_000 * i,
        }
        assert {tag.tag: tag.origin for tag in view.tags} == {
            "arpu": "declared", "has_unlimited": "declared", "packs_30d": "counter", "pack_lover": "rule", "upsell_propensity": "score",
        }  # fmt: skip


def test_consents_and_do_not_disturb(little_mobile: Path) -> None:
    view = view_customer(little_mobile, find_customer(little_mobile, "customer-021"))
    assert sorted((c.purpose, c.channel, c.given) for c in view.consents) == [
        ("marketing", "*", True),
        ("marketing", "sms", False),
    ]
    assert not view.do_not_disturb
    still = view_customer(little_mobile, find_customer(little_mobile, "customer-012"))
    assert still.do_not_disturb


def test_last_events_and_decisions_come_newest_last(little_mobile: Path) -> None:
    view = view_customer(little_mobile, find_customer(little_mobile, "customer-037"), last=3)
    assert len(view.events) == 3
    assert [event.seq for event in view.events] == sorted(event.seq for event in view.events)
    assert [d.campaign for d in view.decisions][-1] == "data-pack-upsell"
    assert view_customer(little_mobile, 37, last=0).events == ()


def test_contacts_stand_against_every_cap(tmp_path: Path) -> None:
    at = START + DAY + 3 * HOUR
    told = [
        identify("anna-maria", START, arpu="80", has_unlimited=False),
        consent("anna-maria", START),
        used("anna-maria", at, 90),
    ]
    told.append({"type": "contact", "userId": "anna-maria", "timestamp": at + 60_000, "campaign": "thanks-for-the-pack", "touchpoint": "call_centre"})  # fmt: skip
    told.append(bought("anna-maria", at + 120_000, "20.00"))
    folder = deployed(tmp_path / "data", messages=told)
    view = view_customer(folder, 0)
    made = [d.arm == "treated" for d in view.decisions]
    contacts = 1 + sum(made)
    assert made  # the usage of 90 % was answered, or she is in a control group
    caps = {(cap.per, cap.of, cap.window): (cap.used, cap.most) for cap in view.caps}
    assert caps["customer", "", "7d"] == (contacts, 3)
    assert caps["customer", "", "30d"] == (contacts, 8)
    assert caps["category", "upsell", "3d"] == (sum(made), 1)
    assert caps["channel", "call_centre", "7d"] == (1, 2)
    blocked = {cap.of: cap.until for cap in view.caps}
    assert blocked["upsell"] == ("2026-11-05 11:00:00" if sum(made) else "")
    goals = {goal.campaign: goal for goal in view.goals}
    assert goals["thanks-for-the-pack"].arm == "imported"
    assert "data-pack-upsell" not in goals  # reached by the purchase


def test_identifiers_are_masked_unless_revealed(little_mobile: Path) -> None:
    assert view_customer(little_mobile, 4).identifiers == ("user:cu********04",)
    assert view_customer(little_mobile, 4, reveal=True).identifiers == ("user:customer-004",)
    assert identifiers(little_mobile, [4, 5], reveal=True) == {4: "user:customer-004", 5: "user:customer-005"}


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("nobody", "no customer has the identifier `nobody`"),
        ("phone:138", "no customer has the phone identifier `138`"),
        ("#x", "`#x` is no customer number"),
    ],
)
def test_an_unknown_customer_is_told(little_mobile: Path, who: str, said: str) -> None:
    with pytest.raises(DeploymentError, match=said):
        find_customer(little_mobile, who)


def test_an_identifier_of_two_customers_asks_for_its_kind(tmp_path: Path) -> None:
    told = [used("same", START, 5), {**used("same", START + 1, 5), "userId": None, "anonymousId": "same"}]
    folder = deployed(tmp_path / "data", messages=told)
    with pytest.raises(DeploymentError, match="means several customers; say which: user:same, anonymous:same"):
        find_customer(folder, "same")
    assert find_customer(folder, "user:same") != find_customer(folder, "anonymous:same")


def test_a_folder_without_people(tmp_path: Path) -> None:
    folder = deployed(tmp_path / "data")
    with pytest.raises(DeploymentError, match="no customer"):
        find_customer(folder, "anybody")
    with pytest.raises(DeploymentError, match="no customer #0; it has 0"):
        view_customer(folder, 0)


def test_every_customer_can_be_viewed(little_mobile: Path) -> None:
    views = [view_customer(little_mobile, customer) for customer in range(0, 60, 7)]
    assert [view.customer for view in views] == list(range(0, 60, 7))
    assert len(by_time(month())) >= sum(view.facts or 0 for view in views)
