"""The benchmarks run, quickly, and print figures that a program can read; the workload is what numbers.md says it is."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.matching import Matching
from benchmarks.measure import median, percentile
from benchmarks.peers import PEERS
from benchmarks.workload import COUNTED, EVENT_TYPES, TAGS, World, batches_of, definitions, sketches
from opportune.engine import Playbook
from opportune.facts import NULL, FactKind, TextDictionary
from opportune.intake import ColumnDecoder, IdentityIndex, RepeatFilter

ROOT = Path(__file__).parents[2]
FIGURES = {
    "workload": {"message_bytes", "decision_share", "contactable_share"},
    "kernel": {
        "kernel_batch_4000",
        "kernel_batch_1",
        "growth_with_campaigns",
        "growth_with_customers",
        "publish_pause",
    },
    "matching": {"matching_40_ours", "matching_40_python_by_hand"},
    "limit": {"limit_file", "limit_sqlite", "limit"},
    "end_to_end": {"end_to_end", "end_to_end_p99", "recovery_replay", "recovery_ready"},
    "http": {
        "http_batches_events",
        "http_single_requests",
        "http_batches_half_p99",
        "http_single_half_p99",
        "http_fsync_p99",
    },
    "customer_360": {
        "export",
        "warehouse_bytes_per_fact",
        "audience_3_terms",
        "customer_360_heavy_p50",
        "customer_360_others_p99",
        "customer_timeline_page_p50",
    },
    "simulate": {"simulate_as_it_was", "simulate_draft"},
    "remember": {"remember_new", "remember_new_processor", "find_by_identifier"},
    "publishing": {"publish_took", "publish_nothing_taken_in", "publish_pieces_meanwhile", "publish_slowest_piece"},
    "touch": {
        "touch_intake_full",
        "touch_intake_meanwhile",
        "touch_p50",
        "touch_p99",
        "touch_alone_p99",
        "touch_fsync_p99",
    },
}


def figures_of(output: str) -> dict[str, dict[str, Any]]:
    """The JSON lines of a benchmark's output, by figure."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {line["figure"]: line for line in lines}


@pytest.mark.parametrize("name", FIGURES)
def test_benchmark_prints_figures(name: str, tmp_path: Path) -> None:
    with_folder = ("limit", "end_to_end", "http", "touch", "customer_360", "publishing", "remember", "simulate")
    arguments = ["--folder", str(tmp_path)] if name in with_folder else []
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--quick", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    assert "machine: " in done.stdout
    found = figures_of(done.stdout)
    assert FIGURES[name] <= set(found)
    for line in found.values():
        assert isinstance(line["value"], int | float)
        assert line["value"] >= 0
        assert line["unit"]
    assert list(tmp_path.iterdir()) == []


def test_some_campaigns_wait_where_that_is_asked_for() -> None:
    made = definitions(40, waiting_every=4).campaigns.values()
    waiting = [campaign for campaign in made if any(step.wait for step in campaign.touchpoints)]
    assert len(waiting) == 10
    assert not any(step.wait for campaign in definitions(40).campaigns.values() for step in campaign.touchpoints)


def test_the_fastest_durable_way_is_the_limit() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.limit", "--quick"], cwd=ROOT, capture_output=True, text=True, timeout=280
    )
    found = figures_of(done.stdout)
    assert found["limit"]["of_limit"] == 1.0
    ways = ("limit_file", "limit_file_thread", "limit_sqlite")
    assert max(found[way]["of_limit"] for way in ways) == 1.0


def test_workload_is_the_same_twice() -> None:
    one, other = (World(500, Playbook(definitions(40))) for _ in range(2))
    assert one.playbook.fingerprint == other.playbook.fingerprint
    assert one.ndjson(one.events(200), 100) == other.ndjson(other.events(200), 100)


