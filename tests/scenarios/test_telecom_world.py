"""The telecom world: deterministic, within its definitions, plausible, and honest about what our contacts cause."""

import datetime
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import yaml

from opportune.campaigns import CampaignDefinition, OfferDefinition, TouchpointDefinition
from opportune.engine import DefinitionSet, Playbook
from opportune.facts import DeploymentDefinition, EventDefinition, Kind, PropertyDefinition, decode_scalar, parse_scaled
from opportune.operations import CAMPAIGNS, OFFERS, TOUCHPOINTS, DecisionView, World, view_decisions
from opportune.policy import PolicyDefinition
from opportune.profiles import TagDefinition
from opportune.store import load_folder

EXAMPLES = Path(__file__).parents[2] / "examples"
START_MS = 1_793_491_200_000  # Sunday 1 November 2026, 00:00 UTC, 08:00 in Shanghai
KINDS: dict[str, type[Any]] = {
    "deployment": DeploymentDefinition, "event": EventDefinition, "tag": TagDefinition, "offer": OfferDefinition,
    "touchpoint": TouchpointDefinition, "campaign": CampaignDefinition, "policy": PolicyDefinition,
}  # fmt: skip
TREATED, CONTROL, UNIVERSAL = 0, 1, 2

Line = dict[str, Any]
Decide = Callable[[list[Line]], list[tuple[int, str, str, int, int]]]


def definitions(folder: str) -> dict[str, dict[str, Any]]:
    """The definitions of an example folder by kind and name; those of sources and detectors are left out."""
    found: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    for path in sorted((EXAMPLES / folder).glob("*.yaml")):
        for document in yaml.load_all(path.read_text(encoding="utf-8"), yaml.BaseLoader):
            kind = next(iter(document))
            if kind not in ("source", "detector"):
                assert document[kind] not in found[kind], f"{path.name}: {document[kind]} is defined twice"
                found[kind][document[kind]] = msgspec.convert(
                    document, KINDS[kind], strict=False, dec_hook=decode_scalar
                )
    return found


@pytest.fixture(scope="module")
def telecom() -> dict[str, dict[str, Any]]:
    return definitions("telecom/definitions")


def lines_of(blob: bytes) -> list[Line]:
    """Parsed lines, numbers as their text."""
    return [json.loads(line, parse_float=str, parse_int=str) for line in blob.splitlines()]


def run(world: World, decide: Decide | None = None) -> Iterator[list[Line]]:
    """The world's hours; `decide` turns an hour's lines into (customer, campaign, touchpoint, arm, at_ms)."""
    for hour in range(world.hours):
        lines = lines_of(world.hour(hour))
        yield lines
        made = decide(lines) if decide else []
        if made:
            world.react(view(made))


def view(made: list[tuple[int, str, str, int, int]]) -> DecisionView:
    customer, campaign, touchpoint, arm, at = zip(*made, strict=True)
    return view_decisions(
        customer, [CAMPAIGNS.index(name) for name in campaign], [TOUCHPOINTS.index(name) for name in touchpoint],
        [0] * len(made), arm, at, range(len(made)),
        campaigns=list(CAMPAIGNS), touchpoints=list(TOUCHPOINTS), offers=list(OFFERS),
    )  # fmt: skip


def at_ms(line: Line) -> int:
    moment = datetime.datetime.fromisoformat(line["timestamp"])
    return round(moment.timestamp() * 1000)


def index(line: Line) -> int:
    return int(line["userId"][1:])


# ---- definitions


