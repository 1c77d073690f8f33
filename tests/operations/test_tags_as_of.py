"""A tag's value as of any past moment, by SQL over the warehouse: what a replay up to that moment says, for everybody and every tag."""

from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opportune.engine import Engine
from opportune.facts import NULL, Kind, TextDictionary
from opportune.journal import JournalReader
from opportune.operations import read_group
from opportune.operations.audience import InPlace, holding
from opportune.operations.one_customer import with_every_tag
from opportune.operations.segment import check_segment, held_by, look, read_tags, readable_tags
from opportune.warehouse import QueryRefused, Warehouse, export
from tests.operations.little_mobile import CUSTOMERS_MAX, DAY, HOUR, START
from tests.warehouse.world import make_world

MOMENTS = (
    START + 2 * HOUR,
    START + 3 * DAY + 7 * HOUR,
    START + 11 * DAY + 1,
    START + 17 * DAY,
    START + 29 * DAY + 20 * HOUR,
    START + 45 * DAY,
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world, exported."""
    folder = make_world(tmp_path_factory.mktemp("as-of") / "data")
    export(folder, part_facts_max=300)
    return folder


def replayed(folder: Path, until_ms: int) -> Engine:
    """An engine with a column for every tag, after all facts that engine time met up to a moment; its clock then goes on to it."""
    groups = JournalReader.open(folder / "journal").read
    texts = [text for group in groups(0) for text in read_group(group)[0].texts]
    engine = Engine(
        TextDictionary(texts), customers_max=CUSTOMERS_MAX,
        history=lambda seq: map(read_group, takewhile(lambda group: group.first_seq < seq, groups(0))),
    )  # fmt: skip
    for group in groups(0):
        batch, _ = read_group(group)
        for body in batch.bodies:
            playbook = with_every_tag(body, engine.dictionary)
            assert playbook is not None
            engine.prepare(playbook)
        now = np.maximum(np.maximum.accumulate(batch.now_ms), engine.now_ms)
        many = int(np.searchsorted(now, until_ms, side="right"))
        part = batch if many == len(batch) else batch.take(np.arange(many))
        engine.process(part)
        if many < len(batch):
            break
    engine.memory.clock.now_ms = until_ms
    return engine


@pytest.mark.parametrize("moment", MOMENTS)
def test_every_tag_as_of_a_moment_equals_the_replay_up_to_it(exported: Path, moment: int) -> None:
    engine = replayed(exported, moment)
    tags = [name for name in readable_tags(engine.playbook) if name != "full_name"]
    assert len(tags) > 20
    columns = read_tags(engine, tags, 0, engine.customers)
    known = 0
    with Warehouse(exported, as_of_ms=moment) as warehouse:
        for tag in tags:
            rows = warehouse.connection.execute(
                warehouse.latest.relation([tag], "p.customer, t0.value") + " ORDER BY 1"
            ).fetchall()
            assert [customer for customer, _ in rows] == list(range(engine.customers))
            is_text = engine.playbook.vocabulary.tags[tag].kind is Kind.TEXT
            found = [
                NULL if value is None else engine.dictionary.code(value) if is_text else int(value) for _, value in rows
            ]
            assert found == columns[tag].tolist(), tag
            known += sum(value not in (NULL, 0) for value in found)
    assert known > 50 or moment == MOMENTS[0]


def test_latest_is_decoded_by_the_tags_type(exported: Path) -> None:
    with Warehouse(exported) as warehouse:
        found = warehouse.query(
            "SELECT typeof(arpu), typeof(interests), typeof(seen), typeof(class) FROM latest.arpu JOIN latest.interests USING (customer) "
            "JOIN latest.seen USING (customer) JOIN latest.class USING (customer) LIMIT 1"
        )
        assert found.rows == [("DECIMAL(9,2)", "VARCHAR[]", "TIMESTAMP", "VARCHAR")]
        with pytest.raises(QueryRefused, match="`full_name` is personal"):
            warehouse.query("SELECT * FROM latest.full_name")


LEAVES = (
    "arpu >= 40", "arpu IS NULL", "unlimited", "city = 'Shanghai'", "city LIKE 'town%'", "joined < DATE '2026-05-01'", "ratio BETWEEN 3.5 AND 20.25",
    "contains(interests, 'video')", "recharges_3d > 2", "spent_7d >= 40", "big_spender", "class = 'big'", "days_with_us > 200", "waking",
    "seen > TIMESTAMP '2026-10-20 00:00'", "longest_5d >= 100", "local_hour(now) < 12", "score IN (1, 5, 9, 30)", "arpu * 2 - spent_7d > 10",
    "last_channel <> 'shop'", "coalesce(shortest_5d, 7) < 30", "hours_since(first_call_at) > 300",
)  # fmt: skip
rules = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("NOT ({})".format, inner),
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def everybody(exported: Path) -> Engine:
    """The engine at the journal's end, with every tag."""
    with Warehouse(exported) as warehouse:
        return replayed(exported, warehouse.manifest.now_ms)


@settings(
    max_examples=150, deadline=None, suppress_health_check=(HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
)
@given(text=rules)
def test_an_audience_from_columns_and_from_sql_agree(
    exported: Path, everybody: Engine, opened: Warehouse, text: str
) -> None:
    found = held_by(look(everybody, text, 0)).tolist()
    assert opened.audience(text).tolist() == found, text
    assert np.flatnonzero(holding(everybody, text)).tolist() == found, text


@pytest.fixture(scope="module")
def opened(exported: Path) -> Warehouse:
    """The warehouse at its end."""
    return Warehouse(exported)


def test_intervals_over_plain_columns_are_asked_where_they_lie(everybody: Engine) -> None:
    def in_place(text: str) -> bool:
        return InPlace.of(everybody, check_segment(everybody.playbook, text)) is not None

    assert in_place("arpu >= 40 AND NOT unlimited AND city = 'Shanghai'")
    assert in_place("(arpu < 10 OR arpu > 50) AND joined IS NULL AND (score = 1 OR ratio < 3)")
    assert in_place("spent_ever > 20")
    for slower in (
        "recharges_3d > 2",
        "big_spender",
        "local_hour(now) < 12",
        "city LIKE 'town%' AND contains(interests, 'video')",
    ):
        assert not in_place(slower)


def test_two_threads_find_whom_one_finds(everybody: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "arpu >= 40 AND NOT unlimited AND (city IS NULL OR city <> 'Shanghai')"
    one = holding(everybody, text)
    monkeypatch.setattr("opportune.operations.audience.ROWS_FOR_TWO_MIN", 2)
    assert holding(everybody, text).tolist() == one.tolist()
    asked, holds = (
        InPlace.of(everybody, check_segment(everybody.playbook, text)),
        np.zeros(everybody.customers, np.uint8),
    )
    assert asked is not None
    assert asked.ask(everybody, 3, 11, holds) == int(one[3:14].sum()) == int(holds.sum()) > 0


def test_events_that_detectors_made_stand_among_the_events(exported: Path) -> None:
    made = sum(
        int(np.isin(outputs.derived["customer"], range(1_000)).sum())
        for _, outputs in map(read_group, JournalReader.open(exported / "journal").read(0))
    )
    with Warehouse(exported) as warehouse:
        listed = warehouse.query(
            "SELECT count(*) FROM events WHERE event IN ('talked_much', 'recharged_not_opened')"
        ).rows
        ours = warehouse.query("SELECT count(*), count(amount), count(channel) FROM event.recharged_not_opened").rows[0]
    assert listed == [(made,)]
    assert 0 < ours[1] <= ours[0] < made
