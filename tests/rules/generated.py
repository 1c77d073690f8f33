"""Generated rules: well-typed texts over the catalogue of `worlds`, for Hypothesis."""

from functools import cache

from hypothesis import strategies as st

NUMBERS = ["arpu", "spend_30d", "score", "calls_7d", "data_mb", "event.amount", "event.used_pct"]
BOOLS = ["vip", "churned"]
TEXT_COLUMNS = ["plan", "city", "event.product"]
DATES = ["birthday", "joined"]
MOMENTS = ["last_seen", "event.at", "now"]
NUMBER_LITERALS = ["0", "1", "-1", "2", "5", "-3", "80", "0.5", "1.005", "99.99", "-0.001", "100", "10000", "12.3456"]
HUGE_LITERALS = [
    "9223372036854775807",
    "-9223372036854775807",
    "92233720368547758.07",
    "99999999999999999999",
    "3037000500",
]
TEXT_LITERALS = ["'gold'", "'silver'", "''", "'金卡'", "'nowhere'", "'é'", "'it''s'", "'m'", "'😀'"]
PATTERNS = ["'gold%'", "'%l%'", "'_o%'", "'%'", "''", "'a_b'", "'%卡'", "'gold'", "'G%'", "'_'", "'%%r%%'"]
DATE_LITERALS = ["DATE '2026-01-31'", "DATE '2000-02-29'", "DATE '0001-01-01'"]
MOMENT_LITERALS = [
    "TIMESTAMP '2026-01-31 10:00:00'",
    "TIMESTAMP '2026-03-08T07:00:00Z'",
    "TIMESTAMP '2020-06-01 00:00'",
]
COMPARISONS = ["=", "<>", "<", "<=", ">", ">="]

literal = st.sampled_from(NUMBER_LITERALS)
comparison = st.sampled_from(COMPARISONS)


@cache
def number(depth: int) -> st.SearchStrategy[str]:
    """A numeric expression."""
    leaf = st.one_of(st.sampled_from(NUMBERS), literal)
    if depth == 0:
        return leaf
    inner = st.deferred(lambda: number(depth - 1))
    flat = st.sampled_from(NUMBERS)
    moment_of = st.deferred(lambda: st.one_of(moment(depth - 1), date(depth - 1)))
    return st.one_of(
        leaf,
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-"]), inner),
        st.builds("({} * {})".format, flat, st.one_of(flat, st.sampled_from(["2", "-1", "1.5", "3037000500"]))),
        st.builds("({} / {})".format, inner, st.one_of(flat, st.sampled_from(["0", "3", "-2", "0.5"]))),
        st.builds("-({})".format, inner),
        st.builds("abs({})".format, inner),
        st.builds("{}({}, {})".format, st.sampled_from(["coalesce", "least", "greatest"]), inner, inner),
        st.builds("CASE WHEN {} THEN {} ELSE {} END".format, condition(depth - 1), inner, inner),
        st.builds("CASE {} WHEN {} THEN {} WHEN {} THEN {} END".format, inner, leaf, inner, leaf, flat),
        st.builds("{}({})".format, st.sampled_from(["days_since", "hours_since", "weekday", "day_of_month", "month", "year"]), moment_of),
        st.builds("local_hour({})".format, moment(0)),
        st.builds("({} - {})".format, date(0), date(0)),
    )  # fmt: skip


@cache
def date(depth: int) -> st.SearchStrategy[str]:
    """An expression of type date."""
    leaf = st.sampled_from(DATES)
    if depth == 0:
        return leaf
    return st.one_of(
        leaf,
        st.builds("local_date({})".format, moment(depth - 1)),
        st.builds("coalesce({}, {})".format, date(depth - 1), st.sampled_from(DATE_LITERALS)),
        st.builds("({} + calls_7d)".format, leaf),
        st.builds("({} - 30)".format, date(depth - 1)),
    )


@cache
def moment(depth: int) -> st.SearchStrategy[str]:
    """An expression of type timestamp."""
    leaf = st.sampled_from(MOMENTS)
    if depth == 0:
        return leaf
    return st.one_of(
        leaf,
        st.builds("{}({}, {})".format, st.sampled_from(["coalesce", "greatest", "least"]), leaf, moment(depth - 1)),
    )


