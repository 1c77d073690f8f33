"""Python packages that evaluate rules: the same campaigns, in each one's own language, prepared once.

Every term asks for NULL first, as these languages give NULL other meanings than SQL.
"""

import importlib
from collections.abc import Callable, Container, Sequence

from benchmarks.peers.contexts import Context, Matcher, Peer, by_event, field
from benchmarks.workload import Sketch, Term

Words = dict[str, str]
ZEN: Words = {"and": " and ", "or": " or ", "not": "not", "null": "null", "true": "true", "false": "false"}
RULE_ENGINE: Words = ZEN
CEL: Words = {"and": " && ", "or": " || ", "not": "!", "null": "null", "true": "true", "false": "false"}


def spelled(term: Term, words: Words) -> str:
    """A term in an infix language."""
    name, join = field(term.name), words["and"]
    known = f"{name} != {words['null']}"
    listed = ", ".join(f'"{word}"' for word in term.words)
    tests = {
        ">=": f"{name} >= {term.low}",
        "<": f"{name} < {term.high}",
        "not >": f"{words['not']} ({name} > {term.high})",
        "between": f"{name} >= {term.low}{join}{name} <= {term.high}",
        "in": f"{name} in [{listed}]",
        "true": f"{name} == {words['true']}",
        "false": f"{name} == {words['false']}",
    }
    return f"({known}{join}{tests[term.op]})"


def rule_text(sketch: Sketch, words: Words) -> str:
    """A campaign's whole condition in an infix language; the event's own condition first."""
    clauses = ([(sketch.where,)] if sketch.where else []) + list(sketch.clauses)
    parts = [words["or"].join(spelled(term, words) for term in clause) for clause in clauses]
    return words["and"].join(f"({part})" for part in parts)


def zen_list(sketches: Sequence[Sketch]) -> Matcher:
    """GoRules ZEN: one expression per trigger, a list of all its campaigns' conditions."""
    zen = importlib.import_module("zen")

    programs = {}
    for event, numbers in by_event(sketches).items():
        texts = ", ".join(rule_text(sketches[i], ZEN) for i in numbers)
        programs[event] = (zen.compile_expression(f"[{texts}]"), numbers)

    def match(event: int, context: Context) -> list[int]:
        program, numbers = programs[event]
        return [i for i, fits in zip(numbers, program.evaluate(context), strict=True) if fits]

    return _known_events(programs, match)


def cel_list(sketches: Sequence[Sketch]) -> Matcher:
    """CEL (the Rust interpreter): one expression per trigger, a list of all its campaigns' conditions."""
    cel = importlib.import_module("cel")

    programs = {}
    for event, numbers in by_event(sketches).items():
        texts = ", ".join(rule_text(sketches[i], CEL) for i in numbers)
        programs[event] = (cel.compile(f"[{texts}]"), numbers)

    def match(event: int, context: Context) -> list[int]:
        program, numbers = programs[event]
        return [i for i, fits in zip(numbers, program.execute(context), strict=True) if fits]

    return _known_events(programs, match)


def rule_engine_rules(sketches: Sequence[Sketch]) -> Matcher:
    """rule-engine: one Rule per campaign."""
    rule_engine = importlib.import_module("rule_engine")

    programs = {
        event: [(i, rule_engine.Rule(rule_text(sketches[i], RULE_ENGINE))) for i in numbers]
        for event, numbers in by_event(sketches).items()
    }
    return _known_events(programs, lambda event, context: [i for i, rule in programs[event] if rule.matches(context)])


def _json_term(term: Term) -> dict[str, object]:
    value: dict[str, object] = {"var": field(term.name)}
    tests: dict[str, dict[str, object]] = {
        ">=": {">=": [value, term.low]},
        "<": {"<": [value, term.high]},
        "not >": {"!": [{">": [value, term.high]}]},
        "between": {"<=": [term.low, value, term.high]},
        "in": {"in": [value, list(term.words)]},
        "true": {"===": [value, True]},
        "false": {"===": [value, False]},
    }
    return {"and": [{"!==": [value, None]}, tests[term.op]]}


def _json_rule(sketch: Sketch) -> dict[str, object]:
    clauses = ([(sketch.where,)] if sketch.where else []) + list(sketch.clauses)
    return {"and": [{"or": [_json_term(term) for term in clause]} for clause in clauses]}


def json_logic_rules(sketches: Sequence[Sketch]) -> Matcher:
    """JsonLogic (panzi-json-logic): one rule per campaign."""
    json_logic = importlib.import_module("json_logic").jsonLogic

    programs = {event: [(i, _json_rule(sketches[i])) for i in numbers] for event, numbers in by_event(sketches).items()}
    return _known_events(
        programs, lambda event, context: [i for i, rule in programs[event] if json_logic(rule, context)]
    )


def python_functions(sketches: Sequence[Sketch]) -> Matcher:
    """No engine: the rules written out as Python, one function per trigger. What a good programmer would do by hand."""
    programs: dict[int, Callable[[Context], list[int]]] = {}
    for event, numbers in by_event(sketches).items():
        names = sorted({field(t.name) for i in numbers for c in _clauses(sketches[i]) for t in c})
        lines = ["def match(context):", *(f"    {name} = context[{name!r}]" for name in names), "    found = []"]
        for i in numbers:
            parts = [" or ".join(_python_term(term) for term in clause) for clause in _clauses(sketches[i])]
            lines.append(f"    if {' and '.join(f'({part})' for part in parts)}: found.append({i})")
        scope: dict[str, Callable[[Context], list[int]]] = {}
        exec("\n".join([*lines, "    return found"]), {}, scope)
        programs[event] = scope["match"]
    return _known_events(programs, lambda event, context: programs[event](context))


def _clauses(sketch: Sketch) -> list[tuple[Term, ...]]:
    return ([(sketch.where,)] if sketch.where else []) + list(sketch.clauses)


def _python_term(term: Term) -> str:
    name = field(term.name)
    tests = {
        ">=": f"{name} >= {term.low}",
        "<": f"{name} < {term.high}",
        "not >": f"{name} <= {term.high}",
        "between": f"{term.low} <= {name} <= {term.high}",
        "in": f"{name} in {set(term.words)!r}",
        "true": f"{name} is True",
        "false": f"{name} is False",
    }
    return f"({name} is not None and {tests[term.op]})"


def _known_events(programs: Container[int], match: Matcher) -> Matcher:
    return lambda event, context: match(event, context) if event in programs else []


PEERS = (
    Peer("python_by_hand", "", python_functions),
    Peer("zen", "zen-engine", zen_list),
    Peer("cel_rust", "common-expression-language", cel_list),
    Peer("json_logic", "panzi-json-logic", json_logic_rules),
    Peer("rule_engine", "rule-engine", rule_engine_rules),
)
