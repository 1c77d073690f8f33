"""Decisions in the columns that analysts of the market leader's extract (EEv2) read: a row for every candidate, and where it fell out.

The journal is replayed through a fresh engine with a trace, so every candidate's fate is there, not only what was proposed. A customer is told by
her number: no identifier leaves.
"""

import csv
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.engine import CUSTOMERS_MAX, Engine
from opportune.facts import NO_OFFER, NO_TOUCHPOINT, PPM, FactBatch, FactKind, Outputs, Reason, parse_scaled
from opportune.operations.deployment import DeploymentError, OnProgress, journal_of, read_group
from opportune.operations.names import Names
from opportune.operations.replay import same_outputs

COLUMNS = (
    "pxInteractionID", "pxDecisionTime", "Primary_pySubjectID", "Primary_pySubjectType", "pyIssue", "pyGroup", "pyName", "pyTreatment",
    "Primary_ContainerPayload_Channel", "Primary_ContainerPayload_Direction", "pxStrategyName", "Stage_pyName", "Stage_pyStageGroup",
    "Stage_pyOrder", "pxRecordType", "pxComponentName", "pxComponentType", "FinalPropensity", "Value", "ContextWeight", "Weight", "Priority",
)  # fmt: skip
"""Issue, group and name are the campaign's purpose, category and name; the treatment is the offer."""
STRATEGY = "Opportune"
_STAGES: dict[str, tuple[str, int, tuple[Reason, ...]]] = {
    "ActionAvailability": ("AvailableActions", 100, (Reason.EVENT_TOO_OLD, Reason.CAMPAIGN_NOT_VALID, Reason.TRIGGER_CONDITION)),
    "ActionEmergencyExclusion": ("ChannelAvailabilityProductAssociations", 200, (Reason.SENDING_STOPPED,)),
    "IssueGroupEligibility": ("EngagementPolicies", 300, (Reason.NOT_IN_AUDIENCE,)),
    "IssueGroupConstraints": ("EngagementPolicies", 310, (Reason.BUDGET_CONTACTS, Reason.BUDGET_MONEY)),
    "ContactPoliciesActionSuppressions": ("JourneysContactPolicies", 400, (
        Reason.DO_NOT_DISTURB, Reason.COOL_DOWN_REFUSED, Reason.COOL_DOWN_COMPLAINT, Reason.CAP_CUSTOMER, Reason.DECISION_OPEN,
        Reason.AGAIN_TOO_SOON, Reason.CAMPAIGN_COOL_DOWN, Reason.CAP_CAMPAIGN,
    )),
    "ContactPoliciesOutboundChannelLimits": ("JourneysContactPolicies", 410, (
        Reason.QUIET_HOURS, Reason.HOLIDAY, Reason.CAP_CHANNEL, Reason.CAP_CATEGORY, Reason.CAPACITY, Reason.OUTSIDE_WORKING_HOURS,
    )),
    "TreatmentAvailability": ("AvailableTreatments", 500, (Reason.NO_TOUCHPOINT, Reason.OUT_OF_STOCK)),
    "TreatmentEligibilityChannels": ("TreatmentEligibility", 600, (Reason.NO_CONSENT, Reason.CONSENT_WITHDRAWN, Reason.NO_ELIGIBLE_OFFER)),
    "ArbitrationPriorityThresholds": ("Arbitration", 700, (Reason.OUTRANKED,)),
    "ContactPoliciesActionLimits": ("FinalActionsProcessing", 800, (Reason.CONTROL, Reason.UNIVERSAL_CONTROL)),
    "Output": ("Output", 900, (Reason.PROPOSED,)),
}  # fmt: skip
STAGES = {reason: (stage, group, order) for stage, (group, order, reasons) in _STAGES.items() for reason in reasons}
"""Where each reason stands in the extract's pipeline: stage, its group, its order."""
_AT_TOUCHPOINT = (
    Reason.NO_TOUCHPOINT, Reason.NO_CONSENT, Reason.CONSENT_WITHDRAWN, Reason.QUIET_HOURS, Reason.HOLIDAY, Reason.CAP_CHANNEL,
    Reason.CAP_CATEGORY, Reason.CAPACITY, Reason.OUTSIDE_WORKING_HOURS,
)  # fmt: skip
_WEIGHED = (Reason.PROPOSED, Reason.CONTROL, Reason.UNIVERSAL_CONTROL, Reason.OUTRANKED)


