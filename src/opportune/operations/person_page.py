"""A person's data as one page that any browser shows: no script, nothing loaded from elsewhere."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import msgspec

from opportune.operations.names import Language
from opportune.operations.person_export import PersonExport

_WORDS: dict[str, tuple[str, str]] = {
    "title": ("Everything known of customer", "客户全部资料"), "made": ("as of", "截至"), "identifiers": ("Identifiers", "标识"),
    "personal": ("Personal data", "个人信息"), "tags": ("Profile", "画像"), "consents": ("Consents", "授权同意"),
    "contacts": ("Contacts and answers", "接触与反馈"), "caps": ("Contacts against the limits", "接触频次"), "goals": ("Goals open", "进行中的目标"),
    "open": ("Open decisions", "未完成的决策"), "history": ("History", "历史记录"), "messages": ("Messages", "消息"),
    "raw": ("As sources sent it", "来源原始数据"), "audit": ("Who looked at this data", "查阅记录"), "kind": ("kind", "类型"),
    "value": ("value", "值"), "field": ("field", "字段"), "tag": ("tag", "标签"), "set": ("set at", "设置时间"), "purpose": ("purpose", "用途"),
    "channel": ("channel", "渠道"), "given": ("given", "已同意"), "at": ("at", "时间"), "what": ("what", "内容"), "details": ("details", "详情"),
    "source": ("source", "来源"), "more": ("also said", "附加内容"), "where": ("where", "位置"), "state": ("state", "状态"),
    "who": ("who", "查阅人"), "why": ("why", "原因"), "none": ("nothing", "无"), "yes": ("yes", "是"), "no": ("no", "否"),
    "campaign": ("campaign", "营销案"), "until": ("until", "截止"), "used": ("used", "已用"), "window": ("window", "周期"),
}  # fmt: skip
_STYLE = (
    "body{font-family:sans-serif;margin:2em;color:#222}table{border-collapse:collapse;margin:.5em 0 2em}"
    "th,td{border:1px solid #ccc;padding:.25em .6em;text-align:left;vertical-align:top}th{background:#f2f2f2}"
    "td{max-width:40em;overflow-wrap:anywhere}"
)


def person_page(export: PersonExport, language: Language = "en") -> str:
    """The page, in English or Chinese."""
    side = 1 if language == "zh" else 0

    def word(key: str) -> str:
        return escape(_WORDS[key][side])

    def cell(value: Any) -> str:
        if isinstance(value, bool):
            return word("yes" if value else "no")
        if isinstance(value, (dict, list, tuple)):
            return escape(msgspec.json.encode(value).decode()) if value else ""
        return "" if value is None else escape(str(value))

    def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
        body = "".join("<tr>" + "".join(f"<td>{cell(one)}</td>" for one in row) + "</tr>" for row in rows)
        if not body:
            return f"<h2>{word(title)}</h2><p>{word('none')}</p>"
        head = "".join(f"<th>{word(one)}</th>" for one in heads)
        return f"<h2>{word(title)}</h2><table><tr>{head}</tr>{body}</table>"

    profile = export.profile
    known = [(tag.title, tag.value, tag.unit, tag.set_at) for tag in profile.tags if tag.value is not None]
    parts = [
        table("identifiers", ("kind", "value"), export.identifiers),
        table("personal", ("field", "value"), export.personal.items()),
        table("tags", ("tag", "value", "what", "set"), known),
        table("consents", ("purpose", "channel", "given"), [(c.purpose, c.channel, c.given) for c in profile.consents]),
        table("contacts", ("at", "kind", "what", "details"), [(c.at, c.kind, c.title, c.details) for c in profile.contacts]),
        table("caps", ("what", "window", "used", "until"), [(f"{c.per} {c.of}", c.window, f"{c.used} / {c.most}", c.until) for c in profile.caps]),
        table("goals", ("campaign", "at", "until", "state"), [(g.campaign, g.opened, g.deadline, g.state) for g in profile.goals]),
        table("open", ("campaign", "what", "state", "until"), [(o.campaign, o.offer, o.state, o.until) for o in profile.open]),
        table(
            "history", ("at", "kind", "what", "details", "more", "source"),
            [(h.at, h.kind, h.title or h.name, h.details, h.more, h.source) for h in export.history],
        ),
        table(
            "messages", ("at", "where", "what", "state", "details"),
            [(m.at, m.where, m.touchpoint, m.state, m.content) for m in export.messages],
        ),
        table("raw", ("source", "what", "details"), [(r.source, r.reason or r.load, r.text) for r in export.raw]),
        table("audit", ("who", "what", "why"), [(line.who, line.what, line.why) for line in export.audit]),
    ]  # fmt: skip
    title = f"{word('title')} #{export.customer}, {word('made')} {escape(export.made)}"
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1>{''.join(parts)}</body></html>\n"
    )
