"""The accounts of channels and sources: who we are to mail servers, gateways and databases. A file with secrets, ours alone to read."""

import os
from pathlib import Path
from typing import Any

import msgspec

from opportune.operations.folder_key import DeploymentError

ACCOUNTS_FILE = "accounts.json"
OTHERS_MAY_READ = 0o077

Accounts = dict[str, dict[str, dict[str, Any]]]
"""Kind of channel -> name of the account -> its settings."""


def read_accounts(folder: Path) -> Accounts:
    """The accounts of a data folder's channels, from `accounts.json`; empty where there is none.

    It holds secrets: raises DeploymentError where others may read it, or it is no such file.
    """
    path = folder / ACCOUNTS_FILE
    if not path.exists():
        return {}
    if os.stat(path).st_mode & OTHERS_MAY_READ:
        raise DeploymentError(f"{path} holds secrets and others may read it; run: chmod 600 {path}")
    try:
        return msgspec.json.decode(path.read_bytes(), type=Accounts)
    except msgspec.DecodeError as error:
        raise DeploymentError(
            f'{path}: {error}; write for example {{"smtp": {{"default": {{"host": "…", "port": 587}}}}}}'
        ) from error
