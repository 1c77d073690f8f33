"""A campaign sent once, to a list or to a segment: through the same engine, each customer once, every silence with its reason."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from opportune.operations import (
    OneOffAsk,
    RefusedError,
    Service,
    create_deployment,
    open_deployment,
    publish,
    read_definitions,
    send_once,
)

DEFINITIONS = """
deployment: once
public_url: https://example.org
---
event: addressed
properties: {note: {type: int}, campaign: {type: text}}
---
event: bought
properties: {amount: {type: int}}
---
tag: arpu
type: int
---
tag: city
type: text
---
tag: shoe_size
type: int
---
tag: recent
counter: {of: bought, measure: count, over: 2d}
---
tag: valuable
rule: arpu >= 50 AND city = 'Shanghai'
---
touchpoint: sms
direction: out
delivery: {by: file, address: user}
---
policy: default
consent: assumed
caps: [{per: customer, max: 1, in: 7d}]
---
offer: voucher
content: {sms: "Hello"}
---
campaign: spring
audience: arpu > 0 OR recent > 0 OR valuable
trigger: {event: addressed, where: event.campaign = 'spring'}
touchpoints: [{at: sms, push: now}]
offers: [{offer: voucher}]
---
campaign: half
control: 50%
trigger: {event: addressed, where: "event.campaign IN ('half', 'third')"}
touchpoints: [{at: sms, push: now}]
offers: [{offer: voucher}]
---
campaign: any-send
trigger: {event: addressed}
touchpoints: [{at: sms, push: now}]
offers: [{offer: voucher}]
paused: true
---
campaign: buyers
trigger: {event: bought}
touchpoints: [{at: sms, push: now}]
offers: [{offer: voucher}]
paused: true
---
campaign: everyone
trigger: {event: addressed, where: event.campaign <> 'nobody'}
audience: arpu < 0
touchpoints: [{at: sms, push: now}]
offers: [{offer: voucher}]
"""
MANY = 40


def people() -> bytes:
    lines: list[dict[str, Any]] = []
    for i in range(MANY):
        traits = {"arpu": i * 5, "city": ("Shanghai", "Beijing")[i % 2]}
        lines.append({"type": "identify", "userId": f"u{i:02}", "traits": traits})
    lines.append({"type": "do_not_disturb", "userId": "u01", "on": True})
    lines += [{"type": "track", "event": "bought", "userId": f"u{i:02}", "properties": {"amount": i}} for i in (3, 5)]
    return b"\n".join(json.dumps(line).encode() for line in lines)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "all.yaml").write_text(DEFINITIONS)
    create_deployment(tmp_path / "data", seed="once")
    accounts = tmp_path / "data" / "accounts.json"
    accounts.write_text('{"file": {"default": {"folder": "sent"}}}')
    accounts.chmod(0o600)
    with open_deployment(tmp_path / "data", customers_max=1_000) as deployment:
        publish(deployment, read_definitions(tmp_path / "definitions"), "test")
    return tmp_path / "data"


def serve(folder: Path, scene: Callable[[Service], Awaitable[None]]) -> None:
    async def main() -> None:
        service = Service(open_deployment(folder, customers_max=1_000))
        await service.start()
        try:
            await scene(service)
        finally:
            await service.stop()

    asyncio.run(main())


def sent(folder: Path) -> list[str]:
    lines = [line for path in sorted((folder / "sent").glob("*")) for line in path.read_text().splitlines()]
    return sorted(str(json.loads(line)["address"]) for line in lines)


async def settled(service: Service, many: int) -> None:
    """Wait until so many messages have left and all receipts are facts."""
    async with asyncio.timeout(20):
        while len(sent(service.deployment.folder)) < many or service.sending.outbox.unreported():
            await asyncio.sleep(0.02)


def test_a_list_is_sent_through_the_same_policy(folder: Path) -> None:
    async def scene(service: Service) -> None:
        await service.post("crm", people(), MANY + 3)
        known = service.deployment.engine.customers
        first = OneOffAsk("spring", ("u01", "user:u02", "u04", "u04", "u00", "nobody", "phone:u05"), name="one")
        told = await service.send_once(first)
        assert (told.addressed, told.unknown, told.duplicates, told.sent_on, told.control) == (4, 2, 0, 2, 0)
        assert (told.withheld, told.not_in_audience) == ({"DO_NOT_DISTURB": 1}, 1)
        assert service.deployment.engine.customers == known  # a list makes nobody known
        again = await service.send_once(first)
        assert (again.addressed, again.duplicates, again.sent_on, again.withheld) == (0, 4, 0, {})
        await settled(service, 2)
        other = await service.send_once(OneOffAsk("spring", ("u02", "u06"), name="two"))  # a cap of one in a week
        assert (other.addressed, other.sent_on, sum(other.withheld.values())) == (2, 1, 1)
        assert next(iter(other.withheld)).startswith("CAP_")
        await settled(service, 3)

    serve(folder, scene)
    assert sent(folder) == ["u02", "u04", "u06"]


def test_a_segment_is_found_by_the_rule_machine(folder: Path) -> None:
    async def scene(service: Service) -> None:
        await service.post("crm", people(), MANY + 3)
        number = {f"u{i:02}": service.deployment.people.customer_of("user", f"u{i:02}") for i in range(MANY)}
        assert set(number.values()) == set(range(MANY))
        expected = {
            "arpu >= 100": [i for i in range(MANY) if i * 5 >= 100],
            "valuable": [i for i in range(MANY) if i * 5 >= 50 and i % 2 == 0],
            "city LIKE 'Bei%' AND arpu BETWEEN 20 AND 60": [5, 7, 9, 11],
            "recent > 0": [3, 5],
            "arpu IS NULL": [],
        }
        for at, (where, customers) in enumerate(expected.items()):
            told = await service.send_once(OneOffAsk("half", where=where, name=f"s{at}"))
            assert (told.addressed, told.next, told.customers) == (len(customers), None, MANY), where
            assert told.sent_on + told.control + sum(told.withheld.values()) == told.addressed
            assert told.not_in_audience == 0

    serve(folder, scene)


def test_half_of_a_segment_stays_silent(folder: Path) -> None:
    async def scene(service: Service) -> None:
        await service.post("crm", people(), MANY + 3)
        told = await service.send_once(OneOffAsk("half", where="arpu >= 0", name="x"))
        assert told.addressed == MANY
        assert 5 < told.control < 35
        assert told.sent_on + told.control + sum(told.withheld.values()) == MANY

    serve(folder, scene)


WRONG = [
    (OneOffAsk("sprnig", ("u00",)), "unknown_campaign", "did you mean `spring`"),
    (OneOffAsk("any-send", ("u00",)), "paused", "is paused"),
    (OneOffAsk("everyone", ("u00",)), "trigger_does_not_fit", "where: event.campaign = 'everyone'"),
    (OneOffAsk("spring"), "list_or_rule", "either identifiers or a rule"),
    (OneOffAsk("spring", ("u00",), "arpu > 0"), "list_or_rule", "either"),
    (OneOffAsk("spring", where="apru > 0"), "bad_rule", "did you mean `arpu`"),
    (OneOffAsk("spring", where="arpu"), "bad_rule", ""),
    (OneOffAsk("spring", where="shoe_size > 40"), "no_column", "not kept at hand"),
    (OneOffAsk("spring", tuple(map(str, range(5_001)))), "too_many", "at most 5,000"),
    (OneOffAsk("spring", ("u00",), name="x" * 101), "bad_name", "at most 100"),
]


def test_what_does_not_fit_is_refused_and_says_what_to_write(folder: Path) -> None:
    async def scene(service: Service) -> None:
        facts = service.deployment.engine.next_seq
        for ask, code, said in WRONG:
            with pytest.raises(RefusedError) as told:
                await service.send_once(ask)
            assert told.value.code == code, ask
            assert said in str(told.value)
        assert service.deployment.engine.next_seq == facts

    serve(folder, scene)


def test_a_folder_without_a_service_is_sent_to_later(folder: Path) -> None:
    async def first(service: Service) -> None:
        await service.post("crm", people(), MANY + 3)

    serve(folder, first)
    with open_deployment(folder, customers_max=1_000) as deployment:
        told = send_once(deployment, OneOffAsk("spring", where="city = 'Beijing'", name="x"))
        assert (told.addressed, told.sent_on, told.withheld) == (20, 19, {"DO_NOT_DISTURB": 1})
        again = send_once(deployment, OneOffAsk("spring", where="city = 'Beijing'", name="x"))
        assert (again.addressed, again.duplicates) == (0, 20)

    async def later(service: Service) -> None:
        await settled(service, 19)

    serve(folder, later)
    with open_deployment(folder, customers_max=1_000) as deployment:  # the ids of a send are known after a restart
        assert send_once(deployment, OneOffAsk("spring", where="city = 'Beijing'", name="x")).duplicates == 20
