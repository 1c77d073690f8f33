"""What the kernel is handed, as bundles: the playbook's tables, the state, a batch, and room for what comes out."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opportune.campaigns import CAMPAIGN_MEMORY, CAMPAIGNS, OPEN_MEMORY, CampaignPlan
from opportune.facts import (
    DECISION,
    DERIVED,
    FATE,
    GOAL,
    LIMIT,
    MOVE,
    WITHHELD,
    ZoneTable,
    bundle,
    compiled_leaf,
    pointed,
    record,
    table,
)
from opportune.policy import POLICY, PolicyPlan
from opportune.profiles import DETECTION, DETECTIONS, PROFILES, RECORDS, DetectionPlan, ProfilePlan
from opportune.rules import SPAN, TERM, RulePlan

EVENT_PLAN = record(
    [
        ("slots", "i4"),  # declared properties
        ("complaint", "i4"),  # 1: starts the complaint cool-down
        ("watched", "i4"),  # 1: some goal or regret waits for it
        ("trigger_first", "i4"),
        ("trigger_count", "i4"),
        ("block_first", "i4"),
        ("block_end", "i4"),
        ("load_first", "i4"),
        ("load_8", "i4"),  # end of the loads of 8 bytes, then of 4, 2 and 1, then of rule tags
        ("load_4", "i4"),
        ("load_2", "i4"),
        ("load_1", "i4"),
        ("load_end", "i4"),
        ("classes", "i4"),  # bit per contact class of its campaigns
        ("listen_first", "i4"),  # what detectors listen to
        ("listen_end", "i4"),
    ]
)

LOAD = record([("ref", "i4"), ("offset", "i4"), ("width", "i4"), ("program", "i4")])
"""Fill a register: from a column (program -1) or by a rule tag's program."""

CANDIDATE = record(
    [
        ("bound", "i8"),  # no priority of the campaign can be higher
        ("max_age", "i8"),
        ("campaign", "i4"),
        ("rest_first", "i4"),  # the clauses that no bit set knows
        ("rest_count", "i4"),
        ("step_first", "i4"),
        ("step_count", "i4"),
        ("purpose", "i4"),
        ("category", "i4"),
        ("limit_contacts", "i4"),
        ("limit_money", "i4"),
        ("classes", "i4"),
        ("offer_first", "i4"),
        ("offer_count", "i4"),
        # up to here in one line of memory, asked of every candidate that fits
        ("lo_a", "i8"),  # one clause of two intervals over different registers: either holds
        ("hi_a", "i8"),
        ("lo_b", "i8"),
        ("hi_b", "i8"),
        ("ref_a", "i4"),
        ("ref_b", "i4"),
        ("goal", "i4"),  # to ask memory for it ahead
        ("propensity_ref", "i4"),
        ("propensity_ppm", "i4"),
        ("lever_ppm", "i4"),
        ("seed", "u8"),
    ]
)
"""One triggered campaign: what is asked of it until it has won, in two lines of memory."""

CANDIDATE_WORDS = CANDIDATE.itemsize // 8

SET_BITS, SET_WORDS = 63, 2
BLOCK_CANDIDATES_MAX = SET_BITS * SET_WORDS
BLOCK = record([("first", "i4"), ("open", "i4"), ("column_first", "i4"), ("column_end", "i4")])
"""Up to BLOCK_CANDIDATES_MAX candidates of a trigger, from candidate `first` on, and the columns that tell which of them fit.

A set of candidates is SET_WORDS words of SET_BITS bits. sets[open + SET_WORDS * blocked] is the set of those that may be
contacted when the classes of the bits `blocked` are not.
"""
COLUMN = record([("ref", "i4"), ("steps", "i4"), ("at", "i4"), ("sets", "i4")])
"""One register's part in a block: 2**steps - 1 bounds from `at` on, ascending.

The set of the candidates whose clauses over this register hold for values with k bounds at or below them stands in `sets` at
sets + SET_WORDS * (at + k).
"""


