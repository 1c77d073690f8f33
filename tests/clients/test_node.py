"""The unmodified Node.js libraries of Segment and RudderStack: every event applied exactly once in any weather."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.storm import Weather

EVENTS = 40
HERE = Path(__file__).parent / "node"
NPM_SECONDS_MAX = 240


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The libraries as the lock file has them, in a folder of the tests' own."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm and node are not installed")
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", "send.js"):
        shutil.copy(HERE / name, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=NPM_SECONDS_MAX)
    assert done.returncode == 0, done.stderr[-2_000:]
    return folder


@pytest.fixture
def sender(node_folder: Path, weather: Weather, library: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that is about to send."""
    arguments = ["node", "send.js", library, weather.server.url, weather.server.served.write_key, str(EVENTS)]
    with subprocess.Popen(
        arguments, cwd=node_folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("library", ["segment", "rudder"])
def test_node_library(weather: Weather, sender: "subprocess.Popen[str]", library: str) -> None:
    assert sender.stdin is not None
    assert sender.stdout is not None
    stdin, stdout = sender.stdin, sender.stdout

    def send_half() -> None:
        assert stdout.readline() == "half\n"

    def send_rest() -> None:
        stdin.write("go\n")
        stdin.flush()

    def end() -> None:
        _, said = sender.communicate(timeout=180)
        assert sender.returncode == 0, said

    weather.blow(send_half, send_rest, end)
    weather.check(EVENTS)
