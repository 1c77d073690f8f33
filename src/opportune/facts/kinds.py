"""The kinds of facts. Inputs come from outside and are numbered by `seq`; outputs are what the engine made of them.

An output carries the `seq` of the input that caused it, so numbering does not depend on how inputs were batched.
"""

from enum import IntEnum


class FactKind(IntEnum):
    """What a fact says. `code` and `values` of a fact mean, per kind:

    EVENT             code = event number; values = one slot per declared property, in declared order
    TAGS_SET          code = 0; values = tag number, value, tag number, value ...
    CONTACT           a contact another system made; code = campaign number; values = touchpoint number, offer number or NULL
    CONSENT           code = purpose number; values = channel number or NULL (every channel), 1 given / 0 withdrawn
    DO_NOT_DISTURB    code = 0; values = 1 on / 0 off
    RESPONSE          code = campaign number; values = an `Answer`
    TICK              time passes; `now_ms` is the new engine time
    PLAYBOOK          a playbook is in force from here on; code = index into the batch's `bodies`
    CUSTOMER          a new customer; values = random key
    IDENTIFIER        an identifier of `customer`; code = identifier kind; values = hash low, hash high
    PROGRESS          an import got so far; code = index into the batch's `bodies`
    LIMIT             (single-customer replay only) a budget, stock or capacity closed or opened; code = limit number; values = 1 closed / 0 open
    """

    EVENT = 1
    TAGS_SET = 2
    CONTACT = 3
    CONSENT = 4
    DO_NOT_DISTURB = 5
    RESPONSE = 6
    TICK = 7
    PLAYBOOK = 8
    CUSTOMER = 9
    IDENTIFIER = 10
    PROGRESS = 11
    LIMIT = 12


class Answer(IntEnum):
    """A customer's response to an offer."""

    ACCEPTED = 1
    CONSIDERING = 2
    REFUSED = 3


class Arm(IntEnum):
    """Which group a decision belongs to."""

    TREATED = 0
    CONTROL = 1
    UNIVERSAL_CONTROL = 2
    IMPORTED = 3


class GoalKind(IntEnum):
    """What became of a goal instance."""

    REACHED = 1
    LAPSED = 2
    REGRETTED = 3
