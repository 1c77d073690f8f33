"""Real shoppers who browsed and did not buy: the detectors of examples/browsing tell what a DuckDB query finds in the same files."""

import os
from pathlib import Path

import duckdb
import pytest

from opportune.facts import MS_PER_DAY, Outputs
from opportune.operations import (
    create_deployment,
    examples_folder,
    import_ndjson,
    import_sources,
    open_deployment,
    publish,
    read_definitions,
    replay,
    sources_of,
)

DATA = Path(os.environ.get("OPPORTUNE_DATA", Path(__file__).parents[3] / "shared" / "data"))
TAOBAO, REES46 = DATA / "taobao_userbehavior_814users.parquet", DATA / "rees46_events_20191001.csv.gz"
WITHIN_S = 30 * 60

ROWS = {
    "taobao": f"""SELECT user_id AS who, item_id AS item, behavior_type IN ('pv', 'cart') AS first, behavior_type = 'cart' AS cart,
                  behavior_type = 'buy' AS bought, timestamp AS t, file_row_number AS n
                  FROM read_parquet('{TAOBAO}', file_row_number = true)""",
    "rees46": f"""SELECT user_id AS who, product_id AS item, event_type IN ('view', 'cart') AS first, event_type = 'cart' AS cart,
                  event_type = 'purchase' AS bought, epoch(strptime(left(event_time, 19), '%Y-%m-%d %H:%M:%S'))::BIGINT AS t,
                  row_number() OVER () AS n FROM read_csv('{REES46}', types = {{'event_time': 'VARCHAR'}})""",
}


def not_bought(source: str, key: str) -> int:
    """How often a first event was not followed by a purchase of the same key in time, the next one counting from there on.

    `place` is that of a row in time; rows of one second stand as in the file.
    """
    query = f"""
        WITH RECURSIVE
        events AS (SELECT {key} AS key, first, bought, t, row_number() OVER (ORDER BY t, n) AS place FROM ({ROWS[source]})),
        begun AS (SELECT * FROM events WHERE first),
        answered AS (
            SELECT a.key, a.place, a.t, min(b.place) AS answer
            FROM begun a LEFT JOIN events b
            ON b.bought AND b.key = a.key AND b.place > a.place AND b.t <= a.t + {WITHIN_S} GROUP BY ALL),
        followed AS (
            SELECT a.key, a.place, a.answer, min(c.place) AS further
            FROM answered a LEFT JOIN begun c
            ON c.key = a.key AND CASE WHEN a.answer IS NULL THEN c.t > a.t + {WITHIN_S} ELSE c.place > a.answer END GROUP BY ALL),
        waited AS (
            SELECT f.place, f.answer, f.further FROM followed f JOIN (SELECT min(place) AS place FROM begun GROUP BY key) USING (place)
            UNION ALL
            SELECT f.place, f.answer, f.further FROM waited w JOIN followed f ON f.place = w.further)
        SELECT count(*) FILTER (answer IS NULL) FROM waited"""
    return _one(query)


def bought_after_cart(source: str) -> int:
    """How many purchases came within the time of the latest cart of the same item, which no purchase had followed yet."""
    query = f"""
        WITH events AS (SELECT who, item, cart, bought, t, row_number() OVER (ORDER BY t, n) AS place FROM ({ROWS[source]})),
        steps AS (SELECT *, lag(cart) OVER w AS after_cart, lag(t) OVER w AS before_t FROM events WHERE cart OR bought
                  WINDOW w AS (PARTITION BY who, item ORDER BY place))
        SELECT count(*) FROM steps WHERE bought AND after_cart AND t <= before_t + {WITHIN_S}"""
    return _one(query)


def silences(source: str) -> int:
    """How often nothing followed for a day: after each customer's last event too."""
    query = f"""
        WITH events AS (SELECT t, lead(t) OVER (PARTITION BY who ORDER BY t, n) AS after FROM ({ROWS[source]}))
        SELECT count(*) FROM events WHERE after IS NULL OR after > t + 86400"""
    return _one(query)


def _one(query: str) -> int:
    return int(duckdb.connect().execute(query).fetchall()[0][0])


def told(folder: Path, source: str) -> dict[str, int]:
    """The derived events that the engine tells of a file, by detector; time passes two days beyond its end."""
    definitions = read_definitions(examples_folder("browsing"))
    create_deployment(folder, seed="browsing")
    counts = dict.fromkeys(definitions.detectors, 0)
    with open_deployment(folder) as deployment:
        publish(deployment, definitions, "tests")
        sources = [one for one in sources_of(definitions) if one.source == source]
        parts: list[Outputs] = []
        imported = import_sources(deployment, sources, DATA, on_outputs=parts.append)
        assert imported.account.quarantined == 0
        later = folder.parent / "later.ndjson"
        moment = deployment.engine.now_ms + 2 * MS_PER_DAY
        later.write_text(
            f'{{"type": "track", "event": "item_viewed", "userId": "nobody else", "timestamp": {moment}, "properties": {{}}}}\n'
        )
        import_ndjson(deployment, later, "later", on_outputs=parts.append)
        counted = deployment.engine.counts
        assert (counted["detections_refused"], counted["late_for_detectors"]) == (0, 0)
        names = deployment.playbook.numbering.names["event"]
        for part in parts:
            for number in part.derived["event"].tolist():
                counts[names[number]] += 1
    return counts


@pytest.mark.parametrize("source", ["taobao", "rees46"])
def test_who_browsed_and_did_not_buy_is_who_a_query_finds(source: str, tmp_path: Path) -> None:
    if not {"taobao": TAOBAO, "rees46": REES46}[source].is_file():
        pytest.skip("the public data set is not at hand (OPPORTUNE_DATA)")
    counts = told(tmp_path / "data", source)
    assert counts["item_not_bought_30m"] == not_bought(source, "(who, item)")
    assert counts["nothing_bought_30m"] == not_bought(source, "who")
    assert counts["bought_soon_after_cart"] == bought_after_cart(source)
    assert counts["silent_for_a_day"] == silences(source)
    assert all(counts.values())
    assert replay(tmp_path / "data").equal
