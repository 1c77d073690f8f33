"""The house's own rules, checked on the source tree: what ruff, mypy and import-linter have no word for.

A check takes the tree and yields findings; a finding names the place, the cause and the fix. `python -m tests.house.tidy`
(`make tidy`) prints all findings and the figures.
"""

import ast
import re
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

FUNCTION_LINES_MAX = 70
FUNCTION_LINES_MEDIAN_MAX = 12
FILE_LINES_MAX = 600
FRONT_LINES_MAX = 80

PACKAGE = "opportune"
FOLDERS = ("src", "tests", "docs", "benchmarks", "examples")
SKIPPED = {".venv", ".git", "node_modules", "dist", "build", "var", "__pycache__"}

DRAWERS = {"util", "utils", "helper", "helpers", "common", "misc", "base", "manager", "managers", "service", "services",
           "shared", "lib", "stuff"}  # fmt: skip

DEFERRED = {
    "src/opportune/entrypoints/": ("", "heavy modules are imported inside commands, so that --help answers in 0.3 s"),
    "src/opportune/warehouse/": ("duckdb|pyspark", "an optional engine, imported in its home"),
    "src/opportune/intake/": (
        "duckdb|sqlalchemy|httpx",
        "Parquet, databases and pages are read only by those who have them",
    ),
    "benchmarks/": ("", "a peer that is not installed is left out of the table"),
}
"""Where an import may stand inside a function: folder -> (pattern of the module's root, reason)."""


class Finding(NamedTuple):
    """One breach: where, what is wrong, what to do."""

    path: str
    line: int
    cause: str
    fix: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.cause}; {self.fix}"


class Import(NamedTuple):
    """One imported dotted name; `names` are what `from module import names` asks for, empty for `import module`."""

    line: int
    module: str
    names: tuple[str, ...]
    deferred: bool


class Function(NamedTuple):
    """A function or method with its dotted name inside the file."""

    name: str
    line: int
    lines: int


@dataclass(frozen=True)
class SourceFile:
    """One file of the tree; `path` is relative to the root, with slashes."""

    path: str
    text: str

    @property
    def lines(self) -> list[str]:
        """The file's lines without their ends."""
        return self.text.splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of a Python file; empty where it does not parse (see `unreadable`)."""
        return ast.Module([], []) if self.syntax_error else ast.parse(self.text, self.path)

    @cached_property
    def syntax_error(self) -> SyntaxError | None:
        """What keeps a Python file from being parsed."""
        try:
            ast.parse(self.text, self.path)
        except SyntaxError as error:
            return error
        return None

    @property
    def module(self) -> str:
        """The dotted name of a file under src; empty elsewhere."""
        if not self.path.startswith("src/"):
            return ""
        return self.path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def room(self) -> str:
        """The room that the file belongs to: its own under src, the one it mirrors under tests; empty elsewhere."""
        parts = self.path.split("/")
        if parts[0] == "src" and len(parts) > 3:
            return parts[2]
        return parts[1] if parts[0] == "tests" and len(parts) > 2 else ""

    @cached_property
    def functions(self) -> list[Function]:
        """Every function and method, nested ones too."""
        return list(_functions(self.tree, ""))

    @cached_property
    def imports(self) -> list[Import]:
        """Every import, wherever it stands."""
        return list(_imports(self.tree, deferred=False))


def _functions(node: ast.AST, prefix: str) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}{child.name}"
            if not isinstance(child, ast.ClassDef):
                yield Function(name, child.lineno, (child.end_lineno or child.lineno) - child.lineno + 1)
            yield from _functions(child, f"{name}.")
        else:
            yield from _functions(child, prefix)


def _imports(node: ast.AST, deferred: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(child.lineno, alias.name, (), deferred)
        elif isinstance(child, ast.ImportFrom) and not child.level:  # relative imports are banned by ruff (TID252)
            yield Import(child.lineno, child.module or "", tuple(alias.name for alias in child.names), deferred)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, deferred or inside)


class Tree(NamedTuple):
    """The whole house: Python files, Markdown files, and every path that exists (for links)."""

    python: list[SourceFile]
    markdown: list[SourceFile]
    paths: frozenset[str]

    @property
    def modules(self) -> dict[str, SourceFile]:
        """The package's files by dotted name."""
        return {file.module: file for file in self.python if file.module}


