"""One pure step: (state, playbook, batch) -> decisions. The only room where the order of stages is written."""

from opportune.engine.definitions import CompileProblem, DefinitionSet, PlaybookBody, PlaybookError, decode_body
from opportune.engine.engine import CapacityError, Engine, History
from opportune.engine.playbook import Playbook, fingerprint_of
from opportune.engine.state import CUSTOMERS_MAX

__all__ = [
    "CUSTOMERS_MAX",
    "CapacityError",
    "CompileProblem",
    "DefinitionSet",
    "Engine",
    "History",
    "Playbook",
    "PlaybookBody",
    "PlaybookError",
    "decode_body",
    "fingerprint_of",
]
