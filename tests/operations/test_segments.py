"""Saved segments: checked when published, sized from columns and from the warehouse alike, snapshots that can be proved, lists as files."""

import asyncio
import csv
import hashlib
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import pytest

from opportune.operations import (
    DefinitionsRefusedError,
    DeploymentError,
    RefusedError,
    Service,
    backup,
    create_deployment,
    distribution_as_of,
    export_segment,
    open_deployment,
    prove_snapshot,
    publish,
    read_definitions,
    restore,
    segment_overlaps,
    segment_sizes,
    segment_snapshots,
    snapshot_segment,
)
from opportune.operations.segment import readable_tags
from opportune.operations.segments import segment_customers
from opportune.warehouse import export
from tests.operations.little_mobile import CUSTOMERS_MAX, DAY, START
from tests.warehouse.world import CHANGED, DEFINITIONS, messages, take_in

SEGMENTS = """
---
segment: spenders
title: {en: They spend, zh: 高消费}
where: arpu >= 40 AND recharges_3d >= 1
---
segment: townsfolk
where: city LIKE 'town%'
---
segment: rich
where: arpu >= 40 AND (city IS NULL OR city <> 'Nowhere')
---
campaign: everything-at-hand
audience: arpu > 0 OR city = 'x' OR recharges_3d > 0 OR last_channel = 'app' OR spent_7d > 0
trigger: {event: silent}
touchpoints: [{at: sms, push: now}]
offers: [{offer: pack}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten days of the world, with segments."""
    place = tmp_path / "definitions"
    place.mkdir()
    (place / "all.yaml").write_text(DEFINITIONS + CHANGED + SEGMENTS)
    create_deployment(tmp_path / "data", seed="segments")
    with open_deployment(tmp_path / "data", customers_max=CUSTOMERS_MAX) as deployment:
        publish(deployment, read_definitions(place), "tests")
    take_in(tmp_path / "data", messages(5, 0, 10))
    export(tmp_path / "data")
    return tmp_path / "data"


def test_sizes_from_columns_and_from_the_warehouse_agree(folder: Path) -> None:
    told = segment_sizes(folder)
    assert [(one.segment, one.title) for one in told] == [
        ("rich", "rich"), ("spenders", "They spend"), ("townsfolk", "townsfolk"),
    ]  # fmt: skip
    assert all(0 < one.customers < one.in_all == 40 for one in told)

    async def main() -> None:
        with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
            now = deployment.engine.now_ms
            service = Service(deployment, {"web": "import"})  # its clock stays where the export ended
            await service.start()
            assert deployment.engine.now_ms == now
            live = await service.segments("zh")
            assert [(one.segment, one.customers, one.end_seq) for one in live] == [
                (one.segment, one.customers, one.end_seq) for one in told
            ]
            assert [one.title for one in live] == ["rich", "高消费", "townsfolk"]
            size, in_all = await service.audience_size("arpu >= 40")
            assert (size, in_all) == (next(one.customers for one in told if one.segment == "rich"), 40)
            for tag in ("arpu", "city", "recharges_3d", "last_channel", "spent_7d"):
                assert await service.tag(tag, "en") == distribution_as_of(folder, tag)
            with pytest.raises(DeploymentError, match="did you mean `arpu`"):
                await service.tag("apru", "en")
            assert "ratio" not in readable_tags(deployment.playbook)
            assert await service.tag("ratio", "en") == distribution_as_of(folder, "ratio")
            with pytest.raises(RefusedError, match="not kept at hand"):
                await service.audience_size("ratio > 1")
            await service.stop()

    asyncio.run(main())


def test_overlaps_are_those_of_the_lists(folder: Path) -> None:
    lists = {name: set(segment_customers(folder, name).tolist()) for name in ("spenders", "townsfolk", "rich")}
    told = {
        (one.segment, one.other): one.customers for one in segment_overlaps(folder, ["spenders", "townsfolk", "rich"])
    }
    assert told == {
        (a, b): len(lists[a] & lists[b])
        for a, b in (("spenders", "townsfolk"), ("spenders", "rich"), ("townsfolk", "rich"))
    }
    assert told["spenders", "rich"] == len(lists["spenders"])
    with pytest.raises(DeploymentError, match="did you mean `spenders`"):
        segment_overlaps(folder, ["spender"])