def read_tree(root: Path) -> Tree:
    """Read the checkout at `root`, leaving out what is built or hidden."""
    found = sorted(_walk(root))
    files = [path for path in found if path.is_file()]
    python = [path for path in files if path.suffix == ".py" and path.relative_to(root).parts[0] in FOLDERS]
    markdown = [path for path in files if path.suffix == ".md"]

    def read(path: Path) -> SourceFile:
        return SourceFile(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))

    names = frozenset(path.relative_to(root).as_posix() for path in found)
    return Tree([read(path) for path in python], [read(path) for path in markdown], names)


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in SKIPPED or path.name.endswith("_cache") or path.name == ".hypothesis":
            continue
        yield path
        if path.is_dir():
            yield from _walk(path)


def unreadable(tree: Tree) -> Iterator[Finding]:
    """Every Python file parses; the other checks see nothing in one that does not."""
    for file in tree.python:
        if error := file.syntax_error:
            yield Finding(file.path, error.lineno or 1, f"not Python: {error.msg}", "mend it first")


def long_functions(tree: Tree) -> Iterator[Finding]:
    """A function has at most FUNCTION_LINES_MAX lines."""
    for file in tree.python:
        for name, line, lines in file.functions:
            if lines > FUNCTION_LINES_MAX:
                cause = f"`{name}` has {lines} lines, more than {FUNCTION_LINES_MAX}"
                yield Finding(file.path, line, cause, "part it where its comments already part it")


def long_files(tree: Tree) -> Iterator[Finding]:
    """A file has at most FILE_LINES_MAX lines."""
    for file in tree.python:
        if (lines := len(file.lines)) > FILE_LINES_MAX:
            cause = f"{lines} lines, more than {FILE_LINES_MAX}"
            yield Finding(file.path, FILE_LINES_MAX + 1, cause, "move one subject into a file named for it")


def fronts(tree: Tree) -> Iterator[Finding]:
    """A room's front says what the room is for, names what is public, and has at most FRONT_LINES_MAX lines."""
    for file in tree.python:
        if file.path.count("/") != 3 or not file.path.startswith("src/") or not file.path.endswith("/__init__.py"):
            continue
        if (lines := len(file.lines)) > FRONT_LINES_MAX:
            cause = f"the front has {lines} lines, more than {FRONT_LINES_MAX}"
            yield Finding(
                file.path, FRONT_LINES_MAX + 1, cause, "pack `__all__` with `# fmt: skip`, or offer fewer names"
            )
        if len(ast.get_docstring(file.tree) or "") < 20:
            yield Finding(file.path, 1, "the front does not say what the room is for", "write its docstring")
        if "__all__" not in _bound_names(file.tree):
            yield Finding(file.path, 1, "the front has no `__all__`", "name what the room offers")


def undocumented(tree: Tree) -> Iterator[Finding]:
    """Every file, public class, function and method of the package has a docstring."""
    for file in tree.modules.values():
        if not ast.get_docstring(file.tree) and not file.syntax_error:
            yield Finding(file.path, 1, "the file has no docstring", "say in a line what it does")
        yield from _undocumented(file.path, file.tree, "")


