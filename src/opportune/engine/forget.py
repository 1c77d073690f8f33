"""A customer is forgotten: from here on her row is that of somebody of whom nothing was ever heard. Kernel functions."""

from typing import Any

from opportune.campaigns import forget_campaigns
from opportune.engine.merge import forget_row, next_of
from opportune.engine.open_decisions import withdraw_forgotten
from opportune.engine.tables import keys_of
from opportune.facts import compiled_leaf
from opportune.profiles import forget_pending

NO_KEY = 0
"""The random key of a customer who was forgotten, by each of her numbers."""


@compiled_leaf
def is_forgotten(state: Any, row: int) -> bool:
    """Whether the customer was forgotten. Where nobody was, no memory of hers is looked at."""
    return state.clock.forgotten != 0 and keys_of(state)[row] == NO_KEY


@compiled_leaf
def absorb_forgotten(plan: Any, state: Any, room: Any, row: int) -> None:
    """FORGOTTEN: tags, counters, contacts, consents, goals, what is waited for and the random keys of all her numbers are gone; budgets keep what was spent."""
    withdraw_forgotten(plan, state, room, row)
    forget_pending(state.detections, row)
    forget_row(plan, state, row)
    number = row
    while True:
        forget_campaigns(state.campaigns, number)  # a merge leaves emptied places at the number that was absorbed
        keys_of(state)[number] = NO_KEY
        state.clock.forgotten += 1
        number = next_of(state, number)
        if number == row:
            break
