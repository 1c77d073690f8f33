"""Ask: a customer is at a touchpoint: what to show her, and then what came of it. Both are facts; the engine decides."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.campaigns import TouchpointDefinition
from opportune.delivery import TemplateFailedError
from opportune.facts import NULL, Arm, BatchBuilder, FactBatch, FactKind, MoveKind, Outcome
from opportune.intake import hash_message, key_words, looks_personal
from opportune.operations.deployment import Deployment, DeploymentError
from opportune.operations.door import Door, Taken
from opportune.operations.names import Language
from opportune.operations.saying import Cause, DecidedEvent, Saying, decided_event
from opportune.operations.tokens import DecisionToken, open_decision, sign_decision

SOURCE = "touchpoint:"
REASON_CHARACTERS_MAX = 64
EVENTS_KEPT_MAX = 10_000
CONTENT_FAILED = "content_failed"
"""Why a touchpoint that asked got nothing: the offer's words could not be made for this customer."""
ANSWERS: dict[str, Outcome] = {
    "presented": Outcome.PRESENTED, "failed": Outcome.FAILED, "accepted": Outcome.ACCEPTED,
    "considering": Outcome.CONSIDERING, "refused": Outcome.REFUSED,
}  # fmt: skip
"""What a touchpoint may say of a decision."""


class RefusedError(DeploymentError):
    """The touch or the answer cannot be taken as it is; `code` says why in one word, the text what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Customer(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Who is there, as the tracking API names people; at least one is needed."""

    user_id: str | None = None
    anonymous_id: str | None = None
    identifier: dict[str, str] | None = None


class TouchAsk(msgspec.Struct, frozen=True):
    """Who is at the touchpoint, in what context (properties of the touchpoint's event), how many slots it has, in which language.

    `request_id` makes a repeated request harmless: its event then counts once.
    """

    customer: Customer
    context: dict[str, Any] = {}
    slots: int = 1
    language: str = ""
    request_id: str | None = None


class Offered(msgspec.Struct, frozen=True):
    """One offer to be shown: the decision's token for the answers, the words, why, and until when it is this touchpoint's alone.

    `lease_until_ms` 0: there is no lease, showing it was counted already.
    """

    decision: str
    campaign: str
    campaign_title: str
    offer: str
    offer_title: str
    language: str
    content: dict[str, str]
    why: str
    lease_until_ms: int


class Touched(msgspec.Struct, frozen=True):
    """What to show at a touchpoint now, best first; nothing is an answer too."""

    touchpoint: str
    offers: tuple[Offered, ...]


class Answered(msgspec.Struct, frozen=True):
    """What became of an answer: `moved` names the decision's new state, `late` that another touchpoint had it by then, `repeated` that
    it had been said before, `settled` that there was nothing to settle any more."""

    result: Literal["moved", "late", "repeated", "settled"]


