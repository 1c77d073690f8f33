"""Ask: which playbook changed what of one definition, and whose was it?"""

import msgspec

from opportune.store import Definitions, DefinitionStep, DefinitionStore, FieldChange, difference

STEPS_MAX = 50
"""Changes of one definition that are told, the newest."""


class DefinitionChange(msgspec.Struct, frozen=True):
    """What one playbook did to a definition: added, changed (in which keys) or removed it. `at_ms` is when it was saved."""

    playbook: int
    at_ms: int
    author: str
    kind: str
    words_only: bool
    fields: tuple[FieldChange, ...]


def history_of(store: DefinitionStore, family: str, name: str) -> list[DefinitionChange]:
    """The newest STEPS_MAX changes of a definition, the newest first; none for one that never was."""
    steps = store.steps(family, name, STEPS_MAX + 1)
    found = []
    for step, before in zip(steps, [*steps[1:], None], strict=False):  # the oldest has nothing before it
        change = difference(_alone(family, name, before), _alone(family, name, step))
        found += [
            DefinitionChange(step.playbook, step.created_ms, step.author, one.kind, one.words_only, one.fields)
            for one in change
        ]
    return found[:STEPS_MAX]


def _alone(family: str, name: str, step: DefinitionStep | None) -> Definitions:
    """A set of this definition only; empty before it was there and after it was removed."""
    alone = Definitions()
    if step is not None and step.definition is not None:
        alone.of(family)[name] = step.definition
    return alone
