"""A data folder with facts of many kinds, copied for each test that writes beside it."""

import shutil
from pathlib import Path

import pytest

from tests.warehouse.world import make_world


@pytest.fixture(scope="session")
def world_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `world` is a copy of."""
    return make_world(tmp_path_factory.mktemp("warehouse") / "data")


@pytest.fixture
def world(world_made: Path, tmp_path: Path) -> Path:
    """A data folder of its own: a month of a small operator, with open decisions, touches and a change of playbook."""
    folder = tmp_path / "data"
    shutil.copytree(world_made, folder)
    return folder
