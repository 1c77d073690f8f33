"""Touchpoints, channels and customers' pages against a real server, a real mail server and a real file channel."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from opportune.facts import NULL, FactBatch, FactKind, MoveKind, TextDictionary
from opportune.operations import create_deployment, journal_of, open_deployment, publish, read_definitions
from opportune.store import Keys
from tests.delivery.mail_server import PASSWORD, USER, Mailbox, mail_server
from tests.entrypoints.http.server import Answer, Served, Server

DEFINITIONS = """
deployment: touch
languages: [zh, en]
public_url: https://shop.example.org
---
event: data_usage_reported
properties: {used_pct: {type: int}}
---
event: app_opened
properties: {page: {type: text}}
---
event: link_clicked
properties: {campaign: {type: text}, link: {type: text}, seconds: {type: int}}
---
tag: arpu
type: int
---
tag: email
type: text
sensitivity: personal
---
touchpoint: app_home
direction: in
slots: 3
event: app_opened
---
touchpoint: mail
direction: out
delivery: {by: smtp, address: email}
---
touchpoint: app_inbox
direction: out
delivery: {by: inbox}
---
touchpoint: call_centre
direction: out
delivery: {by: work_items}
---
policy: default
consent: assumed
caps: [{per: customer, max: 3, in: 7d, inbound: true}]
---
offer: pack
title: {en: Pack, zh: 流量包}
content:
  app_home: {zh: "已用{{event.used_pct}}%", en: "Used {{event.used_pct}}%"}
  mail:
    subject: {zh: "流量已用{{event.used_pct}}%", en: "Used"}
    text: {zh: "详情：{{ link('https://example.org/pack') }} 退订：{{unsubscribe}}", en: "More"}
    html: {zh: "<p>{{event.used_pct}}%</p>", en: "<p>More</p>"}
  app_inbox: {zh: "收件箱", en: "Inbox"}
  call_centre: {script: {zh: "您好", en: "Hello"}}
