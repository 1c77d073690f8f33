"""Pages that customers open from messages: tracked links, one-click unsubscription (RFC 8058) and the preference page. No key: the token is.

A GET never changes anything, for mail scanners follow every link; only a POST does.
"""

import asyncio
import html
import time
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from opportune.delivery import Unsubscription, is_bot, open_link, open_unsubscribe
from opportune.entrypoints.http.problems import ProblemError
from opportune.journal import JournalError
from opportune.operations import DeploymentError, Service, state_click, state_consent

TOKEN_CHARACTERS_MAX = 500
Token = Annotated[str, Path(max_length=TOKEN_CHARACTERS_MAX)]

_WORDS = {
    "en": (
        "Messages from us", "You get messages of this kind on this channel:", "Stop these messages", "Stop all marketing messages",
        "Send me these messages again", "Done. You will get no more of these messages.", "Done. You will get these messages again.",
    ),
    "zh": (
        "消息偏好", "您正在通过以下渠道接收此类消息：", "不再接收此类消息", "不再接收任何营销消息", "恢复接收此类消息",
        "已完成。您将不再收到此类消息。", "已完成。您将重新收到此类消息。",
    ),
}  # fmt: skip
_PAGE = """<!doctype html><html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>body{{font:16px/1.6 system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}}
button{{font:inherit;display:block;width:100%;margin:.6rem 0;padding:.7rem;border:1px solid #999;border-radius:.4rem;background:#fff}}
</style></head><body><h1>{title}</h1>{body}</body></html>"""
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "referrer-policy": "no-referrer", "cache-control": "no-store", "x-robots-tag": "noindex",
}  # fmt: skip


def customer_router(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["customers"], include_in_schema=False)
    key = service.deployment.key

    def said_by(token: str) -> Unsubscription:
        said = open_unsubscribe(key, token)
        if said is None:
            raise ProblemError(404, "no_page", "this link is not whole; open it from the message again")
        return said

    @router.get("/u/{token}")
    async def preferences(token: Token, request: Request) -> Response:
        """The preference page; it only shows."""
        said = said_by(token)
        words = _WORDS[_language(request)]
        place = html.escape(f"{said.purpose} · {said.channel or '*'}")
        buttons = "".join(
            f'<form method="post"><input type="hidden" name="do" value="{do}"><button>{words[at]}</button></form>'
            for do, at in (("stop", 2), ("stop_all", 3), ("start", 4))
        )
        return _page(request, f"<p>{words[1]} <b>{place}</b></p>{buttons}")

    @router.post("/u/{token}")
    async def change(token: Token, request: Request) -> Response:
        """Withdraw the consent (a mail program's one click, or the page's button), or give it again. The proof is kept."""
        said = said_by(token)
        form = (await request.body())[:1_000].decode("utf-8", "replace")
        given = "do=start" in form
        channel = "" if "do=stop_all" in form else said.channel
        proof = {
            "by": "one_click" if "List-Unsubscribe=One-Click" in form else "preference_page", "message": said.key,
            "at_ms": time.time_ns() // 1_000_000, "user_agent": request.headers.get("user-agent", "")[:200],
        }  # fmt: skip
        await state_consent(service.door, said.customer, said.purpose, channel, given, proof)
        return _page(request, f"<p>{_WORDS[_language(request)][6 if given else 5]}</p>")

    @router.get("/l/{token}")
    async def follow(token: Token, request: Request) -> Response:
        """Lead on to the address; a person's click is counted and, where the playbook has such an event, happened; a machine's is not."""
        click = open_link(key, token)
        url = service.sending.links.url_of(click.number) if click is not None else None
        if click is None or url is None:
            raise ProblemError(404, "no_link", "this link is not whole; open it from the message again")
        row = await asyncio.to_thread(service.sending.outbox.get, click.key)
        since = None if row is None else time.time_ns() // 1_000_000 - row.changed_ms
        why = is_bot(request.headers.get("user-agent", ""), request.method, since)
        service.sending.count_click(click.key, why)
        if row is not None and why is None:
            with suppress(DeploymentError, JournalError):  # whoever clicked gets there all the same
                await state_click(service.door, row, click.number, url)
        return RedirectResponse(url, 302, headers={"referrer-policy": "no-referrer", "cache-control": "no-store"})

    return router


def _language(request: Request) -> str:
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


def _page(request: Request, body: str) -> Response:
    language = _language(request)
    return HTMLResponse(_PAGE.format(language=language, title=_WORDS[language][0], body=body), headers=_HEADERS)
