"""What the engine makes of facts: decisions, goal facts, withheld counts, limits, moves, derived events; as structured arrays."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opportune.facts.batch import Arrays
from opportune.facts.kinds import Arm, MoveKind

NO_CAMPAIGN = 0xFFFF
"""The campaign of a withheld count made before matching (the customer could not be contacted at all)."""

NO_OFFER = 0xFFFF
NO_TOUCHPOINT = 0xFFFF
"""The touchpoint of a decision that waits for the customer."""

DECISION = np.dtype(
    [
        ("number", "i8"),  # running number of the decision, gapless
        ("seq", "i8"),  # the input that caused it
        ("now_ms", "i8"),  # engine time
        ("priority", "i8"),  # fixed-point expected value that won
        ("cost", "i8"),  # touchpoint + offer, minor units; 0 in a control group
        ("customer", "u4"),
        ("propensity_ppm", "i4"),
        ("campaign", "u2"),
        ("offer", "u2"),
        ("touchpoint", "u2"),
        ("arm", "u1"),  # an Arm
        ("contact_class", "u1"),  # a ContactClass
    ]
)

GOAL = np.dtype(
    [
        ("seq", "i8"),  # the input at which it was noticed
        ("at_ms", "i8"),  # when it was reached, lapsed or regretted
        ("origin_seq", "i8"),  # the input that opened the instance (cause of the decision, or the imported contact)
        ("opened_ms", "i8"),
        ("value", "i8"),  # minor units, or NULL
        ("customer", "u4"),
        ("campaign", "u2"),
        ("kind", "u1"),  # a GoalKind
        ("arm", "u1"),  # an Arm
    ]
)

WITHHELD = np.dtype(
    [
        ("seq", "i8"),  # the input whose time closed the hour
        ("hour", "i8"),  # hours since 1970 UTC, of engine time
        ("count", "i8"),
        ("campaign", "u2"),
        ("reason", "u2"),  # a Reason
        ("_", "u4"),
    ]
)

LIMIT = np.dtype(
    [
        ("seq", "i8"),
        ("now_ms", "i8"),
        ("limit", "u4"),
        ("closed", "u4"),
        ("marks", "i8"),  # how many moves and decisions of this input came before: where in it the limit changed
    ]
)
"""A budget, stock or capacity that closed (1) or opened (0)."""

MOVE = np.dtype(
    [
        ("seq", "i8"),  # the input at which it happened
        ("now_ms", "i8"),  # engine time
        ("decision", "i8"),  # number of the decision
        ("decided_seq", "i8"),  # the input that caused the decision
        ("until_ms", "i8"),  # see MoveKind; 0 where nothing is waited for
        ("cost", "i8"),  # minor units, reserved or (PRESENTED, UNKNOWN) spent; 0 elsewhere
        ("customer", "u4"),
        ("campaign", "u2"),
        ("offer", "u2"),
        ("touchpoint", "u2"),  # NO_TOUCHPOINT while it waits
        ("reason", "u2"),  # a Reason; PROPOSED where none is due
        ("kind", "u1"),  # a MoveKind
        ("contact_class", "u1"),
        ("_", "u2"),
    ]
)
"""What became of a decision after it was made, see MoveKind."""

DERIVED_VALUES_MAX = 6
DERIVED = np.dtype(
    [
        ("seq", "i8"),  # the input at which it was told
        ("at_ms", "i8"),  # when it happened: with what caused it, or when its time was over
        ("now_ms", "i8"),  # engine time
        ("marks", "i8"),  # how many moves and decisions of this input came before
        (
            "values",
            "i8",
            (DERIVED_VALUES_MAX,),
        ),  # its properties in the order of the catalogue, NULL where there are fewer
        ("customer", "u4"),
        ("event", "u2"),
        ("_", "u2"),
    ]
)
"""A derived event: what a detector noticed. It is taken like an event from outside, within the input that led to it."""

FATE = np.dtype(
    [
        ("seq", "i8"),
        ("arg", "i8"),  # the key figure of the reason, see Reason
        ("priority", "i8"),
        ("campaign", "u2"),
        ("reason", "u2"),
        ("offer", "u2"),
        ("touchpoint", "u2"),
    ]
)
"""One candidate's fate, written only when a trace is asked for (explain)."""


