"""Rules as tables: which clauses and terms a condition becomes, and look-ups that grow with the dictionary."""

import datetime
import random

import numpy as np
import pytest

from opportune.facts import NULL, VALUE_MAX, TextDictionary
from opportune.rules import (  # the inside of the room, which these tests are about
    INTERVAL,
    LOOK_UP,
    MASK,
    PROGRAM,
    STACK_MAX,
    Ref,
    RulePlan,
    RulePlanBuilder,
    check,
    failing_clause,
    machine,
    opcodes,
)
from opportune.rules.clauses import CLAUSES_MAX, TERMS_MAX
from tests.rules.worlds import REFS, SCOPE, TABLE, Engines, dictionary, random_row

MIN = NULL + 1
Terms = list[list[tuple[int, str, int, int]]]


def clauses(text: str, texts: TextDictionary | None = None) -> Terms:
    """The clauses of a condition: per term its kind, the name it reads, lo and hi."""
    builder = RulePlanBuilder(texts or TextDictionary(["gold", "silver"]), REFS.index)
    first, count = builder.add(check(text, SCOPE))
    plan = builder.build()
    found: Terms = []
    for clause in plan.clauses[first : first + count]:
        terms = plan.terms[clause.first : clause.first + clause.count]
        found.append([(int(t.kind), REFS[t.ref].name if t.ref >= 0 else "", int(t.lo), int(t.hi)) for t in terms])
    return found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("calls_7d >= 5 AND calls_7d < 10", [[(INTERVAL, "calls_7d", 5, 9)]]),
        ("calls_7d >= 5 AND calls_7d < 10 AND calls_7d <> 7", [[(INTERVAL, "calls_7d", 5, 6), (INTERVAL, "calls_7d", 8, 9)]]),
        ("calls_7d <> 3", [[(INTERVAL, "calls_7d", MIN, 2), (INTERVAL, "calls_7d", 4, VALUE_MAX)]]),
        ("calls_7d IS NULL", [[(INTERVAL, "calls_7d", NULL, NULL)]]),
        ("calls_7d IS NOT NULL", [[(INTERVAL, "calls_7d", MIN, VALUE_MAX)]]),
        ("calls_7d IS NULL OR calls_7d < 3", [[(INTERVAL, "calls_7d", NULL, 2)]]),
        ("calls_7d > 3 OR calls_7d <= 3", [[(INTERVAL, "calls_7d", MIN, VALUE_MAX)]]),
        ("(calls_7d > 3) IS NOT TRUE", [[(INTERVAL, "calls_7d", NULL, 3)]]),
        ("vip", [[(INTERVAL, "vip", 1, 1)]]),
        ("NOT vip", [[(INTERVAL, "vip", 0, 0)]]),
        ("plan = 'silver'", [[(INTERVAL, "plan", 2, 2)]]),
        ("plan IN ('gold', 'silver', 'new')", [[(INTERVAL, "plan", 1, 3)]]),
        ("plan LIKE 'g%'", [[(LOOK_UP, "plan", 0, 0)]]),
        ("(plan LIKE 'g%') IS NOT TRUE", [[(LOOK_UP, "plan", 0, 1)]]),
        ("contains(interests, 'music')", [[(MASK, "interests", 2, 2)]]),
        ("NOT contains(interests, 'music')", [[(MASK, "interests", 2, 0)]]),
        ("contains(interests, 'music') AND NOT contains(interests, 'sport')", [[(MASK, "interests", 6, 2)]]),
        ("contains(interests, 'music') IS NOT TRUE", [[(INTERVAL, "interests", NULL, NULL), (MASK, "interests", 2, 0)]]),
        ("calls_7d > data_mb", [[(PROGRAM, "", 0, 0)]]),
        ("TRUE", []),
        ("vip OR TRUE", []),
        ("calls_7d > 3 AND calls_7d < 2", [[]]),
        ("FALSE", [[]]),
        ("contains(interests, 'music') AND NOT contains(interests, 'music')", [[]]),
        ("calls_7d = 3.5", [[]]),
        ("calls_7d > data_mb AND FALSE", [[]]),
    ],
)  # fmt: skip
def test_conditions_become_terms(text: str, wanted: Terms) -> None:
    assert clauses(text) == wanted


