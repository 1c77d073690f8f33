"""Carrying decisions out and answers back: pushed decisions go into the outbox, channels send them, what becomes of them are receipts.

Append, then act, then move the cursor: a decision is in the journal before it is in the outbox, and the outbox notes how far it has
read in the transaction that adds it. A start reads on from there, so nothing is left out, and nothing is put in twice.
"""

import asyncio
import base64
import re
import time
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from opportune.campaigns import TouchpointDefinition
from opportune.delivery import (
    Channel,
    Deferred,
    Dispatcher,
    Lane,
    Message,
    TemplateFailedError,
    Unsubscription,
    Withheld,
    account_folder,
    channel_of,
    sign_link,
    sign_unsubscribe,
)
from opportune.facts import MS_PER_MINUTE, NO_TOUCHPOINT, FactBatch, MoveKind, Outcome, Outputs
from opportune.intake import key_words
from opportune.operations.accounts import ACCOUNTS_FILE, read_accounts
from opportune.operations.consents import consent_batch
from opportune.operations.deployment import Deployment, DeploymentError, journal_of, read_group
from opportune.operations.door import Door, Taken
from opportune.operations.saying import Saying, decided_event
from opportune.operations.tokens import DecisionToken
from opportune.operations.touch import receipts
from opportune.operations.trial_sends import TEST_KEY, TrialSend, TrialSent, compose_trial, trial_messages, trial_sent
from opportune.policy import in_quiet
from opportune.store import Coupons, Inbox, Links, NewMessage, Outbox, OutboxRow, OutboxState, Report, Stage, WorkItems

CURSOR = "moves"
DRAIN_SECONDS = 20.0
UNNOTED_FACTS_MAX = 1_000_000
TRIAL_SECONDS, TRIAL_LOOK_SECONDS = 5.0, 0.05
IN_FLIGHT_MAX = 64
REASON_CHARACTERS_MAX = 40
_CODE = re.compile(r"[a-z_]*")