def _undocumented(path: str, node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[Finding]:
    for child in node.body:
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or child.name.startswith("_"):
            continue
        inherits = {"override", "overload", "setter"} & {
            ast.unparse(d).rpartition(".")[2] for d in child.decorator_list
        }
        if not ast.get_docstring(child) and not inherits:
            fix = "give what it does, shapes, units and errors raised"
            yield Finding(path, child.lineno, f"`{prefix}{child.name}` is public and has no docstring", fix)
        if isinstance(child, ast.ClassDef):
            yield from _undocumented(path, child, f"{prefix}{child.name}.")


def drawers(tree: Tree) -> Iterator[Finding]:
    """A file or folder is named for what it does."""
    for file in tree.python:
        for part in file.path.removesuffix(".py").split("/"):
            if part in DRAWERS or (
                "_" in part and part.rpartition("_")[2] in DRAWERS - {"base", "service", "services"}
            ):
                yield Finding(file.path, 1, f"`{part}` is a drawer, not a room", "name it for what it does")


def deferred_imports(tree: Tree) -> Iterator[Finding]:
    """An import stands at the top of its file, but for the places of DEFERRED."""
    for file in tree.python:
        for found in file.imports:
            if found.deferred and not _may_defer(file.path, found.module):
                cause = f"`{found.module}` is imported inside a function"
                yield Finding(
                    file.path,
                    found.line,
                    cause,
                    "import it at the top (DEFERRED in tests/house/tidy.py lists the exceptions)",
                )


def _may_defer(path: str, module: str) -> bool:
    root = module.partition(".")[0]
    return any(
        path.startswith(folder) and re.fullmatch(modules or ".*", root) for folder, (modules, _) in DEFERRED.items()
    )


def back_doors(tree: Tree) -> Iterator[Finding]:
    """A room is entered by its front, or by that of a package in it; only the room itself, and the tests that mirror it, know its files."""
    modules = tree.modules
    offered = {name: _bound_names(file.tree) for name, file in modules.items()}
    for file in tree.python:
        for found in file.imports:
            for module in _targets(found, modules, offered):
                parts = module.split(".")
                is_front = len(parts) == 3 and "__all__" in offered.get(module, ())
                if len(parts) > 2 and parts[1] != file.room and not is_front:
                    front = ".".join(parts[:2])
                    yield Finding(file.path, found.line, f"`{module}` is a file inside the room `{parts[1]}`",
                                  f"write `from {front} import ...`, and let {front} offer the name")  # fmt: skip


def _targets(found: Import, modules: dict[str, SourceFile], offered: dict[str, set[str]]) -> Iterator[str]:
    """The package's modules that an import names; a name that the module itself binds is no sub-module."""
    if found.module.partition(".")[0] != PACKAGE:
        return
    yield found.module
    for name in found.names:
        if f"{found.module}.{name}" in modules and name not in offered.get(found.module, set()):
            yield f"{found.module}.{name}"


def _bound_names(tree: ast.Module) -> set[str]:
    """Names that a file assigns, defines or imports from another module at its top level."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def cycles(tree: Tree) -> Iterator[Finding]:
    """No module reaches itself through its imports, inside a room either."""
    modules = tree.modules
    offered = {name: _bound_names(file.tree) for name, file in modules.items()}
    edges: dict[str, dict[str, int]] = {}
    for name, file in modules.items():
        lines = edges.setdefault(name, {})
        for found in file.imports:
            for target in _targets(found, modules, offered):
                # `from opportune.rules import parse` in the room's own front asks for the file, not for the front.
                if target in modules and not (target == name and found.names):
                    lines.setdefault(target, found.line)
    for group in _knots(edges):
        first = min(group)
        line = next(line for target, line in edges[first].items() if target in group)
        cause = f"a cycle of {len(group)}: {' <-> '.join(sorted(group))}"
        yield Finding(modules[first].path, line, cause, "move what both need below them")


def _knots(edges: dict[str, dict[str, int]]) -> list[set[str]]:
    """Groups of modules that reach each other: what is left after peeling off all that nothing points to, or points nowhere."""
    left = {name: set(targets) for name, targets in edges.items()}
    while True:
        pointed = set().union(*left.values()) if left else set()
        free = {name for name, targets in left.items() if not targets & left.keys() or name not in pointed}
        if not free:
            break
        left = {name: targets - free for name, targets in left.items() if name not in free}
    groups: list[set[str]] = []
    for name in left:
        group = {other for other in left if _reaches(left, name, other) and _reaches(left, other, name)}
        if name in group and group not in groups:
            groups.append(group)
    return groups


def _reaches(edges: dict[str, set[str]], start: str, goal: str) -> bool:
    seen: set[str] = set()
    ahead = list(edges[start])
    while ahead:
        name = ahead.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            ahead.extend(edges.get(name, ()))
    return False


_LEFT_OVER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")


def left_overs(tree: Tree) -> Iterator[Finding]:
    """Nothing is left for later in a comment."""
    for file in tree.python + tree.markdown:
        for number, line in enumerate(file.lines, 1):
            if match := _LEFT_OVER.search(line):
                yield Finding(
                    file.path, number, f"`{match[0]}` left in the source", "do it, or open an issue and delete it"
                )


_NOQA = re.compile(r"# *noqa(?!: [A-Z]+\d+(, ?[A-Z]+\d+)* +- \S)")
_TYPE_IGNORE = re.compile(r"# *type: *ignore(?!\[[\w, -]+\] +# \S)")


def bare_escapes(tree: Tree) -> Iterator[Finding]:
    """Every escape from a gate names the rule and the reason."""
    for file in tree.python:
        for number, line in enumerate(file.lines, 1):
            if _NOQA.search(line):
                yield Finding(file.path, number, "a noqa without reason", "write `noqa: CODE - why` after the hash")
            if _TYPE_IGNORE.search(line):
                yield Finding(file.path, number, "a type: ignore without reason", "write `type: ignore[code]  # why`")


_PLACES = re.compile(r"(?<![\w.~])/(wo" r"rk|ro" r"ot|ho" r"me)/|\bpy" r"pi\.org|python" r"hosted\.org|npm" r"js\.org")


def machine_places(tree: Tree) -> Iterator[Finding]:
    """No path of somebody's machine and no registry's host is named."""
    for file in tree.python + tree.markdown:
        for number, line in enumerate(file.lines, 1):
            if match := _PLACES.search(line):
                yield Finding(file.path, number, f"`{match[0]}` names a machine", "use a relative path or a setting")


_LINK = re.compile(r"!?\[[^\]\[]*(?:\[[^\]]*\][^\]\[]*)?\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_REFERENCE = re.compile(r"^\s{0,3}\[[^\]^]+\]:\s+(\S+)")


def broken_links(tree: Tree) -> Iterator[Finding]:
    """A relative link in Markdown leads to a file that exists, and to a heading that exists."""
    texts = {file.path: file for file in tree.markdown}
    for file in tree.markdown:
        for number, line in _prose(file):
            for target in [*_LINK.findall(line), *_REFERENCE.findall(line)]:
                if re.match(r"[a-z][a-z0-9+.-]*:", target):
                    continue
                path, _, anchor = target.partition("#")
                goal = _resolve(file.path, path) if path else file.path
                if goal and goal not in tree.paths:
                    yield Finding(file.path, number, f"the link `{target}` leads nowhere", "correct the path")
                elif anchor and goal in texts and anchor not in _anchors(texts[goal]):
                    yield Finding(file.path, number, f"`{goal}` has no heading `#{anchor}`", "correct the anchor")


def _prose(file: SourceFile) -> Iterator[tuple[int, str]]:
    """The numbered lines outside code fences, without their code spans."""
    fenced = False
    for number, line in enumerate(file.lines, 1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced:
            yield number, re.sub(r"`[^`]*`", "``", line)


def _resolve(path: str, link: str) -> str:
    """The tree's path of a link, empty for the root itself."""
    parts = [] if link.startswith("/") else path.split("/")[:-1]
    for part in link.strip("/").split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in (".", ""):
            parts.append(part)
    return "/".join(parts)


def _anchors(file: SourceFile) -> set[str]:
    anchors: set[str] = set()
    fenced = False
    for line in file.lines:
        fenced ^= line.startswith("```")
        if not fenced and (match := re.match(r"#{1,6}\s+(.*?)\s*#*$", line)):
            slug = re.sub(r"[^\w\- ]", "", match[1].lower()).replace(" ", "-")
            repeats = sum(
                known == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", known) is not None for known in anchors
            )
            anchors.add(f"{slug}-{repeats}" if repeats else slug)
        anchors.update(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", line))
    return anchors


CHECKS: tuple[Callable[[Tree], Iterator[Finding]], ...] = (
    unreadable, long_functions, long_files, fronts, undocumented, drawers, deferred_imports, back_doors, cycles,
    left_overs, bare_escapes, machine_places, broken_links,
)  # fmt: skip


def median_function_lines(tree: Tree) -> float:
    """The median length of the package's functions, in lines."""
    return statistics.median([function.lines for file in tree.modules.values() for function in file.functions] or [0])


def figures(tree: Tree) -> Iterator[str]:
    """The house in figures: sizes, the longest functions, and tests per line of code by room."""
    source = list(tree.modules.values())
    functions = [(function, file.path) for file in source for function in file.functions]
    lines = sum(len(file.lines) for file in source)
    yield f"{len(source)} files, {lines:,} lines, {len(functions):,} functions, median {median_function_lines(tree):g} lines"
    for function, path in sorted(functions, key=lambda pair: -pair[0].lines)[:5]:
        yield f"  {function.lines:4} lines  {path}:{function.line} {function.name}"
    for room in sorted({file.room for file in source if file.room}):
        code = sum(len(file.lines) for file in source if file.room == room)
        tests = sum(len(file.lines) for file in tree.python if file.path.startswith(f"tests/{room}/"))
        yield f"  {room:12} {code:6,} lines of code, {tests:6,} of tests in tests/{room}, {tests / code:.2f}"


def main() -> int:
    """Print figures and findings; 1 if there is a finding."""
    tree = read_tree(Path(__file__).parents[2])
    found = [finding for check in CHECKS for finding in check(tree)]
    print(*figures(tree), *found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