class Plan(NamedTuple):
    """A playbook, compiled: the arrays that a PLAN bundle points at.

    Registers: event slots from 0, then now, event.at, zone, then hot tags and rule tags.
    """

    rules: RulePlan
    profiles: ProfilePlan
    policy: PolicyPlan
    campaigns: CampaignPlan
    zones: ZoneTable
    zone_of_code: NDArray[np.int32]
    events: np.recarray
    admissions: np.recarray
    candidates: np.recarray
    blocks: np.recarray
    columns: np.recarray
    sets: NDArray[np.int64]
    bounds: NDArray[np.int64]
    loads: np.recarray
    asked: np.recarray
    tag_moments: NDArray[np.int32]
    detection: DetectionPlan
    figures: dict[str, int]


PLAN_TABLES = (
    "zone_of_code",
    "events",
    "admissions",
    "candidates",
    "blocks",
    "columns",
    "sets",
    "bounds",
    "loads",
    "asked",
    "tag_moments",
)
"""The tables of a Plan that stand in its bundle itself. Of two only the loads count: `admissions`, one row of EVENT_PLAN, for
where a decision waits; `asked`, a row for each condition of a detector. `tag_moments`: the word of MOMENTS per tag number, -1 without."""
RULES = bundle({"terms": 1, "clauses": 1, "programs": 1, "code": 1, "luts": 2})
ZONES = bundle({"first": 1, "at": 1, "offset": 1})
PLAN = bundle(
    dict.fromkeys(PLAN_TABLES, 1),
    [
        ("rules", RULES),
        ("profiles", PROFILES),
        ("policy", POLICY),
        ("campaigns", CAMPAIGNS),
        ("zones", ZONES),
        ("detection", DETECTION),
        ("record_bytes", "i8"),
        ("ref_now", "i8"),
        ("ref_at", "i8"),
        ("ref_zone", "i8"),
        ("zone_offset", "i8"),  # byte of the record; -1 where no tag holds the customer's zone
        ("zone_width", "i8"),
        ("campaign_count", "i8"),
        ("fates_per_turn", "i8"),  # no turn writes more fates
    ],
)
zone_of_code_of, events_of = table("zone_of_code", "i4"), table("events", EVENT_PLAN)
admissions_of, asked_of = table("admissions", EVENT_PLAN), table("asked", EVENT_PLAN)
tag_moments_of = table("tag_moments", "i4")
candidate_words_of = table("candidates", "i8")
candidates_of, loads_of = table("candidates", CANDIDATE), table("loads", LOAD)
blocks_of, columns_of, sets_of = table("blocks", BLOCK), table("columns", COLUMN), table("sets", "i8")
bounds_of = table("bounds", "i8")
terms_of, clauses_of, _programs_of = (
    table("terms", TERM),
    table("clauses", SPAN),
    table("programs", SPAN),
)
_code_of, _luts_of = table("code", "i8"), table("luts", "u1", 2)
_first_of, _at_of, _offset_of = table("first", "i8"), table("at", "i8"), table("offset", "i8")


@compiled_leaf
def rules_of(plan: Any) -> RulePlan:
    """The rule plan of a PLAN bundle."""
    r = plan.rules
    return RulePlan(terms_of(r), clauses_of(r), _programs_of(r), _code_of(r), _luts_of(r))


@compiled_leaf
def zones_of(plan: Any) -> ZoneTable:
    """The zone table of a PLAN bundle; zone 0 is the deployment's."""
    z = plan.zones
    return ZoneTable(_first_of(z), _at_of(z), _offset_of(z))


CLOCK = record(
    [
        ("now_ms", "i8"),
        ("next_seq", "i8"),
        ("next_decision", "i8"),
        ("customers", "i8"),
        ("wheel_minute", "i8"),
        ("withheld_hour", "i8"),
        ("limits_day", "i8"),
        ("touched", "i8"),  # cells of withheld in use
        ("flushed", "i8"),  # of them already told
        ("late", "i8"),  # events too late for a counter's window
        ("overflowed", "i8"),  # counts that met the end of their range
        ("alone", "i8"),  # 1 in a single-customer replay: limits are driven by facts, nothing is counted
        ("open_minute", "i8"),  # the wheel of open decisions has been looked at up to here
        ("stopped", "i8"),  # 1: all sending is stopped
        ("marks", "i8"),  # moves and decisions of the fact being processed
        ("told", "i8"),  # rows of the table told that wait for their mark
        ("forgotten", "i8"),  # customers of whom nothing is known any more
        ("merged", "i8"),  # merges so far; while it is 0 every number is a customer of its own
    ]
)

