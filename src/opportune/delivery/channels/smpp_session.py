"""One SMPP 3.4 session, as aiosmpplib keeps it: bound, re-bound, enquired after; what is submitted is answered or known to be lost."""

import asyncio
import contextlib
import logging
import re
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

import aiosmpplib as smpp

_NEVER = logging.CRITICAL + 10
"""The library logs whole messages with their numbers: nothing of that leaves this file."""
_SUBMITTED_MAX = 10_000
_UNBIND_S = 2.0
_RECEIPT_FIELD = re.compile(r"(\w+(?: date)?):(\S*)")
_MESSAGE_STATES = {
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}
_RECEIPTED_MESSAGE_ID, _MESSAGE_STATE = 0x001E, 0x0427

OnReceipt = Callable[[str, str, str], Awaitable[None]]
"""Called with (provider's id, state such as DELIVRD, error code); the provider is answered after it returned."""


class LostError(Exception):
    """The line broke, or the provider stayed silent; `handed_over` says whether it may have the message."""

    def __init__(self, handed_over: bool) -> None:
        """Where it broke."""
        super().__init__("handed over, not answered" if handed_over else "not handed over")
        self.handed_over = handed_over


class SmppSession:
    """A session with one provider."""

    def __init__(self, settings: dict[str, Any], on_receipt: OnReceipt, reconnect_s: float) -> None:
        """`settings` as `aiosmpplib.ESME` takes them. Raises ValueError where they are wrong."""
        self._waiting: OrderedDict[str, asyncio.Future[smpp.SmppMessage]] = OrderedDict()
        self._written: set[str] = set()
        self._broker = _Broker()
        self._esme = _Esme(
            **settings, broker=self._broker, hook=_Hook(self), correlator=_Correlator(), retry_timer=_Rest(self, reconnect_s),
            throttle_handler=_NoThrottle(), log_level=_NEVER, log_handler=logging.NullHandler(),
        )  # fmt: skip
        self._on_receipt = on_receipt
        self._task: asyncio.Task[None] | None = None

    @property
    def bound(self) -> bool:
        """Whether messages can be submitted now."""
        return self._esme.session_state == smpp.SmppSessionState.BOUND_TRX

    def start(self) -> None:
        """Connect, bind, and again whenever the line breaks, until `stop`."""
        self._task = asyncio.create_task(self._esme.start(), name="smpp session")

    async def stop(self) -> None:
        """Unbind and let go."""
        if self._task is None:
            return
        with contextlib.suppress(TimeoutError, OSError):
            await asyncio.wait_for(self._esme.stop(), _UNBIND_S)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        self.line_broke()

    async def submit(self, submit: smpp.SubmitSm, answer_s: float) -> smpp.SmppMessage:
        """Submit one part; what the provider answered in time (a SubmitSmResp or a GenericNack). Raises LostError.

        Cancelled before it was written, it is not written any more.
        """
        if len(self._waiting) >= _SUBMITTED_MAX:
            raise LostError(handed_over=False)
        tag = secrets.token_hex(8)
        submit.log_id = tag
        answer = self._waiting[tag] = asyncio.get_running_loop().create_future()
        self._broker.queue.put_nowait(submit)
        try:
            return await asyncio.wait_for(answer, answer_s)
        except TimeoutError as error:
            raise LostError(tag in self._written) from error
        finally:
            self._waiting.pop(tag, None)
            self._written.discard(tag)

    def wanted(self, tag: str) -> bool:
        """Whether somebody still waits for that part."""
        return tag in self._waiting

    def was_written(self, tag: str) -> None:
        """From here on the provider may have it."""
        self._written.add(tag)

    def answered(self, tag: str, response: smpp.SmppMessage) -> None:
        """Hand the provider's answer to whoever waits for it."""
        answer = self._waiting.get(tag)
        if answer is not None and not answer.done():
            answer.set_result(response)

    def failed(self, tag: str) -> None:
        """Sending that part failed here."""
        answer = self._waiting.get(tag)
        if answer is not None and not answer.done():
            answer.set_exception(LostError(tag in self._written))

    def line_broke(self) -> None:
        """No answer comes any more for what was submitted over this line; what was not written is not written later."""
        self._broker.clear()
        for tag in list(self._waiting):
            self.failed(tag)

    async def came_in(self, message: smpp.DeliverSm) -> None:
        """A delivery receipt, or a text from a customer (which is none of ours yet)."""
        if message.is_receipt():
            provider_id, state, error = read_receipt(message)
            if provider_id:
                await self._on_receipt(provider_id, state, error)


def read_receipt(message: smpp.DeliverSm) -> tuple[str, str, str]:
    """(provider's id, state, error code) of a delivery receipt, from its optional parameters or else its text; empty where missing."""
    fields = {name.lower(): value for name, value in _RECEIPT_FIELD.findall(message.short_message or "")}
    options = {option.tag: option.value for option in message.optional_params or []}
    provider_id = str(options.get(_RECEIPTED_MESSAGE_ID) or fields.get("id", "")).rstrip("\0")
    number = options.get(_MESSAGE_STATE)
    state = _MESSAGE_STATES.get(number, "") if isinstance(number, int) else ""
    return provider_id, state or fields.get("stat", "").upper(), fields.get("err", "")


