"""A small operator's month with everything that a journal can hold: tags of all types, touches, receipts, a changed playbook."""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opportune.facts import NULL, BatchBuilder, FactKind, Outcome
from opportune.journal import SEGMENT_BYTES_MAX
from opportune.operations import create_deployment, ingest, open_deployment, publish, read_definitions
from tests.operations.little_mobile import CUSTOMERS_MAX, DAY, HOUR, START, by_time, lines

CUSTOMERS = 40
DEFINITIONS = """
deployment: warehouse
zone: Asia/Shanghai
currency: CNY
---
event: recharged
title: {en: Recharged, zh: 充值}
properties:
  amount: {type: money, range: [-100, 1000]}
  channel: {type: text}
  order: {type: key}
  bonus: {type: decimal, scale: 3}
  valid_until: {type: date}
  paid_at: {type: timestamp}
  extras: {type: set, members: [music, video, sport]}
  first: {type: bool}
---
event: called
title: {en: Called, zh: 通话}
properties:
  seconds: {type: int, range: [0, 10000]}
  customer: {type: text}
---
event: silent
---
event: opened
at: app
---
detector: talked_much
when: {tag: talks_6h, crosses: ">= 1"}
---
detector: recharged_not_opened
when: {event: recharged, then_not: opened, within: 2h, keep: [amount, channel]}
---
tag: forgotten_recharges
counter: {of: recharged_not_opened, measure: count}
---
tag: orders_9d
type: int
range: [0, 50]
counter: {of: recharged, measure: distinct, value: order, over: 9d, bucket: day}
---
tag: arpu
title: {en: Revenue per month, zh: 月均收入}
category: value
type: money
range: [0, 1000]
---
tag: unlimited
type: bool
---
tag: city
title: {en: City, zh: 城市}
category: nature
type: text
---
tag: joined
type: date
---
tag: seen
type: timestamp
---
tag: ratio
type: decimal
scale: 3
---
tag: interests
type: set
members: [music, video, sport]
---
tag: home_zone
type: text
---
tag: full_name
type: text
sensitivity: personal
---
tag: score
type: int
range: [0, 1000]
score: model
---
tag: recharges_3d
counter: {of: recharged, measure: count, over: 3d, bucket: day}
---
tag: spent_7d
counter: {of: recharged, measure: sum, value: amount, where: "event.channel <> 'shop'", over: 7d, bucket: day}
---
tag: spent_capped
type: money
range: [0, 60]
counter: {of: recharged, measure: sum, value: amount, over: 10d, bucket: day}
---
tag: spent_ever
type: money
range: [-50, 120]
counter: {of: recharged, measure: sum, value: amount}
---
tag: talks_6h
counter: {of: called, measure: count, where: event.seconds >= 60, over: 6h, bucket: hour}
---
tag: longest_5d
counter: {of: called, measure: max, value: seconds, over: 5d, bucket: day}
---
tag: shortest_5d
counter: {of: called, measure: min, value: seconds, over: 5d, bucket: day}
---
tag: first_channel_9d
counter: {of: recharged, measure: first, value: channel, over: 9d, bucket: day}
---
tag: last_channel
counter: {of: recharged, measure: last, value: channel}
---
tag: first_call_at
counter: {of: called, measure: first, value: at}
---
tag: last_call_12h
counter: {of: called, measure: last, value: seconds, over: 12h, bucket: hour}
---
tag: late_calls_9d
counter: {of: called, measure: count, where: local_hour(event.at) >= 17, over: 9d, bucket: day}
---
tag: sunday_talk
counter: {of: called, measure: sum, value: seconds, where: weekday(event.at) = 7 AND event.seconds > 100}
---
tag: forgotten_in_the_morning
counter: {of: recharged_not_opened, measure: count, where: local_hour(event.at) < 12}
---
tag: big_spender
rule: spent_7d >= 40 OR arpu * 2 > 150 AND NOT unlimited
---
tag: class
rule: CASE WHEN big_spender THEN 'big' WHEN recharges_3d > 0 THEN 'small' ELSE 'none' END
---
tag: days_with_us
rule: days_since(joined)
---
tag: waking
rule: local_hour(now) >= 8 AND contains(interests, 'video')
---
touchpoint: app
direction: in
lease: 10m
---
touchpoint: sms
direction: out
cost: 0.05
lease: 1h
quiet_hours: {from: "22:00", to: "07:00"}
---
offer: pack
title: {en: A pack, zh: 流量包}
value: 12
cost: 1.50
stock: 5000
---
policy: default
caps: [{per: customer, max: 4, in: 3d}]
consent: assumed
time_zone: home_zone
universal_control: 5%
---
campaign: recharge-more
title: {en: Recharge more, zh: 多充多送}
audience: recharges_3d >= 1
trigger: {event: recharged, where: event.amount >= 5}
goal: {event: recharged, within: 3d, value: event.amount}
touchpoints: [{at: app, wait: 6h}, {at: sms, push: now}]
offers: [{offer: pack}]
control: 20%
again_after: 1d
"""
CHANGED = """
---
campaign: call-back
audience: class = 'none' AND city <> 'Nowhere'
trigger: {event: called, where: event.seconds >= 30}
goal: {event: called, within: 2d}
touchpoints: [{at: sms, push: now}]
offers: [{offer: pack}]
policy: {budget: {contacts: 20}}
"""


def messages(seed: int, first_day: int, days: int) -> list[dict[str, Any]]:
    """Messages of some days, many of them late, out of order, twice, or with values of none."""
    return by_time(_messages(random.Random(seed), first_day, days))


