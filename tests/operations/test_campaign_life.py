"""Pausing, resuming and ending at once; whom a change moves; the calendar; rolling back and promoting."""

from datetime import date
from pathlib import Path

import pytest

from opportune.operations import (
    DeploymentError,
    create_deployment,
    definitions_of,
    list_decisions,
    open_deployment,
    promoted,
    publish,
    read_definitions,
    replay,
)  # fmt: skip
from opportune.operations.drafting import (
    DraftRefusedError,
    audience_moves,
    calendar,
    change_life,
    open_drafting,
    state_of,
)
from opportune.store import Definitions, difference, load_files
from tests.operations.little_mobile import (
    CUSTOMERS_MAX,
    DAY,
    MINIMAL,
    START,
    by_time,
    consent,
    deployed,
    identify,
    imported,
    month,
    used,
)  # fmt: skip
from tests.operations.test_drafting import edited, opened

UPSELL = "data-pack-upsell"


def waiting(folder: Path) -> Path:
    """The minimal example, but that its first step waits a day for a touch."""
    text = "\n---\n".join(path.read_text() for path in sorted(MINIMAL.glob("*.yaml")))
    after = text.replace("{at: [app_home, call_centre]}", "{at: [app_home, call_centre], wait: 24h}").replace(
        "control: 10%", "control: 0%"
    )
    assert after != text
    folder.mkdir()
    (folder / "all.yaml").write_text(after.replace("universal_control: 2%", "universal_control: 0%"))
    return folder


def people(first: int, many: int, at: int) -> list[dict[str, object]]:
    said: list[dict[str, object]] = []
    for i in range(first, first + many):
        said += [
            identify(f"p-{i}", at + i, arpu="80", has_unlimited=False, upsell_propensity=90_000), consent(f"p-{i}", at + i + 1),
            used(f"p-{i}", at + 10_000 + i, 90),
        ]  # fmt: skip
    return by_time(iter(said))


def test_pause_stops_new_and_waiting_decisions_and_resume_starts_again(tmp_path: Path) -> None:
    folder = deployed(tmp_path / "data", waiting(tmp_path / "definitions"), people(0, 5, START), "first")
    before = len(list_decisions(folder))
    assert before == 5
    with opened(folder) as deployment, open_drafting(folder) as drafting:
        tried = change_life(deployment, drafting, UPSELL, "pause", "ann", dry_run=True)
        assert (tried.state, tried.in_flight.waiting, tried.publication) == ("paused", 5, None)
        assert deployment.playbook.version == 1
        done = change_life(deployment, drafting, UPSELL, "pause", "ann", "too many complaints")
        assert done.publication is not None
        assert (done.publication.playbook, done.in_flight) == (2, tried.in_flight)
        (record,) = drafting.newest()
        assert (record.state, record.title) == ("launched", f"pause {UPSELL}")
        assert [(one.kind, one.actor, one.note, one.playbook) for one in record.trail] == [
            ("made", "ann", "too many complaints", None), ("launched", "ann", "too many complaints", 2),
        ]  # fmt: skip
        with pytest.raises(DraftRefusedError, match="is paused") as refused:
            change_life(deployment, drafting, UPSELL, "pause", "ann")
        assert refused.value.code == "wrong_state"
        with pytest.raises(DraftRefusedError, match="did you mean `data-pack-upsell`"):
            change_life(deployment, drafting, "data-pack-upsel", "pause", "ann")
    # The day's wait is over for all five: none of them is sent, and nobody gets a new one.
    imported(folder, people(100, 3, START + 3 * DAY), "second")
    assert len(list_decisions(folder)) == before
    with opened(folder) as deployment, open_drafting(folder) as drafting:
        pool = deployment.engine.memory.arrays["open_pool"]
        assert not pool["state"].any()
        change_life(deployment, drafting, UPSELL, "resume", "ann")
    imported(folder, people(200, 3, START + 5 * DAY), "third")
    assert len(list_decisions(folder)) == before + 3
    assert replay(folder).equal


