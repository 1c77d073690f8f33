"""A running service asked by the command line: stop, go on, outbox, test sends, a campaign sent once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opportune.operations import create_deployment, open_deployment, publish, read_definitions
from opportune.store import Keys
from tests.entrypoints.http.server import Served, Server
from tests.entrypoints.test_commands import Said
from tests.operations.little_mobile import CUSTOMERS_MAX
from tests.operations.test_one_off import DEFINITIONS, MANY, people


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("shop")
    (root / "definitions").mkdir()
    (root / "definitions" / "all.yaml").write_text(DEFINITIONS)
    folder = root / "data"
    create_deployment(folder, seed="once")
    for name, text in (
        ("accounts", '{"file": {"default": {"folder": "sent"}}}'),
        ("seeds", '{"team": [{"address": "me"}]}'),
    ):
        path = folder / f"{name}.json"
        path.write_text(text)
        path.chmod(0o600)
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        publish(deployment, read_definitions(root / "definitions"), "tests")
    keys = Keys(folder)
    _, write_key = keys.create(["intake:crm"], "tests", 0)
    _, operator = keys.create(["read", "operate", "reveal", "forget"], "tests", 0)
    keys.close()
    with Server(Served(folder, write_key, operator)) as server:
        batch = [json.loads(line) for line in people().splitlines() if b"do_not_disturb" not in line]
        assert server.post("/v1/batch", {"batch": batch}).status == 200
        yield server


@pytest.fixture
def ask(shop: Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OPPORTUNE_KEY", shop.served.operator)
    monkeypatch.setenv("OPPORTUNE_URL", shop.url)
    return Said


def sent(folder: Path) -> dict[str, str]:
    lines = [line for path in sorted((folder / "sent").glob("*")) for line in path.read_text().splitlines()]
    return {str(one["address"]): str(one["text"]) for one in map(json.loads, lines)}


def test_a_test_send_arrives_marked(shop: Server, ask: type[Said]) -> None:
    [told] = ask("test-send", "voucher", "sms", "--seeds", "team", "--json").json["messages"]
    assert (told["address"], told["state"]) == ("me", "sent")
    assert sent(shop.served.folder)["me"] == "[TEST] Hello"
    assert "you" in ask("test-send", "voucher", "sms", "--to", "you").out
    wrong = ask("test-send", "vuocher", "sms", "--to", "you")
    assert (wrong.code, wrong.out) == (1, "")
    assert "no offer `vuocher`; did you mean `voucher`?" in wrong.err
    assert ask("test-send", "voucher", "sms").code == 2


def test_a_stop_and_a_go_on_of_a_running_service(shop: Server, ask: type[Said]) -> None:
    assert ask("stop-sending", "--reason", "wrong price").code == 0
    assert ask("outbox", "--json").json["halts"] == {"": "wrong price"}
    shown = ask("outbox", "--lang", "zh").out
    assert "wrong price" in shown
    assert "发送通道" in shown
    assert ask("go-on").code == 0
    assert ask("outbox", "--json").json["halts"] == {}


def test_a_campaign_is_sent_once_to_a_list_and_to_a_segment(shop: Server, ask: type[Said], tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("u02,Mei\nuser:u04\n\nnobody\n")
    said = ask("send", "spring", "--list", path, "--name", "one", "--json")
    assert said.code == 0, said.err
    told = said.json
    assert (told["addressed"], told["sent_on"], told["unknown"], told["duplicates"]) == (2, 2, 1, 0)
    again = ask("send", "spring", "--list", path, "--name", "one")
    assert again.code == 0
    assert "spring (one)" in again.out
    assert ask("send", "spring", "--list", path, "--name", "one", "--json").json["duplicates"] == 2
    everybody = ask("send", "spring", "--where", "arpu >= 0", "--name", "two", "--json").json
    assert everybody["addressed"] == MANY
    assert everybody["sent_on"] + everybody["not_in_audience"] + sum(everybody["withheld"].values()) == MANY
    held = sum(many for code, many in everybody["withheld"].items() if code in ("CAP_CUSTOMER", "DECISION_OPEN"))
    assert held == 2  # u02 and u04: a cap, or still on its way
    wrong = ask("send", "buyers", "--where", "arpu >= 0")
    assert (wrong.code, wrong.out) == (1, "")
    assert "is paused" in wrong.err
    unfit = ask("send", "everyone", "--where", "arpu >= 0")
    assert "where: event.campaign = 'everyone'" in unfit.err
    assert ask("send", "spring").code == 2
    assert ask("outbox", "list", "sent", "--json").json


def test_a_key_without_the_scope_may_not_send(shop: Server) -> None:
    for path in ("/v1/test-sends", "/v1/campaigns/spring/send"):
        body = b'{"offer":"voucher","touchpoint":"sms"}'
        assert shop.ask("POST", path, body, {"Authorization": f"Bearer {shop.served.write_key}"}).status == 403
        assert shop.ask("POST", path, body).status == 401
