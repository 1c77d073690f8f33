"""Ask: send a campaign once, to a list or to a segment. Each customer gets an event, and the same engine decides: consent, caps, quiet hours, control groups.

The event is one of the playbook's own, with a property `campaign` of type text, for which the campaign's trigger waits:

    trigger: {event: addressed, where: event.campaign = 'spring-sale'}
"""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.engine import Playbook
from opportune.facts import (
    NO_CAMPAIGN,
    NULL,
    Arm,
    BatchBuilder,
    FactBatch,
    FactKind,
    Kind,
    Outputs,
    Reason,
    TextDictionary,
)
from opportune.intake import hash_identifier, hash_message, key_words
from opportune.operations.deployment import Deployment
from opportune.operations.touch import RefusedError
from opportune.operations.who import KINDS
from opportune.rules import Ref, Rule, conjuncts, evaluate
from opportune.store import did_you_mean

CUSTOMERS_PER_SEND_MAX = 5_000
"""Customers of one ask, which become one group of facts; a longer list is several asks."""
NAME_CHARACTERS_MAX = 100
PROPERTY = "campaign"
_REF = Ref("event", PROPERTY)
_OTHER = "\n"
"""A name that no campaign has."""


class OneOffAsk(msgspec.Struct, frozen=True):
    """Send `campaign` to `identifiers` (`phone:138…`, or a plain userId), or to those for whom `where` holds, from customer `after` on.

    The same `name` (today's date where empty) again addresses nobody twice.
    """

    campaign: str
    identifiers: tuple[str, ...] = ()
    where: str = ""
    after: int = 0
    name: str = ""


class OneOffResult(msgspec.Struct, frozen=True):
    """What became of an ask: addressed = sent_on + control + not_in_audience + all that `withheld` counts by reason.

    `unknown` identifiers mean no customer; `duplicates` were addressed before under this name. `next`: where a segment goes on.
    """

    campaign: str
    name: str
    addressed: int = 0
    duplicates: int = 0
    unknown: int = 0
    sent_on: int = 0
    control: int = 0
    not_in_audience: int = 0
    withheld: dict[str, int] = {}
    next: int | None = None
    customers: int = 0


class OneOff(NamedTuple):
    """A send that has been checked: numbers of campaign and event, and how the event's values stand."""

    campaign: str
    name: str
    number: int
    event: int
    slot: int
    slots: int


def plan_one_off(playbook: Playbook, campaign: str, name: str) -> OneOff:
    """Check that a campaign waits for being sent by hand. Raises RefusedError that says what to write."""
    definition = playbook.definitions.campaigns.get(campaign)
    if definition is None:
        hint = did_you_mean(campaign, playbook.definitions.campaigns, "campaign")
        raise RefusedError("unknown_campaign", f"no campaign `{campaign}`; {hint}")
    if definition.paused:
        raise RefusedError("paused", f"`{campaign}` is paused; take `paused` out and publish first")
    if len(name) > NAME_CHARACTERS_MAX:
        raise RefusedError("bad_name", f"a send's name has at most {NAME_CHARACTERS_MAX} characters")
    event = definition.trigger.event if definition.trigger is not None else ""
    types, rules = playbook.vocabulary.events.get(event, {}), playbook.campaign_rules[campaign]
    fits = (
        PROPERTY in types
        and types[PROPERTY].kind is Kind.TEXT
        and rules.where is not None
        and any(_names(part, campaign, playbook) for part in conjuncts(rules.where))
    )
    if not fits:
        raise RefusedError(
            "trigger_does_not_fit",
            f"`{campaign}` does not wait for being sent by hand; declare `event: addressed` with `properties: {{campaign: {{type: text}}}}`, "
            f"and write `trigger: {{event: addressed, where: event.campaign = '{campaign}'}}`",
        )
    number, code = (playbook.numbering.number(*one) for one in (("campaign", campaign), ("event", event)))
    today = datetime.now(ZoneInfo(playbook.definitions.deployment.zone)).date().isoformat()
    return OneOff(campaign, name or today, number, code, list(types).index(PROPERTY), len(types))


def _names(part: Rule, campaign: str, playbook: Playbook) -> bool:
    """Whether a part of the trigger's condition is true for this campaign's name, and not for another's."""
    if set(part.refs) != {_REF}:
        return False
    dictionary = TextDictionary()
    rows = [{_REF: dictionary.intern(text)} for text in (campaign, _OTHER)]
    mine, other = (evaluate(part, row, dictionary, playbook.plan.zones) for row in rows)
    return mine == 1 and other != 1


def find_customers(deployment: Deployment, identifiers: Sequence[str]) -> tuple[list[int], int]:
    """(customers, how many identifiers mean none). Nobody is made known by a list."""
    words = key_words(deployment.key)
    found = []
    for text in identifiers:
        kind, colon, rest = text.partition(":")
        told = (kind, rest) if colon and kind in KINDS else ("user", text)
        number = deployment.identity.find(hash_identifier(words, *told))
        found.append(deployment.identity.root(number) if number >= 0 else number)
    known = [customer for customer in dict.fromkeys(found) if customer >= 0]
    return known, sum(customer < 0 for customer in found)


def one_off_facts(deployment: Deployment, plan: OneOff, customers: Sequence[int]) -> FactBatch:
    """The EVENT facts of those who were not addressed under this name before; in the thread that takes everything in."""
    builder = BatchBuilder()
    words, now_ms = key_words(deployment.key), time.time_ns() // 1_000_000
    values = [NULL] * plan.slots
    values[plan.slot] = deployment.dictionary.intern(plan.campaign)
    for customer in customers:
        stamp = hash_message(words, "send", f"{plan.campaign}/{plan.name}/{customer}")
        if deployment.repeats.check(stamp, 0):
            continue
        deployment.repeats.add(stamp, 0, now_ms)
        builder.add(FactKind.EVENT, plan.event, customer, now_ms, now_ms, tuple(values), stamp)
    return builder.build()


def withheld_counts(deployment: Deployment, plan: OneOff) -> NDArray[np.int64]:
    """Per reason, how often this hour withheld the campaign or whoever was looked at; with the engine at rest."""
    counts = deployment.engine.memory.arrays["withheld"]
    before_any = int(deployment.engine.playbook.plan.figures["campaign_count"])
    return counts[plan.number].astype(np.int64) + counts[before_any]


def tell_one_off(
    plan: OneOff, asked: int, unknown: int, batch: FactBatch, outputs: Outputs, first_seq: int,
    counts: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> OneOffResult:  # fmt: skip
    """What became of the facts of an ask; `counts` are those of `withheld_counts` before and after."""
    addressed = int((batch.kind == FactKind.EVENT).sum())
    decisions = outputs.decisions
    mine = decisions[
        (decisions["campaign"] == plan.number)
        & (decisions["seq"] >= first_seq)
        & (decisions["seq"] < first_seq + len(batch))
    ]
    sent_on = int((mine["arm"] == Arm.TREATED).sum())
    reasons = counts[1] - counts[0]
    told: Any = outputs.withheld  # an hour ended in between: what was counted until then has been told
    ours = told[(told["campaign"] == plan.number) | (told["campaign"] == NO_CAMPAIGN)]
    np.add.at(reasons, ours["reason"], ours["count"])
    withheld = {Reason(at).name: int(reasons[at]) for at in np.flatnonzero(reasons > 0).tolist()}
    rest = max(0, addressed - len(mine) - sum(withheld.values()))
    return OneOffResult(
        plan.campaign, plan.name, addressed, asked - addressed, unknown, sent_on, len(mine) - sent_on, rest, withheld
    )
