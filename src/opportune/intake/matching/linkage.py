"""Pairs of rows that are probably one person, by splink (Fellegi and Sunter's model, learnt by expectation maximisation) in DuckDB in memory.

The same rows and definition give the same pairs on the same machine and versions: one thread, a fixed seed, rows in the order of their numbers.
"""

import contextlib
import copy
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opportune.facts import PPM
from opportune.intake.extras import extra
from opportune.intake.matching.comparisons import comparison_of, condition_of, levels_of
from opportune.intake.matching.definitions import MatchingDefinition
from opportune.intake.matching.evidence import Evidence, Pair
from opportune.intake.matching.normal_forms import normal_form

ROWS_MAX = 5_000_000
PAIRS_MAX = 20_000_000
"""Pairs that the rules of `block` may let through."""
SAMPLED_PAIRS_MAX = 2_000_000
"""Pairs of anybody with anybody, from which it is learnt how often values agree by chance."""
TRAINING_PAIRS_MIN = 20
TRAINING_ROUNDS_MAX = 12
M_MIN, U_MIN = 1e-3, 1e-6
"""The least likely that a level is taken to be, of one person and of two."""
MEMORY_MAX = "2GB"
SEED = 7
WEIGHT_KEPT_MIN = -10.0
PRIOR_ROUNDS = 100
MILLIBITS = 1_000
_TABLE = "people"
_M, _U = "m_probability", "u_probability"

OnStep = Callable[[str, int, int], None]
"""(what is being done, steps done, steps in all)."""


class Linkage(NamedTuple):
    """The pairs at or above `review`, by their numbers; how many rows there were, and how many pairs were looked at."""

    rows: int
    compared: int
    pairs: list[Pair]


def find_pairs(
    definition: MatchingDefinition,
    numbers: Sequence[int],
    columns: Mapping[str, Sequence[str | None]],
    on_step: OnStep = lambda _what, _done, _total: None,
) -> Linkage:
    """The pairs among rows: `numbers` are theirs, ascending; `columns` their values as they are written, None where absent, per field.

    Raises ValueError where there is too much or too little to compare, ExtraMissingError without splink.
    """
    splink, arrow = extra("splink", "link"), extra("pyarrow", "link")
    if len(numbers) > ROWS_MAX:
        raise ValueError(f"{len(numbers):,} rows are more than rows_max = {ROWS_MAX:,}")
    rules = definition.rules()
    steps = len(rules) + 4
    on_step("loading", 0, steps)
    connection = _loaded(arrow, definition, numbers, columns)
    try:
        through = [_pairs_through(connection, rule) for rule in rules]
        compared = sum(through)
        if compared > PAIRS_MAX:
            widest = ", ".join(rules[through.index(max(through))])
            raise ValueError(
                f"the rules of `block` let {compared:,} pairs through, more than pairs_max = {PAIRS_MAX:,}; narrow [{widest}], which lets {max(through):,}"
            )
        if not compared:
            return Linkage(len(numbers), 0, [])
        linker = _trained(splink, definition, connection, through, on_step)
        on_step("scoring", steps - 1, steps)
        predicted = linker.inference.predict(threshold_match_weight=WEIGHT_KEPT_MIN)
        return Linkage(len(numbers), compared, _scored(definition, connection, predicted.physical_name, len(numbers)))
    finally:
        connection.close()


def _loaded(
    arrow: Any, definition: MatchingDefinition, numbers: Sequence[int], columns: Mapping[str, Sequence[str | None]]
) -> Any:
    """A connection with the table of normal forms. It never leaves memory: DuckDB has nowhere to spill to."""
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={"threads": 1, "memory_limit": MEMORY_MAX, "temp_directory": "", "preserve_insertion_order": True},
    )
    loaded = {"unique_id": arrow.array(numbers, arrow.int64())}
    for field, given in definition.fields.items():
        forms = [None if text is None else normal_form(given.compare, text) for text in columns[field]]
        loaded[field] = arrow.array(forms, arrow.string())
    connection.register("loaded", arrow.table(loaded))
    connection.execute(f"CREATE TABLE {_TABLE} AS SELECT * FROM loaded")
    connection.unregister("loaded")
    return connection


def _pairs_through(connection: Any, rule: tuple[str, ...]) -> int:
    """How many pairs a rule lets through."""
    names = ", ".join(f'"{field}"' for field in rule)
    there = " AND ".join(f'"{field}" IS NOT NULL' for field in rule)
    query = f"SELECT coalesce(sum(n * (n - 1) // 2), 0) FROM (SELECT count(*) AS n FROM {_TABLE} WHERE {there} GROUP BY {names})"
    return int(connection.execute(query).fetchall()[0][0])


