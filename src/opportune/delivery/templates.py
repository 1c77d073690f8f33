"""The templates of content: variables with fallbacks, conditions, links; nothing that loops, calls or reaches further."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import msgspec
from jinja2 import StrictUndefined, Template, TemplateError, UndefinedError, nodes
from jinja2.runtime import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from opportune.store import did_you_mean

TEMPLATE_CHARACTERS_MAX = 100_000
NODES_MAX = 5_000
RENDERED_CHARACTERS_MAX = 200_000
TRUNCATE_MAX = 1_000
TEMPLATES_KEPT = 2_000

Value = str | int | bool | None


class TemplateFailedError(ValueError):
    """A message cannot be written for this customer; the text is the reason as a code and what is missing."""


class ContentProblem(msgspec.Struct, frozen=True):
    """A mistake in a template: where (line and column from 1), what, and what to write instead."""

    line: int
    column: int
    code: str
    cause: str
    hint: str


def _default(value: Any, fallback: Any) -> Any:
    return fallback if isinstance(value, Undefined) or value is None or value == "" else value


def _money(minor: Any, digits: int = 2) -> str:
    sign, whole = ("-" if int(minor) < 0 else ""), abs(int(minor))
    return f"{sign}{whole // 10**digits:,}" + (f".{whole % 10**digits:0{digits}}" if digits else "")


def _truncate(value: Any, most: int) -> str:
    text = str(value)
    return text if len(text) <= most else text[: max(most - 1, 0)] + "…"


_FILTERS: dict[str, Callable[..., Any]] = {
    "default": _default,
    "upper": lambda value: str(value).upper(),
    "lower": lambda value: str(value).lower(),
    "capitalize": lambda value: str(value).capitalize(),
    "trim": lambda value: str(value).strip(),
    "truncate": _truncate,
    "number": lambda value: f"{int(value):,}",
    "money": _money,
    "date": lambda ms: datetime.fromtimestamp(int(ms) / 1_000, UTC).strftime("%Y-%m-%d"),
    "urlencode": lambda value: quote(str(value), safe=""),
}
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Const, nodes.Filter, nodes.If,
    nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Call,
)  # fmt: skip


class _Branch:
    """Variables under a dotted name; has nothing but its items, so no template reaches a method."""

    def __init__(self, items: dict[str, Any]) -> None:
        self.__items = items

    def __getitem__(self, name: str) -> Any:
        return self.__items[name]


class _Missing(StrictUndefined):
    """A variable that is not there: no words can be made of it, but a condition may ask for it and `default` replaces it."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self

    def __bool__(self) -> bool:  # type: ignore[override]  # the parent never returns
        return False

    def _no(self, other: object) -> bool:
        return False

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _no  # type: ignore[assignment]  # as above
    __hash__ = None  # type: ignore[assignment]  # what equals nothing is no key


def _environment(html: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        autoescape=html, undefined=_Missing, keep_trailing_newline=True, cache_size=0, auto_reload=False
    )
    environment.filters = dict(_FILTERS)
    environment.tests = {}
    environment.globals = {}
    return environment


_ENVIRONMENTS = {html: _environment(html) for html in (False, True)}


def check_content(text: str, known_variables: Mapping[str, bool]) -> list[ContentProblem]:
    """All mistakes in a template. `known_variables`: dotted name -> whether it is always there; others need `default`."""
    if len(text) > TEMPLATE_CHARACTERS_MAX:
        cause = f"{len(text):,} characters, more than {TEMPLATE_CHARACTERS_MAX:,}"
        return [ContentProblem(1, 1, "too_long", cause, "shorten it")]
    try:
        tree = _ENVIRONMENTS[False].parse(text)
    except TemplateError as error:
        line = getattr(error, "lineno", 1) or 1
        return [
            ContentProblem(
                line, 1, "syntax", str(error), "write variables as {{ name }} and conditions as {% if name %}"
            )
        ]
    except RecursionError:
        return [ContentProblem(1, 1, "too_long", "it is nested too deeply", "make it simpler")]
    if sum(1 for _ in _walk(tree)) > NODES_MAX:
        return [ContentProblem(1, 1, "too_long", f"more than {NODES_MAX:,} pieces", "make it simpler")]
    return list(_problems(tree, text.splitlines() or [""], known_variables, False))


def variables_in(text: str) -> list[str]:
    """The dotted names of the variables that a template speaks of, each once; of one that cannot be read none."""
    try:
        tree = _ENVIRONMENTS[False].parse(text)
    except (TemplateError, RecursionError):
        return []
    inner = {child for node in _walk(tree) if isinstance(node, nodes.Getattr) for child in node.iter_child_nodes()}
    called = {node.node for node in _walk(tree) if isinstance(node, nodes.Call)}
    whole = [_dotted(node) for node in _walk(tree) if node not in inner and node not in called]
    return sorted({name for name in whole if name is not None})


def render(text: str, variables: Mapping[str, Value], link: Callable[[str], str], html: bool) -> str:
    """The words for one customer. `variables` by dotted name; `link` makes a tracked link of an address.

    Raises TemplateFailedError where a variable is missing that has no fallback, or the text would be too long.
    """
    try:
        words = _compiled(text, html).render(_tree(variables) | {"link": link})
    except UndefinedError as error:
        raise TemplateFailedError(f"missing_variable: {error}") from error
    except (TemplateError, ValueError, TypeError, KeyError, OverflowError, OSError) as error:
        raise TemplateFailedError(f"bad_content: {error}") from error
    if len(words) > RENDERED_CHARACTERS_MAX:
        raise TemplateFailedError(f"bad_content: {len(words):,} characters, more than {RENDERED_CHARACTERS_MAX:,}")
    return words


