"""Definitions and drafts over HTTP: the same documents and problems as in a folder, scopes, and the whole way to a launch."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from opportune.operations import definitions_of, replay
from opportune.operations.drafting import open_drafting
from opportune.store import Keys, difference, load_files, load_folder
from tests.entrypoints.http.server import Answer, Server, served_folder, used
from tests.operations.little_mobile import CUSTOMERS_MAX, MINIMAL

RULES = b"approval: default\nsteps: [{step: lead, when: {contacts_over: 0, categories: [upsell]}}]"


class People:
    """Keys by name."""

    def __init__(self, server: Server) -> None:
        self.server = server
        keys = Keys(server.served.folder)
        scopes = {"ann": ["read", "define", "approve"], "bob": ["read", "approve"], "eve": ["read"]}
        self.keys = {name: keys.create(wanted, name, 0)[1] for name, wanted in scopes.items()}
        keys.close()

    def ask(self, who: str, method: str, path: str, body: bytes | None = None) -> Answer:
        headers = {"Authorization": f"Bearer {self.keys[who]}", "Content-Type": "application/json"}
        return self.server.ask(method, path, body, headers)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    made = People(Server(served_folder(tmp_path_factory.mktemp("drafted"))))
    with made.server:
        yield made


@pytest.fixture
def server(people: People) -> Server:
    return people.server


def in_force(people: People) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = people.ask("eve", "GET", "/v1/definitions").json
    return found


def test_the_folder_and_http_are_the_same(people: People) -> None:
    told = json.dumps(in_force(people)).encode()
    assert difference(load_files([("body", told)]), load_folder(MINIMAL)) == []
    yaml = people.ask("eve", "GET", "/v1/definitions?format=yaml")
    assert yaml.headers["content-type"].startswith("application/yaml")
    assert difference(load_files([("body", yaml.body)]), load_folder(MINIMAL)) == []
    for body in (told, yaml.body):
        answer = people.ask("ann", "PUT", "/v1/definitions", body)
        assert (answer.status, answer.json["changes"], answer.json["publication"]["seq"]) == (200, [], None)


def test_problems_are_those_of_a_file(people: People) -> None:
    body = (MINIMAL / "campaigns.yaml").read_bytes().replace(b"arpu >= 50", b"apru >= 50")
    answer = people.ask("ann", "POST", "/v1/definitions", body)
    assert (answer.status, answer.json["code"]) == (422, "definitions_refused")
    (problem,) = answer.json["problems"]
    assert (problem["name"], problem["line"], problem["code"]) == ("data-pack-upsell", 5, "not_compilable")
    assert "did you mean `arpu`" in problem["hint"]
    broken = people.ask("ann", "POST", "/v1/definitions", b'[{"offer": "a", "valeu": 1}, {"campaign": "A B"}]')
    assert {one["code"] for one in broken.json["problems"]} == {"unknown_key", "bad_name"}
    assert difference(load_folder(MINIMAL), load_files([("b", json.dumps(in_force(people)).encode())])) == []


def test_scopes(people: People) -> None:
    for who, method, path in (
        ("eve", "PUT", "/v1/definitions"), ("bob", "POST", "/v1/definitions"), ("bob", "POST", "/v1/drafts/1/submit"),
        ("bob", "POST", "/v1/drafts/1/launch"), ("eve", "POST", "/v1/playbooks/1/rollback"),
    ):  # fmt: skip
        answer = people.ask(who, method, path, b"[]")
        assert (answer.status, answer.json["code"]) == (403, "scope_missing"), path
    answer = people.ask("eve", "POST", "/v1/drafts/1/approve", b'{"binding": "x"}')
    assert (answer.status, answer.json["code"]) == (403, "scope_missing")
    assert people.server.ask("GET", "/v1/drafts").status == 401
    assert people.ask("eve", "GET", "/v1/drafts/77").json["code"] == "no_draft"


def test_from_a_change_to_its_launch_and_back(server: Server, people: People) -> None:
    assert server.post("/v1/track", used("c-1")).status == 200
    assert people.ask("ann", "POST", "/v1/definitions", RULES).json["publication"]["playbook"] == 2
    change = (MINIMAL / "campaigns.yaml").read_bytes().replace(b"arpu >= 50", b"arpu >= 40")
    tried = people.ask("ann", "POST", "/v1/definitions?dry_run=true", change).json
    assert [(one["name"], one["moved_in"], one["moved_out"]) for one in tried["audiences"]] == [
        ("data-pack-upsell", 0, 0)
    ]
    assert [(one["path"], one["after"]) for one in tried["changes"][0]["fields"]] == [
        ("audience", "arpu >= 40 AND NOT has_unlimited")
    ]
    assert (tried["draft"], tried["publication"]) == (None, None)
    made = people.ask("ann", "POST", "/v1/definitions?title=wider&note=more", change).json["draft"]
    path = f"/v1/drafts/{made['number']}"
    assert (made["title"], made["author"], made["state"], made["steps_needed"][0]["step"]) == (
        "wider",
        "ann",
        "draft",
        "lead",
    )
    with open_drafting(server.served.folder) as drafting:  # beside the running service
        drafting.simulate(made["number"], 0, 2**62, "ann", customers_max=CUSTOMERS_MAX)
    seen = people.ask("ann", "POST", f"{path}/submit").json
    assert (seen["state"], seen["contacts"]) == ("submitted", 0)
    body = json.dumps({"binding": seen["binding"]}).encode()
    early = people.ask("ann", "POST", f"{path}/launch")
    assert (early.status, early.json["code"], early.json["problems"][0]["code"]) == (
        409,
        "approval_missing",
        "approval_missing",
    )
    assert people.ask("ann", "POST", f"{path}/approve", body).json["code"] == "own_draft"
    assert people.ask("bob", "POST", f"{path}/approve", b'{"binding": "other"}').json["code"] == "changed"
    assert people.ask("bob", "POST", f"{path}/approve", body).json["state"] == "approved"
    assert people.ask("ann", "POST", f"{path}/launch").json["playbook"] == 3
    assert {one["campaign"]: one for one in in_force(people) if "campaign" in one}["data-pack-upsell"][
        "audience"
    ].startswith("arpu >= 40")
    assert people.ask("eve", "GET", path).json["state"] == "launched"
    assert [one["number"] for one in people.ask("eve", "GET", "/v1/playbooks").json] == [3, 2, 1]
    back = people.ask("ann", "POST", "/v1/playbooks/2/rollback").json["draft"]
    assert (back["title"], back["campaigns"], back["state"]) == ("back to playbook 2", ["data-pack-upsell"], "draft")
    assert people.ask("ann", "POST", "/v1/playbooks/9/rollback").status == 404
    told = people.ask("eve", "GET", f"/v1/calendar?draft={back['number']}").json
    assert {one["campaign"] for one in told["campaigns"]} == {"data-pack-upsell", "thanks-for-the-pack"}
    assert (told["conflicts"], told["complete"]) == ([], True)
    assert people.ask("eve", "GET", "/v1/calendar?since=soon").status == 422
    assert people.ask("ann", "POST", f"/v1/drafts/{back['number']}/withdraw").json["state"] == "withdrawn"


def test_a_campaign_is_paused_at_once(people: People) -> None:
    path = "/v1/campaigns/thanks-for-the-pack/pause"
    assert people.ask("bob", "POST", path).status == 403
    tried = people.ask("ann", "POST", f"{path}?dry_run=true").json
    assert (tried["in_flight"]["waiting"], tried["publication"]) == (0, None)
    assert people.ask("ann", "POST", f"{path}?note=stop").json["publication"]["playbook"] == 4
    assert people.ask("ann", "POST", path).json["code"] == "wrong_state"
    assert people.ask("ann", "POST", "/v1/campaigns/nobody/pause").status == 404
    assert people.ask("ann", "POST", "/v1/campaigns/thanks-for-the-pack/resume").json["draft"]["state"] == "draft"
    assert people.ask("eve", "GET", "/v1/drafts").json[1]["trail"][0]["note"] == "stop"


def test_what_was_launched_is_replayed(server: Server) -> None:
    code, said = server.stop()
    assert (code, "Traceback" in said) == (0, False), said
    assert replay(server.served.folder).equal
    assert (
        definitions_of(server.served.folder).campaigns["data-pack-upsell"].audience
        == "arpu >= 40 AND NOT has_unlimited"
    )
