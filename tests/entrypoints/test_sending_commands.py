"""The commands about sending, on a folder that no service runs on."""

from pathlib import Path

import numpy as np
import pytest

from opportune.facts import FactKind, Outcome
from opportune.operations import journal_of, open_deployment, open_people, read_group
from opportune.store import Coupons, NewMessage, Outbox, OutboxState, Settled, WorkItems
from tests.entrypoints.test_commands import Said
from tests.operations.little_mobile import CUSTOMERS_MAX, deployed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OPPORTUNE_FOLDER", "OPPORTUNE_LANG", "OPPORTUNE_URL", "OPPORTUNE_KEY"):
        monkeypatch.delenv(name, raising=False)
    return deployed(tmp_path / "data")


def sendings(folder: Path) -> list[int]:
    """What the SENDING facts of a journal say, in order: 1 stopped, 0 on."""
    found = []
    for group in journal_of(folder).read(0):
        batch, _ = read_group(group)
        for at in np.flatnonzero(batch.kind == FactKind.SENDING).tolist():
            found.append(int(batch.values[batch.first[at]]))
    return found


def test_a_stop_is_a_fact_and_halts_the_outbox(folder: Path) -> None:
    said = Said("stop-sending", "--reason", "wrong price", "-f", folder)
    assert (said.code, said.err) == (0, "")
    assert "nothing leaves until: opportune go-on" in said.out
    assert Said("outbox", "-f", folder, "--json").json["halts"] == {"": "wrong price"}
    assert "wrong price" in Said("outbox", "-f", folder).out
    assert sendings(folder) == [1]
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        assert int(deployment.engine.memory.clock.stopped) == 1
    assert Said("go-on", "-f", folder, "--json").json == {"sending": "on"}
    assert sendings(folder) == [1, 0]
    assert Said("outbox", "-f", folder, "--json").json == {"depths": [], "halts": {}}


def test_a_stop_where_a_service_runs_says_how_to_ask_it(folder: Path) -> None:
    with open_deployment(folder, customers_max=CUSTOMERS_MAX):
        said = Said("stop-sending", "--reason", "x", "-f", folder)
    assert (said.code, said.out) == (1, "")
    assert "add --url http://HOST:PORT" in said.err
    assert said.err.count("\n") == 1
    assert sendings(folder) == []
    assert Said("stop-sending", "-f", folder).code == 2
    assert Said("stop-sending", "--reason", "", "-f", folder).code == 2


@pytest.mark.parametrize(
    ("url", "key", "said"),
    [
        ("http://127.0.0.1:9", "", "OPPORTUNE_KEY is not set; make a key with"),
        ("nowhere", "k", "is no URL of a service"),
        ("http://127.0.0.1:x", "k", "http://127.0.0.1:x"),
        ("http://127.0.0.1:9", "k", "does not answer"),
    ],
)
def test_a_service_that_cannot_be_asked_is_told(monkeypatch: pytest.MonkeyPatch, url: str, key: str, said: str) -> None:
    monkeypatch.setenv("OPPORTUNE_KEY", key)
    for command in (["outbox"], ["go-on"], ["stop-sending", "--reason", "x"]):
        found = Said(*command, "--url", url)
        assert (found.code, found.out) == (1, "")
        assert said in found.err
        assert found.err.count("\n") == 1


def test_the_outbox_is_counted_listed_and_driven_again(folder: Path) -> None:
    outbox = Outbox(folder)
    outbox.put([NewMessage(str(key), "sms", key, "data-pack-upsell") for key in range(3)], 1_000)
    for row, state in zip(outbox.claim("sms", 2, 2_000), (OutboxState.DEAD, OutboxState.UNKNOWN), strict=True):
        outbox.settle([Settled(row.key, state, "no_route")], 3_000)
    outbox.close()
    counts = Said("outbox", "-f", folder, "--json").json["depths"]
    assert {one["state"]: one["count"] for one in counts} == {"dead": 1, "unknown": 1, "queued": 1}
    assert "发件箱" in Said("outbox", "-f", folder, "--lang", "zh").out
    [dead] = Said("outbox", "list", "dead", "-f", folder, "--json").json
    assert dead["reason"] == "no_route"
    assert "no_route" in Said("outbox", "list", "dead", "-f", folder).out
    [unknown] = Said("outbox", "list", "unknown", "--touchpoint", "sms", "-f", folder, "--json").json
    done = Said("outbox", "redrive", dead["key"], unknown["key"], "-f", folder, "--json").json
    assert done == {"queued": [dead["key"]], "not_queued": [unknown["key"]]}
    again = Said("outbox", "redrive", unknown["key"], "77", "--even-unknown", "-f", folder)
    assert "1 queued to be sent again" in again.out
    assert "neither dead nor failed: 77" in again.out
    assert len(Said("outbox", "list", "queued", "-f", folder, "--json").json) == 3
    assert Said("outbox", "list", "lost", "-f", folder).code == 2


def test_coupon_codes_come_from_a_file(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("A1,x\nA2,y\nA1,z\n\n")
    assert Said("coupons", "import", "spring", path, "-f", folder, "--json").json == {
        "pool": "spring", "added": 2, "codes": 2, "left": 2,
    }  # fmt: skip
    store = Coupons(folder)
    assert store.take("spring", "7", 0) == "A1"
    store.close()
    assert "spring: 0 codes added, 1 left" in Said("coupons", "import", "spring", path, "-f", folder).out
    assert Said("coupons", "list", "-f", folder, "--json").json == [{"pool": "spring", "codes": 2, "left": 1}]
    assert "优惠码池" in Said("coupons", "list", "-f", folder, "--lang", "zh").out
    missing = Said("coupons", "import", "spring", tmp_path / "none", "-f", folder)
    assert missing.code == 1
    assert "none: No such file" in missing.err
    path.write_text("x" * 101)
    assert "1 to 100 characters" in Said("coupons", "import", "spring", path, "-f", folder).err
    nowhere = Said("coupons", "list", "-f", tmp_path / "nowhere")
    assert (nowhere.code, nowhere.out) == (1, "")
    assert "is no data folder" in nowhere.err


def test_work_items_are_listed(folder: Path) -> None:
    with open_people(folder) as people:
        assert people is not None
        items = WorkItems(folder, people)
        items.place("11", "call_centre", 3, {"script": "hello"}, 1_000, 9_000)
        items.place("12", "call_centre", 4, {}, 1_000)
        items.claim("call_centre", "mei", 2_000, 60_000)
        items.finish("11", "mei", Outcome.ACCEPTED, 3_000, "glad")
        items.close()
    found = Said("work", "list", "call_centre", "-f", folder, "--json").json
    assert [(one["key"], one["state"], one["assignee"]) for one in found] == [("11", "done", "mei"), ("12", "open", "")]
    assert len(Said("work", "list", "call_centre", "--state", "open", "-f", folder, "--json").json) == 1
    table = Said("work", "list", "call_centre", "-f", folder).out
    assert "accepted" in table
    assert "glad" in table
    assert "坐席" in Said("work", "list", "call_centre", "-f", folder, "--lang", "zh").out
    assert "none" in Said("work", "list", "shop", "-f", folder).out
    assert Said("work", "list", "shop", "--state", "x", "-f", folder).code == 2
