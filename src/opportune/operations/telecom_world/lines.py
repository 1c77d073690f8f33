"""Happenings as canonical NDJSON lines: one template per kind, filled from columns; an hour is sorted by time."""

import datetime
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

import opportune.operations.telecom_world.names as names
from opportune.facts import MS_PER_HOUR, MS_PER_MINUTE
from opportune.operations.telecom_world.happenings import ByKind, Happenings

Form = Literal["int", "money", "bool", "order"] | tuple[str, ...]
"""How a figure is written: a number, minor units, 0/1, an order number, or the index of a word."""


class KindOfEvent(NamedTuple):
    """An event name and its properties, taken from the figures a, b, c, d in this order."""

    name: str
    properties: tuple[tuple[str, Form], ...] = ()


_CELL: tuple[str, Form] = ("cell", names.CELLS)
EVENTS = (
    KindOfEvent("call_made", (("duration_s", "int"), ("onnet", "bool"), ("ring_back", "bool"), _CELL)),
    KindOfEvent("call_received", (("duration_s", "int"), _CELL)),
    KindOfEvent("call_international", (("duration_s", "int"), ("country", names.COUNTRIES))),
    KindOfEvent("sms_sent", (("parts", "int"),)),
    KindOfEvent("data_session", (("mb", "int"), ("app", names.APPS), ("generation", names.GENERATIONS), _CELL)),
    KindOfEvent("video_watched", (("minutes", "int"), ("genre", names.GENRES))),
    KindOfEvent("music_played", (("minutes", "int"),)),
    KindOfEvent("game_played", (("minutes", "int"),)),
    KindOfEvent("app_opened", (("page", names.PAGES),)),
    KindOfEvent("page_viewed", (("page", names.PAGES),)),
    KindOfEvent("ivr_option_chosen", (("option", names.OPTIONS),)),
    KindOfEvent("chat_started", (("topic", names.TOPICS),)),
    KindOfEvent("kiosk_used", (("shop", names.SHOPS),)),
    KindOfEvent("partner_shop_visited", (("shop", names.SHOPS),)),
    KindOfEvent("survey_answered", (("score", "int"),)),
    KindOfEvent("data_usage_reported", (("used_pct", "int"), ("used_mb", "int"), _CELL)),
    KindOfEvent("data_pack_exhausted", (("used_mb", "int"), ("days_left", "int"))),
    KindOfEvent("call_dropped", (_CELL,)),
    KindOfEvent("weak_coverage", (_CELL, ("dbm", "int"))),
    KindOfEvent("slow_data", (_CELL, ("kbps", "int"))),
    KindOfEvent("balance_low", (("balance", "money"),)),
    KindOfEvent("balance_exhausted", (("balance", "money"),)),
    KindOfEvent("recharge", (("amount", "money"), ("channel", names.RECHARGE_CHANNELS))),
    KindOfEvent("bill_issued", (("amount", "money"),)),
    KindOfEvent("bill_paid", (("amount", "money"),)),
    KindOfEvent("bill_overdue", (("amount", "money"), ("days", "int"))),
    KindOfEvent("bill_shock", (("amount", "money"),)),
    KindOfEvent("points_expiring", (("points", "int"),)),
    KindOfEvent("plan_changed", (("plan", names.PLAN_NAMES), ("fee", "money"))),
    KindOfEvent("plan_upgrade_enquired", (("plan", names.PLAN_NAMES),)),
    KindOfEvent("pack_purchased", (("product", names.PRODUCTS), ("amount", "money"))),
    KindOfEvent("value_added_service_subscribed", (("service", names.SERVICES), ("fee", "money"))),
    KindOfEvent("value_added_service_cancelled", (("service", names.SERVICES),)),
    KindOfEvent("contract_signed", (("months", "int"),)),
    KindOfEvent("contract_expiring", (("days_left", "int"),)),
    KindOfEvent("number_port_out_enquired"),
    KindOfEvent("number_ported_out"),
    KindOfEvent("became_silent", (("days", "int"),)),
    KindOfEvent("reactivated"),
    KindOfEvent("device_first_5g", (("model", names.MODELS),)),
    KindOfEvent("device_bought", (("model", names.MODELS), ("price", "money"))),
    KindOfEvent("device_trade_in_enquired", (("model", names.MODELS),)),
    KindOfEvent("roaming_entered", (("country", names.COUNTRIES),)),
    KindOfEvent("roaming_left", (("country", names.COUNTRIES),)),
    KindOfEvent("product_viewed", (("product", names.GOODS), ("price", "money"))),
    KindOfEvent("cart_added", (("product", names.GOODS),)),
    KindOfEvent("order_placed", (("order_id", "order"), ("amount", "money"))),
    KindOfEvent("order_paid", (("order_id", "order"), ("amount", "money"))),
    KindOfEvent("order_cancelled", (("order_id", "order"),)),
    KindOfEvent("coupon_used", (("coupon", names.COUPONS),)),
    KindOfEvent("competitor_site_visited", (("site", names.SITES),)),
    KindOfEvent("hotline_called", (("topic", names.TOPICS),)),
    KindOfEvent("complaint_filed", (("topic", names.COMPLAINTS),)),
    KindOfEvent("complaint_resolved", (("topic", names.COMPLAINTS), ("hours", "int"))),
    KindOfEvent("shop_entered", (("shop", names.SHOPS),)),
    KindOfEvent("short_video_session", (("minutes", "int"),)),
    KindOfEvent("reading_session", (("minutes", "int"),)),
    KindOfEvent("live_watched", (("minutes", "int"), ("kind", names.LIVE_KINDS))),
    KindOfEvent("tethering_used", (("mb", "int"),)),
    KindOfEvent("wifi_offload", (("mb", "int"),)),
    KindOfEvent("volte_call", (("duration_s", "int"),)),
    KindOfEvent("call_missed", (("rings", "int"),)),
    KindOfEvent("mms_sent", (("kb", "int"),)),
    KindOfEvent("voicemail_left", (("duration_s", "int"),)),
    KindOfEvent("call_roaming", (("duration_s", "int"), ("country", names.COUNTRIES))),
    KindOfEvent("data_roaming", (("mb", "int"), ("country", names.COUNTRIES))),
    KindOfEvent("data_out_of_bundle", (("mb", "int"), ("charge", "money"))),
    KindOfEvent("spam_call_blocked", (("calls", "int"),)),
    KindOfEvent("cloud_backup", (("mb", "int"),)),
    KindOfEvent("wearable_synced", (("steps", "int"),)),
    KindOfEvent("balance_checked", (("channel", names.ENQUIRY_CHANNELS),)),
    KindOfEvent("usage_checked", (("channel", names.ENQUIRY_CHANNELS),)),
    KindOfEvent("bill_viewed", (("channel", names.ENQUIRY_CHANNELS),)),
    KindOfEvent("recharge_failed", (("reason", names.FAILURES),)),
    KindOfEvent("credit_granted", (("amount", "money"),)),
    KindOfEvent("deposit_refunded", (("amount", "money"),)),
    KindOfEvent("auto_pay_enabled", (("method", names.PAY_METHODS),)),
    KindOfEvent("auto_pay_failed", (("reason", names.FAILURES),)),
    KindOfEvent("invoice_requested", (("amount", "money"),)),
    KindOfEvent("points_earned", (("points", "int"), ("reason", names.POINT_REASONS))),
    KindOfEvent("points_redeemed", (("points", "int"), ("gift", names.GIFTS))),
    KindOfEvent("wallet_paid", (("amount", "money"), ("merchant", names.MERCHANTS))),
    KindOfEvent("coupon_taken", (("coupon", names.COUPONS),)),
    KindOfEvent("plan_compared", (("plan", names.PLAN_NAMES),)),
    KindOfEvent("plan_downgraded", (("plan", names.PLAN_NAMES), ("fee", "money"))),
    KindOfEvent("pack_expiring", (("product", names.PRODUCTS), ("days_left", "int"))),
    KindOfEvent("sim_replaced", (("kind", names.SIM_KINDS),)),
    KindOfEvent("family_plan_joined", (("members", "int"),)),
    KindOfEvent("broadband_installed", (("mbps", "int"),)),
    KindOfEvent("identity_verified", (("channel", names.ENQUIRY_CHANNELS),)),
    KindOfEvent("roaming_activated"),
    KindOfEvent("service_trialled", (("service", names.SERVICES),)),
    KindOfEvent("contract_ended"),
    KindOfEvent("suspended"),
    KindOfEvent("service_resumed"),
    KindOfEvent("device_changed", (("model", names.MODELS),)),
    KindOfEvent("esim_enabled"),
    KindOfEvent("os_upgraded", (("version", "int"),)),
    KindOfEvent("handset_lost"),
    KindOfEvent("accessory_bought", (("product", names.GOODS), ("price", "money"))),
    KindOfEvent("repair_booked", (("kind", names.REPAIRS),)),
    KindOfEvent("insurance_bought", (("fee", "money"),)),
    KindOfEvent("call_setup_failed", (_CELL,)),
    KindOfEvent("congestion_met", (_CELL,)),
    KindOfEvent("outage_affected", (_CELL, ("minutes", "int"))),
    KindOfEvent("outage_restored", (_CELL,)),
    KindOfEvent("area_entered", (("area", names.AREAS),)),
    KindOfEvent("area_left", (("area", names.AREAS),)),
    KindOfEvent("home_moved", (_CELL,)),
    KindOfEvent("work_moved", (_CELL,)),
    KindOfEvent("app_login", (("method", names.LOGIN_METHODS),)),
    KindOfEvent("product_searched", (("product", names.GOODS),)),
    KindOfEvent("wishlist_added", (("product", names.GOODS),)),
    KindOfEvent("cart_removed", (("product", names.GOODS),)),
    KindOfEvent("link_clicked", (("channel", names.LINK_CHANNELS),)),
    KindOfEvent("share_sent", (("channel", names.SHARE_CHANNELS),)),
    KindOfEvent("friend_invited", (("channel", names.SHARE_CHANNELS),)),
    KindOfEvent("review_written", (("stars", "int"),)),
    KindOfEvent("push_opened", (("topic", names.PUSH_TOPICS),)),
    KindOfEvent("email_opened", (("topic", names.PUSH_TOPICS),)),
    KindOfEvent("message_replied", (("topic", names.PUSH_TOPICS),)),
    KindOfEvent("help_read", (("topic", names.TOPICS),)),
    KindOfEvent("callback_requested", (("topic", names.TOPICS),)),
    KindOfEvent("complaint_reopened", (("topic", names.COMPLAINTS),)),
    KindOfEvent("refund_requested", (("amount", "money"),)),
    KindOfEvent("survey_sent", (("survey", names.SURVEYS),)),
    KindOfEvent("fault_reported", (("kind", names.FAULTS),)),
    KindOfEvent("fault_fixed", (("kind", names.FAULTS), ("hours", "int"))),
    KindOfEvent("password_reset", (("channel", names.ENQUIRY_CHANNELS),)),
    KindOfEvent("visit_booked", (("purpose", names.PURPOSES),)),
    KindOfEvent("queue_ticket_taken", (("shop", names.SHOPS),)),
    KindOfEvent("counter_served", (("purpose", names.PURPOSES), ("minutes", "int"))),
    KindOfEvent("demo_tried", (("product", names.GOODS),)),
)
K = {event.name: number for number, event in enumerate(EVENTS)}
RESPONSE, CONSENT_WITHDRAWN, DO_NOT_DISTURB, PLAN_SET, ADD_ONS_SET, CONTRACT_SET, DEVICE_SET, MONTH_SET = range(
    len(EVENTS), len(EVENTS) + 8
)
KINDS = len(EVENTS) + 8
"""Kinds are numbered: first the events, then the other lines a customer can cause; the last five are traits that changed."""

