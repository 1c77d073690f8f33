"""Loads of any rows whatever: every row is accounted for, and the same rows give the same messages."""

import json
import tempfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from opportune.intake import Load, LoadResult, Reach, SourceDefinition, fetch, stored_row
from tests.intake.cleaning.cleaned import steps
from tests.intake.test_sources import source

MEMBERS = """
source: members
read: {format: csv, path: members.csv}
time: {from: at}
customer: {kind: user, from: id}
rows:
  - when: {kind: skip}
    skip: true
  - when: {kind: [sale, ""]}
    event: recharge
    properties: {amount: x}
tags: {method: plan}
"""
STEPS = """
- trim: [id, plan]
- duplicates: {}
- {name: no id, missing: {fields: id, fill: leave_out}}
- type: {fields: x, to: decimal}
- outliers: {fields: x, by: iqr}
- missing: {fields: x, fill: median}
"""
CELL = st.sampled_from(["", "1", "2.5", "x", "sale", "skip", "2026-01-01", "9e9", '"a', "张", "\x00", "1,2"])
LINES = st.lists(st.lists(CELL, min_size=0, max_size=6).map(",".join), max_size=30)


def loaded(lines: list[str]) -> tuple[list[bytes], LoadResult, list[Any], list[bytes]]:
    """Messages, what became of the rows, what was learnt, and the rows as they are kept."""
    plain = source(MEMBERS)
    definition = SourceDefinition(
        plain.source, plain.time, plain.customer, read=plain.read, rows=plain.rows, tags=plain.tags, clean=tuple(steps(STEPS))
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "members.csv").write_text("\n".join(["id,kind,x,plan,at", *lines, ""]), encoding="utf-8")
        (found,) = fetch(definition, {}, Reach(Path(folder)))
        rows = [stored_row(row) for row in found.rows]
    first = Load(definition, 1, ZoneInfo("UTC"), lambda: rows)
    learnt = json.loads(json.dumps(first.learn()))
    messages = first.messages()
    lines_out = list(messages)
    again = Load(definition, 1, ZoneInfo("UTC"), lambda: rows, learnt).messages()
    assert list(again) == lines_out
    assert again.result() == messages.result()
    return lines_out, messages.result(), learnt, rows


@settings(max_examples=150, deadline=None)
@given(LINES)
def test_every_row_is_accounted_for_and_comes_out_the_same_again(lines: list[str]) -> None:
    messages, result, _, rows = loaded(lines)
    assert result.rows == len(rows)
    events = result.actions.get("recharge", 0)
    assert result.rows == result.left_out + result.refused + events
    assert result.messages == len(messages) == result.refused + events + result.actions.get("tags", 0)


def test_a_forgotten_row_becomes_nothing_and_moves_no_other() -> None:
    _, _, _, rows = loaded(["a,sale,1,p,2026-01-01", "b,sale,2,p,2026-01-01"])
    plain = source(MEMBERS)
    messages = Load(plain, 1, ZoneInfo("UTC"), lambda: [b"", rows[1]]).messages()
    assert len(list(messages)) == 2
    result = messages.result()
    assert (result.rows, result.forgotten, result.actions) == (2, 1, {"recharge": 1, "tags": 1})


def test_a_later_row_than_its_fetch_allows_is_refused() -> None:
    _, _, _, rows = loaded(["a,sale,1,p,2026-01-01T01:00:00Z", "b,sale,2,p,2026-01-01T01:00:01Z"])
    messages = Load(source(MEMBERS), 7, ZoneInfo("UTC"), lambda: rows, fetched_ms=1_767_225_600_000).messages()
    told = [json.loads(line) for line in messages]
    assert [one["type"] for one in told] == ["identify", "track", "unmapped_row"]
    assert (told[2]["why"], told[2]["load"], told[2]["row"]["id"]) == ("the time lies in the future", "7", "b")
    assert messages.result().refused == 1
