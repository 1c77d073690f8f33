"""A service that runs its sources beside intake: what is due is taken in through the door; killed in the midst, every row is applied once."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from opportune.operations import load_of, open_deployment, open_loads, replay
from tests.entrypoints.http.server import Server, facts_of, served_folder, used
from tests.operations.little_mobile import CUSTOMERS_MAX, MINIMAL

ROWS = 60_000
WAIT_SECONDS_MAX = 120
USAGE = """
source: usage
read: {format: csv, path: "usage-*.csv"}
time: {from: at}
customer: {kind: user, from: id}
every: 1s
clean:
  - missing: {fields: pct, fill: mean, digits: 0}
rows:
  - event: data_usage_reported
    properties: {used_pct: pct, used_mb: mb}
"""


def write(root: Path, name: str, rows: int) -> None:
    """A file of usage; every tenth percentage is missing. It appears whole."""
    lines = [
        f"u{n % 500},{n % 100 if n % 10 else ''},{n % 1000},2026-01-01T00:{n // 60 % 60:02}:{n % 60:02}Z"
        for n in range(rows)
    ]
    (root / "part").write_text("\n".join(["id,pct,mb,at", *lines, ""]))
    (root / "part").rename(root / f"usage-{name}.csv")


def wait_for(done: Callable[[], bool]) -> None:
    """Return once it is done. Raises TimeoutError."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("it was not done in time")
        time.sleep(0.02)


def test_sources_run_beside_intake_and_survive_a_kill(tmp_path: Path) -> None:
    definitions = shutil.copytree(MINIMAL, tmp_path / "definitions")
    (Path(definitions) / "sources.yaml").write_text(USAGE)
    served = served_folder(tmp_path, Path(definitions))
    write(tmp_path, "1", ROWS)
    server = Server(served, "--sources", str(tmp_path))
    with server:
        wait_for(lambda: server.account("usage")["applied"] > 0)
        assert server.post("/v1/track", used("live-1", "m-1")).status == 200
        server.kill()
    with server:
        assert server.account("usage")["applied"] < ROWS  # it was killed in the midst, or this test shows nothing
        assert server.post("/v1/track", used("live-2", "m-2")).status == 200
        wait_for(lambda: server.account("usage")["applied"] == ROWS)
        write(tmp_path, "2", 100)
        wait_for(lambda: server.account("usage")["applied"] == ROWS + 100)
        assert server.account()["applied"] == 2
        code, said = server.stop()
        assert code == 0, said
    assert facts_of(served.folder)["EVENT"] == ROWS + 100 + 2
    with open_loads(served.folder) as loads:
        told = [load_of(row) for row in loads.of("usage")]
    assert [(one.label, one.rows, one.applied, one.balanced) for one in told] == [
        ("usage-2.csv", 100, 100, True), ("usage-1.csv", ROWS, ROWS, True),
    ]  # fmt: skip
    with open_deployment(served.folder, customers_max=CUSTOMERS_MAX) as deployment:
        assert deployment.accounting.sources["usage"].finished
    assert replay(served.folder).equal