"""

CAMPAIGN = """
---
campaign: {name}
audience: arpu >= {arpu}
trigger: {{event: data_usage_reported, where: event.used_pct = {percent}}}
touchpoints: {touchpoints}
offers: [{{offer: pack}}]
"""

CAMPAIGNS = (
    *((f"waits-{n}", 10, 90, "[{at: app_home, wait: 1h}]") for n in range(8)),
    ("mails", 100, 80, "[{at: mail, push: now}]"),
    ("inboxes", 100, 70, "[{at: app_inbox, push: now}]"),
    ("calls", 100, 60, "[{at: call_centre, push: now}]"),
)


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    """A real mail server in a loop of its own."""
    started, stop, found = threading.Event(), threading.Event(), []

    folder = tmp_path_factory.mktemp("mail")

    async def main() -> None:
        async with mail_server(folder) as mailbox:
            found.append(mailbox)
            started.set()
            while not stop.is_set():
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert started.wait(30)
    yield found[0]
    stop.set()
    thread.join()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox) -> Iterator["World"]:
    """A server with campaigns that wait, mail, lie in an inbox and are called."""
    root = tmp_path_factory.mktemp("touch")
    text = DEFINITIONS + "".join(
        CAMPAIGN.format(name=name, arpu=arpu, percent=percent, touchpoints=touchpoints)
        for name, arpu, percent, touchpoints in CAMPAIGNS
    )
    (root / "definitions").mkdir()
    (root / "definitions" / "all.yaml").write_text(text)
    create_deployment(root / "data", seed="tests")
    accounts = root / "data" / "accounts.json"
    account = {"host": "localhost", "port": mailbox.port, "sender": "Shop <shop@example.org>"}
    account |= {"user": USER, "password": PASSWORD, "ca_file": mailbox.ca_file}
    accounts.write_text(json.dumps({"smtp": {"default": account}}))
    accounts.chmod(0o600)
    with open_deployment(root / "data", customers_max=50_000) as deployment:
        publish(deployment, read_definitions(root / "definitions"), "tests")
    keys = Keys(root / "data")
    _, writer = keys.create(["intake:web"], "tests", 0)
    _, operator = keys.create(["read", "operate", "reveal", "forget", "touch:*", "ofrep", "metrics"], "tests", 0)
    _, narrow = keys.create(["touch:shop"], "tests", 0)
    keys.close()
    with Server(Served(root / "data", writer, operator)) as server:
        yield World(server, narrow)


class World:
    """What the tests ask of the server."""

    def __init__(self, server: Server, narrow: str) -> None:
        self.server, self.narrow = server, narrow

    def send(self, *messages: dict[str, Any]) -> None:
        """Events, durably."""
        body = json.dumps({"batch": messages, "writeKey": self.server.served.write_key}).encode()
        assert self.server.ask("POST", "/v1/batch", body).status == 200

    def usage(self, user: str, percent: int, arpu: int) -> None:
        """A customer, and what she used."""
        traits = {"arpu": arpu, "email": f"{user}@example.org"}
        self.send(
            {"type": "identify", "userId": user, "traits": traits},
            {"type": "track", "event": "data_usage_reported", "userId": user, "properties": {"used_pct": percent}},
        )

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> Answer:
        """An operator's request."""
        headers = {"Authorization": f"Bearer {key or self.server.served.operator}"}
        return self.server.ask(method, path, None if body is None else json.dumps(body).encode(), headers)

    def clicks(self) -> list[tuple[Any, ...]]:
        """The clicks that are facts: campaign, address, and a property that nobody fills."""
        texts, found = TextDictionary(), []
        for group in journal_of(self.server.served.folder).read(0):
            batch = FactBatch.from_arrays(group.arrays)
            for text in batch.texts:
                texts.intern(text)
            only = (batch.kind == FactKind.EVENT) & (np.diff(batch.first) == 3)  # no other event has three properties
            for i in np.flatnonzero(only):
                campaign, link, seconds = batch.values[batch.first[i] : batch.first[i + 1]].tolist()
                found.append((texts.text(campaign), texts.text(link), seconds))
        return found

    def touch(self, user: str, slots: int = 1) -> list[dict[str, Any]]:
        """What the app shows."""
        body = {"customer": {"userId": user}, "context": {"page": "home"}, "slots": slots}
        answer = self.ask("POST", "/v1/touchpoints/app_home/touch", body)
        assert answer.status == 200, answer.body
        return list(answer.json["offers"])


@contextmanager
def patience(seconds: float = 20.0) -> Iterator[Any]:
    """Ask until it is so."""

    def until(true: Any) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < deadline, "it never came to be so"
            time.sleep(0.05)
        return found

    yield until


def test_a_touch_and_its_answers(world: World) -> None:
    world.usage("t1", 90, 60)
    [offer] = world.touch("t1")
    assert offer["content"] == {"text": "已用90%"}
    place = f"/v1/touchpoints/app_home/decisions/{offer['decision']}"
    assert world.ask("POST", f"{place}/presented").json == {"result": "moved"}
    assert world.ask("POST", f"{place}/refused", {"reason": "too_dear"}).json["result"] in ("moved", "settled")
    assert world.ask("POST", f"{place}/sold").status == 404
    assert world.ask("POST", f"/v1/touchpoints/app_home/decisions/{offer['decision'][:-1]}/presented").status == 404


def test_no_endpoint_without_a_scoped_key(world: World) -> None:
    body = {"customer": {"userId": "t1"}}
    assert world.server.ask("POST", "/v1/touchpoints/app_home/touch", json.dumps(body).encode()).status == 401
    assert world.ask("POST", "/v1/touchpoints/app_home/touch", body, world.narrow).status == 403
    for method, path in (("POST", "/v1/sending/stop"), ("GET", "/v1/outbox"), ("GET", "/v1/touchpoints")):
        assert world.server.ask(method, path, b"{}").status == 401
        assert world.ask(method, path, {"reason": "x"}, world.narrow).status == 403
    assert world.ask("POST", "/v1/touchpoints/nowhere/touch", body).status == 404
    assert world.ask("POST", "/v1/touchpoints/app_home/touch", {"customer": 7}).status == 422


