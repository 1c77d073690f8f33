"""Ask: change the secret that seals, and where the folder's secrets lie. What is sealed is sealed again; hashes stay as they are.

Both secrets are in the key file until the last row is sealed by the new one. Killed anywhere, asking again goes on there.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec

from opportune.journal import Journal
from opportune.operations.deployment import DeploymentError, OnProgress, journal_of
from opportune.operations.folder_key import (
    GENERATION_MAX,
    SEALING_BYTES,
    KeyFile,
    make_outer_key,
    open_key,
    outer_key,
    write_key,
)
from opportune.store import Loads, People, seal_clear_rows


class Rotated(msgspec.Struct, frozen=True):
    """What a rotation did: the number of the secret now in use, and whether the key file is sealed by a key outside of the folder."""

    generation: int
    sealed: bool


def rotate_key(folder: Path, outside: Path | None = None, on_progress: OnProgress | None = None) -> Rotated:
    """Seal everything anew under a new secret. With `outside` the key file is from now on sealed by the key in that file (made if missing).

    Raises JournalLocked where a service has the folder open, DeploymentError, OSError.
    """
    journal_of(folder)
    outer = outer_key()
    key = open_key(folder, outer)
    if outside is not None:
        outer = make_outer_key(outside)
    with Journal.open(folder / "journal"):  # nobody else writes meanwhile
        if len(key.sealing) < 2:  # else one was cut short: go on with it
            key = _with_new_secret(key)
        write_key(folder, key, outer)
        with ExitStack() as opened:
            people = People(folder, key.secrets())
            opened.callback(people.close)
            seal_clear_rows(people, on_progress)
            steps: list[Iterator[int]] = [people.seal_again()]
            if (folder / "loads.db").exists():
                loads = Loads(folder, key.secrets())
                opened.callback(loads.close)
                steps.append(loads.seal_again())
            done = 0
            for step in steps:
                for many in step:
                    done += many
                    if on_progress is not None:
                        on_progress("sealing anew", done, done)
        newest = max(key.sealing)
        write_key(folder, msgspec.structs.replace(key, sealing={newest: key.sealing[newest]}), outer)
    return Rotated(newest, outer is not None)


def _with_new_secret(key: KeyFile) -> KeyFile:
    number = max(key.sealing, default=0) + 1
    if number > GENERATION_MAX:
        raise DeploymentError(f"the key was changed {GENERATION_MAX} times, which is all there is room for")
    return msgspec.structs.replace(key, sealing=key.sealing | {number: os.urandom(SEALING_BYTES).hex()})
