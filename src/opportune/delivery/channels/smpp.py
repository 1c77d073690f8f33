"""SMS by SMPP 3.4: bound as transceiver; long texts in parts; delivery receipts by the provider's ids."""

import asyncio
from itertools import count
from typing import Any

import aiosmpplib as smpp
import msgspec

from opportune.delivery.channel import ReceiptHandler, said
from opportune.delivery.channels.smpp_session import LostError, SmppSession
from opportune.delivery.message import Message, ProviderReceipt, Rejected, SendAnswer, Sent, TryLater, Unanswered
from opportune.delivery.sms_text import sms_parts
from opportune.store import Stage

PARTS_PER_MESSAGE_MAX = 10
NUMBER_CHARACTERS_MAX = 20
_UDH = 0b0100_0000
_BUSY = {"ESME_RTHROTTLED", "ESME_RMSGQFUL"}
_LATER = {"ESME_RSYSERR", "ESME_RSUBMITFAIL", "ESME_RX_T_APPN", "ESME_RINVBNDSTS"}
_STAGES = {
    "DELIVRD": Stage.DELIVERED, "UNDELIV": Stage.BOUNCED, "EXPIRED": Stage.BOUNCED, "DELETED": Stage.BOUNCED,
    "REJECTD": Stage.BOUNCED,
}  # fmt: skip


class SmppAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A provider and who we are to it. `source` is the number or name that customers see; `window` submits go unanswered at once."""

    host: str
    system_id: str
    password: str
    source: str
    port: int = 2775
    system_type: str = ""
    source_ton: int = 5
    source_npi: int = 0
    ton: int = 1
    npi: int = 1
    window: int = 10
    enquire_link_s: float = 30.0
    answer_s: float = 30.0
    reconnect_s: float = 2.0


class SmppChannel:
    """The channel of one account: one session, shared by all its touchpoints."""

    def __init__(self, account: SmppAccount) -> None:
        """Connects to nothing yet."""
        self._account = account
        self._session: SmppSession | None = None
        self._window = asyncio.Semaphore(account.window)
        self._references = count()
        self._on_receipt: ReceiptHandler | None = None

    async def open(self, on_receipt: ReceiptHandler) -> None:
        """Bind, in the background. Raises ValueError where the account is wrong."""
        account = self._account
        self._on_receipt = on_receipt
        settings: dict[str, Any] = {
            "smsc_host": account.host, "smsc_port": account.port, "system_id": account.system_id,
            "password": account.password, "system_type": account.system_type,
            "enquire_link_interval": account.enquire_link_s, "socket_timeout": account.answer_s,
        }  # fmt: skip
        self._session = SmppSession(settings, self._receipt, account.reconnect_s)
        self._session.start()

    async def close(self) -> None:
        """Unbind."""
        if self._session is not None:
            await self._session.stop()
            self._session = None

    async def send(self, message: Message) -> SendAnswer:
        """Submit all parts, in order. When one of several is lost or refused, the message as a whole is unknown."""
        coding, parts = sms_parts(message.text, next(self._references) % 256)
        number = message.address.removeprefix("+")
        if not message.text or len(parts) > PARTS_PER_MESSAGE_MAX:
            return Rejected(f"bad_message: {len(parts) if message.text else 0} parts, not 1 to {PARTS_PER_MESSAGE_MAX}")
        if not number.isdigit() or not number.isascii() or len(number) > NUMBER_CHARACTERS_MAX:
            return Rejected("bad_address")
        ids: list[str] = []
        for part in parts:
            submit = self._submit_of(number, coding, part, several=len(parts) > 1)
            answer = await self._submit(submit)
            while ids and isinstance(answer, TryLater):  # the rest must follow what is out already
                await asyncio.sleep((answer.after_ms or 1_000) / 1_000)
                answer = await self._submit(submit)
            if not isinstance(answer, Sent):
                return Unanswered(f"part {len(ids) + 1} of {len(parts)}: {answer.reason}") if ids else answer
            ids.extend(answer.provider_ids)
        return Sent(tuple(ids))

    def _submit_of(self, number: str, coding: str, part: bytes, several: bool) -> smpp.SubmitSm:
        account = self._account
        submit = smpp.SubmitSm(
            short_message="-", source=smpp.PhoneNumber(account.source, smpp.TON(account.source_ton), smpp.NPI(account.source_npi)),
            destination=smpp.PhoneNumber(number, smpp.TON(account.ton), smpp.NPI(account.npi)),
            esm_class=_UDH if several else 0, encoding="gsm0338" if coding == "gsm7" else "ucs2",
            registered_delivery=1,
        )  # fmt: skip
        submit.set_encoded_message(part)  # parted and coded by us; the library writes it as it is
        return submit

    async def _submit(self, submit: smpp.SubmitSm) -> SendAnswer:
        session = self._session
        if session is None or not session.bound:
            return TryLater("not_bound", after_ms=int(self._account.reconnect_s * 1_000), all=True)
        async with self._window:
            try:
                response = await session.submit(submit, self._account.answer_s)
            except LostError as error:
                return Unanswered("no_answer") if error.handed_over else TryLater("connection_lost", all=True)
        status = response.command_status.name
        if isinstance(response, smpp.SubmitSmResp) and status == "ESME_ROK":
            return Sent((response.message_id,) if response.message_id else ())
        if status in _BUSY:
            return TryLater(status, after_ms=1_000, all=True)
        return TryLater(status) if status in _LATER else Rejected(status)

    async def _receipt(self, provider_id: str, state: str, error: str) -> None:
        stage = _STAGES.get(state)
        if stage is not None and self._on_receipt is not None:
            reason = said(f"{state} {error}") if stage is Stage.BOUNCED else ""
            await self._on_receipt(ProviderReceipt(stage, provider_id=provider_id, reason=reason))
