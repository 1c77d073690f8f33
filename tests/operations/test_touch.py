"""First touch wins, told in steps: a running service, a file channel, touchpoints that ask, answer, die."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from opportune.operations import (
    Customer,
    RefusedError,
    Service,
    TokenError,
    TouchAsk,
    create_deployment,
    open_deployment,
    publish,
    read_definitions,
)

DEFINITIONS = """
deployment: touch
languages: [zh, en]
public_url: https://example.org
---
event: data_usage_reported
properties: {used_pct: {type: int}}
---
event: app_opened
properties: {page: {type: text}}
---
event: pack_purchased
---
event: bill_viewed
properties: {due: {type: int}}
---
tag: arpu
type: int
---
tag: phone
type: text
sensitivity: personal
---
touchpoint: app_home
direction: in
slots: 2
lease: 10m
event: app_opened
---
touchpoint: shop_counter
direction: in
lease: 10m
---
touchpoint: sms
direction: out
lease: 1h
delivery: {by: file, address: phone}
---
policy: default
consent: assumed
caps: [{per: customer, max: 3, in: 7d}]
---
offer: pack_10g
title: {en: 10 GB pack, zh: 10GB流量包}
content:
  app_home: {zh: "您的流量已用{{event.used_pct}}%", en: "You have used {{event.used_pct}}%"}
  shop_counter: {script: {zh: "推荐{{title}}", en: "Offer the {{title}}"}}
  sms: {zh: "流量已用{{event.used_pct}}%，退订{{unsubscribe}}", en: "Used {{event.used_pct}}%"}
---
campaign: data-pack
title: {en: Data pack in time, zh: 流量包适时推荐}
audience: arpu >= 50
trigger: {event: data_usage_reported, where: event.used_pct >= 80}
goal: {event: pack_purchased, within: 7d}
touchpoints:
  - {at: [app_home, shop_counter], wait: 24h}
  - {at: sms, push: now}