@pytest.mark.parametrize("folder", ["telecom/definitions", "starbucks/definitions", "starbucks/own"])
def test_definitions_are_complete_and_bilingual(folder: str) -> None:
    found = definitions(folder)
    for kind, by_name in found.items():
        assert by_name, f"{folder} has no {kind}"
        for name, definition in by_name.items():
            assert definition.title.en, f"{kind} {name}: no English title"
            assert definition.title.zh, f"{kind} {name}: no Chinese title"
    for campaign in found["campaign"].values():
        events = [campaign.trigger, campaign.goal, campaign.goal and campaign.goal.regret]
        assert all(part.event in found["event"] for part in events if part), campaign.campaign
        assert all(choice.offer in found["offer"] for choice in campaign.offers), campaign.campaign
        for step in campaign.touchpoints:
            places = (step.at,) if isinstance(step.at, str) else step.at
            there = found["event"][campaign.trigger.event].at
            for place in places:
                touchpoint = found["touchpoint"][place]
                assert (step.push and touchpoint.direction in ("out", "both")) or place == there, campaign.campaign
    for tag in found["tag"].values():
        assert tag.type or tag.rule or tag.counter, tag.tag
        assert not (tag.rule and (tag.counter or tag.type)), tag.tag
        assert tag.owner, tag.tag
        assert tag.freshness, tag.tag
        if tag.counter:
            event = found["event"][tag.counter.of]
            assert tag.counter.value in {None, "at", *event.properties}, tag.tag
    for event in found["event"].values():
        assert event.at is None or found["touchpoint"][event.at].direction in ("in", "both"), event.event


@pytest.mark.parametrize("folder", ["telecom/definitions", "starbucks/definitions", "starbucks/own"])
def test_definitions_load_and_compile(folder: str) -> None:
    """The store finds no problem, and the engine makes a playbook of them: every rule is sound."""
    loaded = load_folder(EXAMPLES / folder)
    assert loaded.problems == ()
    [deployment], [policy] = loaded.deployments.values(), loaded.policies.values()
    playbook = Playbook(
        DefinitionSet(
            deployment, policy, loaded.events, loaded.tags, loaded.touchpoints, loaded.offers, loaded.campaigns
        )
    )
    assert set(playbook.catalogue.events) == set(loaded.events)
    assert set(playbook.catalogue.tags) == set(loaded.tags)


def test_the_catalogue_is_as_large_as_promised(telecom: dict[str, dict[str, Any]]) -> None:
    assert len(telecom["tag"]) >= 1_200
    assert len(telecom["event"]) >= 112
    assert set(telecom["touchpoint"]) == set(TOUCHPOINTS)
    assert len(TOUCHPOINTS) == 20
    assert set(telecom["campaign"]) == set(CAMPAIGNS)
    assert set(telecom["offer"]) == set(OFFERS)
    assert all(campaign.control == 100_000 for campaign in telecom["campaign"].values())


def test_goals_of_definitions_are_those_of_the_world(telecom: dict[str, dict[str, Any]]) -> None:
    constants = World(1, 10, START_MS, 1).truth()["constants"]
    for name, campaign in telecom["campaign"].items():
        assert campaign.goal.event == constants[name]["goal"], name
        assert campaign.goal.within >= constants[name]["goal_within_hours"] * 3_600_000, name
        if constants[name]["moment"]:
            assert campaign.trigger.event == constants[name]["moment"], name


def fits(value: Any, declared: PropertyDefinition | TagDefinition) -> bool:
    """Whether a JSON value (numbers as text) is one of the declared type, inside its range."""
    if value is None:
        return True
    match declared.type:
        case Kind.BOOL:
            return isinstance(value, bool)
        case Kind.INT | Kind.MONEY | Kind.DECIMAL:
            scale = {Kind.INT: 0, Kind.MONEY: 2}.get(declared.type, declared.scale)
            number = parse_scaled(value, scale)
            whole = len(value.partition(".")[2]) <= scale
            low, high = declared.range or ("-1000000000", "1000000000")
            return whole and parse_scaled(low, scale) <= number <= parse_scaled(high, scale)
        case Kind.DATE:
            return bool(datetime.date.fromisoformat(value))
        case Kind.SET:
            return set(value) <= set(declared.members)
        case _:
            return isinstance(value, str) and 0 < len(value) <= 100


