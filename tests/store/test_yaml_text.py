"""YAML as text with places: nothing is guessed, nothing hostile gets through, every mistake is told with its place."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from opportune.store import yaml_text
from opportune.store.problems import ProblemCode
from opportune.store.yaml_text import DOCUMENTS_MAX, FILE_BYTES_MAX, NESTING_MAX, position_in_scalar, read_documents


def raws(text: str) -> list[Any]:
    documents, problems = read_documents(text.encode(), "f.yaml")
    assert problems == []
    return [node.raw for node in documents]


def complaint(text: str | bytes) -> tuple[int, int, ProblemCode, str, str]:
    content = text if isinstance(text, bytes) else text.encode()
    _, problems = read_documents(content, "f.yaml")
    first = problems[0]
    assert first.file == "f.yaml"
    return first.line, first.column, first.code, first.message, first.hint


def test_scalars_stay_text() -> None:
    text = "money: 20000.00\nbig: 9007199254740993\nswitch: yes\nday: 2026-12-01\nhour: 21:00\nhex: 0x10\nempty: ''\n"
    assert raws(text) == [
        {
            "money": "20000.00",
            "big": "9007199254740993",
            "switch": "yes",
            "day": "2026-12-01",
            "hour": "21:00",
            "hex": "0x10",
            "empty": "",
        }
    ]


def test_only_plain_nulls_are_none() -> None:
    assert raws("{a: null, b: ~, c: , d: 'null', e: \"~\", f: Null}") == [
        {"a": None, "b": None, "c": None, "d": "null", "e": "~", "f": None}
    ]


def test_documents_lists_and_empty_documents() -> None:
    assert raws("a: [1, [2, {b: 3}]]\n---\n# nothing\n---\nc: d\n...\n") == [
        {"a": ["1", ["2", {"b": "3"}]]},
        {"c": "d"},
    ]
    assert raws("") == []


def test_a_byte_order_mark_is_no_character() -> None:
    documents, problems = read_documents(b"\xef\xbb\xbfa: b", "f.yaml")
    assert (documents[0].raw, documents[0].children["a"].column, problems) == ({"a": "b"}, 4, [])


def test_places_count_characters_not_bytes() -> None:
    documents, _ = read_documents("标签: {名: 好, x: y}".encode(), "f.yaml")
    inner = documents[0].children["标签"]
    assert (inner.line, inner.column, inner.key_line, inner.key_column) == (1, 5, 1, 1)
    assert (inner.children["x"].key_column, inner.children["x"].column) == (12, 15)


@pytest.mark.parametrize(
    ("text", "line", "column", "code", "message", "hint"),
    [
        ("a: 1\nb: 2\na: 3", 3, 1, ProblemCode.DUPLICATE_KEY, "first one is on line 1", "keep one"),
        ("a: &x 1\nb: *x", 2, 4, ProblemCode.YAML, "aliases (`*x`)", "write it out"),
        ("a: 1\n*x : 2", 2, 1, ProblemCode.YAML, "", ""),
        ("a: !!python/name:os.system x", 1, 4, ProblemCode.YAML, "`!!python/name:os.system`", "leave the tag out"),
        ("a: !!map {}", 1, 4, ProblemCode.YAML, "`!!map`", "leave the tag out"),
        ("title: {{event.amount}}", 1, 9, ProblemCode.YAML, "a key must be plain text", "double quotes"),
        ("a: b: c", 1, 5, ProblemCode.YAML, "mapping values are not allowed", "holds `: ` in double quotes"),
        ("a:\n\tb: 1", 2, 1, ProblemCode.YAML, "cannot start any token", "spaces, not tabs"),
        ("a: 'x", 1, 6, ProblemCode.YAML, "quoted scalar", "close the quotes"),
        ("a: [x\n", 2, 1, ProblemCode.YAML, "flow sequence", "close the bracket"),
        ("好: a\nb: \x01", 2, 4, ProblemCode.UNREADABLE, "control characters", "remove the character"),
        ("a: 1\n好: \udc80", 2, 4, ProblemCode.UNREADABLE, "no UTF-8", "save the file as UTF-8"),
    ],
)
def test_mistakes(text: str, line: int, column: int, code: ProblemCode, message: str, hint: str) -> None:
    found = complaint(text.encode(errors="surrogateescape"))
    assert found[:3] == (line, column, code)
    assert message in found[3]
    assert hint in found[4]


def test_documents_before_a_syntax_error_are_kept() -> None:
    documents, problems = read_documents(b"a: 1\n---\nb: [\n", "f.yaml")
    assert [node.raw for node in documents] == [{"a": "1"}]
    assert len(problems) == 1


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_refused_without_recursion(opening: str) -> None:
    found = complaint(opening * 100_000)
    assert (found[0], found[2]) == (1, ProblemCode.TOO_LARGE)
    assert str(NESTING_MAX) in found[3]


def test_nesting_up_to_the_limit_is_read() -> None:
    assert raws("[" * NESTING_MAX + "]" * NESTING_MAX) != []
    assert complaint("[" * (NESTING_MAX + 1) + "]" * (NESTING_MAX + 1))[2] is ProblemCode.TOO_LARGE


def test_an_alias_bomb_stays_small() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)
    )
    documents, problems = read_documents(bomb.encode(), "f.yaml")
    assert len(problems) == 40
    assert documents[0].raw["u"] == [None, None]


def test_large_files_are_refused() -> None:
    assert complaint(b"#" * (FILE_BYTES_MAX + 1))[2] is ProblemCode.TOO_LARGE
    assert complaint("--- a\n" * (DOCUMENTS_MAX + 2))[2] is ProblemCode.TOO_LARGE


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("rule: arpu > 80 AND apru < 2", "apru"),
        ("rule:   'arpu > 80 AND kind = ''x'' AND apru < 2'", "apru"),
        ('rule: "arpu > \\"80\\" AND apru < 2"', "apru"),
        ('rule: "arpu >\\n80 AND\\nnot_apru < 2"', "not_apru"),
        ("rule: |\n  arpu > 80\n    AND apru < 2\n", "apru"),
        ("rule: >-\n  arpu > 80\n  AND apru\n  < 2\n", "apru"),
        ("rule: arpu > 80\n  AND\n  apru < 2\n", "apru"),
        ("规则: 名 = '好' AND apru < 2", "apru"),
        ("规则: |\r\n  arpu > 80\r\n  AND apru < 2\r\n", "apru"),
    ],
)
def test_the_place_of_a_word_inside_a_scalar(text: str, word: str) -> None:
    documents, _ = read_documents(text.encode(), "f.yaml")
    node = next(iter(documents[0].children.values()))
    line, column = position_in_scalar(text.encode(), node, node.raw.index(word))
    assert text.splitlines()[line - 1][column - 1 :].startswith(word)


def test_a_place_past_the_end_is_the_end() -> None:
    documents, _ = read_documents(b"rule: abc", "f.yaml")
    assert position_in_scalar(b"rule: abc", documents[0].children["rule"], 3) == (1, 10)


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "examples" / "minimal").glob("*.yaml")), ids=lambda p: p.stem
)
def test_without_the_c_reader_all_is_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = read_documents(path.read_bytes(), path.name)
    monkeypatch.setattr(yaml_text, "_LOADER", yaml.BaseLoader)
    assert read_documents(path.read_bytes(), path.name) == fast
    assert fast[0]


def test_without_the_c_reader_a_bad_character_has_the_same_place(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = complaint("好: a\nb: \x01")
    monkeypatch.setattr(yaml_text, "_LOADER", yaml.BaseLoader)
    assert complaint("好: a\nb: \x01")[:3] == fast[:3]