@dataclass(slots=True)
class Outputs:
    """The outputs of a batch, each array in the order of emission."""

    decisions: NDArray[Any]
    goals: NDArray[Any]
    withheld: NDArray[Any]
    limits: NDArray[Any]
    moves: NDArray[Any]
    derived: NDArray[Any]

    def to_arrays(self) -> Arrays:
        """The non-empty arrays by name, for the journal."""
        return {name: array for name in _TYPES if len(array := getattr(self, name))}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "Outputs":
        """The outputs that `to_arrays` wrote; a field that an older version did not write is 0."""
        return cls(**{name: _as(arrays.get(name), dtype) for name, dtype in _TYPES.items()})

    @classmethod
    def concatenate(cls, parts: "list[Outputs]") -> "Outputs":
        """All parts as one."""
        return cls(
            **{
                name: np.concatenate([np.empty(0, dtype), *(getattr(part, name) for part in parts)])
                for name, dtype in _TYPES.items()
            }
        )


def owners_of_marks(outputs: Outputs, seq: int, customer: int) -> list[int]:
    """Whose the moves and the decisions shown at once of input `seq` are, in their order; `customer` is the one the input is about.

    First come the moves that time makes, then what follows of each derived event that time makes, all of one customer's after
    another's, then what the input itself leads to.
    """
    moves = outputs.moves[outputs.moves["seq"] == seq]
    decisions, told = outputs.decisions[outputs.decisions["seq"] == seq], outputs.derived[outputs.derived["seq"] == seq]
    shown = decisions[made_at_once(decisions, moves)]
    left = Counter([*moves["customer"].tolist(), *shown["customer"].tolist()])
    ends = [*told["marks"].tolist(), left.total()]
    owners = moves["customer"][: ends[0]].tolist()
    owners += [customer] * (ends[0] - len(owners))
    left.subtract(owners)
    for whose, start, end in zip(told["customer"].tolist(), ends, ends[1:], strict=False):
        own = [whose] * min(end - start, left[whose]) if whose != customer else []
        left.subtract(own)
        owners += own + [customer] * (end - start - len(own))
    return owners


def made_at_once(decisions: NDArray[Any], moves: NDArray[Any]) -> NDArray[np.bool_]:
    """Which decisions are contacts by themselves: made for a touchpoint, and not pushed under a lease."""
    treated = (decisions["arm"] == Arm.TREATED) & (decisions["touchpoint"] != NO_TOUCHPOINT)
    leased = moves["decision"][(moves["kind"] == MoveKind.PUSHED) & (moves["seq"] == moves["decided_seq"])]
    found: NDArray[np.bool_] = treated & ~np.isin(decisions["number"], leased)
    return found


CONTACTED = np.dtype(
    [
        ("seq", "i8"),
        ("now_ms", "i8"),
        ("decision", "i8"),
        ("cost", "i8"),
        ("customer", "u4"),
        ("campaign", "u2"),
        ("touchpoint", "u2"),
    ]
)
"""A contact that counts, by the decision that led to it; the fields as in DECISION and MOVE."""


def contacts_made(outputs: Outputs) -> NDArray[Any]:
    """The contacts (array CONTACTED) among outputs, in the order of the inputs: at once, shown later, or of which nobody can tell."""
    made = outputs.decisions[made_at_once(outputs.decisions, outputs.moves)]
    shown = outputs.moves[np.isin(outputs.moves["kind"], (MoveKind.PRESENTED, MoveKind.UNKNOWN))]
    found = np.zeros(len(made) + len(shown), CONTACTED)
    for name in CONTACTED.names or ():
        found[name] = np.concatenate([made["number" if name == "decision" else name], shown[name]])
    return found[np.argsort(found["seq"], kind="stable")]


def _as(found: NDArray[Any] | None, dtype: np.dtype[Any]) -> NDArray[Any]:
    if found is None or found.dtype == dtype:
        return np.empty(0, dtype) if found is None else found
    widened = np.zeros(len(found), dtype)
    for name in found.dtype.names or ():
        widened[name] = found[name]
    return widened


_TYPES = {
    "decisions": DECISION,
    "goals": GOAL,
    "withheld": WITHHELD,
    "limits": LIMIT,
    "moves": MOVE,
    "derived": DERIVED,
}
