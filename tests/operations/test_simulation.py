"""Simulation: as it was it is the journal byte for byte; a draft decides what a deployment under that draft would have decided."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from opportune.operations import (
    DeploymentError,
    Service,
    journal_of,
    list_decisions,
    open_deployment,
    publish,
    read_definitions,
)
from opportune.operations.customer import view_customer
from opportune.operations.erasure import SIMULATIONS
from opportune.operations.simulation import (
    SimulationReport,
    simulate,
    simulation_report,
    simulations,
    uncertain,
)
from opportune.operations.simulation import asks as asks_file
from opportune.operations.simulation import run as run_file
from opportune.operations.who import find_customer
from opportune.store import Definitions
from tests.operations.little_mobile import (
    CUSTOMERS_MAX,
    DAY,
    MINIMAL,
    START,
    by_time,
    deployed,
    imported,
    month,
)
from tests.operations.test_touch import Scene, ask, person, play, usage  # noqa: F401 - a fixture

EVER = 2**62
CHANGES: dict[str, Callable[[str], str]] = {
    "the threshold": lambda text: text.replace("used_pct >= 80", "used_pct >= 60"),
    "the cap": lambda text: re.sub(r"caps:.*?(?=\n\w)", "caps:\n  - {per: customer, max: 1, in: 7d}", text, flags=re.S),
    "the audience": lambda text: text.replace("arpu >= 50 AND NOT has_unlimited", "arpu >= 90"),
    "another campaign": lambda text: (
        text + "\n---\ncampaign: anything\ntrigger: {event: data_usage_reported}\n"
        "touchpoints: [{at: sms, push: now}]\noffers: [{offer: pack_5g}]\npolicy: {category: other}\n"
    ),
}


def draft_of(folder: Path, change: Callable[[str], str]) -> Path:
    """The minimal example with one change."""
    folder.mkdir(parents=True)
    text = "\n---\n".join(path.read_text() for path in sorted(MINIMAL.glob("*.yaml")))
    changed = change(text)
    assert changed != text
    (folder / "all.yaml").write_text(changed)
    return folder


def simulated(folder: Path, draft: Path | None, since: int = 0, until: int = EVER, **more: Any) -> SimulationReport:
    definitions: Definitions | None = None if draft is None else read_definitions(draft)
    return simulate(folder, definitions, since, until, customers_max=CUSTOMERS_MAX, **more)


def without_answers() -> list[dict[str, Any]]:
    return [message for message in by_time(month()) if message["type"] != "response"]


def decided(folder: Path, since: int = 0) -> dict[str, tuple[int, int]]:
    """Decisions and those of control groups by campaign, out of a journal."""
    found: dict[str, tuple[int, int]] = {}
    for one in list_decisions(folder, limit=100_000):
        if one.now_ms >= since:
            many, control = found.get(one.campaign, (0, 0))
            found[one.campaign] = many + 1, control + (one.arm != "treated")
    return found


def told(report: SimulationReport) -> dict[str, tuple[int, int]]:
    sides = {one.campaign: (one.draft.decisions, one.draft.control) for one in report.campaigns}
    return {campaign: many for campaign, many in sides.items() if many[0]}


def journal_bytes(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "journal").rglob("*.seg*"))]


@pytest.mark.parametrize("world", ["little_mobile", "reasons"])
def test_as_it_was_is_the_journal_byte_for_byte(world: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(world)
    before = journal_bytes(folder)
    report = simulated(folder, None, again=True)
    assert report.equal is True
    assert report.differs_at is None
    assert report.then == report.draft
    journaled = sum(len(group.arrays.get("decisions", ())) for group in journal_of(folder).read(0))
    assert report.then.decisions == journaled > 0
    assert not report.displacement
    assert not list(uncertain(report))
    assert journal_bytes(folder) == before


def test_the_same_definitions_decide_the_same(little_mobile: Path) -> None:
    report = simulated(little_mobile, MINIMAL)
    assert report.equal is None
    assert report.then == report.draft
    assert all(one.kept == one.then.decisions for one in report.campaigns)
    assert (report.left_out.responses, report.left_out.supposed) == (0, 0)


@pytest.mark.parametrize("what", CHANGES)
def test_a_draft_decides_what_a_deployment_under_it_decides(tmp_path: Path, what: str) -> None:
    draft = draft_of(tmp_path / "draft", CHANGES[what])
    was = deployed(tmp_path / "was" / "data", messages=without_answers())
    under_draft = deployed(tmp_path / "is" / "data", draft, without_answers())
    report = simulated(was, draft)
    assert told(report) == decided(under_draft) != decided(was)
    assert report.draft.decisions == sum(many for many, _ in decided(under_draft).values())
    again = simulated(under_draft, None)
    assert again.equal
    assert again.draft == report.draft
    assert again.withheld
    assert {w.reason: w.draft for w in report.withheld} == {w.reason: w.draft for w in again.withheld} | {
        w.reason: 0 for w in report.withheld if not w.draft
    }


def test_a_period_begins_in_the_middle_of_things(tmp_path: Path) -> None:
    draft = draft_of(tmp_path / "draft", CHANGES["the cap"])
    messages, middle = without_answers(), START + 15 * DAY
    was = deployed(tmp_path / "was" / "data", messages=messages)
    published = deployed(tmp_path / "is" / "data", messages=[m for m in messages if m["timestamp"] < middle])
    with open_deployment(published, customers_max=CUSTOMERS_MAX) as deployment:
        publish(deployment, read_definitions(draft), "tests")
    imported(published, [m for m in messages if m["timestamp"] >= middle], "rest")
    report = simulated(was, draft, middle)
    assert told(report) == decided(published, middle)
    assert report.first_seq > 0
    assert simulated(was, None, middle, middle + 5 * DAY).equal
    with pytest.raises(DeploymentError, match="nothing happened"):
        simulated(was, draft, START + 900 * DAY)


def test_what_answers_to_no_contact_is_left_out(little_mobile: Path, tmp_path: Path) -> None:
    draft = draft_of(tmp_path / "draft", lambda text: text.replace("used_pct >= 80", "used_pct >= 139"))
    report = simulated(little_mobile, draft)
    upsell = next(one for one in report.campaigns if one.campaign == "data-pack-upsell")
    assert upsell.draft.contacts < upsell.then.contacts
    assert report.left_out.responses > 0
    assert upsell.goals > upsell.goals_kept
    assert report.goals_without_contact == sum(one.goals - one.goals_kept for one in report.campaigns) > 0
    assert len(list(uncertain(report, "zh"))) == 3
    lost = sum(one.decisions for one in report.displacement if one.campaign == "data-pack-upsell")
    assert lost == upsell.then.decisions - upsell.then.control - (upsell.kept - upsell.draft.control)


def test_a_new_campaign_displaces_others(little_mobile: Path, tmp_path: Path) -> None:
    greedy = CHANGES["another campaign"](
        "\n---\n".join(path.read_text() for path in sorted(MINIMAL.glob("*.yaml")))
    ).replace("policy: {category: other}", "policy: {category: upsell}\nlever: 100")
    (tmp_path / "draft").mkdir()
    (tmp_path / "draft" / "all.yaml").write_text(greedy)
    report = simulated(little_mobile, tmp_path / "draft")
    by = {(one.campaign, one.by, one.how): one.decisions for one in report.displacement}
    assert by["data-pack-upsell", "anything", "same_moment"] > 0
    load = {one.touchpoint: one for one in report.load}
    assert load["sms"].draft > load["sms"].then
    assert sum(load["sms"].hourly_draft) == load["sms"].draft
    assert sum(one.draft for one in report.load) == report.draft.contacts
    assert sum(many * at for at, many in enumerate(report.draft.spread[:10])) <= report.draft.contacts


class CutError(Exception):
    """Stands for whatever ends a simulation before its time."""


def test_a_simulation_cut_short_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    messages, draft = by_time(month()), draft_of(tmp_path / "draft", CHANGES["the audience"])
    folder = deployed(tmp_path / "data")
    for day in range(0, 32, 4):
        within = (START + day * DAY, START + (day + 4) * DAY)
        imported(folder, [m for m in messages if within[0] <= m["timestamp"] < within[1]], f"days{day}")
    whole = simulated(folder, draft)
    monkeypatch.setattr(run_file, "CHECKPOINT_FACTS", 200)

    def stop(what: str, done: int, total: int) -> None:
        if what == "simulating" and done > total // 2:
            raise CutError

    with pytest.raises(CutError):
        simulated(folder, draft, again=True, on_progress=stop)
    (told,) = simulations(folder)
    assert not told.finished
    assert told.total == whole.facts
    (folder / SIMULATIONS / told.key / asks_file.REPORT).unlink()
    resumed: list[int] = []
    report = simulated(
        folder, draft, on_progress=lambda what, done, _: resumed.append(done) if what == "simulating" else None
    )
    assert min(resumed) > 200
    assert report == msgspec.structs.replace(whole, seconds=report.seconds)
    assert simulation_report(folder, told.key) == report
    assert [one.finished for one in simulations(folder)] == [True]
    with pytest.raises(DeploymentError, match="no simulation"):
        simulation_report(folder, "nothing")


def test_receipts_speak_of_the_drafts_decisions(play: Callable[[Scene], Path], tmp_path: Path) -> None:  # noqa: F811 - the fixture
    async def scene(service: Service) -> None:
        for at in range(1, 6):
            user = f"u{at}"
            await service.post("network", b"\n".join([person(user, 60), usage(user, 85)]), 2)
            shown = await service.touches.touch("app_home", ask(user))
            await service.touches.answer("app_home", shown.offers[0].decision, "presented")
            await service.touches.answer("app_home", shown.offers[0].decision, "refused", "too_dear")

    folder = play(scene)
    assert simulated(folder, None).equal
    same = tmp_path / "definitions"
    report = simulated(folder, same)
    assert report.then == report.draft
    assert report.then.contacts == 5
    assert (report.left_out.receipts, report.left_out.supposed) == (0, 0)
    other = tmp_path / "other"
    other.mkdir()
    text = (same / "all.yaml").read_text()
    # Another campaign takes the first place: the receipts of then are not its own, its showings are supposed.
    text += "\n---\ncampaign: other\ntrigger: {event: data_usage_reported}\nlever: 50\ntouchpoints: [{at: app_home, wait: 24h}]\noffers: [{offer: installments}]\n"
    (other / "all.yaml").write_text(
        text.replace("You have used {{event.used_pct}}%", "x").replace("Pay {{event.due}} in three parts", "Pay")
    )
    report = simulated(folder, other)
    found = {one.campaign: one for one in report.campaigns}
    assert found["other"].draft.contacts == 5
    assert report.left_out.supposed == 5
    assert found["data-pack"].kept == 5 or report.left_out.receipts > 0


def test_the_kernel_has_one_door() -> None:
    """Production, explain and simulation decide through the one function that calls the kernel."""
    source = Path(run_file.__file__).parents[2]
    callers = [p for p in source.rglob("*.py") if re.search(r"import .*\bstep\b|engine\.step import", p.read_text())]
    assert [path.name for path in callers] == ["engine.py"]


def test_facts_read_the_same_when_properties_move(tmp_path: Path) -> None:
    """A property is put before the others, and a new counter asks for what was said before: old facts keep their meaning."""
    folder = deployed(tmp_path / "data", messages=by_time(month()))
    moved = draft_of(
        tmp_path / "moved",
        lambda text: (
            text.replace("  product: {type: text", "  shop: {type: text}\n  product: {type: text")
            .replace("measure: count, over: 30d, bucket: day}", "measure: sum, value: amount, over: 60d, bucket: day}")
            .replace("packs_30d >= 2", "packs_30d >= 2.00")
        ),
    )
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        publish(deployment, read_definitions(moved), "tests")
        names = [one.name for one in deployment.catalogue.events["pack_purchased"].properties]
    assert names == ["product", "amount", "shop"]
    said: dict[str, int] = {}
    for message in by_time(month()):
        if message["type"] == "track" and message["event"] == "pack_purchased":
            user = str(message["userId"])
            said[user] = said.get(user, 0) + int(message["properties"]["amount"])
    for user, amount in said.items():
        view = view_customer(folder, find_customer(folder, user))
        assert [one.value for one in view.tags if one.tag == "packs_30d"] == [f"{amount}.00"]