def _messages(chance: random.Random, first_day: int, days: int) -> Iterator[dict[str, Any]]:
    for i in range(CUSTOMERS):
        if first_day == 0 and i % 4 != 3:
            traits = {
                "arpu": f"{chance.randint(0, 10_000) / 100}", "unlimited": i % 5 == 0, "city": chance.choice(["Shanghai", "北京", "It's"]),
                "joined": f"2026-0{chance.randint(1, 9)}-11", "seen": START - i * DAY, "ratio": f"{i}.5", "score": i,
                "interests": chance.sample(["music", "video", "sport"], chance.randint(0, 3)), "full_name": f"Name {i}",
                "home_zone": chance.choice(["Asia/Shanghai", "America/New_York", "nowhere"]),
            }  # fmt: skip
            kept = {name: value for name, value in traits.items() if chance.random() < 0.8}
            yield {"type": "identify", "userId": f"c-{i:03}", "timestamp": START + i, "traits": kept}
    for day in range(first_day, first_day + days):
        for _ in range(3 * CUSTOMERS // 2):
            at = START + day * DAY + chance.randrange(24) * HOUR + chance.randrange(HOUR)
            yield {
                **_said(chance, at),
                "userId": f"c-{min(chance.randrange(CUSTOMERS), chance.randrange(CUSTOMERS)):03}",
                "timestamp": at,
            }


def _said(chance: random.Random, at: int) -> dict[str, Any]:
    draw = chance.random()
    if draw < 0.35:
        told = {
            "amount": f"{chance.choice([-30, 5, 12.5, 20, 47.25])}", "channel": chance.choice(["app", "shop", "bank"]),
            "order": f"o-{chance.randrange(10**6)}", "bonus": "0.125", "valid_until": "2026-12-31", "paid_at": at - 5_000,
            "extras": ["video"], "first": chance.random() < 0.5, "unheard_of": chance.randrange(9),
        }  # fmt: skip
        kept = {name: value for name, value in told.items() if chance.random() < 0.9}
        return {
            "type": "track",
            "event": "recharged",
            "messageId": f"m-{at}-{chance.randrange(10**6)}",
            "properties": kept,
        }
    if draw < 0.75:
        properties = {"seconds": chance.randrange(300), "customer": "somebody"}
        return {"type": "track", "event": chance.choice(["called", "called", "silent"]), "properties": properties}
    if draw < 0.85:
        told = {"arpu": f"{chance.randint(0, 9_000) / 100}", "city": f"town {chance.randrange(6)}"}
        moved = {"home_zone": ("America/New_York", "Asia/Shanghai", "Europe/Berlin", "nowhere")[at % 4]}
        return {"type": "identify", "traits": told | moved if at % 3 == 0 else told}
    if draw < 0.9:
        return {"type": "consent", "purpose": "marketing", "given": chance.random() < 0.8}
    if draw < 0.93:
        return {"type": "do_not_disturb", "on": chance.random() < 0.3}
    if draw < 0.97:
        return {"type": "contact", "campaign": "recharge-more", "touchpoint": "sms"}
    return {"type": "response", "campaign": "recharge-more", "answer": chance.choice(["accepted", "refused"])}


def make_world(
    folder: Path, days: int = 30, segment_bytes_max: int = SEGMENT_BYTES_MAX, told: str = DEFINITIONS
) -> Path:
    """A data folder with that month in it, under these definitions."""
    definitions = folder.parent / "definitions"
    definitions.mkdir()
    (definitions / "all.yaml").write_text(told)
    create_deployment(folder, seed="warehouse")
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        publish(deployment, read_definitions(definitions), "tests")
    take_in(folder, messages(1, 0, days // 2), segment_bytes_max)
    (definitions / "all.yaml").write_text(told + CHANGED)
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        publish(deployment, read_definitions(definitions), "tests")
    take_in(folder, messages(2, days // 2, days - days // 2), segment_bytes_max)
    touch(folder)
    return folder


def take_in(folder: Path, told: list[dict[str, Any]], segment_bytes_max: int = SEGMENT_BYTES_MAX) -> None:
    """Take messages in with the clock of an import, a group for every twelve hours."""
    with open_deployment(folder, customers_max=CUSTOMERS_MAX, segment_bytes_max=segment_bytes_max) as deployment:
        decoder = deployment.decoder("world", "import")
        for half, some in itertools.groupby(told, lambda message: int(message["timestamp"]) // (12 * HOUR)):
            ingest(deployment, decoder, lines(list(some)), half * 12 * HOUR).folding.result()


def touch(folder: Path) -> None:
    """Everybody comes to the app after the last fact; some take what is shown, and answer."""
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        now = deployment.engine.now_ms
        app = deployment.playbook.numbering.number("touchpoint", "app")
        recharged = deployment.playbook.numbering.number("event", "recharged")
        builder = BatchBuilder()
        for customer in range(0, CUSTOMERS, 2):
            now += 1_000
            builder.add(FactKind.EVENT, recharged, customer, now, now, (2_000, *[NULL] * 7))
            builder.add(FactKind.TOUCH, app, customer, now + 1, now + 1, (2,))
        outputs, _ = deployment.commit(builder.build(), now)
        builder = BatchBuilder()
        for at, move in enumerate(outputs.moves[outputs.moves["touchpoint"] == app]):
            outcome = (Outcome.PRESENTED, Outcome.FAILED, Outcome.ACCEPTED, Outcome.REFUSED)[at % 4]
            values = (int(move["decision"]), int(outcome), int(move["campaign"]), NULL)
            builder.add(FactKind.RECEIPT, app, int(move["customer"]), now + 60_000, now + 60_000, values)
        builder.add(FactKind.SENDING, 0, 0xFFFF_FFFF, now + 60_001, now + 60_001, (0,))
        deployment.commit(builder.build(), now)
        deployment.flush()