class Sending:
    """The way out of one running deployment. `take` is told of every durable piece, in order; the rest runs in the event loop."""

    def __init__(self, deployment: Deployment, door: Door, saying: Saying) -> None:
        folder = deployment.folder
        self._deployment, self._door, self._saying = deployment, door, saying
        self._words = key_words(deployment.key)
        self._accounts = read_accounts(folder)
        self.outbox, self.coupons, self.links = Outbox(folder), Coupons(folder), Links(folder)
        self.inbox, self.items = Inbox(folder, deployment.people), WorkItems(folder, deployment.people)
        self._loop = asyncio.get_running_loop()
        self.dispatcher: Dispatcher | None = None
        self._running: asyncio.Task[None] | None = None
        self._delivery: dict[str, TouchpointDefinition] = {}
        self._read_to = self._noted_to = 0
        self.clicks: dict[str, int] = {}
        """Clicks on tracked links since the start, by `person` or why they were taken for a machine's."""
        self.trouble: dict[str, str] = {}
        """Why a touchpoint's messages cannot leave now: its account is missing or wrong."""

    async def start(self) -> None:
        """Read what the outbox has not seen, and begin to send."""
        await asyncio.to_thread(self._catch_up)
        await self.follow_playbook()

    async def drain(self) -> None:
        """Begin to send nothing more, and finish what is on its way; answers to it are still stated."""
        await self._end_dispatcher()

    def close(self) -> None:
        """Let go of the outbox; once nothing is taken in any more."""
        if self._door.failure is None:
            self._read_to = self._deployment.journal.durable_seq
        if self._read_to > self._noted_to:
            self._note_cursor()
        for store in (self.outbox, self.coupons, self.links, self.inbox, self.items):
            store.close()

    async def follow_playbook(self) -> None:
        """Send by the touchpoints of the playbook in force; to be called when it has changed."""
        wanted = {
            name: touchpoint
            for name, touchpoint in self._deployment.playbook.definitions.touchpoints.items()
            if touchpoint.delivery is not None
        }
        if wanted == self._delivery and self.dispatcher is not None:
            return
        await self._end_dispatcher()
        self._delivery, self.trouble = wanted, {}
        channels: dict[str, Channel] = {}
        shared: dict[tuple[str, str], Channel] = {}
        for name, touchpoint in wanted.items():
            assert touchpoint.delivery is not None
            account = (touchpoint.delivery.by, touchpoint.delivery.account)
            try:
                if account not in shared:
                    shared[account] = self._channel(*account)
                channels[name] = shared[account]
            except (ValueError, RuntimeError, OSError) as error:
                self.trouble[name] = str(error)
        lanes = [_lane(wanted[name]) for name in channels]
        self.dispatcher = Dispatcher(self.outbox, lanes, channels, self._compose, self._report, day_ms=self._day_ms)
        self._running = asyncio.create_task(self.dispatcher.run())

    def take(self, taken: Taken) -> None:
        """A piece is durable: put what it pushes into the outbox, take back what it withdraws. Not in the event loop."""
        if self._put(taken.batch, taken.outputs, taken.first_seq, taken.first_seq + len(taken.batch)):
            self._loop.call_soon_threadsafe(self._wake)

    async def stop_sending(self, reason: str) -> None:
        """Let nothing leave any more, within one batch. The fact is the caller's to state."""
        if self.dispatcher is not None:
            await self.dispatcher.stop(reason)

    async def go_on(self) -> None:
        """Send again."""
        if self.dispatcher is not None:
            await self.dispatcher.go_on()

    async def send_trial(self, ask: TrialSend) -> list[TrialSent]:
        """Send a test to ourselves; returns when all have ended, or after TRIAL_SECONDS with how they stand then.

        Raises RefusedError, DeploymentError.
        """
        messages = await asyncio.to_thread(trial_messages, ask, self._saying, self._deployment.folder)
        await asyncio.to_thread(self.outbox.put, messages, time.time_ns() // 1_000_000)
        self._wake()
        deadline = time.monotonic() + TRIAL_SECONDS
        while True:
            rows = [row for one in messages if (row := await asyncio.to_thread(self.outbox.get, one.key))]
            moving = any(row.state in (OutboxState.QUEUED, OutboxState.SENDING) for row in rows)
            if not moving or time.monotonic() > deadline:
                break
            await asyncio.sleep(TRIAL_LOOK_SECONDS)
        return [trial_sent(row) for row in rows]

    def count_click(self, key: str, why_bot: str | None) -> None:
        """Count a click on a tracked link: a person's, or one taken for a machine's; those on tests are not counted."""
        if key.startswith(TEST_KEY):
            return
        self.clicks[why_bot or "person"] = self.clicks.get(why_bot or "person", 0) + 1

    def _wake(self) -> None:
        if self.dispatcher is not None:
            self.dispatcher.wake()

    def _channel(self, by: str, account: str) -> Channel:
        settings = self._accounts.get(by, {}).get(account)
        if settings is None and by not in ("inbox", "work_items"):
            raise ValueError(f"{ACCOUNTS_FILE} has no account `{account}` for {by}; add it and publish again")
        settings = settings or {}
        if by == "file":
            settings = account_folder(settings, self._deployment.folder)
        if by == "smtp":
            # Our key signs Message-IDs, so that what comes back to the door of mail reports is known again.
            domain = str(settings.get("sender", "")).rpartition("@")[2].rstrip("> ")
            settings = {"domain": domain, "secret": base64.b64encode(self._deployment.key).decode()} | settings
        return channel_of(by, settings, self.inbox, self.items)

    async def _end_dispatcher(self) -> None:
        if self.dispatcher is None or self._running is None:
            return
        await self.dispatcher.drain(DRAIN_SECONDS)
        with suppress(asyncio.CancelledError):
            await self._running
        self.dispatcher = self._running = None

    # From the journal into the outbox

    def _catch_up(self) -> None:
        """What came between the outbox's cursor and the end of the journal."""
        cursor = self._read_to = self._noted_to = self.outbox.cursor(CURSOR)
        if cursor > self._deployment.engine.next_seq:
            raise DeploymentError(
                f"{self._deployment.folder / 'outbox.db'} has read further than the journal goes; was one of them restored alone?"
            )
        for group in journal_of(self._deployment.folder).read(cursor):
            batch, outputs = read_group(group)
            self._put(batch, outputs, group.first_seq, group.end_seq)

    def _put(self, batch: FactBatch, outputs: Outputs, first_seq: int, end_seq: int) -> bool:
        moves = outputs.moves[self._is_ours(outputs.moves["touchpoint"])]
        if not len(moves):
            self._read_to = end_seq
            if end_seq >= self._noted_to + UNNOTED_FACTS_MAX:  # a start reads again in vain what is not noted
                self._note_cursor()
            return False
        now_ms = time.time_ns() // 1_000_000
        pushed = moves[moves["kind"] == MoveKind.PUSHED]
        messages = [one for move in pushed if (one := self._message(move, batch, outputs, first_seq)) is not None]
        gone = moves[np.isin(moves["kind"], (MoveKind.WITHDRAWN, MoveKind.RELEASED))]
        self.outbox.put(messages, now_ms, None if len(gone) else (CURSOR, end_seq))
        if len(gone):
            self.outbox.withdraw([str(number) for number in gone["decision"].tolist()], "withdrawn", now_ms)
            self.outbox.put((), now_ms, (CURSOR, end_seq))
        self._read_to = self._noted_to = end_seq
        return bool(messages)

    def _is_ours(self, touchpoints: NDArray[np.uint16]) -> NDArray[np.bool_]:
        """Which of these numbers are touchpoints to which we deliver; other moves are nothing to the outbox."""
        names, definitions = self._saying.names("en"), self._saying.playbook.definitions.touchpoints
        ours = [
            number
            for number in np.unique(touchpoints).tolist()
            if number != NO_TOUCHPOINT
            and (one := definitions.get(names.name("touchpoint", number))) is not None
            and one.delivery is not None
        ]
        return np.isin(touchpoints, ours)

    def _note_cursor(self) -> None:
        self.outbox.put((), time.time_ns() // 1_000_000, (CURSOR, self._read_to))
        self._noted_to = self._read_to

    def _message(self, move: Any, batch: FactBatch, outputs: Outputs, first_seq: int) -> NewMessage | None:
        names = self._saying.names("en")
        touchpoint = names.name("touchpoint", int(move["touchpoint"]))
        definition = self._saying.playbook.definitions.touchpoints.get(touchpoint)
        if definition is None or definition.delivery is None:
            return None  # another system sends it, and says by receipts what became of it
        cause = self._saying.cause_of(move)
        event = decided_event(batch, outputs, first_seq, cause) or self._saying.find_event(cause)
        return NewMessage(
            str(int(move["decision"])), touchpoint, int(move["customer"]), names.campaign(int(move["campaign"])),
            self._saying.offer_name(int(move["offer"])), cause.seq, dict(self._saying.event_variables(event)),
            at_least_once=definition.delivery.at_least_once and definition.contact_class == "service",
            until_ms=int(move["until_ms"]),
        )  # fmt: skip

    # From the outbox to a channel

    async def _compose(self, row: OutboxRow) -> Message | Withheld | Deferred:
        return await asyncio.to_thread(self.compose, row)

    def compose(self, row: OutboxRow) -> Message | Withheld | Deferred:
        """The message of an outbox row, written now; or why it is not to be sent, or not yet."""
        playbook = self._saying.playbook
        definition = playbook.definitions.touchpoints.get(row.touchpoint)
        if definition is None or definition.delivery is None:
            return Withheld("touchpoint_gone")
        link = partial(self._link, row.key)
        if row.is_test:
            return compose_trial(row, definition, self._saying, link)
        now_ms = time.time_ns() // 1_000_000
        until_ms = self._quiet_until(definition, row.customer, now_ms)
        if until_ms:
            return Deferred(until_ms, "quiet_hours")
        address = self._address(definition, row)
        if address is None:
            return Withheld("no_address")
        variables = dict(row.variables)
        offer = playbook.definitions.offers.get(row.offer)
        if offer is not None and offer.codes is not None:
            code = self.coupons.take(offer.codes, row.key, now_ms)
            if code is None:
                return Withheld("no_coupon_left")
            variables["code"] = code
        language = self._saying.language_of(row.customer) or self._saying.languages[0]
        if self._saying.content_of(row.offer, row.touchpoint) is None:
            return Withheld("no_content")
        unsubscribe = self._unsubscribe(row, definition)
        variables["unsubscribe"] = unsubscribe
        try:
            said = self._saying.render(row.offer, row.touchpoint, row.customer, language, variables, link)
        except (TemplateFailedError, ValueError) as error:
            return Withheld(str(error).partition(":")[0])
        plain = {name: value for name, value in variables.items() if name != "unsubscribe"}
        return Message(
            row.key, row.touchpoint, row.customer, address, said.language, said.parts.get("subject", ""),
            said.parts.get("text", ""), said.parts.get("html", ""), said.parts.get("script", ""), unsubscribe, "", plain,
            row.campaign, row.offer, row.is_test, row.at_least_once, row.until_ms,
        )  # fmt: skip

    def _address(self, definition: TouchpointDefinition, row: OutboxRow) -> str | None:
        """Where the customer is reached: her personal tag or identifier of that name."""
        assert definition.delivery is not None
        wanted = definition.delivery.address
        if wanted is None:  # an inbox, a list, a file: the customer's number is enough
            return str(row.customer)
        people = self._deployment.people
        found = people.personal_of(row.customer).get(wanted)
        return found or next((text for kind, text in people.identifiers_of(row.customer) if kind == wanted), None)

    def _quiet_until(self, definition: TouchpointDefinition, customer: int, now_ms: int) -> int:
        """Until when quiet hours keep this message back, 0 where they do not: it may have waited for its turn since it was admitted."""
        policy = self._saying.playbook.definitions.policy
        if definition.contact_class == "service":
            return 0
        zone = self._saying.zone_of(customer)
        local = _moment(now_ms, zone)
        minute = local.hour * 60 + local.minute
        for hours in (definition.quiet_hours, policy.quiet_hours if policy is not None else None):
            if hours is not None and in_quiet(hours.since, hours.to, minute):
                return now_ms - now_ms % MS_PER_MINUTE + (hours.to - minute) % (24 * 60) * MS_PER_MINUTE
        return 0

    def _unsubscribe(self, row: OutboxRow, definition: TouchpointDefinition) -> str:
        """The one-click link out of this purpose and channel; empty for service messages, and where nobody can reach us."""
        base = self._saying.playbook.definitions.deployment.public_url
        campaign = self._saying.playbook.definitions.campaigns.get(row.campaign)
        if definition.contact_class == "service" or not base or campaign is None:
            return ""
        said = Unsubscription(
            row.customer, campaign.policy.purpose, definition.channel or definition.touchpoint, row.key
        )
        return f"{base.rstrip('/')}/u/{sign_unsubscribe(self._deployment.key, said)}"

    def _link(self, key: str, url: str) -> str:
        base = self._saying.playbook.definitions.deployment.public_url
        if not base:
            return url
        return f"{base.rstrip('/')}/l/{sign_link(self._deployment.key, key, self.links.number_of(url))}"

    def _day_ms(self, now_ms: int) -> int:
        zone = ZoneInfo(self._deployment.catalogue.zone)
        return int(_moment(now_ms, zone).replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)

    # From channels back into the journal

    async def _report(self, reports: list[Report]) -> None:
        """State what became of messages, as receipts; durable when it returns."""
        names = self._saying.names("en")
        said: list[tuple[DecisionToken, Outcome, str, str]] = []
        for report in reports:
            touchpoint = names.number("touchpoint", report.touchpoint)
            if touchpoint is None or not report.key.isdecimal():
                continue
            if report.outcome is not None:
                campaign, offer = names.number("campaign", report.campaign), names.number("offer", report.offer)
                token = DecisionToken(
                    int(report.key), report.decided_seq, report.customer, campaign or 0, offer or 0, touchpoint, 0
                )
                said.append((token, report.outcome, _code(report.reason), report.message_id))
            if report.stage is Stage.COMPLAINED:
                await self.withdraw_consent(report.customer, report.campaign, report.touchpoint, report.message_id)
        if said:
            await self._door.state(lambda deployment: receipts(deployment, said, self._words))

    async def withdraw_consent(self, customer: int, campaign: str, touchpoint: str, message_id: str) -> None:
        """A complaint is a withdrawal of consent for the campaign's purpose, on that channel."""
        definitions = self._saying.playbook.definitions
        known, place = definitions.campaigns.get(campaign), definitions.touchpoints.get(touchpoint)
        purpose = known.policy.purpose if known is not None else "marketing"
        channel = (place.channel if place is not None else None) or touchpoint
        proof = {"by": "complaint", "campaign": campaign}

        def make(deployment: Deployment) -> FactBatch:
            return consent_batch(deployment, customer, purpose, channel, False, message_id, proof)

        await self._door.state(make)


def _lane(definition: TouchpointDefinition) -> Lane:
    """How a touchpoint's messages leave."""
    assert definition.delivery is not None
    capacity = definition.capacity
    return Lane(
        definition.touchpoint,
        capacity.per_second,
        capacity.per_day,
        IN_FLIGHT_MAX,
        definition.delivery.tries,
        account=f"{definition.delivery.by}/{definition.delivery.account}",
    )


def _code(reason: str) -> str:
    """A provider's reason as a code of few words, so that what varies with each message fills no dictionary."""
    return _CODE.match(reason.lower().replace("-", "_").replace(" ", "_"))[0][:REASON_CHARACTERS_MAX]  # type: ignore[index]  # it matches the empty text too


def _moment(now_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(now_ms / 1000, zone)
