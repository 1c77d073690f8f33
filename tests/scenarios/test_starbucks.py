"""The public offers data: goals of imported contacts must be the completions it knows of, person by person, hour by hour."""

import os
import shutil
from pathlib import Path

import pytest

from opportune.operations import examples_folder, report, run_starbucks

DATA = Path(os.environ.get("OPPORTUNE_DATA", Path(__file__).parents[3] / "shared" / "data"))
pytestmark = pytest.mark.skipif(
    not (DATA / "starbucks_transcript.ndjson.gz").is_file(),
    reason="the public data set is not at hand (OPPORTUNE_DATA)",
)


def test_goals_are_the_known_completions_and_our_campaigns_decide(tmp_path: Path) -> None:
    found = run_starbucks(DATA, tmp_path)
    assert (found.expected, found.matched, found.missing, found.extra) == (33_579, 33_579, 0, 0)
    own = report(Path(found.own_folder))
    assert all(account.balanced for account in own.sources.values())
    assert own.decisions > 10_000
    assert own.contacts_whole.contacts > 10_000
    assert {count.reason for count in own.withheld_by_reason} >= {"CAP_CUSTOMER", "DECISION_OPEN"}


def test_another_threshold_breaks_the_match(tmp_path: Path) -> None:
    definitions = tmp_path / "definitions"
    shutil.copytree(examples_folder("starbucks") / "definitions", definitions)
    campaigns = definitions / "campaigns.yaml"
    text = campaigns.read_text(encoding="utf-8")
    assert "sum(event.amount) >= 20.00" in text
    campaigns.write_text(text.replace("sum(event.amount) >= 20.00", "sum(event.amount) >= 19.00"), encoding="utf-8")
    found = run_starbucks(DATA, tmp_path / "run", definitions=definitions)
    assert found.missing + found.extra > 0
