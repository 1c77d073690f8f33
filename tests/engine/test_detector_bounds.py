"""Bounds of detectors: more at one moment than the room holds, more of one customer than is kept, what comes too late; areas and days at their edges."""

import math

import pytest

from opportune.campaigns import CampaignDefinition, TouchpointDefinition
from opportune.engine import DefinitionSet, Engine, Playbook
from opportune.engine.engine import ROOM_ROWS
from opportune.facts import EventDefinition, FactKind, Outputs, local_moment, zone_table
from opportune.profiles import (
    PENDING,
    PENDING_PER_CUSTOMER_MAX,
    Area,
    DetectorDefinition,
    cosine_ppm,
    in_circle,
    radius_of,
)
from tests.engine.detector_oracle import first_at, is_inside
from tests.engine.fixed_stream import hash_of
from tests.engine.records import DAY, HOUR, MINUTE, Fact
from tests.engine.test_batches import in_sizes
from tests.engine.worlds import CUSTOMERS_MAX, START, batch_of, define

UNPAID: dict[str, object] = {"event": "order", "then_not": "pay", "within": "15m", "key": "event.number"}


def orders(detectors: dict[str, dict[str, object]], campaign: bool = False) -> Playbook:
    """Orders and payments, some detectors, and a campaign that the first of them triggers."""
    properties = {"number": {"type": "key"}}
    steps = [{"at": "sms", "push": "now"}]
    trigger, goal = {"event": next(iter(detectors))}, {"event": "pay", "within": "1d"}
    reminder = define(CampaignDefinition, campaign="reminder", trigger=trigger, touchpoints=steps, goal=goal)
    return Playbook(
        DefinitionSet(
            events={name: define(EventDefinition, event=name, properties=properties) for name in ("order", "pay")},
            touchpoints={"sms": define(TouchpointDefinition, touchpoint="sms", direction="out")},
            campaigns={"reminder": reminder} if campaign else {},
            detectors={name: define(DetectorDefinition, detector=name, when=when) for name, when in detectors.items()},
        )
    )


def begun(playbook: Playbook, customers: int) -> list[Fact]:
    """The playbook, and that many customers."""
    facts = [Fact(FactKind.PLAYBOOK, 0, None, START, START, (), playbook)]
    return facts + [Fact(FactKind.CUSTOMER, 0, c, START, START, (c,)) for c in range(customers)]


def order(customer: int, number: int, at: int, now: int | None = None) -> Fact:
    """One order."""
    return Fact(FactKind.EVENT, 0, customer, at, at if now is None else now, (number,))


def test_more_is_over_at_one_moment_than_the_room_and_the_pools_hold() -> None:
    customers = ROOM_ROWS + 1_000
    playbook = orders(
        {
            "unpaid": UNPAID,
            "still_unpaid": {"event": "unpaid", "then_not": "pay", "within": "1h"},
            "quiet": {"event": "unpaid", "silent": "2h"},
        },
        campaign=True,
    )
    facts = begun(playbook, customers)
    facts += [order(c, 1, START) for c in range(customers)]
    facts += [Fact(FactKind.TICK, 0, None, START + later, START + later) for later in (20 * MINUTE, DAY, DAY + HOUR)]
    batch = batch_of(facts)

    def run(size: int) -> Outputs:
        engine = Engine(customers_max=customers)
        return Outputs.concatenate([engine.process(part) for part in in_sizes(batch, size)])

    whole = run(len(batch))
    assert (
        len(whole.derived) == 3 * customers
    )  # a customer who is met has all of hers told, wherever the room is emptied
    assert len(whole.decisions) == customers
    assert (whole.derived["at_ms"][:customers] == START + 15 * MINUTE + 1).all()
    assert hash_of(run(7_000)) == hash_of(whole)


def test_a_customer_has_a_most_of_what_is_waited_for_and_more_is_counted() -> None:
    facts = begun(orders({"unpaid": UNPAID}), 2)
    facts += [order(0, number, START) for number in range(PENDING_PER_CUSTOMER_MAX + 3)]
    facts += [order(1, 7, START), Fact(FactKind.TICK, 0, None, START + DAY, START + DAY)]
    engine = Engine(customers_max=CUSTOMERS_MAX)
    outputs = engine.process(batch_of(facts))
    assert len(outputs.derived) == PENDING_PER_CUSTOMER_MAX + 1
    assert engine.counts["detections_refused"] == 3
    assert engine.counts["detections_waiting"] == 0
    assert PENDING.itemsize == 48


def test_what_arrives_when_its_time_is_over_begins_nothing() -> None:
    late, just = START - 15 * MINUTE - 1, START - 15 * MINUTE
    facts = [*begun(orders({"unpaid": UNPAID}), 1), order(0, 1, late, START), order(0, 2, just, START)]
    facts.append(Fact(FactKind.TICK, 0, None, START + HOUR, START + HOUR))
    engine = Engine(customers_max=CUSTOMERS_MAX)
    outputs = engine.process(batch_of(facts))
    assert [row["values"][1] for row in outputs.derived] == [2]
    assert engine.counts["late_for_detectors"] == 1


def test_cosines_are_those_of_the_library_to_six_decimals() -> None:
    for latitude in range(-90_000_000, 90_000_001, 1_234_567):
        assert abs(cosine_ppm(latitude) - math.cos(math.radians(latitude / 1e6)) * 1e6) <= 0.5000001


@pytest.mark.parametrize("metres", [1, 500, 20_000])
def test_a_circle_is_round_by_the_great_circle_too(metres: int) -> None:
    """The plane at the centre is off by less than a hundredth: places a hundredth nearer are inside, further ones outside."""
    lat, lon = 48_137_000, 179_999_500
    cosine = cosine_ppm(lat)
    for degrees in range(0, 360, 15):
        for share, inside in ((0.99, True), (1.01, False)):
            angle, reach = math.radians(degrees), share * metres / 6_371_000
            north = math.asin(
                math.sin(math.radians(lat / 1e6)) * math.cos(reach)
                + math.cos(math.radians(lat / 1e6)) * math.sin(reach) * math.cos(angle)
            )
            east = math.atan2(
                math.sin(angle) * math.sin(reach) * math.cos(math.radians(lat / 1e6)),
                math.cos(reach) - math.sin(math.radians(lat / 1e6)) * math.sin(north),
            )
            there = round(math.degrees(north) * 1e6), round(lon + math.degrees(east) * 1e6)
            east_of = there[1] - 360_000_000 if there[1] > 180_000_000 else there[1]
            if metres > 100:  # a metre is nine micro-degrees: too coarse for a hundredth
                assert bool(in_circle(there[0], east_of, lat, lon, cosine, radius_of(metres))) == inside
    assert in_circle(lat, lon, lat, lon, cosine, radius_of(metres))
    assert is_inside(Area((str(lat / 1e6), str(lon / 1e6)), metres), lat, lon)  # type: ignore[arg-type]  # plain texts


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"])
def test_a_local_time_is_first_shown_when_the_clock_says_so(zone: str) -> None:
    table = zone_table([zone])
    for day in (
        20_530,
        20_531,
        20_758,
        20_759,
        14_973,
        14_974,
        15_000,
    ):  # changes of the clock, and a day that Apia left out
        for minute in (0, 60, 119, 120, 150, 179, 180, 720):
            local = day * DAY + minute * MINUTE
            assert local_moment(table, 0, local) == first_at(zone, local)
