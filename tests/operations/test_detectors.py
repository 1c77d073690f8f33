"""Detectors of a deployment, from YAML to the journal: what is told is decided on, explained, shown, and the same at a replay."""

from pathlib import Path
from typing import Any

import pytest

from opportune.operations import (
    DefinitionsRefusedError,
    create_deployment,
    explain,
    find_customer,
    journal_of,
    open_deployment,
    publish,
    read_definitions,
    replay,
    view_customer,
)
from opportune.operations.publish import compile_playbook
from opportune.operations.saying import Saying
from opportune.store import load_files
from tests.operations.little_mobile import CUSTOMERS_MAX, DAY, HOUR, START, imported

MINUTE = 60_000
PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "profiles.md"

BASE = """\
deployment: shop
zone: Asia/Shanghai
currency: CNY
---
event: order_placed
properties: {order_id: {type: key}, amount: {type: money}, shop: {type: text}}
---
event: order_paid
properties: {order_id: {type: key}}
---
event: order_cancelled
properties: {order_id: {type: key}}
---
event: call_dropped
---
event: cell_seen
properties: {lat: {type: decimal, scale: 6}, lon: {type: decimal, scale: 6}, cell: {type: text}}
---
tag: calls_dropped_7d
counter: {of: call_dropped, measure: count, over: 7d, bucket: hour}
---
tag: contract_end
type: date
---
tag: data_mb_30d
type: int
---
tag: has_unlimited
type: bool
"""
REMINDER = """\
---
touchpoint: sms
direction: out
delivery: {by: file}
---
offer: reminder
content: {sms: {en: "Your order of {{event.amount}} waits"}}
---
policy: default
consent: assumed
---
campaign: pay-reminder
trigger: {event: order_unpaid_15m, where: event.amount >= 10.00}
touchpoints: [{at: sms, push: now}]
offers: [{offer: reminder}]
goal: {event: order_paid, within: 1d}
"""
UNPAID = """\
---
detector: order_unpaid_15m
title: {en: Order not paid, zh: 下单未支付}
when: {event: order_placed, then_not: [order_paid, order_cancelled], within: 15m, key: event.order_id, keep: [amount]}
"""


def track(user: str, at: int, event: str, **properties: Any) -> dict[str, Any]:
    """An event message."""
    return {"type": "track", "userId": user, "timestamp": at, "event": event, "properties": properties}


def write(folder: Path, *texts: str) -> Path:
    """A folder with one file of definitions."""
    folder.mkdir()
    (folder / "all.yaml").write_text("".join(texts), encoding="utf-8")
    return folder


def refused(*texts: str) -> list[tuple[str, str, str]]:
    """(path, message, hint) of what is wrong with definitions, each at a line of the file."""
    definitions = load_files([("a.yaml", "".join(texts).encode())])
    problems = list(definitions.problems)
    if not problems:
        with pytest.raises(DefinitionsRefusedError) as found:
            compile_playbook(None, definitions)
        problems = found.value.problems
    assert all(one.line > 1 for one in problems)
    return [(one.path, one.message, one.hint) for one in problems]


def test_an_unpaid_order_is_told_decided_on_explained_and_replayed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    create_deployment(folder, seed="tests")
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        publish(deployment, read_definitions(write(tmp_path / "definitions", BASE, UNPAID, REMINDER)), "tests")
    imported(folder, [
        track("ann", START, "order_placed", order_id="A-1", amount="20.00"),
        track("ann", START + MINUTE, "order_placed", order_id="A-2", amount="30.00"),
        track("bob", START + 2 * MINUTE, "order_placed", order_id="B-1", amount="5.00"),
        track("ann", START + 10 * MINUTE, "order_paid", order_id="A-1"),
        track("eve", START + 20 * MINUTE, "call_dropped"),
        track("eve", START + HOUR, "call_dropped"),
    ])  # fmt: skip
    told = [row for group in journal_of(folder).read(0) for row in group.arrays.get("derived", ())]
    ann, bob = (find_customer(folder, name) for name in ("ann", "bob"))
    assert [(int(row["customer"]), int(row["at_ms"]) - START) for row in told] == [
        (ann, 16 * MINUTE + 1),
        (bob, 17 * MINUTE + 1),
    ]
    seq = int(told[0]["seq"])
    found = explain(folder, ann, seq)
    assert (found.event, found.title) == ("order_unpaid_15m", "Order not paid")
    assert found.properties["amount"] == "30.00"
    assert [(one.campaign, one.reason) for one in found.candidates] == [("pay-reminder", "PROPOSED")]
    assert found.agrees
    assert found.history_agrees
    assert found.derived == ("order_unpaid_15m",)
    other = explain(folder, bob)
    assert [(one.campaign, one.reason) for one in other.candidates] == [("pay-reminder", "TRIGGER_CONDITION")]
    assert other.candidates[0].unmet[0].values == {"event.amount": "5.00"}
    assert [one.event for one in view_customer(folder, ann).events][-1] == "order_unpaid_15m"
    assert replay(folder).equal
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        saying = Saying(deployment)
        moves = [row for _, outputs in deployment.history(10**9) for row in outputs.moves]
        event = saying.find_event(saying.cause_of(moves[0]))
        assert saying.event_variables(event)["event.amount"] == "30.00"