def test_lines_use_only_what_is_declared(telecom: dict[str, dict[str, Any]]) -> None:
    world = World(3, 1_500, START_MS, 10)
    opening = lines_of(world.opening())
    ids: Counter[str] = Counter(line["messageId"] for line in opening)
    settable = {name for name, tag in telecom["tag"].items() if not tag.rule and not tag.counter}
    for line in opening:
        if line["type"] == "identify":
            assert set(line["traits"]) == settable
            for name, value in line["traits"].items():
                assert fits(value, telecom["tag"][name]), (name, value)
    seen: Counter[str] = Counter()
    changed: set[str] = set()
    for lines in run(world):
        moments = [line["timestamp"] for line in lines]
        assert moments == sorted(moments)
        for line in lines:
            ids[line["messageId"]] += 1
            if line["type"] == "identify":
                assert set(line["traits"]) <= settable
                assert all(fits(value, telecom["tag"][name]) for name, value in line["traits"].items())
                changed.update(line["traits"])
                continue
            assert line["type"] == "track"
            seen[line["event"]] += 1
            declared = telecom["event"][line["event"]].properties
            assert set(line["properties"]) == set(declared), line
            for name, value in line["properties"].items():
                assert fits(value, declared[name]), (line["event"], name, value)
    assert max(ids.values()) == 1
    assert len(seen) >= 112
    assert changed >= {"add_ons", "plan", "contract_end", "device_model"}


# ---- the world


def test_the_opening_introduces_everybody() -> None:
    world = World(1, 5_000, START_MS, 1)
    lines = lines_of(world.opening())
    assert [line["userId"] for line in lines if line["type"] == "identify"] == world.users
    marketing = [line for line in lines if line["type"] == "consent" and line["purpose"] == "marketing"]
    everywhere = {line["userId"] for line in marketing if "channel" not in line}
    somewhere = {line["userId"] for line in marketing if "channel" in line}
    assert 0.83 < len(everywhere) / 5_000 < 0.87
    assert 0.06 < len(somewhere) / 5_000 < 0.10
    assert not everywhere & somewhere
    assert 0.01 < sum(line["type"] == "do_not_disturb" for line in lines) / 5_000 < 0.03


def test_same_seed_same_world_bit_for_bit() -> None:
    first, again, other = (World(seed, 800, START_MS, 3) for seed in (11, 11, 12))
    assert first.opening() == again.opening() != other.opening()
    for hour in range(first.hours):
        blob = first.hour(hour)
        assert blob == again.hour(hour)
        assert blob != other.hour(hour) or not blob
    assert first.truth() == again.truth() != other.truth()


def test_volumes_follow_days_and_hours() -> None:
    world = World(5, 3_000, START_MS, 7)
    per_hour = [len(lines) for lines in run(world)]
    assert 50 * 7 / 30 < sum(per_hour) / 3_000 < 110 * 7 / 30
    local = np.roll(np.array(per_hour).reshape(7, 24).sum(axis=0), 8)  # from UTC to Shanghai
    assert local[9:22].min() > 8 * local[1:5].max()
    assert local.argmax() in range(9, 22)