def _trained(
    splink: Any, definition: MatchingDefinition, connection: Any, through: Sequence[int], on_step: OnStep
) -> Any:
    """A linker whose weights are learnt: by chance from random pairs, of one person from the pairs of each rule."""
    logging.getLogger("splink").setLevel(logging.ERROR)
    rules = definition.rules()
    rows = connection.execute(f"SELECT count(*) FROM {_TABLE}").fetchall()[0][0]
    settings = {
        "link_type": "dedupe_only",
        "unique_id_column_name": "unique_id",
        "probability_two_random_records_match": _first_guess(rows),
        "comparisons": [comparison_of(definition, field) for field in definition.fields],
        "blocking_rules_to_generate_predictions": [condition_of(rule) for rule in rules],
        "max_iterations": TRAINING_ROUNDS_MAX,
        "retain_matching_columns": True,
        "retain_intermediate_calculation_columns": True,
    }
    people = splink.DuckDBAPI(connection).register(_TABLE)
    linker = splink.Linker(people, settings, log_level=None)
    on_step("learning what agrees by chance", 1, len(rules) + 4)
    linker.training.estimate_u_using_random_sampling(SAMPLED_PAIRS_MAX, SEED, min_count_per_level=None, num_chunks=1)
    by_chance = linker.misc.save_model_to_json()
    lessons = []
    for place, (rule, pairs) in enumerate(zip(rules, through, strict=True)):
        on_step(f"learning from pairs with the same {', '.join(rule)}", place + 2, len(rules) + 4)
        if pairs >= TRAINING_PAIRS_MIN:
            # Each in a linker of its own, which a rule may spoil: where all of its pairs are one person, or none, splink gives up.
            learner = splink.Linker(people, copy.deepcopy(by_chance), log_level=None)
            with contextlib.suppress(ValueError):
                learner.training.estimate_parameters_using_expectation_maximisation(condition_of(rule))
                lessons.append(learner.misc.save_model_to_json())
    return splink.Linker(people, settled(by_chance, lessons), log_level=None)


def settled(by_chance: dict[str, Any], lessons: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One model out of what was learnt: each level's weight is the mean of the lessons that could teach it.

    What was never or hardly ever seen is as rare as the floors say, not impossible: a single field can speak against a pair as much as
    one, but never rule it out. A field that no lesson taught is taken to be right nine times out of ten.
    """
    for place, comparison in enumerate(by_chance["comparisons"]):
        levels = _levels(comparison)
        taught = [_levels(lesson["comparisons"][place]) for lesson in lessons]
        taught = [one for one in taught if any(isinstance(level.get(_M), float) for level in one)]
        for at, level in enumerate(levels):
            told = [_known(one[at].get(_M)) for one in taught]
            level[_M] = max(sum(told) / len(told) if told else 0.9 if at == 0 else 0.1 / (len(levels) - 1), M_MIN)
            level[_U] = max(_known(level.get(_U)), U_MIN)
        for name in (_M, _U):
            total = sum(level[name] for level in levels)
            for level in levels:
                level[name] /= total
    return by_chance


def _levels(comparison: dict[str, Any]) -> list[dict[str, Any]]:
    return [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]


def _known(learnt: float | str | None) -> float:
    return learnt if isinstance(learnt, float) else 0.0


def _first_guess(rows: int) -> float:
    """How likely two rows are one person before anything is known: as if each had one double."""
    return 1 / max(rows, 2)


def _scored(definition: MatchingDefinition, connection: Any, table: str, rows: int) -> list[Pair]:
    """The pairs at or above `review`, with the share of doubles among all pairs as they themselves show it."""
    weights = connection.execute(f"SELECT match_weight FROM {table} ORDER BY unique_id_l, unique_id_r").fetchnumpy()
    factors = np.exp2(np.asarray(weights["match_weight"], np.float64) - _weight(_first_guess(rows)))
    prior = _prior(factors, rows)
    scores = np.floor(prior * factors / (prior * factors + (1 - prior)) * PPM).astype(np.int64)
    kept = np.flatnonzero(scores >= definition.review)
    found = connection.execute(f"SELECT * FROM {table} ORDER BY unique_id_l, unique_id_r").fetchnumpy()
    levels = {field: [level.name for level in levels_of(given)] for field, given in definition.fields.items()}
    pairs = []
    for at in kept.tolist():
        low, high = sorted((int(found["unique_id_l"][at]), int(found["unique_id_r"][at])))
        evidence = tuple(_evidence(field, names, found, at) for field, names in levels.items())
        pairs.append(Pair(low, high, int(scores[at]), evidence))
    return sorted(pairs, key=lambda pair: (pair.low, pair.high))


def _prior(factors: NDArray[np.float64], rows: int) -> float:
    """The share of all pairs that are one person: what the pairs looked at add up to, given itself."""
    everybody = rows * (rows - 1) / 2
    prior = _first_guess(rows)
    for _ in range(PRIOR_ROUNDS):
        share = float(np.sum(prior * factors / (prior * factors + (1 - prior))) / everybody)
        if share <= 0 or math.isclose(share, prior, rel_tol=1e-9):
            break
        prior = min(share, 0.5)
    return prior


def _weight(probability: float) -> float:
    return math.log2(probability / (1 - probability))


def _evidence(field: str, levels: Sequence[str], found: Mapping[str, NDArray[Any]], at: int) -> Evidence:
    gamma = int(found[f"gamma_{field}"][at])
    bits = float(found[f"mw_{field}"][at]) + float(found[f"mw_tf_adj_{field}"][at])
    # Levels count down to 0, which is `different`; -1 is `missing`.
    level = levels[0] if gamma < 0 else levels[len(levels) - 1 - gamma]
    return Evidence(field, level, round(MILLIBITS * bits))
