"""Messages to another system by HTTP POST, signed as Standard Webhooks says, so that it can tell ours from others' and drop repeats."""

import hashlib
import hmac
from base64 import b64decode, b64encode

import httpx
import msgspec

from opportune.delivery.channel import ReceiptHandler, said
from opportune.delivery.message import Message, Rejected, SendAnswer, Sent, TryLater, Unanswered
from opportune.delivery.pace import Clock, SystemClock

BODY_BYTES_MAX = 20_000
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64
RETRY_AFTER_S_MAX = 3_600
_PREFIX = "whsec_"
_BUSY = {429, 502, 503, 504}
_LATER = {408, 425, 500}


class WebhookAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where messages go. The first of `secrets` (`whsec_…`) is ours; more of them are those being replaced."""

    url: str
    secrets: tuple[str, ...]
    timeout_s: float = 20.0
    connections_max: int = 20
    ca_file: str | None = None


class WebhookChannel:
    """The channel of one account."""

    def __init__(self, account: WebhookAccount, clock: Clock | None = None) -> None:
        """Raises ValueError where the URL or a secret is wrong."""
        self._url = httpx.URL(account.url)
        if self._url.scheme not in ("http", "https") or not self._url.host:
            raise ValueError(f"`{account.url}` is no http(s) address; write for example https://example.com/hook")
        self._secrets = [_secret(text) for text in account.secrets]
        if not self._secrets:
            raise ValueError("a webhook needs a secret; make one with `whsec_` and the base64 of 24 to 64 random bytes")
        self._account = account
        self._clock = clock or SystemClock()
        self._client: httpx.AsyncClient | None = None

    async def open(self, on_receipt: ReceiptHandler) -> None:
        """Make ready to connect."""
        account = self._account
        self._client = httpx.AsyncClient(
            timeout=account.timeout_s, follow_redirects=False, trust_env=False, verify=account.ca_file or True,
            limits=httpx.Limits(max_connections=account.connections_max),
        )  # fmt: skip

    async def close(self) -> None:
        """End all connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def send(self, message: Message) -> SendAnswer:
        """POST one message. 2xx is taken; 410 ends the touchpoint; 429, 502, 503 and 504 make it rest; silence is unknown."""
        if self._client is None:
            return TryLater("not_open")
        now_ms = self._clock.now_ms()
        body = webhook_body(message, now_ms)
        if len(body) > BODY_BYTES_MAX:
            return Rejected(f"bad_message: {len(body):,} bytes, more than {BODY_BYTES_MAX:,}")
        headers = signed_headers(self._secrets, message.key, now_ms // 1_000, body)
        try:
            response = await self._client.post(self._url, content=body, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return TryLater(f"no_connection: {said(error)}", all=True)
        except httpx.PoolTimeout:
            return TryLater("no_free_connection")
        except httpx.TransportError as error:
            return Unanswered(f"no_answer: {type(error).__name__}")
        return _answer(response)


def webhook_body(message: Message, now_ms: int) -> bytes:
    """The JSON that is posted: `type`, `timestamp` and the message as `data`, without what is empty."""
    content = {
        name: value
        for name in ("address", "language", "subject", "text", "html", "script", "unsubscribe", "variables")
        if (value := getattr(message, name))
    }
    data = {
        "key": message.key, "touchpoint": message.touchpoint, "customer": message.customer,
        "campaign": message.campaign, "offer": message.offer, "test": message.test,
    }  # fmt: skip
    return msgspec.json.encode({"type": "message.sent", "timestamp": now_ms, "data": data | content})


def signed_headers(secrets: list[bytes], key: str, at_s: int, body: bytes) -> dict[str, str]:
    """The three headers of Standard Webhooks, with one signature per secret."""
    content = f"{key}.{at_s}.".encode() + body
    signatures = [b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode() for secret in secrets]
    return {
        "content-type": "application/json", "webhook-id": key, "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }  # fmt: skip


def _secret(text: str) -> bytes:
    try:
        secret = b64decode(text.removeprefix(_PREFIX), validate=True)
    except ValueError:
        secret = b""
    if not text.startswith(_PREFIX) or not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
        raise ValueError(
            f"a webhook's secret is `{_PREFIX}` and the base64 of {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes"
        )
    return secret


def _answer(response: httpx.Response) -> SendAnswer:
    status = response.status_code
    if response.is_success:
        return Sent()
    if status == 410:
        return Rejected("gone", disables=True)
    if status in _BUSY or status in _LATER:
        after = response.headers.get("retry-after", "")
        after_ms = min(int(after), RETRY_AFTER_S_MAX) * 1_000 if after.isascii() and after.isdigit() else None
        return TryLater(f"http_{status}", after_ms, all=status in _BUSY)
    return Rejected(f"http_{status}")
