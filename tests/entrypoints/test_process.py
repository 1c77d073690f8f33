"""The command line as a process of its own: what it prints where, and what importing it costs."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.operations.little_mobile import MINIMAL, by_time, lines, month


def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`opportune` with these arguments, its output as text."""
    command = [sys.executable, "-c", "from opportune.entrypoints import main; main()", *map(str, arguments)]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    environment.pop("OPPORTUNE_FOLDER", None)
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", timeout=240, cwd=cwd, env=environment
    )


def test_a_whole_life_in_processes(tmp_path: Path) -> None:
    """The default data folder, in the folder where one stands."""
    (tmp_path / "world.ndjson").write_bytes(lines(by_time(month(12))))
    assert run("init", cwd=tmp_path).returncode == 0
    applied = run("apply", MINIMAL, "--yes", cwd=tmp_path)
    assert applied.returncode == 0, applied.stderr
    imported = run("import", "world.ndjson", "--json", cwd=tmp_path)
    assert imported.returncode == 0, imported.stderr
    assert imported.stderr == ""  # no bar where stderr is no terminal
    assert json.loads(imported.stdout)["this_import"]["received"] == len(list(month(12)))
    replayed = run("replay", "--json", cwd=tmp_path)
    assert json.loads(replayed.stdout)["equal"] is True
    chinese = run("report", "--lang", "zh", cwd=tmp_path)
    assert "流量包适时推荐" in chinese.stdout


def test_a_mistake_shows_no_traceback(tmp_path: Path) -> None:
    done = run("report", "-f", tmp_path / "none")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")


def test_help_imports_nothing_heavy() -> None:
    """What keeps --help quick: the modules it loads, not the clock of a busy machine."""
    code = (
        "import sys\nfrom opportune.entrypoints import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted(m for m in ('numpy', 'numba', 'sqlalchemy', 'sqlglot', 'msgspec', 'rich', 'duckdb') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"
