"""The SMSC of tests/delivery/smsc as a process of its own, its packages installed once into a cache beside the environment."""

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "smsc"
needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed: apt-get install nodejs npm")


def installed() -> Path:
    """The folder of the installed packages; `npm ci` runs once per lock file, however many tests start together."""
    lock = (FOLDER / "package-lock.json").read_bytes()
    cache = Path(sys.prefix) / "cache" / f"smsc-{hashlib.sha256(lock).hexdigest()[:12]}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not (cache / "done").exists():
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(FOLDER / name, cache)
            done = subprocess.run(
                ["npm", "ci", "--ignore-scripts"], cwd=cache, capture_output=True, text=True, timeout=240
            )
            assert done.returncode == 0, f"npm ci failed: {done.stderr}"
            (cache / "done").touch()
    return cache


class Smsc:
    """A running SMSC and what it has told."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self.port = 0

    def of(self, event: str) -> list[dict[str, Any]]:
        """What it told of one kind."""
        return [told for told in self.events if told["event"] == event]

    def texts(self) -> list[tuple[str, str]]:
        """(number, text) of what was submitted, parts put together."""
        whole: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for told in self.of("submit"):
            group = told["udh"][:-2] if told["udh"] else str(id(told))
            whole.setdefault((told["number"], group), []).append((told["udh"], told["body"]))
        return [(number, "".join(text for _, text in sorted(parts))) for (number, _), parts in whole.items()]

    async def cut(self) -> None:
        """Break every connection."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"cut\n")
        await self.process.stdin.drain()

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.events.append(json.loads(line))


@asynccontextmanager
async def smsc(*arguments: str) -> AsyncIterator[Smsc]:
    """Start the SMSC on a free port; `arguments` as in smsc.js."""
    modules = await asyncio.to_thread(installed)
    process = await asyncio.create_subprocess_exec(
        "node", str(FOLDER / "smsc.js"), *arguments, env=os.environ | {"SMSC_MODULES": str(modules)},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    server = Smsc(process)
    listening = asyncio.create_task(server.listen())
    try:
        for _ in range(500):
            if server.of("listening"):
                break
            await asyncio.sleep(0.02)
        server.port = server.of("listening")[0]["port"]
        yield server
    finally:
        process.kill()
        await process.wait()
        await listening
