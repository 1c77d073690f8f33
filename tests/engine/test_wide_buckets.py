"""Buckets beyond their narrow width in an engine: kept, moved and rebuilt when the playbook changes; saved and loaded."""

import random

import numpy as np
import pytest

from opportune.campaigns import CampaignDefinition, TouchpointDefinition
from opportune.engine import DefinitionSet, Engine, Playbook
from opportune.facts import NULL, Arrays, EventDefinition, FactKind, Outputs
from opportune.profiles import TagDefinition, read_column
from tests.engine.records import DAY, Fact
from tests.engine.test_publish import journaled
from tests.engine.worlds import CUSTOMERS_MAX, START, batch_of, define

CUSTOMERS = 9
COUNTERS = {
    "buys": {"of": "buy", "measure": "count", "over": "5d"},
    "spent": {"of": "buy", "measure": "sum", "value": "amount", "over": "3d"},
    "dearest": {"of": "buy", "measure": "max", "value": "amount", "over": "3d"},
    "hourly": {"of": "buy", "measure": "sum", "value": "amount", "over": "6h", "bucket": "hour"},
}
RANGES = {
    "spent": ("-2000", "2000"),
    "hourly": ("-2000000", "2000000"),
    "buys": ("0", "9000"),
    "dearest": ("0", "9000"),
}
Told = list[tuple[int, int, int]]


def playbook_of(version: int, names: list[str], was: Playbook | None) -> Playbook:
    """A playbook with these counters hot, numbering names as the one before."""
    tags = {
        name: define(TagDefinition, tag=name, counter=COUNTERS[name], range=RANGES[name]) for name in names
    }  # fmt: skip
    audience = " OR ".join(f"{name} > 8000000" for name in names) or "TRUE"
    definitions = DefinitionSet(
        events={"buy": define(EventDefinition, event="buy", properties={"amount": {"type": "int"}})},
        tags=tags,
        touchpoints={"sms": define(TouchpointDefinition, touchpoint="sms", direction="out")},
        campaigns={
            "c": define(
                CampaignDefinition,
                campaign="c",
                audience=audience,
                trigger={"event": "buy"},
                touchpoints=[{"at": "sms", "push": "now"}],
            )
        },
    )
    return Playbook(definitions, numbers=was.numbering.names if was else None, version=version)


def figure(engine: Engine, name: str) -> list[int]:
    """A counter's column."""
    playbook = engine.playbook
    place = playbook.layout.columns[playbook.numbering.number("tag", name)]
    return read_column(
        engine.memory.arrays["records"], CUSTOMERS, playbook.layout.record_bytes, *place
    ).tolist()  # fmt: skip


def brute(told: Told, name: str, customer: int) -> int:
    """A counter from all its customer's purchases (when, amount), rolled to the last of them."""
    mine = [(at, amount) for who, at, amount in told if who == customer]
    length = 3_600_000 if name == "hourly" else DAY
    many = {"buys": 5, "spent": 3, "dearest": 3, "hourly": 6}[name]
    newest = mine[-1][0] // length
    alive = [(at // length, amount) for at, amount in mine if newest - at // length < many]
    low, high = (int(end) for end in RANGES[name])
    if name == "buys":
        return len(alive)
    if name == "dearest":
        return max(min(max(amount, low), high) for _, amount in alive)
    total = 0
    for bucket in {bucket for bucket, _ in alive}:
        kept = 0
        for at, amount in alive:
            if at == bucket:
                kept = min(max(kept + amount, low), high)
        total += kept
    return min(max(total, low), high)


def purchases(r: random.Random, told: Told, now: int, many: int) -> list[Fact]:
    """Purchases of all customers, some of them heavy; `told` learns them."""
    facts = []
    for _ in range(many):
        now += r.choice([0, 60_000, 600_000])
        customer = r.randrange(CUSTOMERS)
        amount = r.randint(-900, 900) if customer % 3 == 0 else r.randint(0, 3)
        told.append((customer, now, amount))
        facts.append(Fact(FactKind.EVENT, 0, customer, now, now, (amount,)))
    return facts


def loaded(engine: Engine) -> Engine:
    """A second engine that starts from the first one's state."""
    saved: Arrays = {name: array.copy() for name, array in engine.to_arrays().items()}
    again = Engine(engine.dictionary, customers_max=CUSTOMERS_MAX, history=engine.history)
    again.load_arrays(engine.playbook.body().encode(), saved)
    return again


CHANGES = [
    ["buys", "spent", "hourly", "dearest"],
    ["hourly", "spent"],  # moved: two counters leave, nothing is missing
    ["hourly", "spent", "buys"],  # rebuilt: one is asked for again
    ["dearest"],  # rebuilt: no counter has narrow buckets
    ["spent", "dearest"],  # rebuilt
    ["dearest"],  # moved: the last one with narrow buckets leaves
    ["dearest", "hourly", "buys"],
]


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_wide_buckets_survive_changes_of_playbook_and_snapshots(seed: int, whole: bool) -> None:
    """Also where history counts as thinned out, and what is known is kept while only the rest is built."""
    r = random.Random(seed)
    told: Told = []
    past: list[tuple[object, Outputs]] = []
    engine = Engine(customers_max=CUSTOMERS_MAX, history=journaled(past))  # type: ignore[arg-type]  # filled below
    playbook, now, places = None, START, 0
    for version, names in enumerate(CHANGES, 1):
        playbook = playbook_of(version, names, playbook)
        facts = [Fact(FactKind.PLAYBOOK, 0, None, now, now, (), playbook)]
        engine.history_is_whole = whole
        if version == 1:
            facts += [Fact(FactKind.CUSTOMER, 0, c, now, now, (c,)) for c in range(CUSTOMERS)]
        for part in (facts, purchases(r, told, now, 150)):
            batch = batch_of(part)
            past.append((batch, engine.process(batch)))
        now = told[-1][1] + r.choice([0, DAY, 4 * DAY])
        places = max(places, int(engine.memory.wide.used))
        for one in (engine, loaded(engine)):
            for name in names:
                assert figure(one, name) == [brute(told, name, c) for c in range(CUSTOMERS)], (version, name)
        engine = loaded(engine)
        assert NULL not in figure(engine, names[0])
        assert (len(engine.to_arrays()["wide"]) == 0) == (names == ["dearest"])
    assert 1 < places <= CUSTOMERS


def test_the_free_places_are_a_list_of_what_nobody_has() -> None:
    playbook = playbook_of(1, ["buys", "spent"], None)
    told: Told = []
    r = random.Random(7)
    engine = Engine(customers_max=CUSTOMERS_MAX)
    facts = [Fact(FactKind.PLAYBOOK, 0, None, START, START, (), playbook)]
    engine.process(
        batch_of(facts + [Fact(FactKind.CUSTOMER, 0, c, START, START, (c,)) for c in range(CUSTOMERS)])
    )  # fmt: skip
    freed = 0
    for step in range(12):
        engine.process(batch_of(purchases(r, told, START + step * 4 * DAY, 12)))
        arrays, layout = engine.to_arrays(), engine.playbook.layout
        owned = [int(p) for p in read_column(arrays["records"], CUSTOMERS, layout.record_bytes, 8, 4) if p]
        links = arrays["wide"].reshape(-1, layout.wide_bytes)[:, :4].copy().view(np.int32).reshape(-1)
        free, at = [], int(engine.memory.wide.free)
        while at:
            free.append(at)
            at = int(links[at])
        freed = max(freed, len(free))
        assert sorted(owned + free) == list(range(1, int(engine.memory.wide.used) + 1))
    assert freed > 0
