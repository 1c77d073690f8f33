"""Ask: run the public Online Retail file through one source definition, and count what its rows became, from the raw rows and from the journal.

Nothing is counted beside the product: figures of the raw rows are those of the load's profile, those of customers and
events are read from the journal.
"""

from pathlib import Path

import msgspec
import numpy as np

from opportune.facts import FactKind
from opportune.intake import Profile
from opportune.operations.deployment import Deployment, create_deployment, journal_of, open_deployment, read_group
from opportune.operations.examples import examples_folder
from opportune.operations.publish import publish, read_definitions
from opportune.operations.source_definitions import open_loads
from opportune.operations.source_loads import LoadBody, OnStep, SourceLoad, load_of, run_sources

SOURCE = "online_retail"
FILE = "online_retail.parquet"
AMOUNT_SCALE = 3


class RawFigures(msgspec.Struct, frozen=True):
    """Of the file as it lies: rows, those that repeat another one, values that are missing, different values, signs; and the exact sum of quantity times price."""

    rows: int
    repeated: int
    without_customer: int
    without_description: int
    invoices: int
    products: int
    customers: int
    countries: int
    cancelled: int
    negative_quantities: int
    prices_zero: int
    prices_negative: int
    total: str


class EventFigures(msgspec.Struct, frozen=True):
    """Of one kind of event, read from the journal: lines, customers, invoices and the exact sum of amounts."""

    lines: int
    customers: int
    invoices: int
    total: str


class OnlineRetailResult(msgspec.Struct, frozen=True):
    """The raw file, what became of its rows, and what stands in the journal."""

    raw: RawFigures
    load: SourceLoad
    purchases: EventFigures
    cancellations: EventFigures
    customers: int
    folder: str


def run_online_retail(data: Path, folder: Path, on_step: OnStep | None = None) -> OnlineRetailResult:
    """Make a data folder, run the source, and count. Raises FileNotFoundError without the data, DeploymentError where the folder is in use."""
    if not (data / FILE).is_file():
        raise FileNotFoundError(f"no {FILE} in {data}; name the folder of the public data set with --data")
    definitions = read_definitions(examples_folder("online-retail") / "definitions")
    create_deployment(folder, seed="online-retail")
    with open_deployment(folder) as deployment:
        publish(deployment, definitions, "demo")
        (run,) = run_sources(deployment, data, [SOURCE], on_step=on_step)
        if run.trouble:
            raise ValueError(run.trouble)
        purchases, cancellations = (_figures(deployment, name) for name in ("item_purchased", "item_cancelled"))
        customers = deployment.engine.customers
    with open_loads(folder) as loads:
        (row,) = loads.of(SOURCE)
    body = LoadBody.of(row)
    assert body.result is not None, "the run has taken the load in"
    cancelled = next(step.changed for step in body.result.steps if step.step == "cancelled")
    raw = _raw(body.raw, body.result.profile, cancelled)
    return OnlineRetailResult(raw, load_of(row), purchases, cancellations, customers, str(folder))


def _raw(raw: Profile, cleaned: Profile, cancelled: int) -> RawFigures:
    fields = raw.fields
    return RawFigures(
        rows=raw.rows, repeated=raw.repeated, without_customer=raw.rows - fields["CustomerID"].filled,
        without_description=raw.rows - fields["Description"].filled, invoices=fields["InvoiceNo"].distinct, products=fields["StockCode"].distinct,
        customers=fields["CustomerID"].distinct, countries=fields["Country"].distinct, cancelled=cancelled,
        negative_quantities=fields["Quantity"].negative,
        prices_zero=fields["UnitPrice"].zero, prices_negative=fields["UnitPrice"].negative, total=cleaned.fields["amount"].total,
    )  # fmt: skip


def _figures(deployment: Deployment, event: str) -> EventFigures:
    """Count one kind of event in the journal. Properties stand in the order of the definition: invoice first, amount last."""
    number = deployment.catalogue.events[event].number
    customers, invoices, amounts = [], [], []
    for group in journal_of(deployment.folder).read(0):
        batch, _ = read_group(group)
        found = np.flatnonzero((batch.kind == FactKind.EVENT) & (batch.code == number))
        customers.append(batch.customer[found])
        invoices.append(batch.values[batch.first[found]])
        amounts.append(batch.values[batch.first[found + 1] - 1])
    total = int(np.concatenate(amounts).sum())
    sign, (whole, part) = "-" if total < 0 else "", divmod(abs(total), 10**AMOUNT_SCALE)
    return EventFigures(
        sum(map(len, customers)), len(np.unique(np.concatenate(customers))), len(np.unique(np.concatenate(invoices))),
        f"{sign}{whole}.{part:0{AMOUNT_SCALE}}",
    )  # fmt: skip
