"""A source run killed at any moment and run again: every row is applied once, cleaned as its load was, and all of it accounted for."""

import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from opportune.journal import FaultPoint
from opportune.operations import create_deployment, load_of, open_loads, replay
from tests.simulation.auditor import audit_opened, quarantine_of
from tests.simulation.test_imports import serials_of
from tests.simulation.worker import CUSTOMERS_MAX, Job, Kill, open_folder, run_source
from tests.simulation.workload import START_MS
from tests.simulation.zygote import Zygote

ROWS_PER_FILE = 5_000
BAD_EVERY, REPEATED_EVERY, EMPTY_EVERY = 997, 613, 401
CUSTOMERS = 300
KILLS = 14

DEFINITIONS = """
source: {name}
{read}
time: {{from: at}}
customer: {{kind: user, from: user}}
clean:
  - trim: cell
  - duplicates: {{by: [serial]}}
  - missing: {{fields: pct, fill: mean, digits: 0}}
rows:
  - event: used
    properties: {{pct: pct, cell: cell, serial: serial}}
"""
WHERE = {
    "files": "read: {format: csv, path: 'rows-*.csv'}",
    "database": "database: {table: rows, cursor: serial, key: [twin]}",
}
Row = tuple[int, str, str, str, int, int]


def rows_of(file: int) -> list[Row]:
    """(at, user, pct, cell, serial, twin) of one file: some are bad, some stand twice, of some the percentage is missing."""
    found: list[Row] = []
    for serial in range(file * ROWS_PER_FILE, (file + 1) * ROWS_PER_FILE):
        pct = "" if serial % EMPTY_EVERY == 0 else "5000" if serial % BAD_EVERY == 0 else str(serial % 101)
        row = (START_MS + serial * 1_000, f"u{serial * 7919 % CUSTOMERS}", pct, f" cell-{serial % 50} ", serial)
        found += [(*row, 0)] + [(*row, 1)] * (serial % REPEATED_EVERY == 0)
    return found


def write_definitions(folder: Path) -> None:
    """Both sources, beside the simulation's own definitions."""
    place = folder / "definitions-1"
    place.mkdir(exist_ok=True)
    documents = [DEFINITIONS.format(name=name, read=read) for name, read in WHERE.items()]
    (place / "sources.yaml").write_text("---".join(documents))


def write_file(folder: Path, file: int) -> None:
    """One more file, and the same rows in the database."""
    lines = [",".join(map(str, row)) for row in rows_of(file)]
    (folder / f"rows-{file}.csv").write_text("\n".join(["at,user,pct,cell,serial,twin", *lines, ""]))
    with closing(sqlite3.connect(folder / "rows.db")) as database, database:
        database.execute(
            "CREATE TABLE IF NOT EXISTS rows (at integer, user text, pct text, cell text, serial integer, twin integer)"
        )
        database.executemany("INSERT INTO rows VALUES (?, ?, nullif(?, ''), ?, ?, ?)", rows_of(file))


def kills(seed: int) -> list[Kill]:
    """Seeded ends of lives that run a source: inside a commit, between two lines of ours, by the clock."""
    chance = random.Random(seed)
    points = [FaultPoint.BEFORE_WRITE, FaultPoint.MID_WRITE, FaultPoint.AFTER_WRITE, FaultPoint.AFTER_SYNC]
    found = [Kill("fault", point=point, times=chance.randint(1, 3)) for point in points]
    found += [
        Kill("line", times=chance.randint(20, 400), file=file)
        for file in ("source_loads.py", "loads.py")
        for _ in range(3)
    ]
    found += [Kill("clock", after_s=chance.uniform(0, 0.6)) for _ in range(KILLS - len(found))]
    return chance.sample(found, len(found))


def check_taken(folder: Path, source: str, files: int) -> None:
    """Each good row is in the journal once, each bad one in the quarantine once, and the loads account for every row."""
    rows = [row for file in range(files) for row in rows_of(file)]
    bad = {row[4] for row in rows if row[2] == "5000"}
    assert serials_of(folder) == dict.fromkeys({row[4] for row in rows} - bad, 1)
    with open_folder(folder) as deployment:
        account = deployment.accounting.sources[source]
        assert (account.quarantined, account.duplicates, account.finished) == (len(bad), 0, True)
        assert set(Counter(item.body for item in quarantine_of(deployment)).values()) <= {1}
        assert run_source(deployment, source)[0].loads == ()
    with open_loads(folder) as loads:
        told = [load_of(row) for row in loads.of(source)]
    assert all(one.balanced for one in told)
    assert sum(one.rows for one in told) == len(rows)
    assert sum(sum(one.left_out.values()) for one in told) == sum(row[5] for row in rows)
    assert sum(one.applied for one in told) == len({row[4] for row in rows} - bad)
    assert sum(one.quarantined for one in told) == len(bad)


@pytest.mark.parametrize("source", list(WHERE))
def test_killed_runs_apply_every_row_once(zygote: Zygote, tmp_path: Path, source: str) -> None:
    create_deployment(tmp_path / "data", seed="simulation")
    write_definitions(tmp_path)
    job = Job(tmp_path / "data", 0, 0, 0, 0, 0, source=source)
    killed, files, ended = 0, 0, True
    for number, kill in enumerate(kills(len(source))):
        if ended:  # whoever is not killed leaves nothing to be killed at: there is more to fetch
            write_file(tmp_path, files)
            files += 1
        ended = zygote.live(job.again(number, kill))
        killed += not ended
        assert set(serials_of(job.folder).values()) <= {1}
        audit_opened(job.folder, (), 0, identified=False)
    assert zygote.live(job.again(0, Kill()))
    assert killed >= KILLS // 2
    check_taken(job.folder, source, files)
    assert replay(job.folder, customers_max=CUSTOMERS_MAX).equal
