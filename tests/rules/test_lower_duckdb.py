"""DuckDB SQL of rules: what it looks like, that it stays away from files, and local time without DuckDB's own zones."""

import itertools

import duckdb
import pytest

from opportune.facts import transitions
from opportune.rules import DUCKDB_SETTINGS, DUCKDB_ZONES_MAX, ZONE_MACRO, check, to_duckdb, zone_macro
from tests.rules.worlds import SCOPE, ZONES, column_name, connection


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("arpu > 80", "r.tag_arpu >= 8001"),
        ("arpu BETWEEN 1 AND 2", "r.tag_arpu BETWEEN 100 AND 200"),
        ("NOT (vip AND churned)", "NOT ((r.tag_vip = 1) AND (r.tag_churned = 1))"),
        ("plan = 'it''s'", "r.tag_plan IN ('it''s')"),
        ("plan LIKE 'a%' OR city < 'm'", "(r.tag_plan LIKE 'a%') OR (r.tag_city < 'm')"),
        ("calls_7d / data_mb", "TRY(r.tag_calls_7d // r.tag_data_mb)"),
        ("calls_7d + data_mb", "(-TRY(-(r.tag_calls_7d + r.tag_data_mb)))"),
    ],
)
def test_the_sql_of_a_rule(text: str, sql: str) -> None:
    assert to_duckdb(check(text, SCOPE), column_name) == sql


def test_a_condition_as_a_value_is_encoded() -> None:
    rule = check("vip", SCOPE)
    assert to_duckdb(rule, column_name, encoded=True) == "r.tag_vip"
    assert to_duckdb(check("NOT vip", SCOPE), column_name, encoded=True) == "CAST(NOT (r.tag_vip = 1) AS BIGINT)"


def test_columns_may_be_expressions() -> None:
    rule = check("calls_7d + 1 > data_mb", SCOPE)
    sql = to_duckdb(rule, lambda ref: "5 - 1" if ref.name == "calls_7d" else "5")
    assert connection().execute(f"SELECT {sql}").fetchall() == [(False,)]


@pytest.mark.parametrize("zone", ZONES)
def test_the_macro_knows_every_change_of_a_zone(zone: str) -> None:
    changes = transitions(zone)
    around = [(-(2**40), changes[0][1])]
    for (_, before), (moment, after) in itertools.pairwise(changes):
        around += [(moment - 1, before), (moment, after)]
    lines = ", ".join(f"({moment}, {wanted})" for moment, wanted in around)
    query = f"SELECT {ZONE_MACRO}('{zone}', v.moment) = v.wanted FROM (VALUES {lines}) AS v(moment, wanted)"
    assert connection().execute(query).fetchall() == [(True,)] * len(around)


def test_the_macro_is_null_for_a_zone_it_was_not_made_for() -> None:
    assert connection().execute(f"SELECT {ZONE_MACRO}('Europe/Paris', 0)").fetchall() == [(None,)]
    with pytest.raises(ValueError, match="at most"):
        zone_macro([f"Zone/{n}" for n in range(DUCKDB_ZONES_MAX + 1)])
    with pytest.raises(ValueError, match="is no time zone"):
        zone_macro(["Mars/Olympus"])


def test_the_settings_keep_a_query_away_from_files() -> None:
    strict = duckdb.connect()
    for name, value in DUCKDB_SETTINGS.items():
        strict.execute(f"SET {name} = {value}")
    with pytest.raises(duckdb.Error, match="disabled"):
        strict.execute("SELECT * FROM read_csv('/etc/passwd')")