offers: [{offer: pack_10g}]
---
offer: installments
content: {app_home: "Pay {{event.due}} in three parts", shop_counter: "Offer three parts"}
---
campaign: bill
trigger: {event: bill_viewed}
touchpoints: [{at: [app_home, shop_counter], wait: 24h}]
offers: [{offer: installments}]
---
campaign: at-once
audience: arpu >= 500
trigger: {event: data_usage_reported}
touchpoints: [{at: sms, push: now}]
offers: [{offer: pack_10g}]
"""

Scene = Callable[[Service], Awaitable[None]]


def usage(user: str, percent: int) -> bytes:
    return json.dumps(
        {"type": "track", "event": "data_usage_reported", "userId": user, "properties": {"used_pct": percent}}
    ).encode()


def person(user: str, arpu: int) -> bytes:
    traits = {"arpu": arpu, "phone": f"1380000{user[1:]:0>4}"}
    return json.dumps({"type": "identify", "userId": user, "traits": traits}).encode()


def ask(user: str, slots: int = 1, language: str = "") -> TouchAsk:
    return TouchAsk(Customer(user), {"page": "home"}, slots, language)


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Scene], Path]:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "all.yaml").write_text(DEFINITIONS)
    create_deployment(tmp_path / "data", seed="touch")
    accounts = tmp_path / "data" / "accounts.json"
    accounts.write_text('{"file": {"default": {"folder": "sent"}}}')
    accounts.chmod(0o600)

    def run(scene: Scene) -> Path:
        async def main() -> None:
            deployment = open_deployment(tmp_path / "data", customers_max=10_000)
            if not deployment.playbook.version:
                publish(deployment, read_definitions(tmp_path / "definitions"), "test")
            service = Service(deployment)
            await service.start()
            try:
                await scene(service)
            finally:
                await service.stop()

        asyncio.run(main())
        return tmp_path / "data"

    return run


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.02)


def sent(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for path in sorted((folder / "sent").glob("*")) for line in path.read_text().splitlines()]


def test_the_first_touchpoint_gets_it_and_the_others_nothing(play: Callable[[Scene], Path]) -> None:
    async def scene(service: Service) -> None:
        await service.post("network", b"\n".join([person("u1", 60), usage("u1", 85)]), 2)
        shown = await service.touches.touch("app_home", ask("u1"))
        [offer] = shown.offers
        assert (offer.campaign, offer.offer, offer.content) == ("data-pack", "pack_10g", {"text": "您的流量已用85%"})
        assert "85" not in offer.why
        assert "arpu" in offer.why
        assert (await service.touches.touch("shop_counter", ask("u1"))).offers == ()
        again = await service.touches.touch("app_home", ask("u1", language="en"))  # asked twice: the same decision
        assert again.offers[0].content == {"text": "You have used 85%"}
        assert (await service.touches.answer("app_home", offer.decision, "presented")).result == "moved"
        assert (await service.touches.answer("app_home", offer.decision, "presented")).result == "repeated"
        assert (await service.touches.touch("app_home", ask("u1"))).offers == ()
        assert (await service.touches.answer("app_home", offer.decision, "accepted")).result in ("moved", "settled")

    play(scene)


def test_what_fails_is_open_again_for_another_touchpoint(play: Callable[[Scene], Path]) -> None:
    async def scene(service: Service) -> None:
        await service.post("network", b"\n".join([person("u2", 60), usage("u2", 90)]), 2)
        [offer] = (await service.touches.touch("app_home", ask("u2"))).offers
        await service.touches.answer("app_home", offer.decision, "failed", "app_crashed")
        [second] = (await service.touches.touch("shop_counter", ask("u2", language="en"))).offers
        assert second.content == {"script": "Offer the 10 GB pack"}
        late = await service.touches.answer("app_home", offer.decision, "presented")
        assert late.result == "late"

    play(scene)


def test_words_that_cannot_be_made_hold_up_no_other_touchpoint(play: Callable[[Scene], Path]) -> None:
    async def scene(service: Service) -> None:
        await service.post("billing", b'{"type": "track", "event": "bill_viewed", "userId": "u5"}', 1)
        assert (await service.touches.touch("app_home", ask("u5"))).offers == ()
        [offer] = (await service.touches.touch("shop_counter", ask("u5"))).offers
        assert offer.content == {"text": "Offer three parts"}

    play(scene)


def test_tokens_and_touchpoints_are_checked(play: Callable[[Scene], Path]) -> None:
    async def scene(service: Service) -> None:
        await service.post("network", b"\n".join([person("u3", 60), usage("u3", 90)]), 2)
        [offer] = (await service.touches.touch("app_home", ask("u3"))).offers
        for bad, error in (("shop_counter", RefusedError), ("app_home", TokenError)):
            token = offer.decision if bad == "shop_counter" else offer.decision[:-1]
            with pytest.raises(error):
                await service.touches.answer(bad, token, "presented")
        with pytest.raises(RefusedError, match="no touchpoint"):
            await service.touches.touch("nowhere", ask("u3"))
        with pytest.raises(RefusedError, match="direction is out"):
            await service.touches.touch("sms", ask("u3"))
        with pytest.raises(RefusedError, match="personal"):
            await service.touches.answer("app_home", offer.decision, "refused", "call 13800138000")

    play(scene)


def test_a_push_leaves_and_its_receipt_comes_back(play: Callable[[Scene], Path]) -> None:
    async def scene(service: Service) -> None:
        await service.post("network", b"\n".join([person("u4", 600), usage("u4", 10)]), 2)
        folder = service.deployment.folder
        await until(lambda: len(sent(folder)) == 1)
        await until(lambda: not service.sending.outbox.unreported())

    folder = play(scene)
    [message] = sent(folder)
    assert message["address"] == "13800000004"
    assert str(message["text"]).startswith("流量已用10%，退订https://example.org/u/")
    with open_deployment(folder, customers_max=10_000) as deployment:
        kinds = [int(kind) for batch, outputs in deployment.history(10**9) for kind in outputs.moves["kind"]]
    assert kinds == [3, 4]  # pushed, presented


def test_a_stop_holds_over_a_restart(play: Callable[[Scene], Path]) -> None:
    async def stopped(service: Service) -> None:
        await service.stop_sending("wrong price")
        await service.post("network", b"\n".join([person("u5", 600), usage("u5", 10)]), 2)
        await asyncio.sleep(1)
        assert sent(service.deployment.folder) == []

    async def still(service: Service) -> None:
        await service.post("network", usage("u5", 11), 1)
        await asyncio.sleep(1)
        assert sent(service.deployment.folder) == []
        await service.stop_sending("", stop=False)
        await service.post("network", b"\n".join([person("u6", 600), usage("u6", 12)]), 2)
        await until(lambda: len(sent(service.deployment.folder)) == 1)

    play(stopped)
    play(still)
