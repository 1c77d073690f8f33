"""A customer is forgotten: from here on her row is that of somebody of whom nothing was ever heard. Kernel functions."""

from typing import Any

from opportune.campaigns import forget_campaigns
from opportune.engine.open_decisions import withdraw_forgotten
from opportune.engine.tables import keys_of, ledger_of
from opportune.facts import compiled_leaf
from opportune.profiles import forget_pending, forget_record

NO_KEY = 0
"""The random key of a customer who was forgotten."""


@compiled_leaf
def is_forgotten(state: Any, row: int) -> bool:
    """Whether the customer was forgotten. Where nobody was, no memory of hers is looked at."""
    return state.clock.forgotten != 0 and keys_of(state)[row] == NO_KEY


@compiled_leaf
def absorb_forgotten(plan: Any, state: Any, room: Any, row: int) -> None:
    """FORGOTTEN: tags, counters, contacts, consents, goals, what is waited for and the random key are gone; budgets keep what was spent."""
    withdraw_forgotten(plan, state, room, row)
    forget_campaigns(state.campaigns, row)
    forget_pending(state.detections, row)
    forget_record(plan.profiles, state.records, state.wide, row)
    for word in range(state.ledger_words):
        ledger_of(state)[row, word] = 0
    keys_of(state)[row] = NO_KEY
    state.clock.forgotten += 1