class Touches:
    """Touches and answers of one running deployment."""

    def __init__(self, deployment: Deployment, door: Door, saying: Saying) -> None:
        self._deployment, self._door, self._saying = deployment, door, saying
        self._words = key_words(deployment.key)
        self._events: dict[Cause, DecidedEvent | None] = {}

    def definition(self, touchpoint: str) -> TouchpointDefinition:
        """A touchpoint of the playbook in force. Raises RefusedError."""
        found = self._deployment.playbook.definitions.touchpoints.get(touchpoint)
        if found is None:
            known = ", ".join(sorted(self._deployment.playbook.definitions.touchpoints)) or "none"
            raise RefusedError("unknown_touchpoint", f"no touchpoint `{touchpoint}`; there are: {known}")
        return found

    async def touch(self, touchpoint: str, ask: TouchAsk) -> Touched:
        """Take in a touch, and say what to show. Raises RefusedError, OverloadedError, DeploymentError."""
        definition = self.definition(touchpoint)
        if definition.direction == "out":
            raise RefusedError("not_inbound", f"customers do not come to `{touchpoint}`: its direction is out")
        taken = await self._door.take(SOURCE + touchpoint, _lines(definition, ask), 2)
        assert taken.intake is not None, "messages of a source always have an intake"
        touches = np.flatnonzero(taken.batch.kind == FactKind.TOUCH)
        if not len(touches):
            why = taken.intake.quarantined[0] if taken.intake.quarantined else None
            raise RefusedError(why.reason.value if why else "duplicate", why.detail if why else "said before")
        place = int(touches[-1])
        customer = self._deployment.identity.root(int(taken.batch.customer[place]))
        number = int(taken.batch.code[place])
        language = ask.language or self._saying.language_of(customer) or self._saying.languages[0]
        offers = [
            await self._offered(row, touchpoint, customer, language, taken)
            for row in _shown(taken, customer, number, taken.first_seq + place)
        ]
        return Touched(touchpoint, tuple(one for one in offers if one is not None))

    async def answer(self, touchpoint: str, token: str, answer: str, reason: str = "") -> Answered:
        """Take in what became of a decision at a touchpoint: one of ANSWERS. Raises RefusedError, TokenError, DeploymentError."""
        outcome = ANSWERS.get(answer)
        if outcome is None:
            raise RefusedError("unknown_answer", f"no answer `{answer}`; there are: {', '.join(ANSWERS)}")
        if len(reason) > REASON_CHARACTERS_MAX or looks_personal(reason):
            raise RefusedError(
                "bad_reason",
                f"a reason has at most {REASON_CHARACTERS_MAX} characters and no personal data; use a code",
            )
        decision = open_decision(self._deployment.key, token)
        names = self._saying.names("en").of("touchpoint")
        if decision.touchpoint >= len(names) or names[decision.touchpoint] != touchpoint:
            raise RefusedError("another_touchpoint", f"this decision was not given to `{touchpoint}`")
        taken = await self.receive(decision, outcome, reason, f"{token}/{answer}")
        if not len(taken.batch):
            return Answered("repeated")
        moves = taken.outputs.moves
        mine = moves[moves["decision"] == decision.decision]
        if (mine["kind"] == MoveKind.PRESENTED).any():
            return Answered("late" if (mine["reason"] != 0).any() else "moved")
        return Answered("moved" if len(mine) else "settled")

    async def receive(self, decision: DecisionToken, outcome: Outcome, reason: str, message_id: str) -> Taken:
        """Take in a receipt, once per message id; the batch is empty where it was there before."""

        def make(deployment: Deployment) -> FactBatch:
            return receipts(deployment, [(decision, outcome, reason, message_id)], self._words)

        return await self._door.state(make)

    async def _offered(
        self, row: NDArray[Any], touchpoint: str, customer: int, language: str, taken: Taken
    ) -> Offered | None:
        event = await self._event(self._saying.cause_of(row), taken)
        campaign_number, offer_number = int(row["campaign"]), int(row["offer"])
        tongue: Language = "zh" if language.startswith("zh") else "en"
        names = self._saying.names(tongue)
        campaign, offer = names.campaign(campaign_number), self._saying.offer_name(offer_number)
        token = DecisionToken(
            int(row["decision"]), int(row["decided_seq"]), customer, campaign_number, offer_number,
            int(row["touchpoint"]), int(row["until_ms"]),
        )  # fmt: skip
        signed = sign_decision(self._deployment.key, token)
        content: dict[str, str] = {}
        if self._saying.content_of(offer, touchpoint) is not None:
            try:
                variables = self._saying.event_variables(event)
                rendered = self._saying.render(offer, touchpoint, customer, language, variables, str)
            except TemplateFailedError:
                if token.until_ms:  # nothing half written is shown, and nobody waits for the end of the lease
                    await self.receive(token, Outcome.FAILED, CONTENT_FAILED, f"{signed}/failed")
                return None
            language, content = rendered.language or language, rendered.parts
        return Offered(
            signed, campaign, names.title("campaign", campaign), offer,
            names.title("offer", offer) if offer else "", language, content, self._saying.why(campaign, tongue),
            int(row["until_ms"]),
        )  # fmt: skip

    async def _event(self, cause: Cause, taken: Taken) -> DecidedEvent | None:
        """The event that a decision answered: of this batch, remembered, or from the journal."""
        found = decided_event(taken.batch, taken.outputs, taken.first_seq, cause) or self._saying.recent_event(cause)
        if found is not None:
            return found
        if cause not in self._events:
            while len(self._events) >= EVENTS_KEPT_MAX:
                self._events.pop(next(iter(self._events)))
            self._events[cause] = await asyncio.to_thread(self._saying.find_event, cause)
        return self._events[cause]


def receipts(
    deployment: Deployment, said: list[tuple[DecisionToken, Outcome, str, str]], words: NDArray[np.uint64]
) -> FactBatch:
    """RECEIPT facts of those (decision, outcome, reason, message id) that were not said before; for the door's thread."""
    builder = BatchBuilder()
    now_ms = time.time_ns() // 1_000_000
    for decision, outcome, reason, message_id in said:
        stamp = hash_message(words, "receipt", message_id)
        if deployment.repeats.check(stamp, 0):
            continue
        deployment.repeats.add(stamp, 0, now_ms)
        code = deployment.dictionary.intern(reason) if reason else NULL
        values = (decision.decision, int(outcome), decision.campaign, code)
        builder.add(FactKind.RECEIPT, decision.touchpoint, decision.customer, now_ms, now_ms, values, stamp)
    return builder.build()


def _lines(definition: TouchpointDefinition, ask: TouchAsk) -> bytes:
    """The canonical messages of a touch: the touchpoint's event where it has one, then the touch."""
    who = msgspec.to_builtins(ask.customer)
    lines: list[Mapping[str, Any]] = []
    if definition.event is not None:
        event = {"type": "track", "event": definition.event, "properties": ask.context, **who}
        lines.append(event if ask.request_id is None else event | {"messageId": ask.request_id})
    slots = max(1, min(ask.slots, definition.slots))
    lines.append({"type": "touch", "touchpoint": definition.touchpoint, "slots": slots, **who})
    return b"\n".join(msgspec.json.encode(line) for line in lines)


def _shown(taken: Taken, customer: int, touchpoint: int, seq: int) -> list[NDArray[Any]]:
    """What this touch may show: the decisions leased to it, and those that its own event was answered with on the spot."""
    moves, decisions = taken.outputs.moves, taken.outputs.decisions
    leased = moves[(moves["kind"] == MoveKind.LEASED) & (moves["customer"] == customer) & (moves["seq"] == seq)]
    at_once = decisions[
        (decisions["customer"] == customer)
        & (decisions["touchpoint"] == touchpoint)
        & (decisions["arm"] == Arm.TREATED)
    ]
    shown = list(leased)
    for decision in at_once:
        row = np.zeros(1, leased.dtype)[0]
        for name in ("customer", "campaign", "offer", "touchpoint"):
            row[name] = decision[name]
        row["decision"], row["decided_seq"] = decision["number"], decision["seq"]
        shown.append(row)
    return shown
