"""A PostgreSQL of our own: made by initdb in a temporary folder, on a free port of this machine, gone with the tests."""

import getpass
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "s3cret-pw"
ACCOUNT = "postgres"


def binaries() -> Path | None:
    """The folder of PostgreSQL's programs, or None where it is not installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


def _port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The SQLAlchemy URL of a running server. It refuses to run as root, so there it runs as the package's user."""
    programs = binaries()
    assert programs is not None
    as_root = getpass.getuser() == "root" or os.geteuid() == 0
    user = pwd.getpwnam(ACCOUNT) if as_root else None
    place, secret = folder / "cluster", folder / "password"
    folder.mkdir(parents=True, exist_ok=True)
    secret.write_text(PASSWORD)
    if user is not None:
        for path in (folder, secret):
            os.chown(path, user.pw_uid, user.pw_gid)

    def run(*command: str) -> None:
        subprocess.run(
            [str(programs / command[0]), *command[1:]], check=True, cwd=folder, capture_output=True, timeout=120,
            user=user.pw_uid if user else None, group=user.pw_gid if user else None, extra_groups=[] if user else None,
        )  # fmt: skip

    run(
        "initdb",
        "-D",
        str(place),
        "-U",
        ACCOUNT,
        "--auth=scram-sha-256",
        f"--pwfile={secret}",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale=C",
    )
    port = _port()
    options = f"-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories='' -c fsync=off"
    run("pg_ctl", "-D", str(place), "-l", str(folder / "log"), "-w", "-o", options, "start")
    try:
        yield f"postgresql+psycopg://{ACCOUNT}:{PASSWORD}@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", str(place), "-m", "immediate", "-w", "stop")