class _Broker(smpp.AbstractBroker):
    """What waits to be written: only what is being waited for, so nothing old goes out after a reconnection."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[smpp.SmppMessage] = asyncio.Queue()

    async def enqueue(self, message: smpp.SmppMessage) -> None:
        self.queue.put_nowait(message)

    async def dequeue(self) -> smpp.SmppMessage:
        return await self.queue.get()

    def clear(self) -> None:
        while not self.queue.empty():
            self.queue.get_nowait()


class _Hook(smpp.AbstractHook):
    """Where the library tells us what it does."""

    def __init__(self, session: SmppSession) -> None:
        self._session = session
        self._tags: OrderedDict[int, str] = OrderedDict()

    async def sending(self, smpp_message: smpp.SmppMessage, pdu: bytes, client_id: str) -> None:
        if isinstance(smpp_message, smpp.SubmitSm):
            if not self._session.wanted(smpp_message.log_id):
                raise ValueError("nobody waits for it any more")  # the library drops a message for that, and goes on
            # Noted before it is written: the answer may come before the library has noted it.
            self._tags[smpp_message.sequence_num] = smpp_message.log_id
            while len(self._tags) > _SUBMITTED_MAX:
                self._tags.popitem(last=False)
            self._session.was_written(smpp_message.log_id)

    async def received(self, smpp_message: smpp.SmppMessage | None, pdu: bytes, client_id: str) -> None:
        if isinstance(smpp_message, smpp.DeliverSm):
            await self._session.came_in(smpp_message)
        elif isinstance(smpp_message, smpp.SubmitSmResp | smpp.GenericNack):
            tag = self._tags.pop(smpp_message.sequence_num, None)
            if tag is not None:
                self._session.answered(tag, smpp_message)

    async def send_error(self, smpp_message: smpp.SmppMessage, error: Exception, client_id: str) -> None:
        if isinstance(smpp_message, smpp.SubmitSm):
            self._session.failed(smpp_message.log_id)


class _Esme(smpp.ESME):
    """The library's client, that a receipt it cannot read does not throw out of its session, and that ends at once."""

    async def _end_task(self, task: asyncio.Task[Any]) -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _handle_request(self, pdu: bytes, header: smpp.PduHeader) -> smpp.SmppMessage | None:
        try:
            return await super()._handle_request(pdu, header)
        except (ValueError, KeyError):  # such as `err:00A`, which it wants to be a number
            return smpp.DeliverSm.from_pdu(pdu, header, self.default_encoding, self.custom_codecs)


class _Correlator(smpp.AbstractCorrelator):
    """The library wants to see its requests again; receipts are matched by the outbox, which outlives it."""

    def __init__(self) -> None:
        self._requests: OrderedDict[int, smpp.SmppMessage] = OrderedDict()

    async def put(self, smpp_message: smpp.SmppMessage) -> None:
        self._requests[smpp_message.sequence_num] = smpp_message
        while len(self._requests) > _SUBMITTED_MAX:
            self._requests.popitem(last=False)

    async def get(self, response: smpp.SmppMessage) -> smpp.SmppMessage | None:
        return self._requests.pop(response.sequence_num, None)

    def get_cumulated_status(self, ref_num: int) -> int:
        return 0

    async def expired(self, smpp_message: smpp.SmppMessage) -> None:
        return None

    async def put_delivery(self, smsc_message_id: str, submit_sm: smpp.SubmitSm) -> None:
        return None

    async def put_delivery_segmented(self, deliver_sm: smpp.DeliverSm) -> smpp.DeliverSm | None:
        return deliver_sm

    async def get_segmented(self, smpp_seq_num: int, remove: bool = False) -> tuple[Any, int]:
        return None, 0

    async def get_delivery(self, receipt: smpp.DeliverSm) -> smpp.SubmitSm | None:
        return None


class _NoThrottle(smpp.AbstractThrottleHandler):
    """Lanes pace; the library does not."""

    async def throttled(self) -> None:
        return None

    async def not_throttled(self) -> None:
        return None

    async def allow_request(self) -> bool:
        return True

    async def throttle_delay(self) -> float:
        return 0.0


class _Rest(smpp.AbstractRetryTimer):
    """The library rests here after each line that broke: the one place where we learn of it."""

    def __init__(self, session: SmppSession, seconds: float) -> None:
        self._session = session
        self._seconds = seconds

    async def wait(self) -> None:
        self._session.line_broke()
        await asyncio.sleep(self._seconds)

    def reset(self) -> None:
        return None

    def next_delay(self) -> float:
        return self._seconds
