"""One pure step: (state, playbook, batch) -> decisions. The only room where the order of stages is written."""

from opportune.engine.definitions import CompileProblem, DefinitionSet, PlaybookBody, PlaybookError, decode_body
from opportune.engine.engine import CapacityError, Engine, History, Rebuilding
from opportune.engine.parting import members_of, numbers_parted
from opportune.engine.playbook import Playbook, fingerprint_of
from opportune.engine.state import CUSTOMERS_MAX, STATE_LAYOUT, Memory, StateLayoutError
from opportune.engine.tables import GROUP_ROOT
from opportune.engine.vocabulary import Vocabulary, numbers_of

__all__ = [
    "CUSTOMERS_MAX", "GROUP_ROOT", "STATE_LAYOUT", "CapacityError", "CompileProblem", "DefinitionSet", "Engine",
    "History", "Memory", "Playbook", "PlaybookBody", "PlaybookError", "Rebuilding", "StateLayoutError", "Vocabulary",
    "decode_body", "fingerprint_of", "members_of", "numbers_of", "numbers_parted",
]  # fmt: skip