def test_ended_is_for_good(tmp_path: Path) -> None:
    folder = deployed(tmp_path / "data", messages=people(0, 2, START))
    with opened(folder) as deployment, open_drafting(folder) as drafting:
        assert change_life(deployment, drafting, UPSELL, "end", "ann").state == "ended"
        assert deployment.store.in_force().campaigns[UPSELL].valid.to == "2026-10-31"
        for verb in ("pause", "resume", "end"):
            with pytest.raises(DraftRefusedError, match="is ended"):
                change_life(deployment, drafting, UPSELL, verb, "ann")
    before = len(list_decisions(folder))
    imported(folder, people(50, 3, START + DAY), "later")
    assert len(list_decisions(folder)) == before


def test_pausing_needs_no_approval_and_resuming_does(tmp_path: Path) -> None:
    folder = deployed(tmp_path / "data")
    with opened(folder) as deployment, open_drafting(folder) as drafting:
        publish(deployment, edited(tmp_path / "ruled"), "ann")
        assert change_life(deployment, drafting, UPSELL, "pause", "ann").publication is not None
        asked = change_life(deployment, drafting, UPSELL, "resume", "ann")
        assert asked.publication is None
        assert asked.draft is not None
        assert [one.step for one in asked.draft.steps_needed if one.given_by is None] == ["lead", "reach", "legal"]
        assert deployment.playbook.version == 3


def test_whom_a_change_moves_in_and_out(tmp_path: Path) -> None:
    folder = deployed(tmp_path / "data", messages=by_time(month()))
    before = read_definitions(MINIMAL)

    def other(text: str) -> str:
        return text.replace("arpu >= 50", "arpu < 100").replace("packs_30d >= 2", "packs_30d >= 1")

    after = edited(tmp_path / "after", other, rules="approval: default\n")
    with opened(folder) as deployment:
        found = audience_moves(deployment.engine, before, after, difference(before, after))
    told = {(one.family, one.name): (one.moved_in, one.moved_out, one.customers) for one in found}
    # Of 60 customers i pays 20 + 3 i, and every seventh has the unlimited plan.
    able = [i for i in range(60) if i % 7]
    was, now = {i for i in able if 20 + 3 * i >= 50}, {i for i in able if 20 + 3 * i < 100}
    assert told["campaign", UPSELL] == (len(now - was), len(was - now), len(now))
    assert told["tag", "pack_lover"][1] == 0
    assert set(told) == {("campaign", UPSELL), ("tag", "pack_lover")}


def test_what_cannot_be_counted_says_why(tmp_path: Path) -> None:
    folder = deployed(tmp_path / "data", messages=people(0, 2, START))
    before = read_definitions(MINIMAL)
    after = edited(
        tmp_path / "after",
        lambda text: (
            text.replace("arpu >= 50 AND NOT has_unlimited", "fresh > 3")
            + ("\n---\ntag: fresh\ntype: int\n" if "tag: arpu" in text else "")
        ),
    )
    with opened(folder) as deployment:
        (found,) = audience_moves(deployment.engine, before, after, difference(before, after))
    assert found.moved_in is None
    assert "fresh" in found.unknown


CALENDAR = """
event: e
---
touchpoint: sms
direction: out
---
touchpoint: app
direction: in
---
offer: o
---
policy: p
caps: [{per: category, of: sale, max: 1, in: 7d}]
---
campaign: z
policy: {category: sale}
"""


def campaigns(*texts: str) -> Definitions:
    made = [f"campaign: {name}\ntrigger: {{event: {event}}}\ntouchpoints: [{{at: {at}{push}}}]\noffers: [{{offer: o}}]\n{more}"
            for name, event, at, push, more in (text.split("|") for text in texts)]  # fmt: skip
    loaded = load_files([("f.yaml", "\n---\n".join([CALENDAR, *made, "event: f"]).encode())])
    assert loaded.problems == ()
    return loaded