def test_nobody_can_send_a_derived_event(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    create_deployment(folder, seed="tests")
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        publish(deployment, read_definitions(write(tmp_path / "definitions", BASE, UNPAID)), "tests")
    imported(folder, [track("ann", START + DAY, "order_unpaid_15m", amount="1.00")])
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        assert deployment.accounting.sources["world"].quarantined == 1


def test_the_page_shows_detectors_that_work() -> None:
    shown = PAGE.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    definitions = load_files([("a.yaml", f"{BASE}---\n{shown}".encode())])
    assert definitions.problems == ()
    playbook = compile_playbook(None, definitions)
    assert [one.when.form for one in playbook.definitions.detectors.values()] == [
        "sequence", "silence", "crossing", "rule", "area", "date",
    ]  # fmt: skip
    assert list(playbook.catalogue.derived["order_unpaid_15m"].properties)[1].name == "order_id"


def when(text: str) -> str:
    """A detector of that `when`."""
    return f"---\ndetector: d\nwhen: {{{text}}}\n"


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("", "when", "nothing is waited for"),
        ("event: order_placed, then_not: order_paid", "when", "`within` is missing"),
        ("event: order_placed, then_not: order_paid, then: order_paid, within: 1m", "when.then_not", "two detectors"),
        ("event: order_placed, then_not: order_payed, within: 1m", "when.then_not", "no event `order_payed`"),
        ("event: call_dropped, then_not: order_paid, within: 1m, key: event.order_id", "when.key", "no property `order_id`"),
        ("event: order_placed, then: order_paid, within: 1m, key: order_id", "when.key", "no property of an event"),
        ("event: order_placed, silent: 1d, keep: [colour]", "when.keep", "no property `colour`"),
        ("silent: 1d, within: 1m", "when.within", "`within` does not go with `silent`"),
        ("silent: 1d, key: event.order_id", "when", "only a named event"),
        ("silent: 20000d", "when.silent", "too long"),
        ("tag: calls_dropped_7d", "when", "`crosses` is missing"),
        ("tag: calls_dropped_7d, crosses: '>= data_mb_30d'", "when.crosses", "asks about its tag only"),
        ("enters: calls_dropped_7 > 3", "when.enters", "no tag `calls_dropped_7`"),
        ("date: has_unlimited", "when.date", "of type date"),
        ("event: cell_seen, enters: {centre: ['1', '2'], radius: 5}", "when.position", "no place `latitude`"),
        ("event: cell_seen, enters: {centre: ['91', '2'], radius: 5}, position: [lat, lon]", "when.enters", "not on the earth"),
        ("event: cell_seen, enters: {centre: ['1', '2']}, position: [lat, lon]", "when.enters", "a circle or a polygon"),
        ("event: cell_seen, leaves: {polygon: [['1', '2'], ['3', '4']]}, position: [lat, lon]", "when.leaves", "2 corners"),
        ("event: d, then: d, within: 1d", "", "depends on itself"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_place(text: str, path: str, message: str) -> None:
    found = refused(BASE, when(text))
    assert any(where.startswith(path) and message in what for where, what, _ in found), found


def test_detectors_stand_four_high_and_no_higher() -> None:
    tower = [
        f"---\ndetector: d{i}\nwhen: {{event: {f'd{i - 1}' if i else 'call_dropped'}, silent: 1d}}\n" for i in range(5)
    ]
    assert load_files([("a.yaml", (BASE + "".join(tower[:4])).encode())]).problems == ()
    compile_playbook(None, load_files([("a.yaml", (BASE + "".join(tower[:4])).encode())]))
    assert any("5 detectors stand one upon the other" in what for _, what, _ in refused(BASE, *tower))


def test_one_event_leads_to_32_derived_events_and_no_more() -> None:
    many = [
        f"---\ndetector: d{i}\nwhen: {{event: call_dropped, then: call_dropped, within: {i + 1}d}}\n" for i in range(33)
    ]
    compile_playbook(None, load_files([("a.yaml", (BASE + "".join(many[:32])).encode())]))
    assert any("more than 32 derived events" in what for _, what, _ in refused(BASE, *many))


def test_a_name_is_an_event_or_a_detector() -> None:
    both = "---\ndetector: call_dropped\nwhen: {silent: 1d}\n"
    assert any("there is an event `call_dropped` already" in what for _, what, _ in refused(BASE, both))
