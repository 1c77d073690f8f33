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
    TOUCH             the customer is at a touchpoint now and asks what to show; code = touchpoint number; values = slots
    RECEIPT           what became of a decision outside; code = touchpoint number; values = decision number, an `Outcome`, campaign
                      number, code of the reason's text or NULL
    SENDING           sending is stopped (1) or goes on (0); values = that
    FORGOTTEN         code 0: from here on nothing is known of the customer, whose number is never given again; code 1: nothing that leads to
                      her is left anywhere, values = how many facts of the journal were redacted
    MERGED            two customers are one person; `customer` is the survivor's number, values = the number that is absorbed
    UNMERGED          the person was two after all; code = index into the batch's `bodies`, a JSON list of the numbers that leave
    SIGHTING          an event that no playbook has declared, from a lenient source; its name and properties are the fact's extras
    LIMIT             (single-customer replay only) a budget, stock or capacity closed or opened; code = limit number; values = 1 closed / 0 open,
                      after how many of the customer's moves and decisions within the next fact (absent: at once)
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
    TOUCH = 13
    RECEIPT = 14
    SENDING = 15
    FORGOTTEN = 16
    MERGED = 17
    UNMERGED = 18
    SIGHTING = 19


FORGOTTEN_FROM_HERE, FORGOTTEN_EVERYWHERE = 0, 1
"""Codes of FORGOTTEN facts: the first begins, the second says that it is done. A first without its second is finished by the next start."""


class Answer(IntEnum):
    """A customer's response to an offer."""

    ACCEPTED = 1
    CONSIDERING = 2
    REFUSED = 3


class Outcome(IntEnum):
    """What a touchpoint or a channel says of a decision it was given."""

    PRESENTED = 1
    FAILED = 2
    UNKNOWN = 3
    ACCEPTED = 4
    CONSIDERING = 5
    REFUSED = 6


class MoveKind(IntEnum):
    """What became of a decision after it was made; the field `until_ms` of a move means, per kind:

    OPENED     it waits for a touch, or for the end of quiet hours; until then
    LEASED     a touchpoint that asked has it, alone; until then
    PUSHED     it goes out through a touchpoint now; its answer is waited for until then
    PRESENTED  it was shown or sent: the contact counts; every other touchpoint stays silent
    RELEASED   the touchpoint failed, or its lease is over: what was reserved is free again
    UNKNOWN    a send that nobody can tell the end of: the contact counts, it is not sent again
    WITHDRAWN  it must not be shown any more, for the reason given
    CLOSED     its touchpoints are used up; nobody saw it
    """

    OPENED = 1
    LEASED = 2
    PUSHED = 3
    PRESENTED = 4
    RELEASED = 5
    UNKNOWN = 6
    WITHDRAWN = 7
    CLOSED = 8


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