REASONS = 128
STATE = bundle(
    {"keys": 1, "ledger": 2, "moments": 2, "merged": 2, "limits": 2, "withheld": 2, "touched": 1, "told": 2},
    [
        ("records", RECORDS),
        ("wide", RECORDS),
        ("campaigns", CAMPAIGN_MEMORY),
        ("open", OPEN_MEMORY),
        ("detections", DETECTIONS),
        ("clock", CLOCK),
    ],
)
"""All that is remembered; a snapshot is a copy of its arrays and of the clock.

keys u8[customers]; ledger u2[customers, words]; moments i8[customers, words]: when what was said was said (ms + 1), where some kind of
identifier merges: do-not-disturb, consents, then tags; merged i4[customers, 2]: GROUP_ROOT, GROUP_NEXT; limits i8[limits, 2]: units left, 1 = closed; withheld i4[campaigns + 1, REASONS]
since the last flush, the last row for what was withheld before matching; touched i4[]: its cells in use, in order of first use;
told i8[LIMITS_TOLD_MAX, 3]: (limit, closed, after how many marks) of a single-customer replay.
"""
LIMITS_TOLD_MAX = 256
LIMIT_LEFT, LIMIT_CLOSED = 0, 1
keys_of, ledger_of, limit_state_of = table("keys", "u8"), table("ledger", "u2", 2), table("limits", "i8", 2)
withheld_of, touched_of = table("withheld", "i4", 2), table("touched", "i4")
told_of = table("told", "i8", 2)
moments_of, merged_of = table("moments", "i8", 2), table("merged", "i4", 2)
GROUP_ROOT, GROUP_NEXT = 0, 1
"""Of a number that was merged: the survivor's, and the next of the same group in a ring; both plus 1, 0 for its own."""

BATCH = bundle({"kind": 1, "code": 1, "customer": 1, "at_ms": 1, "now_ms": 1, "first": 1, "values": 1})
"""The columns of a FactBatch that the kernel reads."""
kind_of, code_of, customer_of = table("kind", "u1"), table("code", "u2"), table("customer", "u4")
at_ms_of, now_ms_of = table("at_ms", "i8"), table("now_ms", "i8")
first_of, values_of = table("first", "u4"), table("values", "i8")

USED = record([(name, "i8") for name in ("decisions", "goals", "withheld", "limits", "moves", "derived", "fates")])
ROOM = bundle(
    {
        "decisions": 1, "goals": 1, "withheld": 1, "limits": 1, "moves": 1, "derived": 1, "derived_values": 2, "fates": 1,
        "regs": 1, "stack": 1, "best": 2,
    },
    [("used", USED), ("home_from", "i8"), ("home_until", "i8"), ("home_offset", "i8"), ("local_ms", "i8")],
)  # fmt: skip
"""Room for outputs and scratch; `used` counts rows. A trace (fates) is written where its table has rows. The values of derived
events stand in rows of their own, derived_values i8[rows, DERIVED_VALUES_MAX].

home_offset is the deployment's offset from UTC, good for home_from <= moment < home_until; local_ms is
now where the customer of the event lives.
"""
decisions_of, goal_facts_of, withheld_facts_of = (
    table("decisions", DECISION),
    table("goals", GOAL),
    table("withheld", WITHHELD),
)
limit_facts_of, fates_of, moves_of = table("limits", LIMIT), table("fates", FATE), table("moves", MOVE)
derived_of, derived_values_of = table("derived", DERIVED), table("derived_values", "i8", 2)
regs_of, stack_of, best_of = table("regs", "i8"), table("stack", "i8"), table("best", "i8", 2)

plan_at, state_at, batch_at, room_at = pointed(PLAN), pointed(STATE), pointed(BATCH), pointed(ROOM)
