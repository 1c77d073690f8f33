"""The tree keeps the house's rules; and each check finds what it is for, in small trees with one breach each."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house import tidy
from tests.house.tidy import CHECKS, FUNCTION_LINES_MEDIAN_MAX, Finding, SourceFile, Tree

ROOT = Path(__file__).parents[2]
Check = Callable[[Tree], Iterator[Finding]]


@pytest.fixture(scope="module")
def house() -> Tree:
    """The checkout itself."""
    return tidy.read_tree(ROOT)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_house_is_tidy(house: Tree, check: Check) -> None:
    found = list(check(house))
    assert not found, "\n" + "\n".join(map(str, found))


def test_the_house_is_read(house: Tree) -> None:
    assert "opportune.facts" in house.modules
    assert "tests/house/test_tidy.py" in {file.path for file in house.python}
    assert "CONTRIBUTING.md" in {file.path for file in house.markdown}
    assert not any(path.startswith((".venv", ".git/")) for path in house.paths)


def test_functions_are_short_on_the_whole(house: Tree) -> None:
    median = tidy.median_function_lines(house)
    assert 0 < median <= FUNCTION_LINES_MEDIAN_MAX, (
        f"the median function has {median:g} lines: part the long ones (make tidy lists them)"
    )


def tree(**files: str) -> Tree:
    """A small tree; `src__rules__parse` stands for src/opportune/rules/parse.py, `docs__a_md` for docs/a.md."""
    python, markdown = [], []
    for name, text in files.items():
        if name.endswith("_md"):
            markdown.append(SourceFile(name.removesuffix("_md").replace("__", "/") + ".md", text))
        else:
            path = (
                name.replace("___", "/__init__").replace("__", "/")
                if not name.endswith("___")
                else name[:-3].replace("__", "/") + "/__init__"
            )
            python.append(SourceFile(path.replace("src/", "src/opportune/") + ".py", text))
    return Tree(python, markdown, frozenset(file.path for file in python + markdown))


FRONT = '"""A room that reads and checks."""\n__all__ = ["parse"]\n'
LONG = "def f() -> int:\n" + "    x = 1\n" * 69 + "    return x\n"

BREACHES: list[tuple[Check, Tree, str]] = [
    (tidy.unreadable, tree(src__rules__parse="x = 1\ndef f:\n"), "src/opportune/rules/parse.py:2: not Python"),
    (tidy.long_functions, tree(src__rules__parse=LONG), "src/opportune/rules/parse.py:1: `f` has 71 lines"),
    (tidy.long_functions, tree(tests__rules__test_parse="class A:\n    " + LONG.replace("\n", "\n    ")), ":2: `A.f` has 71"),
    (tidy.long_files, tree(src__rules__parse="x = 1\n" * 601), "src/opportune/rules/parse.py:601: 601 lines"),
    (tidy.fronts, tree(src__rules___=FRONT + "x = 1\n" * 79), "rules/__init__.py:81: the front has 81 lines"),
    (tidy.fronts, tree(src__rules___='"""Rules."""\n__all__ = []\n'), "does not say what the room is for"),
    (tidy.fronts, tree(src__rules___='"""A room that reads and checks."""\n'), "has no `__all__`"),
    (tidy.undocumented, tree(src__rules__parse="x = 1\n"), "parse.py:1: the file has no docstring"),
    (tidy.undocumented, tree(src__rules__parse='"""."""\ndef f() -> None: ...\n'), "parse.py:2: `f` is public"),
    (tidy.undocumented, tree(src__rules__parse='"""."""\nclass A:\n    """."""\n    def f(self) -> None: ...\n'), ":4: `A.f` is"),
    (tidy.drawers, tree(src__rules__utils="x = 1\n"), "rules/utils.py:1: `utils` is a drawer"),
    (tidy.drawers, tree(tests__rules__sql_helpers="x = 1\n"), "`sql_helpers` is a drawer"),
    (tidy.drawers, tree(src__common__parse="x = 1\n"), "`common` is a drawer"),
    (tidy.deferred_imports, tree(src__rules__parse="def f():\n    import json\n"), "parse.py:2: `json` is imported inside"),
    (tidy.deferred_imports, tree(src__warehouse__export="def f():\n    from json import dumps\n"), "export.py:2: `json`"),
    (tidy.back_doors, tree(src__engine__step="from opportune.rules.parse import f\n"), "step.py:1: `opportune.rules.parse`"),
    (tidy.back_doors, tree(src__engine__step="import opportune.rules.parse\n"), "write `from opportune.rules import ...`"),
    (tidy.back_doors, tree(src__engine__step="from opportune.rules import parse\n", src__rules__parse=""), "step.py:1"),
    (tidy.back_doors, tree(tests__engine__test_step="def f():\n    from opportune.rules.parse import f\n"), "test_step.py:2"),
    (tidy.cycles, tree(src__rules__a="from opportune.rules.b import x\n", src__rules__b="import opportune.rules.a\n"),
     "rules/a.py:1: a cycle of 2: opportune.rules.a <-> opportune.rules.b"),
    (tidy.cycles, tree(src__rules___="from opportune.rules.a import x\n", src__rules__a="from opportune.rules import y\n"),
     "a cycle of 2: opportune.rules <-> opportune.rules.a"),
    (tidy.left_overs, tree(src__rules__parse="# TO" "DO later\n"), "parse.py:1: `TO" "DO` left"),
    (tidy.bare_escapes, tree(src__rules__parse="import x  # no" "qa\n"), "a noqa without reason"),
    (tidy.bare_escapes, tree(src__rules__parse="import x  # no" "qa: F401\n"), "a noqa without reason"),
    (tidy.bare_escapes, tree(src__rules__parse="x = 1  # type: ig" "nore[assignment]\n"), "a type: ignore without reason"),
    (tidy.machine_places, tree(src__rules__parse='x = "/ho' 'me/me/data"\n'), "parse.py:1: `/ho" "me/` names a machine"),
    (tidy.broken_links, tree(docs__a_md="one\n[b](b.md)\n"), "docs/a.md:2: the link `b.md` leads nowhere"),
    (tidy.broken_links, tree(docs__a_md="[b](b.md#here)\n", docs__b_md="# There\n"), "`docs/b.md` has no heading `#here`"),
    (tidy.broken_links, tree(docs__a_md="[a](#up)\n```\n# Up\n```\n"), "no heading `#up`"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "broken", "message"), BREACHES, ids=[f"{c.__name__}-{m[-18:]}" for c, _, m in BREACHES]
)
def test_a_breach_is_found_and_named(check: Check, broken: Tree, message: str) -> None:
    assert [str(finding) for finding in check(broken) if message in str(finding)]
    assert len(list(check(broken))) == 1


KEPT: list[tuple[Check, Tree]] = [
    (tidy.long_functions, tree(src__rules__parse=LONG.replace("    x = 1\n", "", 1))),
    (tidy.fronts, tree(src__rules___=FRONT)),
    (tidy.undocumented, tree(src__rules__parse='"""."""\nfrom typing import override\nclass _A:\n    def f(self): ...\n')),
    (tidy.drawers, tree(src__store__database="", src__campaigns__customer_service="", tests__rules__test_parse="")),
    (tidy.deferred_imports, tree(src__entrypoints__cli="def f():\n    import json\n", src__warehouse__a="def f():\n    import duckdb\n")),
    (tidy.back_doors, tree(tests__rules__test_parse="from opportune.rules.parse import f\n", src__rules__parse="")),
    (tidy.back_doors, tree(src__engine__step="from opportune.rules.sql import f\n", src__rules__sql___="__all__ = ['f']\n")),
    (tidy.back_doors, tree(src__engine__step="from opportune.rules import parse\n", src__rules__parse="",
                           src__rules___="from opportune.rules.parse import parse\n")),
    (tidy.cycles, tree(src__rules___="from opportune.rules.a import x\n", src__rules__a="from opportune.rules.b import x\n",
                       src__rules__b="import json\n", src__engine__a="from opportune.rules import x\n")),
    (tidy.cycles, tree(src__rules___="from opportune.rules import a\n", src__rules__a="x = 1\n")),
    (tidy.bare_escapes, tree(src__rules__parse="x = 1  # no" "qa: F401 - kept for readers\ny = 1  # type: ig" "nore[a]  # why\n")),
    (tidy.machine_places, tree(docs__a_md="`~/work/x` and $HO" "ME/home/x and work/x\n")),
    (tidy.broken_links, tree(docs__a_md="# One, two\n[b](../b.md#at-home) [c](https://example.org) [d](#one-two) `[e](f.md)`\n",
                             b_md="## At home\n")),
]  # fmt: skip


@pytest.mark.parametrize(("check", "kept"), KEPT, ids=[f"{c.__name__}-{i}" for i, (c, _) in enumerate(KEPT)])
def test_what_keeps_the_rule_is_left_alone(check: Check, kept: Tree) -> None:
    assert not [str(finding) for finding in check(kept)]


def test_figures_name_the_longest_function() -> None:
    lines = list(tidy.figures(tree(src__rules__parse=LONG, tests__rules__test_parse="x = 1\n" * 142)))
    assert lines[0] == "1 files, 71 lines, 1 functions, median 71 lines"
    assert "src/opportune/rules/parse.py:1 f" in lines[1]
    assert lines[2].endswith("2.00")
