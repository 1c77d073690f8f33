"""Touchpoints that answer, fail, die and ask twice, a channel that sends, and a service that is killed in the middle of it all.

Whatever happens: nobody is shown or sent a decision twice, nobody gets more than the cap, what a touchpoint was told is in the
journal, nothing stays open for ever, and a replay comes out the same byte for byte.
"""

import json
import random
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from opportune.facts import MoveKind, Reason
from opportune.operations import (
    create_deployment,
    journal_of,
    open_deployment,
    publish,
    read_definitions,
    read_group,
    replay,
)
from opportune.store import Keys
from tests.entrypoints.http.server import Answer, Served, Server

CAP = 2
CUSTOMERS = 24
ROUNDS = 3
LEASE_SECONDS = 3.2
DEEP_SEEDS = 20
DEFINITIONS = f"""
deployment: chaos
---
event: data_usage_reported
properties: {{used_pct: {{type: int}}}}
---
tag: phone
type: text
sensitivity: personal
---
touchpoint: app_home
direction: in
slots: 2
lease: 1s
---
touchpoint: shop_counter
direction: in
lease: 1s
---
touchpoint: sms
direction: out
lease: 3s
delivery: {{by: file, address: phone}}
---
policy: default
consent: assumed
caps: [{{per: customer, max: {CAP}, in: 7d, inbound: true}}]
---
offer: pack
content: {{app_home: "{{{{title}}}}", shop_counter: "{{{{title}}}}", sms: "{{{{title}}}}"}}
"""
CAMPAIGN = """
---
campaign: {name}
trigger: {{event: data_usage_reported, where: event.used_pct = {percent}}}
touchpoints: {touchpoints}
offers: [{{offer: pack}}]
"""
STEPS = (
    "[{at: [app_home, shop_counter], wait: 1m}, {at: sms, push: now}]",
    "[{at: shop_counter, wait: 1m}]",
    "[{at: sms, push: now}]",
)


def folder_of(root: Path) -> Served:
    """A data folder with nine campaigns, three of each kind of steps."""
    text = DEFINITIONS + "".join(
        CAMPAIGN.format(name=f"c{n}", percent=n, touchpoints=STEPS[n % len(STEPS)]) for n in range(9)
    )
    (root / "definitions").mkdir()
    (root / "definitions" / "all.yaml").write_text(text)
    create_deployment(root / "data", seed="chaos")
    accounts = root / "data" / "accounts.json"
    accounts.write_text('{"file": {"default": {"folder": "sent"}}}')
    accounts.chmod(0o600)
    with open_deployment(root / "data", customers_max=1_000) as deployment:
        publish(deployment, read_definitions(root / "definitions"), "tests")
    keys = Keys(root / "data")
    _, writer = keys.create(["intake:web"], "tests", 0)
    _, operator = keys.create(["read", "operate", "reveal", "forget", "touch:*"], "tests", 0)
    keys.close()
    return Served(root / "data", writer, operator)


