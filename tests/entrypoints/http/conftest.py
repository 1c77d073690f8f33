"""One served data folder and one server for the tests that do not end it."""

from collections.abc import Iterator

import pytest

from tests.entrypoints.http.server import Server, served_folder


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that is stopped cleanly at the end."""
    with Server(served_folder(tmp_path_factory.mktemp("served"))) as server:
        yield server
        code, said = server.stop()
        assert code == 0, said
        assert "Traceback" not in said, said


@pytest.fixture
def server(shared_server: Server) -> Server:
    """The shared server."""
    return shared_server
