"""Matching: definitions that are refused, normal forms, clusters, and pairs of a made-up list found without labels, the same twice."""

import itertools
import random
from typing import Any

import pytest

from opportune.intake.matching import (
    Cluster,
    MatchingDefinition,
    clusters_of,
    find_pairs,
    linkage,
    normal_form,
    read_matching,
)
from opportune.intake.matching.comparisons import comparison_of

GOOD: dict[str, Any] = {
    "matching": "people",
    "fields": {"name": {"compare": "name"}, "born": {"compare": "date"}, "post": {"compare": "postcode"}, "mail": {"compare": "email"}},
    "block": ["born", ["name", "post"], "mail"],
}  # fmt: skip


def test_a_definition_with_its_defaults() -> None:
    found = read_matching("people", GOOD)
    assert (found.same, found.review, found.merge) == (950_000, 200_000, False)
    assert found.rules() == (("born",), ("name", "post"), ("mail",))
    assert found.place_of("name") == ("personal", "name")


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"fields": {}}, "give 1 to"),
        ({"fields": {"x": {"compare": "sound"}}}, r"\$\.fields"),
        ({"fields": {"x": {"compare": "name", "from": "cellar.x"}}}, "fields.x: .*personal.NAME"),
        ({"fields": {"Name": {"compare": "name"}}}, "fields.Name: .*small letters"),
        ({"fields": {"x": {"compare": "name", "swap": "y"}}}, "fields.x.swap: no other field `y`"),
        ({"block": ["shoe"]}, r"block\[0\]: no field `shoe`"),
        ({"block": ["born", ["born", "post"]]}, "no rule leaves `born` out"),
        ({"review": "96%"}, "review"),
        ({"same": "101%"}, "more than 100%"),
        ({"colour": "red"}, "unknown field"),
    ],
)
def test_a_definition_that_cannot_work_is_refused(change: dict[str, Any], cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        read_matching("people", {**GOOD, **change})


@pytest.mark.parametrize(
    ("comparison", "text", "form"),
    [
        ("name", "  O'Brien-SMITH, José ", "o brien smith jose"),
        ("name", "张 伟", "张 伟"),
        ("name", "--", None),
        ("address", "12, Rawsthorne  St.", "12 rawsthorne st"),
        ("number", "ab-12 34", "ab1234"),
        ("postcode", "SW1A 1AA", "sw1a1aa"),
        ("date", "1999-02-19T08:00:00", "19990219"),
        ("phone", "+86 138-0013-8000", "13800138000"),
        ("phone", "13800138000", "13800138000"),
        ("email", " Bob@Example.ORG ", "bob@example.org"),
        ("exact", "F", "f"),
    ],
)
def test_normal_forms(comparison: str, text: str, form: str | None) -> None:
    assert normal_form(comparison, text) == form


def test_clusters_name_the_gaps() -> None:
    found = clusters_of([(7, 9), (1, 2), (2, 3), (9, 12), (7, 12)])
    assert found == [
        Cluster((1, 2, 3), ((1, 2), (2, 3)), ((1, 3),)),
        Cluster((7, 9, 12), ((7, 9), (7, 12), (9, 12)), ()),
    ]
    assert clusters_of([]) == []


def test_a_swapped_field_has_a_level_of_its_own() -> None:
    document = {**GOOD, "fields": {**GOOD["fields"], "name": {"compare": "name", "swap": "mail"}}}
    levels = comparison_of(read_matching("people", document), "name")["comparison_levels"]
    assert [one["label_for_charts"] for one in levels] == [
        "missing",
        "equal",
        "exchanged",
        "close",
        "similar",
        "different",
    ]


def people(many: int, seed: int) -> tuple[list[int], dict[str, list[str | None]], set[tuple[int, int]]]:
    """Made-up people of whom a third is there twice, with a slip or two the second time; the true pairs by number."""
    chance = random.Random(seed)
    syllables = [
        "ba",
        "co",
        "di",
        "fu",
        "ge",
        "ha",
        "ki",
        "lo",
        "ma",
        "ne",
        "po",
        "ra",
        "si",
        "tu",
        "va",
        "we",
        "xi",
        "yo",
        "zu",
    ]

    def word(parts: int) -> str:
        return "".join(chance.choices(syllables, k=parts))

    rows: list[list[str | None]] = []
    pairs = set()
    for _ in range(many):
        name, post = f"{word(3)} {word(3)}", f"{chance.randrange(10_000):04}"
        born = f"{chance.randrange(1930, 2010)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 28):02}"
        row: list[str | None] = [name, born, post, f"{word(4)}@example.org"]
        rows.append(row)
        if chance.random() < 0.33:
            again = list(row)
            for at in chance.sample(range(4), chance.choice((1, 1, 2))):
                text = again[at] or ""
                place = chance.randrange(len(text) - 1)
                again[at] = chance.choice((None, text[:place] + text[place + 1] + text[place] + text[place + 2 :]))
            pairs.add((len(rows) - 1, len(rows)))
            rows.append(again)
    columns = {name: [row[at] for row in rows] for at, name in enumerate(("name", "born", "post", "mail"))}
    return list(range(len(rows))), columns, pairs


def definition(**change: Any) -> MatchingDefinition:
    return read_matching("people", {**GOOD, "block": ["born", ["name", "post"], "mail", ["name", "born"]], **change})


def test_pairs_are_found_without_labels_and_the_same_twice() -> None:
    numbers, columns, truth = people(600, 1)
    steps: list[tuple[int, int]] = []
    found = find_pairs(definition(), numbers, columns, lambda _what, done, total: steps.append((done, total)))
    same = {(pair.low, pair.high) for pair in found.pairs if pair.score >= 950_000}
    assert len(same & truth) / len(same) > 0.97
    assert len(same & truth) / len(truth) > 0.9
    assert found == find_pairs(definition(), numbers, columns)
    assert steps == sorted(steps)
    for pair in found.pairs:
        assert pair.low < pair.high
        assert 200_000 <= pair.score <= 1_000_000
        assert [one.field for one in pair.evidence] == ["name", "born", "post", "mail"]
        for one in pair.evidence:
            kind = definition().fields[one.field].compare
            values = [
                text and normal_form(kind, text)
                for text in (columns[one.field][pair.low], columns[one.field][pair.high])
            ]
            assert (one.level == "missing") == (None in values)
            assert (one.level == "equal") == (None not in values and len(set(values)) == 1)
            assert one.level != "equal" or one.weight > 0


def test_order_of_rows_does_not_matter() -> None:
    numbers, columns, _ = people(200, 2)
    shuffled = list(numbers)
    random.Random(3).shuffle(shuffled)
    mixed = {name: [values[number] for number in shuffled] for name, values in columns.items()}
    one, other = find_pairs(definition(), numbers, columns), find_pairs(definition(), shuffled, mixed)
    assert [(p.low, p.high) for p in one.pairs] == [(p.low, p.high) for p in other.pairs]


def test_too_many_pairs_name_the_rule_to_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = list(range(60))
    columns: dict[str, list[str | None]] = {
        "name": [f"n{number}" for number in numbers], "born": ["2000-01-01"] * 60, "post": [None] * 60, "mail": [None] * 60,
    }  # fmt: skip
    monkeypatch.setattr(linkage, "PAIRS_MAX", 1_000)
    with pytest.raises(ValueError, match=r"1,770 pairs through.*narrow \[born\]"):
        find_pairs(definition(), numbers, columns)


def test_nothing_in_common_is_no_pair() -> None:
    columns: dict[str, list[str | None]] = {
        name: [f"{name}{number}" for number in range(5)] for name in ("name", "born", "post", "mail")
    }
    found = find_pairs(definition(), list(range(5)), {**columns, "born": [None] * 5})
    assert (found.rows, found.compared, found.pairs) == (5, 0, [])
    assert find_pairs(definition(), [], {name: [] for name in columns}).pairs == []


def test_a_handful_of_rows_is_enough_to_run() -> None:
    rows = [("anna li", "1990-01-01", "1000", "a@x.org"), ("bob wu", "1980-02-02", "2000", "b@x.org")]
    columns: dict[str, list[str | None]] = {
        name: [row[at] for row in itertools.chain(rows, rows)]
        for at, name in enumerate(("name", "born", "post", "mail"))
    }
    found = find_pairs(definition(), list(range(4)), columns)
    assert found.compared == 2 * 4
    assert {(pair.low, pair.high) for pair in found.pairs} <= {(0, 2), (1, 3)}