def test_the_calendar_and_its_conflicts() -> None:
    found = calendar(
        campaigns(
            "a|e|sms|, push: now|valid: {from: 2026-12-01, to: 2026-12-10}", "b|e|sms|, push: now|valid: {from: 2026-12-10}",
            "c|e|sms|, push: now|valid: {from: 2026-12-11}\naudience: 1 = 1", "d|f|sms|, push: now|policy: {category: sale}",
            "g|e|app||policy: {category: sale}", "h|f|sms|, push: now|policy: {category: sale}\nvalid: {to: 2026-01-01}",
            "i|f|sms|, push: now|policy: {category: sale}\npaused: true", "j|e|sms|, push: now|policy: {category: sale}\nvalid: {from: 2027-01-01}",
        ),
        date(2026, 12, 5),
    )  # fmt: skip
    states = {one.campaign: one.state for one in found.campaigns}
    assert states == {
        "a": "running",
        "b": "planned",
        "c": "planned",
        "d": "running",
        "g": "running",
        "h": "ended",
        "i": "paused",
        "j": "planned",
    }
    told = {(one.code, one.campaign, one.other): (one.since, one.to) for one in found.conflicts}
    assert told == {
        ("same_audience", "a", "b"): ("2026-12-10", "2026-12-10"), ("same_event", "b", "c"): ("2026-12-11", None),
        ("same_audience", "b", "j"): ("2027-01-01", None), ("same_event", "c", "j"): ("2027-01-01", None), ("same_cap", "d", "j"): ("2027-01-01", None),
    }  # fmt: skip
    assert found.complete
    some = calendar(
        campaigns("a|e|sms|, push: now|", "b|e|sms|, push: now|", "c|e|sms|, push: now|"),
        date(2026, 12, 5),
        campaigns=("c",),
    )
    assert {(one.campaign, one.other) for one in some.conflicts} == {("a", "c"), ("b", "c")}
    assert [
        one.campaign
        for one in calendar(
            campaigns("a|e|sms|, push: now|valid: {to: 2026-12-01}"), date(2026, 12, 5), "2026-12-02"
        ).campaigns
    ] == []


def test_state_of_a_campaign() -> None:
    campaign = campaigns("a|e|sms|, push: now|valid: {from: 2026-12-01, to: 2026-12-10}").campaigns["a"]
    days = {(11, 30): "planned", (12, 1): "running", (12, 10): "running", (12, 11): "ended"}
    assert {day: state_of(campaign, date(2026, *day)) for day in days} == days


def test_promoting_whole_and_single_campaigns(tmp_path: Path) -> None:
    source = deployed(tmp_path / "from", edited_folder(tmp_path / "definitions"))
    target = tmp_path / "to"
    create_deployment(target, seed="tests")
    own = load_files(
        [
            (
                "f.yaml",
                b"deployment: theirs\nzone: UTC\ncurrency: CNY\n---\noffer: old\n---\npolicy: strict\ncaps: [{per: customer, max: 1, in: 30d}]",
            )
        ]
    )
    with opened(target) as deployment:
        publish(deployment, own, "tests")
        one = promoted(definitions_of(source), target, ["thanks-for-the-pack"])
        assert (set(one.campaigns), set(one.offers), one.deployment, one.policy) == (
            {"thanks-for-the-pack"}, {"old", "pack_5g"}, own.deployment, own.policy,
        )  # fmt: skip
        assert {"pack_lover", "packs_30d", "has_unlimited"} <= set(one.tags)
        assert "arpu" not in one.tags
        whole = promoted(definitions_of(source), target)
        assert (set(whole.campaigns), set(whole.offers), whole.deployment) == (
            {UPSELL, "thanks-for-the-pack"}, {"pack_10g", "pack_5g"}, own.deployment,
        )  # fmt: skip
        assert publish(deployment, whole, "tests").playbook == 2
    with pytest.raises(DeploymentError, match="did you mean"):
        promoted(definitions_of(source), target, ["thanks-for-a-pack"])


def edited_folder(folder: Path) -> Path:
    edited(folder, rules="approval: default\n")
    return folder


def test_rolling_back_is_a_new_playbook_equal_to_the_old(tmp_path: Path) -> None:
    folder = deployed(tmp_path / "data")
    with opened(folder) as deployment:
        publish(
            deployment,
            edited(
                tmp_path / "second", lambda text: text.replace("arpu >= 50", "arpu >= 40"), rules="approval: default\n"
            ),
            "ann",
        )
        done = publish(deployment, definitions_of(folder, 1), "ann")
        assert done.playbook == 3
        assert difference(deployment.store.load(3), deployment.store.load(1)) == []
        with pytest.raises(DeploymentError, match="no playbook 9"):
            definitions_of(folder, 9)
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        assert deployment.playbook.version == 3