@cache
def text(depth: int) -> st.SearchStrategy[str]:
    """An expression of type text."""
    leaf = st.sampled_from(TEXT_COLUMNS)
    if depth == 0:
        return leaf
    said = st.sampled_from(TEXT_LITERALS)
    return st.one_of(
        leaf,
        st.builds("coalesce({}, {})".format, leaf, st.one_of(leaf, said)),
        st.builds("CASE WHEN {} THEN {} ELSE {} END".format, condition(depth - 1), st.one_of(leaf, said), said),
        st.builds("CASE WHEN {} THEN {} END".format, condition(depth - 1), said),
    )


@cache
def condition(depth: int) -> st.SearchStrategy[str]:
    """A condition."""
    listed = st.lists(literal, min_size=1, max_size=7).map(", ".join)
    texts = st.lists(st.sampled_from(TEXT_LITERALS), min_size=1, max_size=8).map(", ".join)
    negation = st.sampled_from(["", "NOT "])
    below = max(0, depth - 1)
    leaf = st.one_of(
        st.sampled_from(BOOLS),
        st.builds("({} {} {})".format, number(below), comparison, st.one_of(literal, st.sampled_from(HUGE_LITERALS))),
        st.builds("({} {} {})".format, st.sampled_from(NUMBERS), comparison, literal),
        st.builds("({} {}IN ({}))".format, number(below), negation, listed),
        st.builds("({} {}BETWEEN {} AND {})".format, number(below), negation, literal, literal),
        st.builds("({} {} {})".format, text(below), comparison, st.sampled_from(TEXT_LITERALS)),
        st.builds("({} {}IN ({}))".format, text(below), negation, texts),
        st.builds("({} {}LIKE {})".format, text(below), negation, st.sampled_from(PATTERNS)),
        st.builds("({} {} {})".format, text(below), st.sampled_from(["=", "<>"]), text(below)),
        st.builds("({} {} {})".format, date(below), comparison, st.sampled_from([*DATE_LITERALS, "'2026-01-31'"])),
        st.builds("({} {} {})".format, date(below), comparison, date(below)),
        st.builds("({} {} {})".format, moment(below), comparison, st.sampled_from([*MOMENT_LITERALS, "'2026-01-31 10:00'"])),
        st.builds("({} {} {})".format, moment(below), comparison, moment(below)),
        st.builds("({} IS {}NULL)".format, st.one_of(number(below), text(0), date(0), st.sampled_from(["interests", "order_no"])), negation),
        st.builds("contains(interests, {})".format, st.sampled_from(["'video'", "'music'", "'sport'"])),
        st.builds("({} {} {})".format, st.sampled_from(BOOLS), st.sampled_from(["=", "<>"]), st.sampled_from(["TRUE", "FALSE", *BOOLS])),
        st.sampled_from(["TRUE", "FALSE"]),
    )  # fmt: skip
    if depth == 0:
        return leaf
    inner = st.deferred(lambda: condition(depth - 1))
    return st.one_of(
        leaf,
        st.builds("({} {} {})".format, inner, st.sampled_from(["AND", "OR"]), inner),
        st.builds("({} {} {} {} {})".format, inner, st.sampled_from(["AND", "OR"]), inner, st.sampled_from(["AND", "OR"]), inner),
        st.builds("(NOT {})".format, inner),
        st.builds("({} IS {}{})".format, inner, negation, st.sampled_from(["NULL", "TRUE", "FALSE"])),
        st.builds("({} {} {} {} {} AND {})".format, inner, st.just("AND"), st.sampled_from(NUMBERS), comparison, literal, inner),
        st.builds("coalesce({}, {})".format, inner, st.sampled_from(["TRUE", "FALSE", "vip"])),
        st.builds("CASE WHEN {} THEN {} ELSE {} END".format, inner, inner, st.sampled_from(["TRUE", "vip", "NULL"])),
    )  # fmt: skip


@cache
def rule(depth: int) -> st.SearchStrategy[str]:
    """A rule of any type."""
    return st.one_of(condition(depth), condition(depth), number(depth), text(depth), date(depth))