@lru_cache(TEMPLATES_KEPT)
def _compiled(text: str, html: bool) -> Template:
    # What was not checked when it was saved is not run: the whitelist is what keeps a template small and harmless.
    unsafe = [problem for problem in check_content(text, _Anything()) if problem.code != "needs_fallback"]
    if unsafe:
        raise TemplateFailedError(f"bad_content: {unsafe[0].cause}")
    return _ENVIRONMENTS[html].from_string(text)


class _Anything(dict[str, bool]):
    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> bool:
        return True


def _tree(variables: Mapping[str, Value]) -> dict[str, Any]:
    """Dotted names as branches. A variable that is None is missing."""
    root: dict[str, Any] = {}
    for name, value in variables.items():
        if value is None:
            continue
        *path, last = name.split(".")
        branch = root
        for part in path:
            branch = branch.setdefault(part, {})
        branch[last] = value
    return {name: _branch(value) for name, value in root.items()}


def _branch(value: Any) -> Any:
    return _Branch({name: _branch(inner) for name, inner in value.items()}) if isinstance(value, dict) else value


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    ahead = [node]
    while ahead:
        here = ahead.pop()
        yield here
        ahead.extend(here.iter_child_nodes())


def _problems(
    node: nodes.Node, lines: list[str], known: Mapping[str, bool], has_fallback: bool
) -> Iterator[ContentProblem]:
    """The problems of a node and all below; a variable and a link are looked at whole."""
    if isinstance(node, nodes.Name | nodes.Getattr):
        yield from _variable(node, lines, known, has_fallback)
        return
    if isinstance(node, nodes.Call):
        if not _is_link(node):
            yield _at(
                node,
                lines,
                "(",
                "call",
                "a template calls nothing but link",
                'write link("https://…") with the address in quotes',
            )
        return
    if not isinstance(node, _ALLOWED):
        name = type(node).__name__.lower()
        yield _at(
            node,
            lines,
            "{%",
            "not_allowed",
            f"`{name}` is not allowed in content",
            "use variables, filters, if and link",
        )
        return
    if isinstance(node, nodes.Filter):
        yield from _filter(node, lines)
    for child in node.iter_child_nodes():
        # A condition may ask for what is missing: it is false then.
        asked = isinstance(node, nodes.If | nodes.CondExpr) and child is node.test
        inside = (
            has_fallback or asked or (isinstance(node, nodes.Filter) and node.name == "default" and child is node.node)
        )
        yield from _problems(child, lines, known, inside)


def _variable(
    node: nodes.Name | nodes.Getattr, lines: list[str], known: Mapping[str, bool], has_fallback: bool
) -> Iterator[ContentProblem]:
    name = _dotted(node)
    if name is None or any(part.startswith("_") for part in name.split(".")):
        yield _at(
            node,
            lines,
            ".",
            "not_allowed",
            "only variables have parts",
            "write the variable's name, such as event.amount",
        )
    elif name not in known:
        hint = did_you_mean(name, known)
        yield _at(
            node, lines, name, "unknown_variable", f"there is no variable `{name}`", hint or "see the list of variables"
        )
    elif not known[name] and not has_fallback:
        cause = f"`{name}` may be missing, and there is no fallback"
        yield _at(node, lines, name, "needs_fallback", cause, f"write {{{{ {name} | default('…') }}}}")


def _filter(node: nodes.Filter, lines: list[str]) -> Iterator[ContentProblem]:
    if node.name not in _FILTERS:
        hint = did_you_mean(node.name, _FILTERS)
        yield _at(
            node,
            lines,
            node.name,
            "unknown_filter",
            f"there is no filter `{node.name}`",
            hint or f"there are {', '.join(_FILTERS)}",
        )
    elif node.kwargs or node.dyn_args or node.dyn_kwargs:
        yield _at(node, lines, node.name, "not_allowed", "a filter takes plain values", f"write {node.name}(value)")
    elif node.name in ("truncate", "money") and not all(_is_small(argument) for argument in node.args):
        yield _at(
            node,
            lines,
            node.name,
            "not_allowed",
            f"`{node.name}` takes a number up to {TRUNCATE_MAX}",
            "write for example truncate(40)",
        )
    elif node.name == "truncate" and not node.args:
        yield _at(node, lines, node.name, "not_allowed", "`truncate` needs a length", "write for example truncate(40)")


def _is_small(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Const) and type(node.value) is int and 0 <= node.value <= TRUNCATE_MAX


def _is_link(node: nodes.Call) -> bool:
    named = isinstance(node.node, nodes.Name) and node.node.name == "link" and not node.kwargs
    alone = named and len(node.args) == 1 and isinstance(node.args[0], nodes.Const)
    return alone and str(node.args[0].value).startswith(("https://", "http://"))  # type: ignore[attr-defined]  # a Const, see above


def _dotted(node: nodes.Node) -> str | None:
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        before = _dotted(node.node)
        return None if before is None else f"{before}.{node.attr}"
    return None


def _at(node: nodes.Node, lines: list[str], sign: str, code: str, cause: str, hint: str) -> ContentProblem:
    """A problem at the first place of `sign` in the node's line: the parser knows lines only."""
    line = min(node.lineno, len(lines))
    return ContentProblem(line, max(lines[line - 1].find(sign), 0) + 1, code, cause, hint)