class Extracted(msgspec.Struct, frozen=True):
    """What was written: rows, interactions (an event and a customer), how many of them led to a decision."""

    rows: int
    interactions: int
    decided: int


class Met(NamedTuple):
    """An event of a customer, where its candidates were looked at; `derived`: a detector made it."""

    customer: int
    event: int
    derived: bool


def export_decisions(
    folder: Path, out: Path, *, since_ms: int | None = None, until_ms: int | None = None, customers_max: int = CUSTOMERS_MAX,
    on_progress: OnProgress | None = None,
) -> Extracted:  # fmt: skip
    """Write the fate of every candidate decided since (included) and until (excluded) a moment to a CSV file, COLUMNS its heading.

    Reads beside a writer; the file appears when it is whole. Raises DeploymentError where the replay differs from the journal.
    """
    reader = journal_of(folder)
    engine = Engine(
        customers_max=customers_max,
        history=lambda seq: map(read_group, takewhile(lambda group: group.first_seq < seq, journal_of(folder).read(0))),
    )
    extract = _Extract(engine, since_ms, until_ms)
    done, total = 0, reader.bytes
    partial = out.with_name(out.name + ".part")
    with partial.open("w", encoding="utf-8", newline="") as file:
        extract.begin(file)
        for group in reader.read(0):
            batch, journaled = read_group(group)
            outputs, fates = engine.trace(batch)
            if not same_outputs(outputs, journaled):
                raise DeploymentError(
                    f"the replay differs from the journal after fact {group.first_seq:,}; run `opportune replay`"
                )
            extract.add(batch, group.first_seq, outputs, fates)
            done += sum(array.nbytes for array in group.arrays.values())
            if on_progress is not None:
                on_progress("deciding again", min(done, total), total)
    os.replace(partial, out)
    return Extracted(extract.rows, extract.interactions, extract.decided)