def test_not_is_pushed_inward_through_and_and_or() -> None:
    assert clauses("NOT (vip AND (calls_7d > 3 OR churned))") == clauses("NOT vip OR (calls_7d <= 3 AND NOT churned)")


def test_the_cheapest_and_most_selective_clauses_come_first() -> None:
    text = "calls_7d > data_mb AND plan LIKE 'g%' AND (vip OR churned) AND arpu > 80 AND score BETWEEN 1 AND 2 AND city = 'x'"
    kinds = [[name or "program" for _, name, _, _ in clause] for clause in clauses(text)]
    assert kinds == [["city"], ["score"], ["arpu"], ["vip", "churned"], ["plan"], ["program"]]


def test_what_would_distribute_too_far_stays_one_program() -> None:
    wide = " OR ".join(f"(calls_7d = {n} AND data_mb = {n} AND arpu = {n})" for n in range(4))
    assert clauses(wide) == [[(PROGRAM, "", 0, 0)]]
    assert clauses(f"vip AND ({wide})") == [[(INTERVAL, "vip", 1, 1)], [(PROGRAM, "", 0, 0)]]
    narrow = clauses("(vip AND calls_7d = 1) OR (churned AND data_mb = 2)")
    assert 1 < len(narrow) <= CLAUSES_MAX
    assert all(1 <= len(clause) <= TERMS_MAX for clause in narrow)
    assert all(kind == INTERVAL for clause in narrow for kind, *_ in clause)


def test_long_lists_are_look_ups_for_texts_and_programs_for_numbers() -> None:
    texts = ", ".join(f"'t{n}'" for n in range(0, 20, 2))
    known = TextDictionary(f"t{n}" for n in range(20))
    assert [term[0] for term in clauses(f"plan IN ({texts})", known)[0]] == [LOOK_UP]
    numbers = ", ".join(str(n) for n in range(0, 20, 2))
    assert [term[0] for term in clauses(f"calls_7d IN ({numbers})")[0]] == [PROGRAM]
    assert len(clauses("calls_7d IN (1, 3, 5, 7)")[0]) == 4


def ask(plan: RulePlan, span: tuple[int, int], values: dict[Ref, int]) -> int:
    """Which clause fails for a row."""
    registers = np.full(len(REFS), NULL, np.int64)
    for ref, value in values.items():
        registers[REFS.index(ref)] = value
    return failing_clause(plan, *span, registers, TABLE, np.zeros(STACK_MAX, np.int64))


def test_look_ups_grow_with_the_dictionary() -> None:
    texts, plan_tag, city = TextDictionary(["gold"]), Ref("tag", "plan"), Ref("tag", "city")
    builder = RulePlanBuilder(texts, REFS.index)
    like = builder.add(check("plan LIKE 'go%'", SCOPE))
    order = builder.add(check("coalesce(city, 'a') >= 'm'", SCOPE))
    plan = builder.build()
    assert builder.grow(plan) is plan
    good, bad = texts.intern("good"), texts.intern("bad")
    assert ask(plan, like, {plan_tag: good}) == 0, "before grow a new text is not found"
    grown = builder.grow(plan)
    assert grown.luts is plan.luts, "there was room"
    assert [ask(grown, like, {plan_tag: code}) for code in (good, bad)] == [-1, 0]
    for number in range(500):
        texts.intern(f"{'no' if number % 2 else 'go'}{number}")
    larger = builder.grow(grown)
    assert larger.luts.shape[1] > len(texts)
    assert larger.luts.shape[1] & (larger.luts.shape[1] - 1) == 0
    assert grown.luts.shape[1] < larger.luts.shape[1]
    for code in range(1, len(texts) + 1):
        text = texts.text(code)
        assert (ask(larger, like, {plan_tag: code}) == -1) == text.startswith("go")
        assert (ask(larger, order, {city: code}) == -1) == (text >= "m")
    assert ask(larger, like, {plan_tag: 10**9}) == 0, "a code beyond the table is not read"