def test_a_snapshot_is_proved_also_when_customers_have_changed(folder: Path) -> None:
    first = snapshot_segment(folder, "spenders")
    customers = segment_customers(folder, "spenders")
    assert first.digest == hashlib.blake2b(customers.astype("<u4").tobytes(), digest_size=16).hexdigest()
    file = folder / "segments" / "spenders" / f"{first.end_seq:020d}.parquet"
    kept = duckdb.execute(f"SELECT customer FROM read_parquet('{file}')").fetchnumpy()["customer"]
    assert kept.tolist() == customers.tolist()
    take_in(folder, messages(6, 11, 6))
    export(folder)
    second = snapshot_segment(folder, "spenders")
    assert second.digest != first.digest
    assert segment_snapshots(folder, "spenders") == [first, second]
    assert all(prove_snapshot(folder, one) for one in (first, second))
    assert not prove_snapshot(folder, msgspec.structs.replace(first, digest=second.digest))


def test_a_segment_is_exported_as_csv_and_parquet(folder: Path, tmp_path: Path) -> None:
    customers = segment_customers(folder, "townsfolk").tolist()
    names = {customer: f"user:{customer}" for customer in customers}
    assert export_segment(folder, "townsfolk", tmp_path / "list.csv", names) == len(customers)
    with (tmp_path / "list.csv").open() as file:
        assert list(csv.reader(file)) == [["customer", "identifier"], *([str(c), names[c]] for c in customers)]
    export_segment(folder, "townsfolk", tmp_path / "list.parquet")
    found = duckdb.execute(f"SELECT * FROM read_parquet('{tmp_path / 'list.parquet'}')").fetchnumpy()
    assert found["customer"].tolist() == customers
    for target in (tmp_path / "list.csv", tmp_path / "list.txt"):
        with pytest.raises(DeploymentError, match=r"ends in \.csv or \.parquet"):
            export_segment(folder, "townsfolk", target)


def test_a_wrong_condition_is_refused_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(DEFINITIONS + "\n---\nsegment: wrong\nwhere: apru > 3\n")
    create_deployment(tmp_path / "data", seed="wrong")
    with (
        open_deployment(tmp_path / "data", customers_max=10) as deployment,
        pytest.raises(DefinitionsRefusedError, match="no tag `apru`; did you mean `arpu`"),
    ):
        publish(deployment, read_definitions(tmp_path), "tests")


def test_a_distribution_counts_what_is_there(folder: Path) -> None:
    told = distribution_as_of(folder, "city")
    assert told.customers == 40
    assert sum(one.customers for one in told.values) == told.known < 40
    assert [one.customers for one in told.values] == sorted((one.customers for one in told.values), reverse=True)
    figures = distribution_as_of(folder, "recharges_3d")
    assert (figures.known, figures.smallest) == (40, 0)
    counts = np.repeat([int(str(one.value)) for one in figures.values], [one.customers for one in figures.values])
    assert figures.quantiles["p50"] == int(np.quantile(counts, 0.5, method="inverted_cdf"))
    assert figures.largest == counts.max()
    early = distribution_as_of(folder, "recharges_3d", START + DAY // 2)
    assert early.known <= 40
    assert early.largest != figures.largest or early.values != figures.values


def test_a_backup_holds_the_snapshots_and_the_warehouse_is_made_again(folder: Path, tmp_path: Path) -> None:
    kept = snapshot_segment(folder, "spenders")
    backup(folder, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "restored")
    assert segment_snapshots(tmp_path / "restored", "spenders") == [kept]
    export(tmp_path / "restored")
    assert prove_snapshot(tmp_path / "restored", kept)
