"""The demonstration over HTTP: batches to a served deployment, decisions read back; the same decisions as without HTTP, bit for bit."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from opportune.entrypoints import over_http
from opportune.facts import FactKind
from opportune.operations import TELECOM_SOURCE, TelecomResult, journal_of, read_group, report, run_telecom

CUSTOMERS, DAYS, SEED = 400, 3, 5
BATCH_MESSAGES = 50


def decisions_of(folder: Path) -> bytes:
    """All decisions of a journal, bit for bit."""
    return b"".join(group.arrays["decisions"].tobytes() for group in journal_of(folder).read() if "decisions" in group.arrays)  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[TelecomResult, TelecomResult]:
    """The same world twice: over HTTP in small batches and by small pages, and handed in directly."""
    root = tmp_path_factory.mktemp("demo")
    reach = partial(over_http, batch_messages=BATCH_MESSAGES, page_decisions=3)
    served = run_telecom(root / "served", customers=CUSTOMERS, days=DAYS, seed=SEED, reach=reach)
    return served, run_telecom(root / "direct", customers=CUSTOMERS, days=DAYS, seed=SEED)


def test_the_same_seed_gives_the_same_decisions_over_http(runs: tuple[TelecomResult, TelecomResult]) -> None:
    served, direct = runs
    assert decisions_of(Path(served.folder)) == decisions_of(Path(direct.folder)) != b""
    assert (served.events, served.decisions, served.goals) == (direct.events, direct.decisions, direct.goals)
    assert served.decisions > 50
    assert Path(served.truth).read_bytes() == Path(direct.truth).read_bytes()


def test_all_messages_went_over_http_and_are_accounted_for(runs: tuple[TelecomResult, TelecomResult]) -> None:
    served, direct = runs
    assert served.requests > served.events / BATCH_MESSAGES
    assert direct.requests == 0
    assert served.request_p99_ms > 0
    account = report(Path(served.folder)).sources[TELECOM_SOURCE]
    assert (account.received, account.applied) == (served.events, served.events)


def test_the_wall_clock_states_nothing(runs: tuple[TelecomResult, TelecomResult]) -> None:
    """Every fact has the world's time: no tick of ours came between."""
    for group in journal_of(Path(runs[0].folder)).read():
        batch, _ = read_group(group)
        assert not (batch.kind == FactKind.TICK).any()
        told = batch.kind == FactKind.EVENT
        assert np.array_equal(batch.now_ms[told], batch.at_ms[told])