def test_equal_programs_and_look_ups_are_kept_once() -> None:
    builder = RulePlanBuilder(dictionary(), REFS.index)
    for _ in range(3):
        builder.add(check("calls_7d > data_mb AND plan LIKE 'g%'", SCOPE))
    numbers = {builder.add_program(check("calls_7d + 1", SCOPE)) for _ in range(3)}
    plan = builder.build()
    assert len(numbers) == 1
    assert len(plan.programs) == 2
    assert plan.luts.shape[0] == 1


def test_an_expression_is_no_condition() -> None:
    with pytest.raises(ValueError, match="is no condition"):
        RulePlanBuilder(dictionary(), REFS.index).add(check("arpu + 1", SCOPE))


RULES = (
    "arpu > 80 AND NOT vip AND plan IN ('gold', 'silver')",
    "days_since(birthday) > 30 AND (calls_7d > 3 OR data_mb < 2) AND contains(interests, 'video')",
    "calls_7d * data_mb - arpu / score > 10 OR plan LIKE 'go%' OR month(birthday) = 2",
    "CASE WHEN local_hour(now) > 12 THEN calls_7d IN (1, 3, 5, 7, 9, 11) ELSE (vip OR churned) IS NOT TRUE END",
    "hours_since(birthday) > 3 AND hours_since(last_seen) < 5 AND year(event.at) = 2026 AND weekday(now) = 3",
    "coalesce(least(calls_7d, data_mb), greatest(-data_mb, abs(calls_7d)), 3) <> 7 AND day_of_month(last_seen) < 20",
)


@pytest.mark.parametrize("text", RULES)
def test_the_uncompiled_kernel_says_the_same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(text)
    engines = Engines([random_row(chance) for _ in range(200)], dictionary())
    rule = check(text, SCOPE)
    compiled = engines.kernel(rule), engines.clauses(rule)
    for name, function in vars(machine).items():
        if hasattr(function, "py_func"):
            monkeypatch.setattr(machine, name, function.py_func)
    assert engines.kernel(rule, machine.run_program) == compiled[0]
    assert engines.clauses(rule, machine.failing_clause) == compiled[1]
    assert engines.reference(rule) == compiled[0]
    assert not hasattr(machine.run_program, "py_func")


def test_the_machine_never_wraps_around() -> None:
    edges = [0, 1, -1, 3, -3, 2**31, -(2**31), 3_037_000_500, VALUE_MAX, -VALUE_MAX, VALUE_MAX // 3]
    for left in edges:
        for right in edges:
            sums = {opcodes.ADD: left + right, opcodes.SUBTRACT: left - right, opcodes.MULTIPLY: left * right}
            for op, exact in sums.items():
                wanted = exact if -VALUE_MAX <= exact <= VALUE_MAX else NULL
                assert machine._of_two(op, left, right) == wanted


def test_the_calendar_is_the_gregorian_one_over_five_centuries() -> None:
    first = datetime.date(1895, 1, 1)
    for ahead in range(0, 183_000, 7):
        date = first + datetime.timedelta(days=ahead)
        day = (date - datetime.date(1970, 1, 1)).days
        parts = (
            machine._of_one(op, day) for op in (opcodes.YEAR, opcodes.MONTH, opcodes.DAY_OF_MONTH, opcodes.WEEKDAY)
        )
        assert tuple(parts) == (date.year, date.month, date.day, date.isoweekday())
