"""An import killed at any moment and run again: every row is applied once, and the accounts and the quarantine are right."""

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from opportune.facts import FactKind
from opportune.journal import FaultPoint
from opportune.operations import create_deployment, replay
from tests.simulation.auditor import audit_opened, quarantine_of, read_journal
from tests.simulation.worker import CUSTOMERS_MAX, ROWS, Job, Kill, import_file, open_folder
from tests.simulation.workload import START_MS
from tests.simulation.zygote import Zygote

ROWS_IN_ALL = 18_000
"""Several pieces of an import."""
BAD_EVERY = 997
MS_PER_ROW = 1_000
CUSTOMERS = 700
KILLS = 10


def write_rows(folder: Path, suffix: str, *, ids: bool = False) -> Path:
    """The rows as CSV or NDJSON; one in BAD_EVERY is out of range."""
    file = folder / f"rows{suffix}"
    with file.open("w") as out:
        if suffix == ".csv":
            out.write("at,user,pct,cell,serial\n")
        for serial in range(ROWS_IN_ALL):
            at, user, pct = START_MS + serial * MS_PER_ROW, f"u{serial * 7919 % CUSTOMERS}", _pct(serial)
            if suffix == ".csv":
                out.write(f"{at},{user},{pct},cell-{serial % 50},{serial}\n")
                continue
            properties = {"pct": pct, "cell": f"cell-{serial % 50}", "serial": serial}
            body = {"type": "track", "event": "used", "timestamp": at, "userId": user, "properties": properties}
            out.write(json.dumps(body | ({"messageId": f"m{serial}"} if ids else {})) + "\n")
    return file


def _pct(serial: int) -> int:
    return 5_000 if serial % BAD_EVERY == 0 else serial % 101


def serials_of(folder: Path) -> Counter[int]:
    """How often each row's number is in the journal."""
    found: Counter[int] = Counter()
    for batch in read_journal(folder).batches:
        ends = batch.first[1:][batch.kind == FactKind.EVENT].astype(np.int64)
        found.update(batch.values[ends - 1].tolist())
    return found


def check_imported(folder: Path, times: int) -> None:
    """Every good row was applied so many times, and every bad one quarantined as often; the import is finished."""
    bad = range(0, ROWS_IN_ALL, BAD_EVERY)
    wanted = dict.fromkeys(set(range(ROWS_IN_ALL)) - set(bad), times)
    assert serials_of(folder) == wanted
    audit_opened(folder, (), 0, identified=False)
    with open_folder(folder) as deployment:
        account = deployment.accounting.sources[ROWS.source]
        assert (account.received, account.applied) == (times * ROWS_IN_ALL, times * len(wanted))
        assert (account.quarantined, account.duplicates) == (times * len(bad), 0)
        assert (account.finished, account.position) == (True, 0)
        assert set(Counter(row.body for row in quarantine_of(deployment)).values()) == {times}
        assert sorted(row.position for row in quarantine_of(deployment)) == [
            run * ROWS_IN_ALL + serial + 1 for run in range(times) for serial in bad
        ]


def is_finished(folder: Path) -> bool:
    """Whether the journal says that the import came to its end."""
    with open_folder(folder) as deployment:
        account = deployment.accounting.sources.get(ROWS.source)
        return account is not None and account.finished


def kills(seed: int) -> list[Kill]:
    """Seeded ends of lives that import."""
    chance = random.Random(seed)
    points = [FaultPoint.BEFORE_WRITE, FaultPoint.MID_WRITE, FaultPoint.AFTER_WRITE, FaultPoint.AFTER_SYNC]
    faults = [Kill("fault", point=point, times=chance.randint(1, 2)) for point in points]
    lines = [Kill("line", times=chance.randint(100, 700)) for _ in range(4)]
    clocks = [Kill("clock", after_s=chance.uniform(0, 0.4)) for _ in range(KILLS - 8)]
    return chance.sample([*faults, *lines, *clocks], KILLS)


@pytest.mark.parametrize("suffix", [".csv", ".ndjson"])
def test_killed_imports_apply_every_row_once(zygote: Zygote, tmp_path: Path, suffix: str) -> None:
    create_deployment(tmp_path / "data", seed="simulation")
    job = Job(tmp_path / "data", 0, 0, 0, 0, 0, imported=write_rows(tmp_path, suffix))
    killed = 0
    for kill in kills(len(suffix)):
        if is_finished(job.folder):  # whoever is killed after the import's end finds it told, and must not import again
            break
        killed += not zygote.live(job.again(0, kill))
        assert set(serials_of(job.folder).values()) <= {1}
        audit_opened(job.folder, (), 0, identified=False)
    if not is_finished(job.folder):
        assert zygote.live(job.again(0, Kill()))
    assert killed >= KILLS // 3
    check_imported(job.folder, 1)
    assert replay(job.folder, customers_max=CUSTOMERS_MAX).equal


def test_a_finished_import_begins_anew(zygote: Zygote, tmp_path: Path) -> None:
    """Rows without ids are applied again, also where the second import is killed and goes on."""
    create_deployment(tmp_path / "data", seed="simulation")
    job = Job(tmp_path / "data", 0, 0, 0, 0, 0, imported=write_rows(tmp_path, ".csv"))
    assert zygote.live(job)
    check_imported(job.folder, 1)
    for times in (1, 3):
        assert not zygote.live(job.again(0, Kill("fault", point=FaultPoint.AFTER_SYNC, times=times)))
    assert zygote.live(job.again(0, Kill()))
    check_imported(job.folder, 2)


def test_rows_with_ids_are_repeats_the_second_time(tmp_path: Path) -> None:
    create_deployment(tmp_path / "data", seed="simulation")
    file = write_rows(tmp_path, ".ndjson", ids=True)
    with open_folder(tmp_path / "data") as deployment:
        first = import_file(deployment, file).account.applied
        second = import_file(deployment, file)
        assert second.messages == ROWS_IN_ALL
        assert (second.account.applied, second.account.duplicates) == (first, first)
        assert second.account.balanced
