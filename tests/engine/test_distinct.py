"""Counters of different values: what DuckDB counts, as long as they have room; and what is not remembered is counted."""

import duckdb
import numpy as np
import pytest

from opportune.engine import DefinitionSet, Engine, Playbook, PlaybookError
from opportune.facts import BatchBuilder, DeploymentDefinition, EventDefinition, FactKind
from opportune.profiles import TagDefinition, read_column
from tests.engine.records import DAY
from tests.engine.worlds import START, define

CUSTOMERS = 30


def playbook(**tag: object) -> Playbook:
    """Calls, and one counter of the different numbers called."""
    return Playbook(
        DefinitionSet(
            DeploymentDefinition("calls", zone="Asia/Shanghai"),
            events={"call": define(EventDefinition, event="call", properties={"number": {"type": "key"}})},
            tags={"contacts": define(TagDefinition, tag="contacts", **tag)},
        ),
        also_hot=("contacts",),
    )


def calls(seed: int, numbers: int) -> tuple[BatchBuilder, list[tuple[int, int, int]]]:
    """A month of calls: (customer, moment, number)."""
    r = np.random.default_rng(seed)
    moments = np.sort(START + r.integers(0, 30 * DAY, 3_000))
    rows = [(int(r.integers(CUSTOMERS)), int(at), int(r.integers(numbers))) for at in moments]
    builder = BatchBuilder()
    for customer in range(CUSTOMERS):
        builder.add(FactKind.CUSTOMER, 0, customer, START, START, (customer,))
    for customer, at, number in rows:
        builder.add(FactKind.EVENT, 0, customer, at, at, (number,))
    return builder, rows


def counted(made: Playbook, builder: BatchBuilder) -> tuple[list[int], int]:
    """The counter of each customer at her last event, and how often no place was left."""
    engine = Engine(customers_max=CUSTOMERS)
    start = BatchBuilder()
    start.add_body(FactKind.PLAYBOOK, made.body().encode(), START)
    engine.prepare(made)
    engine.process(start.build())
    engine.process(builder.build())
    offset, width = made.layout.columns[0]
    column = read_column(engine.memory.arrays["records"], CUSTOMERS, made.layout.record_bytes, offset, width)
    return column.tolist(), engine.counts["counter_range_ends_met"]


@pytest.mark.parametrize("days", [7, None])
def test_it_is_what_duckdb_counts(days: int | None) -> None:
    counter = {"of": "call", "measure": "distinct", "value": "number"} | ({"over": f"{days}d"} if days else {})
    builder, rows = calls(1, 60)
    found, refused = counted(playbook(counter=counter, range=["0", "100"]), builder)
    con = duckdb.connect()
    con.execute("CREATE TABLE calls (who INT, moment BIGINT, number INT)")
    con.executemany("INSERT INTO calls VALUES (?, ?, ?)", rows)
    # Buckets are days in Shanghai, the newest one partial; each customer's last event has rolled hers.
    query = f"""WITH days AS (SELECT *, (moment + 8 * 3600000) // 86400000 AS day FROM calls),
                last AS (SELECT who, max(day) AS newest FROM days GROUP BY who)
                SELECT count(DISTINCT number) FROM days JOIN last USING (who)
                WHERE day > newest - {days or 10_000} GROUP BY who ORDER BY who"""
    assert found == [row[0] for row in con.execute(query).fetchall()]
    assert refused == 0
    assert max(found) > 10


def test_what_finds_no_place_is_counted() -> None:
    counter = {"of": "call", "measure": "distinct", "value": "number"}
    builder, rows = calls(2, 60)
    found, refused = counted(playbook(counter=counter, range=["0", "5"]), builder)
    assert found == [5] * CUSTOMERS
    kept: dict[int, list[int]] = {}
    expected = 0
    for customer, _, number in rows:
        mine = kept.setdefault(customer, [])
        if number not in mine:
            expected += len(mine) >= 5
            if len(mine) < 5:
                mine.append(number)
    assert refused == expected


@pytest.mark.parametrize("range", [["1", "5"], ["0", "101"], ["0", "0"]])
def test_a_range_that_no_set_can_have(range: list[str]) -> None:
    with pytest.raises(PlaybookError, match=r"tag contacts, range: a distinct begins at 0"):
        playbook(counter={"of": "call", "measure": "distinct", "value": "number"}, range=range)
