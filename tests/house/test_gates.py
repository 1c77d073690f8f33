"""The gates of pyproject.toml bite: each ban and each contract fails on a small breach, and lets the allowed place pass."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ROOMS = (
    "entrypoints", "operations", "intake", "delivery", "warehouse", "journal", "store", "engine", "profiles", "campaigns",
    "policy", "analytics", "rules", "facts",
)  # fmt: skip
PURE = ("facts", "rules", "profiles", "campaigns", "policy", "analytics", "engine")


def ruff(path: str, source: str) -> str:
    """What ruff says of `source` if it stood at `path`."""
    command = [str(BIN / "ruff"), "check", "--no-cache", "--output-format", "concise", "--stdin-filename", path, "-"]
    return subprocess.run(command, input=source, cwd=ROOT, capture_output=True, text=True, timeout=60).stdout


CLOCKS = (
    "import datetime\nimport os\nimport random\nimport time\n\nimport numpy as np\n\n"
    "print(time.time(), random.random(), np.random.default_rng(), datetime.datetime.now(), os.environ)\n"
)


@pytest.mark.parametrize("room", PURE)
def test_a_pure_room_has_no_clock_no_chance_no_environment(room: str) -> None:
    said = ruff(f"src/opportune/{room}/step.py", CLOCKS)
    for banned in ("`time`", "`random`", "`numpy.random`", "`datetime.datetime.now`", "`os.environ`"):
        assert f"TID251 {banned} is banned" in said
    assert "T201" in said


@pytest.mark.parametrize(
    "path", ["src/opportune/entrypoints/worker.py", "benchmarks/kernel.py", "tests/engine/test_step.py"]
)
def test_the_doors_the_benchmarks_and_the_tests_may_ask_the_time(path: str) -> None:
    assert "TID251" not in ruff(path, CLOCKS)


def lint_imports(folder: Path, files: dict[str, str]) -> str:
    """What import-linter says, under our contracts, of a package `opportune` of these files (`rules/parse.py`: source)."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    for path in ["__init__.py", *(f"{room}/__init__.py" for room in ROOMS)]:
        file = folder / "opportune" / path
        file.parent.mkdir(exist_ok=True)
        file.write_text("", encoding="utf-8")
    for path, source in files.items():
        (folder / "opportune" / path).parent.mkdir(exist_ok=True)
        (folder / "opportune" / path).write_text(source, encoding="utf-8")
    command = [str(BIN / "lint-imports"), "--no-logo", "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert "Contracts:" in done.stdout, done.stdout + done.stderr
    return done.stdout


def test_the_homes_of_heavy_libraries_are_open_to_them(tmp_path: Path) -> None:
    homes = {
        "rules/parse.py": "import sqlglot\nfrom opportune import facts\n",
        "store/database.py": "import alembic\nimport sqlalchemy\nimport yaml\n",
        "warehouse/queries.py": "import duckdb\n",
        "intake/parquet.py": "import duckdb\n",
        "store/sealing.py": "from cryptography.hazmat.primitives.ciphers.aead import AESGCM\n",
        "delivery/channels/smtp.py": "import aiosmtplib\nimport jinja2\n",
        "entrypoints/cli.py": "import rich\nimport typer\nfrom opportune import operations\n",
        "entrypoints/http/app.py": "import fastapi\nfrom starlette.types import Send\nfrom uvicorn.protocols.http import httptools_impl\n",
        "facts/compiled.py": "import numba\n",
    }
    assert " 0 broken" in lint_imports(tmp_path, homes)


BREACHES = {
    "cryptography lives in store": ("intake/sealing.py", "import cryptography\n"),
    "sqlglot lives in rules": ("engine/step.py", "import sqlglot\n"),
    "sqlalchemy, alembic and yaml live in store": ("operations/publish.py", "from sqlalchemy.orm import Session\n"),
    "duckdb lives in warehouse, and in intake to read Parquet and to match": (
        "rules/lower_duckdb.py",
        "import duckdb\n",
    ),
    "what speaks to providers, and what writes messages, lives in delivery": ("operations/send.py", "import httpx\n"),
    "typer and rich live in entrypoints": ("operations/publish.py", "from rich.table import Table\n"),
    "fastapi, starlette, uvicorn, uvloop and prometheus_client live in entrypoints": (
        "operations/publish.py",
        "from starlette.types import Send\n",
    ),
    "numba lives behind facts.compiled and facts.rows": ("engine/step.py", "import numba\n"),
}


@pytest.mark.parametrize("contract", BREACHES)
def test_a_heavy_library_outside_its_home_is_refused(tmp_path: Path, contract: str) -> None:
    path, source = BREACHES[contract]
    said = lint_imports(tmp_path, {path: source})
    assert f"{contract} BROKEN" in said
    assert " 1 broken" in said


@pytest.mark.parametrize(
    ("lower", "upper"),
    [("facts", "rules"), ("rules", "profiles"), ("policy", "engine"), ("journal", "intake"), ("warehouse", "operations"),
     ("profiles", "policy"), ("journal", "store"), ("intake", "warehouse")],
)  # fmt: skip
def test_an_import_upwards_or_next_door_is_refused(tmp_path: Path, lower: str, upper: str) -> None:
    said = lint_imports(tmp_path, {f"{lower}/step.py": f"from opportune import {upper}\n"})
    assert "Imports point down only; rooms on one floor do not see each other BROKEN" in said


def test_a_room_on_no_floor_is_refused(tmp_path: Path) -> None:
    said = lint_imports(tmp_path, {"loyalty/__init__.py": ""})
    assert "BROKEN" in said
    assert "loyalty" in said


def test_the_strictness_of_the_gates_is_set() -> None:
    tools = SETTINGS["tool"]
    assert tools["mypy"]["strict"] is True
    assert {"src", "tests"} <= set(tools["mypy"]["files"])
    assert any(marker.startswith("deep:") for marker in tools["pytest"]["ini_options"]["markers"])
    assert tools["importlinter"]["contracts"][0]["exhaustive"] is True