def test_sixty_four_askers_never_get_one_more_than_the_cap(world: World) -> None:
    world.usage("cap", 90, 60)  # one campaign of eight wins each time; the cap is three contacts in seven days
    world.send(
        *(
            {"type": "track", "event": "data_usage_reported", "userId": "cap", "properties": {"used_pct": 90}}
            for _ in range(7)
        )
    )

    def asker(_: int) -> int:
        shown = 0
        for offer in world.touch("cap", 3):
            answer = world.ask("POST", f"/v1/touchpoints/app_home/decisions/{offer['decision']}/presented")
            shown += answer.json["result"] == "moved"
        return shown

    with ThreadPoolExecutor(64) as askers:
        shown = sum(askers.map(asker, range(64)))
    assert shown == 3


def test_a_mail_leaves_with_one_click_out_and_the_click_is_a_consent(world: World, mailbox: Mailbox) -> None:
    world.usage("m1", 80, 100)
    with patience() as until:
        [mail] = until(lambda: [mail for mail in mailbox.mails() if "m1@example.org" in str(mail["To"])])
    link = str(mail["List-Unsubscribe"]).split(">")[0].removeprefix("<")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = "/" + link.split("/", 3)[3]
    page = world.server.ask("GET", path, headers={"Accept-Language": "zh-CN"})
    assert page.status == 200
    assert "不再接收" in page.body.decode()
    body = mail.get_body(("plain",))
    assert body is not None
    tracked = re.search(r"https://shop\.example\.org(/l/\S+)", body.get_content())
    assert tracked is not None
    followed = world.server.ask("GET", tracked[1], headers={"User-Agent": "a mail scanner"})
    assert (followed.status, followed.headers["location"]) == (302, "https://example.org/pack")
    assert world.clicks() == []
    time.sleep(1.1)  # nobody has read a mail sooner
    for _ in range(2):
        assert world.server.ask("GET", tracked[1], headers={"User-Agent": "Mozilla/5.0"}).status == 302
    assert world.clicks() == [("mails", "https://example.org/pack", NULL)]
    world.usage("m1", 80, 100)  # a GET has changed nothing; the campaign may not come back yet all the same
    said = world.server.ask(
        "POST", path, b"List-Unsubscribe=One-Click", {"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert said.status == 200
    assert world.server.ask("GET", path[:-2] + "xx").status == 404


def test_an_inbox_is_fetched_and_answered_by_its_customer_alone(world: World) -> None:
    world.usage("i1", 70, 100)
    with patience() as until:
        [item] = until(lambda: world.ask("GET", "/v1/touchpoints/app_inbox/inbox?userId=i1").json["messages"])
    assert item["text"] == "收件箱"
    place = f"/v1/touchpoints/app_inbox/inbox/{item['key']}"
    assert world.ask("POST", f"{place}/presented?userId=t1").status == 409
    assert world.ask("POST", f"{place}/presented?userId=i1").status == 204
    assert world.ask("POST", f"{place}/accepted?userId=i1").status == 204
    assert world.ask("GET", "/v1/touchpoints/app_inbox/inbox?userId=nobody").status == 404


def test_a_work_item_is_one_agents(world: World) -> None:
    world.usage("w1", 60, 100)
    place = "/v1/touchpoints/call_centre/work-items"
    with patience() as until:
        item = until(lambda: world.ask("POST", f"{place}/claim", {"agent": "ann"}).json)
    assert item["body"]["script"] == "您好"
    assert world.ask("POST", f"{place}/claim", {"agent": "bob"}).json is None
    done = {"agent": "bob", "outcome": "considering"}
    assert world.ask("POST", f"{place}/{item['key']}/finish", done).status == 409
    assert world.ask("POST", f"{place}/{item['key']}/finish", done | {"agent": "ann"}).status == 204


def test_open_feature_reads_take_a_lease(world: World) -> None:
    world.usage("o1", 90, 60)
    context = {"context": {"targetingKey": "o1", "page": "home", "language": "en"}}
    flag = world.ask("POST", "/ofrep/v1/evaluate/flags/app_home", context)
    assert (flag.json["reason"], flag.json["variant"], flag.json["value"]["text"]) == (
        "TARGETING_MATCH",
        "pack",
        "Used 90%",
    )
    every = world.ask("POST", "/ofrep/v1/evaluate/flags", context)
    assert [one["key"] for one in every.json["flags"]] == ["app_home"]
    headers = {"Authorization": f"Bearer {world.server.served.operator}", "If-None-Match": every.headers["etag"]}
    assert world.server.ask("POST", "/ofrep/v1/evaluate/flags", json.dumps(context).encode(), headers).status == 304
    assert world.ask("POST", "/ofrep/v1/evaluate/flags/none", context).json["errorCode"] == "FLAG_NOT_FOUND"
    missing = world.ask("POST", "/ofrep/v1/evaluate/flags/app_home", {"context": {}})
    assert (missing.status, missing.json["errorCode"]) == (400, "TARGETING_KEY_MISSING")


def test_a_stop_is_a_fact_and_the_outbox_tells(world: World, mailbox: Mailbox) -> None:
    assert world.ask("POST", "/v1/sending/stop", {"reason": "wrong price"}).status == 204
    before = len(mailbox.mails())
    world.usage("s1", 80, 100)
    time.sleep(1.0)
    assert len(mailbox.mails()) == before
    told = world.ask("GET", "/v1/outbox").json
    assert told["halts"]
    assert told["trouble"] == {}
    assert world.ask("POST", "/v1/sending/go-on").status == 204
    world.usage("s2", 80, 100)
    with patience() as until:
        until(lambda: len(mailbox.mails()) == before + 1)
    assert world.ask("GET", "/v1/outbox/sent").status == 200


def a_story(world: World, mailbox: Mailbox, name: str) -> None:
    """One touch that is presented, one mail that arrives: what the tests after it look back at, whichever ran before."""
    world.usage(f"{name}1", 90, 60)
    [offer] = world.touch(f"{name}1")
    world.ask("POST", f"/v1/touchpoints/app_home/decisions/{offer['decision']}/presented")
    world.usage(f"{name}2", 80, 100)
    with patience() as until:
        until(lambda: any(f"{name}2@example.org" in str(mail["To"]) for mail in mailbox.mails()))
        until(lambda: world.ask("GET", "/v1/outbox/sent").json["messages"])


def test_metrics_tell_of_moves_and_of_the_outbox(world: World, mailbox: Mailbox) -> None:
    a_story(world, mailbox, "metrics")
    told = world.ask("GET", "/metrics").body.decode()
    assert 'opportune_moves_total{kind="presented"}' in told
    assert 'opportune_outbox_messages{state="sent",touchpoint="mail"}' in told
    assert "opportune_sending_stopped 0.0" in told


def test_the_journal_told_the_same_story(world: World, mailbox: Mailbox) -> None:
    a_story(world, mailbox, "journal")
    code, said = world.server.stop()
    assert (code, said) == (0, "")
    with open_deployment(world.server.served.folder, customers_max=50_000) as deployment:
        assert all(account.balanced for account in deployment.accounting.sources.values())
        kinds = [int(kind) for _, outputs in deployment.history(10**9) for kind in outputs.moves["kind"]]
    assert {MoveKind.OPENED, MoveKind.LEASED, MoveKind.PUSHED, MoveKind.PRESENTED} <= set(kinds)
