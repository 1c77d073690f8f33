"""The public Online Retail file by one source definition: the figures of its README, every row accounted for, and DuckDB as the judge."""

import os
from pathlib import Path

import duckdb
import pytest

from opportune.operations import (
    OnlineRetailResult,
    definitions_of,
    open_deployment,
    open_loads,
    preview_load,
    replay,
    run_online_retail,
    run_sources,
    source_inventory,
    source_quality,
)  # fmt: skip

DATA = Path(os.environ.get("OPPORTUNE_DATA", Path(__file__).parents[3] / "shared" / "data"))
FILE = DATA / "online_retail.parquet"
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="the public data set is not at hand (OPPORTUNE_DATA)")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> OnlineRetailResult:
    """The demonstration, run once."""
    return run_online_retail(DATA, tmp_path_factory.mktemp("retail") / "data")


def test_the_raw_file_has_the_known_figures(found: OnlineRetailResult) -> None:
    raw = found.raw
    assert (raw.rows, raw.invoices, raw.products, raw.customers, raw.countries) == (541_909, 25_900, 4_070, 4_372, 38)
    assert (raw.without_customer, raw.without_description, raw.cancelled) == (135_080, 1_454, 9_288)
    assert (raw.negative_quantities, raw.prices_zero, raw.prices_negative, raw.repeated) == (10_624, 2_515, 2, 5_268)
    assert raw.total == "9747747.934"


def test_every_row_that_became_no_event_is_named_by_its_reason(found: OnlineRetailResult) -> None:
    load = found.load
    assert load.left_out == {"without customer": 135_080, "without price": 40}
    assert load.actions == {"item_purchased": 397_884, "item_cancelled": 8_905, "tags": 4_387}
    assert load.rows == sum(load.left_out.values()) + load.actions["item_purchased"] + load.actions["item_cancelled"]
    assert (load.messages, load.applied, load.duplicates, load.quarantined, load.refused) == (411_176, 411_176, 0, 0, 0)
    assert load.balanced


def test_customers_and_events_in_the_journal_have_the_known_figures(found: OnlineRetailResult) -> None:
    bought = found.purchases
    assert (bought.lines, bought.customers, bought.invoices, bought.total) == (397_884, 4_338, 18_532, "8911407.904")
    rows = f"read_parquet('{FILE}') WHERE CustomerID IS NOT NULL"
    with duckdb.connect() as database:
        cancelled = database.execute(
            "SELECT count(*), count(DISTINCT CustomerID), count(DISTINCT InvoiceNo), sum(Quantity * CAST(UnitPrice AS decimal(18, 3))) "
            f"FROM {rows} AND InvoiceNo LIKE 'C%'"
        ).fetchall()[0]
        (customers,) = database.execute(f"SELECT count(DISTINCT CustomerID) FROM {rows} AND UnitPrice > 0").fetchall()[
            0
        ]
    told = found.cancellations
    assert (told.lines, told.customers, told.invoices, told.total) == (*cancelled[:3], str(cancelled[3]))
    assert found.customers == customers == 4_371  # one customer has nothing but a line without a price


def test_a_second_run_applies_nothing_and_the_journal_replays(found: OnlineRetailResult) -> None:
    with open_deployment(Path(found.folder)) as deployment:
        before = deployment.engine.next_seq
        (run,) = run_sources(deployment, DATA, ["online_retail"])
        assert (run.loads, run.trouble, deployment.engine.next_seq) == ((), "", before)
    assert replay(Path(found.folder)).equal


def test_its_quality_and_inventory_are_told(found: OnlineRetailResult) -> None:
    folder = Path(found.folder)
    definitions = definitions_of(folder)
    with open_loads(folder) as loads:
        figures = {(one.figure, one.field): one for one in source_quality(loads, definitions, 0)}
        wanted = {
            one.name: [(having.column, having.complete) for having in one.sources]
            for one in source_inventory(loads, definitions)
        }
        shown = preview_load(definitions, loads, "online_retail", 1, shown=1)
    assert not any(one.alert for one in figures.values())
    assert figures["complete", "CustomerID"].value == (541_909 - 135_080) * 1_000_000 // 541_909
    assert figures["unique", ""].value == (541_909 - 5_268) * 1_000_000 // 541_909
    assert wanted["country"] == [("Country", 1_000_000)]
    assert wanted["item_purchased.amount"] == [("amount", 1_000_000)]
    assert shown.shown[0].after["amount"] == "15.3"
