"""A person is forgotten: nothing of her is left in any file, reports and budgets still add up, and the journal replays byte for byte."""

import os
import shutil
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from opportune.facts import FORGOTTEN_EVERYWHERE, FORGOTTEN_FROM_HERE, FactKind
from opportune.journal import OnFault
from opportune.operations import (
    DeploymentError,
    backup,
    erasure,
    explain,
    find_customer,
    forget_person,
    ingest,
    journal_of,
    open_deployment,
    replay,
    report,
    restore,
    view_customer,
)
from opportune.operations.audience import holding
from opportune.operations.deployment import Deployment
from opportune.store import Loads, Outbox, People
from opportune.warehouse import Warehouse, export, read_groups
from tests.operations.forgetting_world import HER, NAME, OTHER_PHONE, PHONE, her_traces, make, places_of
from tests.operations.little_mobile import CUSTOMERS_MAX, START, identify, lines


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, to be copied."""
    return make(tmp_path_factory.mktemp("forgetting") / "data")


def opened(folder: Path, on_fault: OnFault | None = None) -> Deployment:
    return open_deployment(folder, customers_max=CUSTOMERS_MAX, segment_bytes_max=100_000, on_fault=on_fault)


@pytest.fixture
def folder(world: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(world, tmp_path / "data"))


def test_nothing_of_her_is_left_in_any_file(folder: Path) -> None:
    traces = her_traces(folder)
    before = places_of(folder, traces)
    # What must be found before, or the search proves nothing: hashes in journal and snapshots, notes in journal and warehouse.
    assert {place.partition("/")[0] for name, place in before if name == "hash of phone"} == {"journal"}
    assert any(name == "half of the hash of phone" and place.startswith("snapshots") for name, place in before)
    assert {place.partition("/")[0] for name, place in before if name == "note"} >= {"journal", "outbox.db"}
    assert any(place.startswith("out/") for _, place in before)
    with opened(folder) as deployment:
        erased = deployment.forget(HER)
        assert places_of(folder, traces) == set()  # while it is open, logs and shared memory included
    assert places_of(folder, traces) == set()
    assert (erased.raw_rows, erased.file_lines) == (1, 2)
    assert erased.people >= 6  # two identifiers, two fields, two quarantined messages
    assert erased.messages == 4
    assert erased.facts >= 2 + 9
    assert erased.warehouse_rows == 9


def test_others_keep_what_is_theirs(folder: Path) -> None:
    with opened(folder) as deployment:
        everybody = {customer: deployment.people.identifiers_of(customer) for customer in range(HER)}
        deployment.forget(HER)
        assert {customer: deployment.people.identifiers_of(customer) for customer in range(HER)} == everybody
        assert [OTHER_PHONE.encode() in item.body for item in deployment.people.quarantined()] == [True]
    with closing(Outbox(folder)) as outbox:
        row = outbox.get("901")
        assert row is not None
        assert row.reason == ""
    assert OTHER_PHONE in (folder / "out" / "sms-2026-11-02.csv").read_text()
    assert OTHER_PHONE in (folder / "out" / "sms-2026-11-02.ndjson").read_text()


def test_reports_and_budgets_still_add_up_and_the_journal_replays(folder: Path) -> None:
    before = report(folder)
    with opened(folder) as deployment:
        limits = deployment.engine.memory.arrays["limits"].copy()
        decided = deployment.engine.counts["decisions"]
        deployment.forget(HER)
        np.testing.assert_array_equal(deployment.engine.memory.arrays["limits"], limits)
        assert deployment.engine.counts["decisions"] == decided
        assert deployment.engine.counts["forgotten"] == 1
    after = report(folder)
    for name in (
        "campaigns",
        "contacts",
        "contacts_whole",
        "withheld",
        "withheld_by_reason",
        "limits",
        "sources",
        "decisions",
        "customers",
    ):
        assert getattr(after, name) == getattr(before, name), name
    assert replay(folder, customers_max=CUSTOMERS_MAX).equal


def test_her_row_is_that_of_somebody_never_heard_of(folder: Path) -> None:
    with opened(folder) as deployment:
        memory = deployment.engine.memory
        assert memory.arrays["ledger"][HER].any()
        assert memory.arrays["heads"][HER].any()
        deployment.forget(HER)
        size = deployment.playbook.layout.record_bytes
        template = deployment.playbook.plan.profiles.template.view(np.uint8)
        np.testing.assert_array_equal(memory.arrays["records"][HER * size : (HER + 1) * size], template)
        for name in ("keys", "ledger", "heads", "open_heads", "pending_heads", "looks"):
            assert not np.any(memory.arrays[name][HER]), name
        assert not holding(deployment.engine, "arpu IS NULL")[HER]  # she is in no audience
    export(folder)
    with Warehouse(folder) as warehouse:
        assert HER not in warehouse.audience("arpu IS NULL OR arpu >= 0")


def test_the_same_phone_later_is_somebody_new(folder: Path) -> None:
    with opened(folder) as deployment:
        deployment.forget(HER)
    with pytest.raises(DeploymentError, match="no customer"):
        find_customer(folder, PHONE)
    with opened(folder) as deployment:
        known = deployment.engine.customers
        again = {
            "type": "identify",
            "identifier": {"kind": "phone", "value": PHONE},
            "timestamp": START + 10,
            "traits": {"arpu": "1"},
        }
        ingest(deployment, deployment.decoder("again", "import"), lines([again]), START)
        deployment.flush()
        assert deployment.people.customer_of("phone", PHONE) == known
    assert find_customer(folder, PHONE) == known != HER
    with opened(folder) as deployment:  # and from the journal alone
        assert deployment.identity.customers == known + 1
    shutil.rmtree(folder / "snapshots")
    with opened(folder) as deployment:
        assert deployment.people.customer_of("phone", PHONE) == known
        decoder = deployment.decoder("again", "import")
        taken = ingest(
            deployment,
            decoder,
            lines(
                [
                    {
                        **identify("x", START + 20, arpu="2"),
                        "userId": None,
                        "identifier": {"kind": "phone", "value": PHONE},
                    }
                ]
            ),
            START,
        )
        assert taken.intake.batch.customer.tolist() == [known]


def test_forgetting_again_changes_nothing(folder: Path) -> None:
    with opened(folder) as deployment:
        deployment.forget(HER)
        facts = deployment.engine.next_seq
        again = deployment.forget(HER)
        assert deployment.engine.next_seq == facts
        assert (again.people, again.facts, again.messages) == (0, 0, 0)
        with pytest.raises(DeploymentError, match="no customer #999"):
            deployment.forget(999)
    kinds = [
        (int(group.arrays["code"][at]), int(group.arrays["customer"][at]))
        for group in journal_of(folder).read(0)
        for at in np.flatnonzero(group.arrays["kind"] == FactKind.FORGOTTEN).tolist()
    ]
    assert kinds == [(FORGOTTEN_FROM_HERE, HER), (FORGOTTEN_EVERYWHERE, HER)]


def test_her_number_can_still_be_asked_for_and_tells_nothing_of_her(folder: Path) -> None:
    with opened(folder) as deployment:
        deployment.forget(HER)
    view = view_customer(folder, HER, reveal=True)
    assert (view.identifiers, view.personal, view.consents, view.goals, view.open) == ((), {}, (), (), ())
    assert {tag.tag: tag.value for tag in view.tags if tag.value is not None and tag.origin != "rule"} == {
        "packs_30d": 0
    }
    assert [entry.kind for entry in view.timeline[:2]] == ["forgotten", "forgotten"]
    assert NAME not in str(view)
    found = explain(folder, HER)
    assert found.agrees
    assert found.history_agrees


def test_in_an_older_backup_she_is_forgotten_again_by_her_number(folder: Path, tmp_path: Path) -> None:
    traces = her_traces(folder)
    backup(folder, tmp_path / "backup")
    with opened(folder) as deployment:
        forget_person(deployment, PHONE, by="tests", why="her letter")
    restore(tmp_path / "backup", tmp_path / "restored")
    assert places_of(tmp_path / "restored", traces)
    with opened(folder) as newer, opened(tmp_path / "restored") as older:
        for line in newer.people.audit():
            assert (line.what, line.customer, line.why) == ("forget", HER, "her letter")
            assert forget_person(older, f"#{line.customer}", by="tests").erased.people > 0
    assert places_of(tmp_path / "restored", traces) == set()
    backup(tmp_path / "restored", tmp_path / "second")
    restore(tmp_path / "second", tmp_path / "again")
    assert places_of(tmp_path / "second", traces) == places_of(tmp_path / "again", traces) == set()
    opened(tmp_path / "again").close()


def test_somebody_nobody_knows_is_erased_by_her_text(folder: Path) -> None:
    with opened(folder) as deployment:
        erased = deployment.erase(None, [OTHER_PHONE])
        assert erased.people == 2  # two messages that nobody understood
        assert erased.raw_rows == 1
        assert deployment.people.customer_of("phone", PHONE) == HER


def test_the_warehouse_still_is_what_the_journal_says(folder: Path) -> None:
    with opened(folder) as deployment:
        deployment.forget(HER)
    journal = {group.first_seq: group for group in journal_of(folder).read(0)}
    for group in read_groups(folder):
        for name, array in group.arrays.items():
            if name != "values":
                np.testing.assert_array_equal(array, journal[group.first_seq].arrays[name], err_msg=name)


# Killed at every step


def _counted(folder: Path) -> int:
    """How many steps forgetting has at which it may be killed."""
    steps = _Steps(-1)
    _run(folder, steps)
    return steps.met


class _Steps:
    """Kills this process at the `at`-th step."""

    def __init__(self, at: int) -> None:
        self.at, self.met, self.armed = at, 0, False

    def step(self, _: object = None) -> None:
        if self.armed:
            if self.met == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
            self.met += 1

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **named: Any) -> Any:
            self.step()
            done = call(*args, **named)
            self.step()
            return done

        return wrapped


def _run(folder: Path, steps: _Steps) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (Loads, "forget"),
            (Outbox, "forget"),
            (People, "forget"),
            (erasure, "forget_in_files"),
            (erasure, "forget_extras"),
        ):
            patch.setattr(owner, name, steps.around(getattr(owner, name)))
        with opened(folder, steps.step) as deployment:
            steps.armed = True
            deployment.forget(HER)
            steps.armed = False


def check_kills(world: Path, root: Path, every: int) -> None:
    """Killed at every so many of its steps, the next start finishes it."""
    many = _counted(Path(shutil.copytree(world, root / "count")))
    assert many > 25
    traces = her_traces(world)
    begun = 0
    for at in range(0, many, every):
        folder = Path(shutil.copytree(world, root / str(at)))
        child = os.fork()
        if child == 0:
            try:
                _run(folder, _Steps(at))
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, at
        with opened(folder) as deployment:
            assert not deployment.forgetting
            if deployment.engine.counts["forgotten"]:
                begun += 1
                assert places_of(folder, traces) == set(), at
            else:  # it was killed before the fact was on the disk: nothing has happened
                assert deployment.people.customer_of("phone", PHONE) == HER
        if at % (2 * every) == 0:
            assert replay(folder, customers_max=CUSTOMERS_MAX).equal, at
        shutil.rmtree(folder)
    assert begun > many // every - 8


def test_killed_on_the_way_it_is_finished_by_the_next_start(world: Path, tmp_path: Path) -> None:
    check_kills(world, tmp_path, 5)


@pytest.mark.deep
def test_killed_at_any_step_it_is_finished_by_the_next_start(world: Path, tmp_path: Path) -> None:
    check_kills(world, tmp_path, 1)