class _Extract:
    """Writes the rows of one group after the other."""

    def __init__(self, engine: Engine, since_ms: int | None, until_ms: int | None) -> None:
        self._engine, self._since, self._until = engine, since_ms, until_ms
        self.rows = self.interactions = self.decided = 0

    def begin(self, file: TextIO) -> None:
        """Write the heading."""
        self._write = csv.writer(file).writerow
        self._write(COLUMNS)

    def add(self, batch: FactBatch, first_seq: int, outputs: Outputs, fates: NDArray[Any]) -> None:
        """Write the candidates of a group's facts."""
        if not len(fates):
            return
        telling = _Telling(self._engine)
        now_ms = np.maximum.accumulate(batch.now_ms)
        at = np.flatnonzero(np.diff(fates["seq"], prepend=-1))
        for rows in np.split(fates, at[1:]):
            place = int(rows["seq"][0]) - first_seq
            if (self._since is None or now_ms[place] >= self._since) and (
                self._until is None or now_ms[place] < self._until
            ):
                for met, of_one in _parted(rows, batch, place, outputs, telling):
                    self._one(met, of_one, int(now_ms[place]), telling)

    def _one(self, met: Met, fates: list[Any], now_ms: int, telling: "_Telling") -> None:
        name = f"{int(fates[0]['seq'])}-{met.customer}" + (f"-{met.event}" if met.derived else "")
        moment = datetime.fromtimestamp(now_ms // 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S") + f".{now_ms % 1_000:03}"
        self.interactions += 1
        self.decided += any(int(fate["reason"]) == Reason.PROPOSED for fate in fates)
        for fate in fates:
            self._write((name, moment, met.customer, "Customer", *telling.cells(fate)))
            self.rows += 1


def _parted(
    fates: NDArray[Any], batch: FactBatch, place: int, outputs: Outputs, telling: "_Telling"
) -> Iterator[tuple[Met, list[Any]]]:
    """One fact's fates by the event and customer they belong to: each event's candidates follow one another, all of them."""
    told = outputs.derived[outputs.derived["seq"] == fates["seq"][0]]
    waiting = {
        event: [int(row["customer"]) for row in told if row["event"] == event] for event in set(told["event"].tolist())
    }
    own = int(batch.code[place]) if batch.kind[place] == FactKind.EVENT else -1
    at = 0
    while at < len(fates):
        event = telling.event_of(int(fates["campaign"][at]))
        derived = event != own
        customer = waiting[event].pop(0) if derived else int(batch.customer[place])
        end = at + telling.candidates_of(event)
        yield Met(customer, event, derived), list(fates[at:end])
        at = end


class _Telling:
    """The cells of a candidate under the playbook in force."""

    def __init__(self, engine: Engine) -> None:
        self._playbook = engine.playbook
        self._names = Names(self._playbook.body())
        self._scale = 10**self._names.definitions.deployment.money_scale

    def event_of(self, campaign: int) -> int:
        """The number of the event that triggers a campaign."""
        trigger = self._playbook.definitions.campaigns[self._names.campaign(campaign)].trigger
        assert trigger is not None
        return self._playbook.numbering.number("event", trigger.event)

    def candidates_of(self, event: int) -> int:
        """How many campaigns an event triggers."""
        return int(self._playbook.plan.events.trigger_count[event])

    def cells(self, fate: Any) -> tuple[str | int | float, ...]:
        """From pyIssue on."""
        reason = Reason(int(fate["reason"]))
        name = self._names.campaign(int(fate["campaign"]))
        campaign = self._playbook.definitions.campaigns[name]
        stage, group, order = STAGES[reason]
        record = "OUTPUT" if reason is Reason.PROPOSED else "FILTERED_OUT"
        offer, numbers = "", ("", "", "", "", "")
        if reason in _WEIGHED:
            offer = "" if int(fate["offer"]) == NO_OFFER else self._names.offer(int(fate["offer"]))
            numbers = self._numbers(fate, name, offer)
        return (
            campaign.policy.purpose, campaign.policy.category, name, offer, *self._place(fate, reason, name), STRATEGY,
            stage, group, order, record, reason.name, "Reason", *numbers,
        )  # fmt: skip

    def _place(self, fate: Any, reason: Reason, name: str) -> tuple[str, str]:
        """Channel and direction of the touchpoint chosen or asked last; before any was asked, of the campaign's first."""
        number = NO_TOUCHPOINT
        if reason in _WEIGHED:
            number = int(fate["touchpoint"])
        elif reason in _AT_TOUCHPOINT:
            number = int(fate["arg"])
        step = self._playbook.definitions.campaigns[name].touchpoints[0]
        first = step.at if isinstance(step.at, str) else step.at[0]
        touchpoint = self._playbook.definitions.touchpoints[self._names.touchpoint(number) or first]
        direction = "Inbound" if touchpoint.direction == "in" else "Outbound"
        return touchpoint.channel or touchpoint.touchpoint, direction

    def _numbers(self, fate: Any, name: str, offer: str) -> tuple[Any, ...]:
        """Propensity, value, context weight, lever and priority; priority is their product, each step truncated, so the first follows."""
        definitions = self._playbook.definitions
        value = (
            parse_scaled(definitions.offers[offer].value, self._names.definitions.deployment.money_scale)
            if offer
            else 1
        )
        lever = parse_scaled(definitions.campaigns[name].lever, 6) / PPM
        weight = self._weight(name, int(fate["touchpoint"]))
        priority = int(fate["priority"]) / PPM
        whole = value * lever * weight
        return min(priority / whole, 1.0) if whole else 0.0, value / self._scale, weight, lever, priority / self._scale

    def _weight(self, name: str, touchpoint: int) -> float:
        at = self._names.touchpoint(touchpoint)
        for step in self._playbook.definitions.campaigns[name].touchpoints:
            if at in ((step.at,) if isinstance(step.at, str) else step.at):
                return parse_scaled(step.weight, 6) / PPM
        return 1.0