def test_the_local_night_is_quiet_in_each_zone() -> None:
    world = World(6, 4_000, START_MS, 4)
    zones = {line["userId"]: line["traits"]["zone"] for line in lines_of(world.opening()) if line["type"] == "identify"}
    hours: dict[str, Counter[int]] = {zone: Counter() for zone in set(zones.values())}
    assert len(hours) == 2
    offset = {"Asia/Shanghai": 8, "Asia/Urumqi": 6}
    for lines in run(world):
        for line in lines:
            zone = zones[line["userId"]]
            hours[zone][(at_ms(line) // 3_600_000 + offset[zone]) % 24] += 1
    for zone, counts in hours.items():
        night = sum(counts[hour] for hour in range(1, 5))
        assert night < 0.02 * sum(counts.values()), zone


def test_bundles_end_after_they_were_reported() -> None:
    """Nobody runs out of data without having passed 100 % just then."""
    for lines in run(World(8, 2_000, START_MS, 6)):
        reported = {
            line["userId"]: int(line["properties"]["used_pct"])
            for line in lines
            if line.get("event") == "data_usage_reported"
        }
        for line in lines:
            if line.get("event") == "data_pack_exhausted":
                assert reported[line["userId"]] >= 100


# ---- answers


def upsell(arm_of: Callable[[int], int | None], touchpoint: str = "sms") -> Decide:
    """Decide about data-pack-upsell at its moment: the arm by customer, None for no decision."""

    def decide(lines: list[Line]) -> list[tuple[int, str, str, int, int]]:
        found = []
        for line in lines:
            if line.get("event") == "data_usage_reported" and 80 <= int(line["properties"]["used_pct"]) < 100:
                arm = arm_of(index(line))
                if arm is not None:
                    found.append((index(line), "data-pack-upsell", touchpoint, arm, at_ms(line)))
        return found

    return decide


def buyers(world: World, decide: Decide | None) -> Counter[int]:
    """How often each customer bought a pack that data-pack-upsell is about."""
    bought: Counter[int] = Counter()
    for lines in run(world, decide):
        for line in lines:
            if line.get("event") == "pack_purchased" and line["properties"]["product"] in ("pack_10g", "pack_5g"):
                bought[index(line)] += 1
    return bought


def test_contacts_change_the_treated_and_nobody_else() -> None:
    def arm(customer: int) -> int:
        return (TREATED, CONTROL, UNIVERSAL)[min(customer % 4, 2)] if customer % 4 else TREATED

    with_us, without = World(21, 4_000, START_MS, 8), World(21, 4_000, START_MS, 8)
    found, organic = buyers(with_us, upsell(arm)), buyers(without, None)
    for customer in range(4_000):
        if arm(customer) != TREATED:
            assert found[customer] == organic[customer]
    treated = [customer for customer in range(4_000) if arm(customer) == TREATED]
    gained = sum(found[customer] - organic[customer] for customer in treated)
    truth = with_us.truth()["campaigns"]["data-pack-upsell"]
    assert truth["incremental_goals"] > 20
    assert 0 < gained <= truth["incremental_goals"]
    assert without.truth()["campaigns"]["data-pack-upsell"]["incremental_goals"] == 0
    assert min(truth["treated"], truth["control"], truth["universal_control"]) > 0


def test_reactions_are_deterministic_too() -> None:
    first, again = World(26, 1_000, START_MS, 4), World(26, 1_000, START_MS, 4)
    decide = upsell(lambda customer: customer % 2)
    assert list(run(first, decide)) == list(run(again, decide))
    assert first.truth() == again.truth()
    assert first.truth()["campaigns"]["data-pack-upsell"]["treated"] > 0


def test_the_truth_adds_up() -> None:
    world = World(22, 6_000, START_MS, 8)
    for _ in run(world, upsell(lambda customer: TREATED if customer % 2 else CONTROL)):
        pass
    truth = world.truth()["campaigns"]["data-pack-upsell"]
    for name in ("moments", "organic_goals", "treated", "control", "incremental_goals", "refused", "regretted"):
        assert truth[name] == sum(row[name] for row in truth["by_type"].values()), name
    assert truth["right_moments"] == truth["treated"]
    drawn = truth["incremental_goals"] / truth["treated"]
    assert abs(drawn - truth["effect_of_treated"]) < 4 * (drawn / truth["treated"]) ** 0.5
    organic = truth["organic_goals"] / truth["moments"]
    assert abs(organic - truth["baseline_rate"]) < 4 * (organic / truth["moments"]) ** 0.5


def test_the_moment_and_the_touchpoint_decide() -> None:
    """At the moment and the preferred touchpoint a fifth succeed; a bulk message at any time does less than 1 %."""
    right = World(23, 6_000, START_MS, 6)
    preferred = {
        index(line): line["traits"]["preferred_channel"]
        for line in lines_of(right.opening())
        if line["type"] == "identify"
    }
    for _ in run(right, upsell(lambda customer: TREATED if preferred[customer] == "sms" else None)):
        pass
    truth = right.truth()["campaigns"]["data-pack-upsell"]
    assert truth["baseline_rate_of_treated"] + truth["effect_of_treated"] > 0.20

    bulk = World(23, 6_000, START_MS, 6)

    def everybody(lines: list[Line]) -> list[tuple[int, str, str, int, int]]:
        return [
            (index(line), "bulk-cloud-storage", "sms", TREATED, at_ms(line))
            for line in lines
            if line.get("event") == "bill_issued"
        ]

    for _ in run(bulk, everybody):
        pass
    truth = bulk.truth()["campaigns"]["bulk-cloud-storage"]
    assert truth["treated"] > 500
    assert 0.003 < truth["effect_of_treated"] < 0.01
    assert truth["right_moments"] == 0


def test_pestering_spoils_goals_and_drives_people_away() -> None:
    """Messages to everybody every hour of the day: contacts prevent goals, and people leave our lists."""
    calm, loud = World(24, 1_500, START_MS, 5), World(24, 1_500, START_MS, 5)

    def pester(lines: list[Line]) -> list[tuple[int, str, str, int, int]]:
        if not lines:
            return []
        now = at_ms(lines[0])
        moments = upsell(lambda customer: TREATED)(lines)
        return [*moments, *((customer, "bulk-cloud-storage", "sms", TREATED, now) for customer in range(0, 1_500, 4))]

    kinds: Counter[str] = Counter(line["type"] for lines in run(loud, pester) for line in lines)
    for _ in run(calm):
        pass
    truth = loud.truth()
    assert sum(row["prevented_goals"] for row in truth["campaigns"].values()) > 0
    assert truth["mean_annoyance"] > calm.truth()["mean_annoyance"]
    assert kinds["consent"] > 0
    assert kinds["do_not_disturb"] > 0
    assert kinds["response"] > 0


def test_responses_name_campaign_and_answer() -> None:
    world = World(25, 3_000, START_MS, 5)
    answers: Counter[str] = Counter()
    for lines in run(world, upsell(lambda customer: TREATED, "app_push")):
        for line in lines:
            if line["type"] == "response":
                assert line["campaign"] == "data-pack-upsell"
                answers[line["answer"]] += 1
    assert set(answers) == {"accepted", "considering", "refused"}
    assert world.truth()["campaigns"]["data-pack-upsell"]["refused"] >= answers["refused"] > 0


def test_hours_come_in_order_and_sizes_are_bounded() -> None:
    world = World(1, 10, START_MS, 1)
    with pytest.raises(ValueError, match="before the first hour"):
        world.react(view([(0, "data-pack-upsell", "sms", 0, START_MS)]))
    world.hour(0)
    with pytest.raises(ValueError, match="next comes hour 1"):
        world.hour(0)
    with pytest.raises(ValueError, match="outside"):
        world.react(view([(10, "data-pack-upsell", "sms", 0, START_MS)]))
    for wrong in ((0, START_MS, 1), (10, START_MS + 1, 1), (10, START_MS, 0)):
        with pytest.raises(ValueError):
            World(1, *wrong)


def test_names_unknown_to_the_world_are_left_alone() -> None:
    world = World(1, 10, START_MS, 1)
    world.hour(0)
    seen = view_decisions(
        [0, 1], [0, 1], [0, 0], [0, 0], [0, 0], [START_MS, START_MS], [1, 2],
        campaigns=["home-made", "data-pack-upsell"], touchpoints=["sms"], offers=["pack_5g"],
    )  # fmt: skip
    assert seen.campaign.tolist() == [-1, CAMPAIGNS.index("data-pack-upsell")]
    world.react(seen)
    truth = world.truth()["campaigns"]
    assert sum(row["treated"] for row in truth.values()) == 1


def test_the_truth_is_written_to_a_file_of_its_own(tmp_path: Path) -> None:
    world = World(1, 200, START_MS, 1)
    world.hour(0)
    world.write_truth(tmp_path / "truth.json")
    assert json.loads((tmp_path / "truth.json").read_text()) == json.loads(json.dumps(world.truth()))