class Chaos:
    """The server and those who use it, for one seed."""

    def __init__(self, server: Server, seed: int) -> None:
        self.server, self.random = server, random.Random(seed)
        self.told: defaultdict[str, set[str]] = defaultdict(set)
        """Per decision's token the answers that the service acknowledged as moves."""
        self.stop = threading.Event()

    def ask(self, path: str, body: Any, key: str) -> Answer | None:
        """A request; None where the server is gone before it answers."""
        try:
            return self.server.ask("POST", path, json.dumps(body).encode(), {"Authorization": f"Bearer {key}"})
        except OSError:
            return None

    def happen(self, percents: list[int]) -> None:
        """Something happens to every customer, once: sent again until it is acknowledged."""
        batch = []
        for user in range(CUSTOMERS):
            batch.append({"type": "identify", "userId": f"u{user}", "traits": {"phone": f"1380000{user:04}"}})
            properties = {"used_pct": self.random.choice(percents)}
            batch.append(
                {"type": "track", "event": "data_usage_reported", "userId": f"u{user}", "properties": properties}
            )
        stamp = f"{self.random.random()}"
        body = {"batch": [one | {"messageId": f"{stamp}-{i}"} for i, one in enumerate(batch)]}
        while (answer := self.ask("/v1/batch", body, self.server.served.write_key)) is None or answer.status != 200:
            time.sleep(0.05)

    def touchpoint(self, name: str, seed: int) -> None:
        """A touchpoint: it asks, and then it answers, answers twice, says nothing more, or says something else."""
        chance, operator = random.Random(seed), self.server.served.operator
        while not self.stop.is_set():
            body = {"customer": {"userId": f"u{chance.randrange(CUSTOMERS)}"}, "slots": 2}
            answer = self.ask(f"/v1/touchpoints/{name}/touch", body, operator)
            if answer is None or answer.status != 200:
                time.sleep(0.02)
                continue
            for offer in answer.json["offers"]:
                said = chance.choice(
                    (["presented"], ["presented", "presented"], ["failed"], [], ["presented", "refused"])
                )
                for one in said:
                    place = f"/v1/touchpoints/{name}/decisions/{offer['decision']}/{one}"
                    told = self.ask(place, {}, operator)
                    if told is not None and told.status == 200 and told.json["result"] == "moved":
                        self.told[offer["decision"]].add(one)
            time.sleep(chance.random() * 0.01)

    def run(self) -> None:
        """Rounds of events, each with a kill in the middle; then quiet, until everything that waited is over."""
        seeds = [self.random.randrange(1 << 30) for _ in range(4)]
        names = ("app_home", "app_home", "shop_counter", "shop_counter")
        threads = [threading.Thread(target=self.touchpoint, args=each) for each in zip(names, seeds, strict=True)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(ROUNDS):
                self.happen(list(range(9)))
                time.sleep(self.random.random() * 1.2)
                self.server.kill()
                self.server.start()
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()
        for seconds in (60.5, LEASE_SECONDS, LEASE_SECONDS):  # whatever is said of a customer ends what is over of hers
            time.sleep(seconds)
            self.happen([99])


def check(chaos: Chaos, served: Served) -> Counter[MoveKind]:
    """What must hold, from the journal and from what was sent."""
    presented: Counter[int] = Counter()
    contacts: defaultdict[int, int] = defaultdict(int)
    kinds: Counter[MoveKind] = Counter()
    for group in journal_of(served.folder).read(0):
        for move in read_group(group)[1].moves:
            kind = MoveKind(int(move["kind"]))
            kinds[kind] += 1
            if kind in (MoveKind.PRESENTED, MoveKind.UNKNOWN) and move["reason"] != Reason.PRESENTED_LATE:
                presented[int(move["decision"])] += 1
                contacts[int(move["customer"])] += 1
    assert all(count == 1 for count in presented.values()), "a decision was shown twice"
    assert max(contacts.values()) <= CAP
    moved = sum("presented" in answers for answers in chaos.told.values())
    assert moved <= sum(presented.values()), "a touchpoint was told of a move that is not in the journal"
    sent = [
        json.loads(line)["key"] for path in (served.folder / "sent").glob("*") for line in path.read_text().splitlines()
    ]
    assert len(sent) == len(set(sent)), "a message was sent twice"
    assert {int(key) for key in sent} <= set(presented), "a message was sent that counts nowhere"
    with open_deployment(served.folder, customers_max=1_000) as deployment:
        assert deployment.engine.counts["open_decisions"] == 0, "a decision is open for ever"
    assert replay(served.folder, customers_max=1_000).equal
    return kinds


def play(root: Path, seed: int) -> Counter[MoveKind]:
    """One seed, from an empty folder to the account of it."""
    served = folder_of(root)
    with Server(served) as server:
        chaos = Chaos(server, seed)
        chaos.run()
        code, said = server.stop()
        assert (code, said) == (0, "")
    return check(chaos, served)


def test_nothing_is_shown_twice_and_nothing_is_stuck(tmp_path: Path) -> None:
    kinds = play(tmp_path, 1)
    assert {MoveKind.OPENED, MoveKind.LEASED, MoveKind.PUSHED, MoveKind.PRESENTED, MoveKind.RELEASED} <= set(kinds)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(2, 2 + DEEP_SEEDS))
def test_many_such_stories(tmp_path: Path, seed: int) -> None:
    play(tmp_path, seed)
