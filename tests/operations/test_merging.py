"""A visitor becomes a customer, two customers become one and are parted again: every question finds the right person."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from opportune.operations import (
    DeploymentError,
    Parted,
    explain,
    find_customer,
    merge,
    open_deployment,
    replay,
    unmerge,
    view_customer,
)
from opportune.warehouse import Warehouse, export
from tests.operations.little_mobile import (
    CUSTOMERS_MAX,
    DAY,
    HOUR,
    MINIMAL,
    START,
    bought,
    consent,
    deployed,
    identify,
    imported,
    used,
)

KINDS = """identifier: user
title: {en: Account name, zh: 用户名}
merges: true
most: 1
---
identifier: phone
title: {en: Phone, zh: 手机号}
merges: true
---
identifier: anonymous
title: {en: Visit, zh: 匿名访客}
merges: true
anonymous: true
---
identifier: device
title: {en: Shared device, zh: 共用设备}
"""


def definitions(root: Path, kinds: str = KINDS) -> Path:
    folder = root / "definitions"
    shutil.copytree(MINIMAL, folder)
    (folder / "identifiers.yaml").write_text(kinds, encoding="utf-8")
    return folder


def visit(message: dict[str, Any], *identifiers: tuple[str, str]) -> dict[str, Any]:
    """The same message, by other identifiers."""
    named = [{"kind": kind, "value": value} for kind, value in identifiers]
    return {**{k: v for k, v in message.items() if k != "userId"}, "identifiers": named}


VISIT, PHONE, ANNA = ("anonymous", "v-1"), ("phone", "+8613800000001"), ("user", "anna")


def story() -> list[dict[str, Any]]:
    """Anna is known by name, uses the app as a visitor, calls from a phone; on the third day she logs in."""
    day = START + DAY
    return [
        identify("anna", START, arpu="80", has_unlimited=False, upsell_propensity=200_000),
        consent("anna", START + 1),
        visit(used("", day, 85), VISIT),
        visit(identify("", day + HOUR, arpu="20"), PHONE),
        visit(used("", day + 2 * HOUR, 90), PHONE),
        used("anna", day + 3 * HOUR, 95),
        visit(bought("", day + 4 * HOUR, "12.00"), VISIT),
        visit(identify("", day + DAY), VISIT, ANNA),
        {**used("anna", day + DAY + HOUR, 99), "anonymousId": "v-1"},
        visit(used("", day + DAY + 2 * HOUR, 88), PHONE),
        visit(consent("", day + DAY + 3 * HOUR, given=False), ANNA, PHONE),
        visit(used("", day + DAY + 4 * HOUR, 97), VISIT),
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return deployed(tmp_path / "data", definitions(tmp_path), story())


def test_every_name_finds_her_and_what_was_decided_is_explained(folder: Path) -> None:
    names = ["anna", "anonymous:v-1", "phone:+8613800000001", "#0", "#1", "#2"]
    assert {find_customer(folder, who) for who in names} == {0}
    view = view_customer(folder, 0, last=100, reveal=True)
    assert view.identifiers == ("anonymous:v-1", "phone:+8613800000001", "user:anna")
    assert [event.event for event in view.events].count("data_usage_reported") == 6
    tags = {tag.tag: tag.value for tag in view.tags}
    assert tags["arpu"] == "20.00"  # the later word, said under the phone
    assert [(one.channel, one.given) for one in view.consents] == [("*", False)]
    assert {entry.kind for entry in view.timeline} >= {"merged", "created", "event", "identifier"}
    for event in view.events:
        found = explain(folder, 0, event.seq)
        assert (found.agrees, found.history_agrees) == (True, True), event


def test_replay_is_equal_and_a_start_without_snapshot_finds_the_same(folder: Path) -> None:
    assert replay(folder).equal
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        before = {name: array.tobytes() for name, array in deployment.engine.to_arrays().items()}
        groups = dict(deployment.identity.groups)
    shutil.rmtree(folder / "snapshots")
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        assert {name: array.tobytes() for name, array in deployment.engine.to_arrays().items()} == before
        assert dict(deployment.identity.groups) == groups == deployment.people.groups() == {0: [0, 1, 2]}


def test_people_who_heard_of_a_merge_that_the_journal_never_got_are_set_right(folder: Path) -> None:
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        deployment.people.regroup([[0, 1]], afresh=True)
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        assert deployment.people.groups() == {0: [0, 1, 2]}


def test_the_warehouse_names_the_survivor(folder: Path) -> None:
    export(folder)
    with Warehouse(folder) as warehouse:
        rows = warehouse.query("SELECT customer, count(*) FROM event.data_usage_reported GROUP BY customer").rows
        assert rows == [(0, 6)]
        assert warehouse.query("SELECT customer FROM customers").rows == [(0,)]
        assert sorted(warehouse.query("SELECT * FROM customer_of").rows) == [(1, 0), (2, 0)]
        assert [float(row[0]) for row in warehouse.query("SELECT arpu FROM latest.arpu").rows] == [20.0]


def test_a_limit_is_a_conflict_and_an_identifier_that_does_not_merge_links_nothing(tmp_path: Path) -> None:
    day = START + DAY
    messages = [
        used("anna", day, 50),
        used("bert", day + 1, 50),
        visit(used("", day + 2, 50), ("user", "anna"), ("user", "bert")),
        visit(used("", day + 3, 50), ("user", "anna"), ("device", "till")),
        visit(used("", day + 4, 50), ("user", "bert"), ("device", "till")),
        visit(used("", day + 5, 50), ("device", "till")),
    ]
    folder = deployed(tmp_path / "data", definitions(tmp_path), messages)
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        account = deployment.accounting.sources["world"]
        assert (account.conflicts, account.conflicts_by, account.merged) == (1, {"too_many": 1}, 0)
        assert deployment.identity.groups == {}
    assert [find_customer(folder, who) for who in ("anna", "bert", "device:till")] == [0, 1, 2]


def test_without_kinds_a_folder_goes_on_as_it_did(tmp_path: Path) -> None:
    messages = [used("anna", START, 50), used("bert", START + 1, 50)]
    messages.append(visit(used("", START + 2, 50), ("user", "anna"), ("user", "bert")))
    folder = deployed(tmp_path / "data", messages=messages)
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        assert deployment.accounting.sources["world"].conflicts_by == {"not_merged": 1}
        assert deployment.identity.groups == {}
        assert len(deployment.engine.memory.arrays["moments"]) == 0


def test_by_hand_and_back_and_never_again_by_a_message(folder: Path, tmp_path: Path) -> None:
    day = START + 10 * DAY
    imported(folder, [used("bert", day, 85), visit(used("", day + 1, 85), ("phone", "+8613900000009"))], "later")
    alone = {who: view_customer(folder, find_customer(folder, who)) for who in ("anna", "bert")}
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        bert = deployment.people.customer_of("user", "bert")
        assert bert is not None
        done = merge(deployment, bert, 0, by="clerk", why="same passport")
        assert (done.survivor, done.absorbed, done.numbers) == (0, bert, (0, 1, 2, bert))
        with pytest.raises(DeploymentError, match="one customer already"):
            merge(deployment, 1, bert)
    assert find_customer(folder, "bert") == 0
    imported(folder, [used("bert", day + 2 * HOUR, 70)], "merged")
    assert replay(folder).equal
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        with pytest.raises(DeploymentError, match="at least one must stay"):
            unmerge(deployment, 0, [])
        parted = unmerge(deployment, 0, ["user:bert"], why="two brothers")
        assert (parted.stays, parted.leaves) == ((0, 1, 2), (bert,))
    imported(folder, [visit(used("", day + 3 * HOUR, 70), ("phone", "+8613800000001"), ("user", "bert"))], "again")
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        assert deployment.accounting.sources["again"].conflicts_by == {"kept_apart": 1}
    assert find_customer(folder, "bert") == bert
    view = view_customer(folder, bert, last=50)
    assert [event.properties["used_pct"] for event in view.events] == [85, 70]
    now = view_customer(folder, 0, last=50)
    assert {tag.tag: tag.value for tag in now.tags if tag.origin == "declared"} == {
        tag.tag: tag.value for tag in alone["anna"].tags if tag.origin == "declared"
    }
    assert now.consents == alone["anna"].consents
    assert replay(folder).equal
    for who in (0, bert):
        for event in view_customer(folder, who, last=50).events:
            found = explain(folder, who, event.seq)
            assert (found.agrees, found.history_agrees) == (True, True), (who, event)


def test_an_identifier_that_shares_its_number_gets_one_of_its_own(folder: Path) -> None:
    imported(folder, [visit(used("", START + 20 * DAY, 20), ANNA, ("phone", "+8613700000007"))], "card")
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        parted = unmerge(deployment, 0, ["phone:+8613700000007"])
        assert parted == Parted((0, 1, 2), (3,))
    assert find_customer(folder, "phone:+8613700000007") == 3
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        deployment.people.remember([(0, "phone", "+8613700000007")])  # as a crash behind the journal leaves it
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        assert deployment.people.customer_of("phone", "+8613700000007") == 3
    imported(folder, [visit(used("", START + 21 * DAY, 30), ("phone", "+8613700000007"))], "later")
    assert [event.properties["used_pct"] for event in view_customer(folder, 3).events] == [30]
    assert replay(folder).equal
