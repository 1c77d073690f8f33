"""A server of its own for each library, from a copy of one prepared data folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.storm import IN_FLIGHT_MAX, Weather
from tests.entrypoints.http.server import Served, Server, served_folder


@pytest.fixture(scope="package")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A data folder with a playbook and keys."""
    return served_folder(tmp_path_factory.mktemp("clients"))


@pytest.fixture
def weather(prepared: Served, tmp_path: Path) -> Iterator[Weather]:
    """A running server over a copy of it."""
    folder = tmp_path / "data"
    shutil.copytree(prepared.folder, folder)
    with Server(prepared._replace(folder=folder), *IN_FLIGHT_MAX) as server:
        yield Weather(server)