_MINUTES = np.array([f"{minute:02d}:" for minute in range(60)], object)
_SECONDS = np.array([f"{ms // 1000:02d}.{ms % 1000:03d}" for ms in range(60_000)], object)
_TRUTHS = np.array(["false", "true"], object)

Column = list[str] | list[int]


def moment_text(at_ms: int) -> str:
    """A moment as ISO 8601 in UTC with milliseconds."""
    moment = datetime.datetime.fromtimestamp(at_ms // 1000, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def _written(form: Form, figures: NDArray[np.int64]) -> tuple[str, list[Column]]:
    if form == "int":
        return "%d", [figures.tolist()]
    if form == "money":
        return "%d.%02d", [(figures // 100).tolist(), (figures % 100).tolist()]
    if form == "bool":
        return "%s", [_TRUTHS[figures].tolist()]
    if form == "order":
        return '"o%d"', [figures.tolist()]
    return '"%s"', [np.array(form, object)[figures].tolist()]


def _template(kind: int, what: Happenings, campaigns: tuple[str, ...]) -> tuple[str, list[Column]]:
    """The middle of a line of this kind, between the customer and the time, and the columns that fill it."""
    if kind == RESPONSE:
        answers = np.array(names.ANSWERS, object)[what.b].tolist()
        return '"campaign":"%s","answer":"%s"', [np.array(campaigns, object)[what.a].tolist(), answers]
    if kind == CONSENT_WITHDRAWN:
        return '"purpose":"marketing","given":false', []
    if kind == DO_NOT_DISTURB:
        return '"on":true', []
    if kind >= PLAN_SET:
        return _changed_traits(kind, what)
    written = [
        (name, _written(form, figures))
        for (name, form), figures in zip(EVENTS[kind].properties, (what.a, what.b, what.c, what.d), strict=False)
    ]
    texts = ",".join(f'"{name}":{text}' for name, (text, _) in written)
    return '"properties":{' + texts + "}", [column for _, (_, columns) in written for column in columns]


def _changed_traits(kind: int, what: Happenings) -> tuple[str, list[Column]]:
    """Traits that the operator's systems send again because they changed; a is a plan, a set of services, a day, a model or the
    revenue of a month (b then the risk of churn)."""
    if kind == PLAN_SET:
        plans = [names.PLANS[plan] for plan in what.a.tolist()]
        columns: list[Column] = [
            [plan.name for plan in plans],
            [f"{plan.fee // 100}.{plan.fee % 100:02d}" for plan in plans],
            [plan.bundle_mb for plan in plans],
            ["true" if plan.unlimited else "false" for plan in plans],
        ]
        return '"traits":{"plan":"%s","plan_fee":%s,"plan_bundle_mb":%d,"has_unlimited":%s}', columns
    if kind == ADD_ONS_SET:
        return '"traits":{"add_ons":%s}', [set_texts(what.a, names.SERVICES)]
    if kind == CONTRACT_SET:
        return '"traits":{"contract_end":%s}', [date_texts(what.a)]
    if kind == MONTH_SET:
        columns = [(what.a // 100).tolist(), (what.a % 100).tolist(), what.b.tolist()]
        return '"traits":{"arpu":%d.%02d,"churn_risk":%d}', columns
    models = what.a.tolist()
    prices = [names.MODEL_PRICES[model] for model in models]
    columns = [
        [names.MODELS[model] for model in models],
        [f"{price // 100}.{price % 100:02d}" for price in prices],
        date_texts(what.b),
    ]
    return '"traits":{"device_model":"%s","device_price":%s,"device_since":%s,"device_5g":true}', columns


def date_texts(days: NDArray[np.int64]) -> list[str]:
    """Day numbers as JSON texts."""
    return [f'"{text}"' for text in np.datetime_as_string(days.astype("datetime64[D]")).tolist()]


def set_texts(masks: NDArray[np.int64], members: tuple[str, ...]) -> list[str]:
    """Bit masks over `members` as JSON lists."""
    known = {}
    for mask in np.unique(masks).tolist():
        inside = ",".join(f'"{name}"' for bit, name in enumerate(members) if mask >> bit & 1)
        known[mask] = f"[{inside}]"
    return [known[mask] for mask in masks.tolist()]


_HEADS = {
    **dict.fromkeys((PLAN_SET, ADD_ONS_SET, CONTRACT_SET, DEVICE_SET, MONTH_SET), '"type":"identify"'),
    RESPONSE: '"type":"response"',
    CONSENT_WITHDRAWN: '"type":"consent"',
    DO_NOT_DISTURB: '"type":"do_not_disturb"',
}


def hour_lines(
    of: ByKind, hour: int, hour_ms: int, users: NDArray[np.object_], campaigns: tuple[str, ...], world: str
) -> bytes:
    """The lines of an hour that begins at `hour_ms`, sorted by time; `users` are the customers' identifiers."""
    day_and_hour = moment_text(hour_ms)[:14]
    lines: list[str] = []
    at = of.all.at - hour_ms
    if len(at) and (int(at.min()) < 0 or int(at.max()) >= MS_PER_HOUR):
        raise AssertionError(f"hour {hour} holds something that happens in another hour")
    for kind in range(KINDS):
        what = of[kind]
        if not len(what.kind):
            continue
        middle, columns = _template(kind, what, campaigns)
        head = _HEADS.get(kind) or f'"type":"track","event":"{EVENTS[kind].name}"'
        line = (
            "{" + head + ',"userId":"%s",' + middle + ',"timestamp":"' + day_and_hour
            + '%s%sZ","messageId":"' + f"{world}-{hour}-{kind}-" + '%d"}'
        )  # fmt: skip
        past = what.at - hour_ms
        clock = [_MINUTES[past // MS_PER_MINUTE].tolist(), _SECONDS[past % MS_PER_MINUTE].tolist()]
        who = users[what.customer].tolist()
        lines += [line % row for row in zip(who, *columns, *clock, range(len(who)), strict=True)]
    if not lines:
        return b""
    order = np.argsort(of.all.at, kind="stable").tolist()
    return ("\n".join([lines[row] for row in order]) + "\n").encode()
