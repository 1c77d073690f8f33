"""Which workers of a data folder are alive: each holds a lock on a file of its own, which the kernel frees when it dies."""

import fcntl
import os
from pathlib import Path

FOLDER = "outbox-workers"


class WorkerLock:
    """The sign that this worker is alive, until `close`."""

    def __init__(self, folder: Path, worker: str) -> None:
        """Lock `<folder>/outbox-workers/<worker>`. Raises OSError where the folder cannot be written or the name is taken."""
        self._path = folder / FOLDER / worker
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        self._file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Say that this worker is gone; may be said twice."""
        if self._file >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = -1


def is_dead(folder: Path, worker: str) -> bool:
    """Whether nobody holds the lock of that worker any more; its file is then cleared away."""
    path = folder / FOLDER / worker
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        path.unlink(missing_ok=True)
        return True
    finally:
        os.close(file)