def test_workload_is_as_stated() -> None:
    world = World(50_000, Playbook(definitions(200)))
    events = world.events(100_000)
    tracks = events.tag < 0
    shares = {
        "sets a tag": (float((~tracks).mean()), 0.17),
        "hits a counter": (float(np.isin(events.event[tracks], COUNTED).sum() / len(tracks)), 0.31),
        "of hot customers": (float((events.customer % 50 == 0).mean()), 0.51),
    }
    for what, (found, wanted) in shares.items():
        assert found == pytest.approx(wanted, abs=0.01), what
    assert len(TAGS) == 40
    assert len(world.playbook.layout.columns) == len(TAGS) + len(COUNTED)
    made = sketches(2_000)
    assert {len(s.clauses) + sum(len(c) - 1 for c in s.clauses) for s in made} == {2, 3, 4, 5}
    assert np.mean([s.where is not None for s in made]) == pytest.approx(0.4, abs=0.03)
    assert np.mean([any("_7d" in t.name for c in s.clauses for t in c) for s in made]) == pytest.approx(0.2, abs=0.03)
    assert {s.event for s in made} == set(range(EVENT_TYPES))
    lengths = [len(line) + 1 for data, _ in world.ndjson(events, 4_000)[:1] for line in data.splitlines()]
    assert 140 <= np.mean(lengths) <= 175


def test_facts_are_what_intake_makes_of_the_lines() -> None:
    world = World(300, Playbook(definitions(40)))
    events = world.events(400)
    ours = world.facts(events)
    decoder = ColumnDecoder(
        world.playbook.catalogue, TextDictionary(world.dictionary.since(0)), IdentityIndex(1_000), RepeatFilter(),
        key=bytes(16), source="test", clock="import", seed=b"test",
    )  # fmt: skip
    decoded = decoder.decode(b"".join(data for data, _ in world.ndjson(events, 100)), 0)
    assert not decoded.quarantined
    assert decoded.applied == 400
    told = np.flatnonzero((decoded.batch.kind == FactKind.EVENT) | (decoded.batch.kind == FactKind.TAGS_SET))
    theirs = decoded.batch.take(told)
    for name in ("kind", "code", "at_ms", "now_ms", "first", "values"):
        assert np.array_equal(getattr(theirs, name), getattr(ours, name)), name


def test_kernel_decides_alike_in_batches_of_any_size() -> None:
    world = World(400, Playbook(definitions(60)))
    facts = world.facts(world.events(3_000))
    found = []
    for size in (3_000, 64, 1):
        engine = world.engine()
        found.append(b"".join(engine.process(part).decisions.tobytes() for part in batches_of(facts, size)))
    assert found[0]
    assert found[0] == found[1] == found[2]


def test_trace_and_hand_written_rules_match_the_same_campaigns() -> None:
    matching = Matching(300, 80, 2_000)
    match = PEERS[0].prepare(matching.sketches)
    found = [sorted(match(event, context)) for event, context in matching.contexts(2_000)]
    assert found == matching.matches(2_000)
    assert sum(map(len, found)) > 20


def test_customers_have_tags_of_the_declared_ranges() -> None:
    world = World(1_000, Playbook(definitions(40)))
    engine = world.engine()
    assert engine.customers == 1_000
    (batch,) = world.population()
    tags = batch.take(np.flatnonzero(batch.kind == FactKind.TAGS_SET)).values.reshape(1_000, len(TAGS), 2)[:, :, 1]
    for i, tag in enumerate(TAGS):
        known = tags[:, i][tags[:, i] != NULL]
        if tag.kind != "text":
            assert tag.low <= known.min(), tag.name
            assert known.max() <= tag.high, tag.name
        if tag.name != "zone":
            assert 0.01 < 1 - len(known) / 1_000 < 0.06, tag.name


def test_median_and_percentile() -> None:
    assert median([3.0, 1.0, 2.0]) == 2.0
    values = [float(i) for i in range(1, 101)]
    assert percentile(values, 0.5) == 50.0
    assert percentile(values, 0.99) == 99.0
