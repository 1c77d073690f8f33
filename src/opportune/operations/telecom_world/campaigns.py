"""What each campaign meets in the world: its moment, its goal, and how much it truly adds. Names match examples/telecom."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import opportune.operations.telecom_world.names as names
from opportune.operations.telecom_world.customers import Customers, Flags, Ints
from opportune.operations.telecom_world.happenings import Happenings

Figures = tuple[Ints, Ints]


class Truth(NamedTuple):
    """The world's side of a campaign.

    `moment` is the event at which the need is there, `fits` who of those at the moment has it; `baseline` of them reach the
    goal by themselves, `effect` is added by a contact then (averages over customer types; at the preferred touchpoint).
    A contact at any other time adds `bulk`. `within_hours` bounds the delay of the goal; `regret` happens to `regretted` of the goals.
    """

    name: str
    moment: str
    fits: Callable[[Customers, Happenings], Flags]
    goal: str
    figures: Callable[[Customers, Ints, int], Figures]
    baseline: float
    effect: float
    bulk: float
    within_hours: int
    regret: str = ""
    regretted: float = 0.0
    once: bool = False


def _any(people: Customers, of: Happenings) -> Flags:
    return np.ones(len(of.customer), bool)


def _fixed(a: int, b: int = 0) -> Callable[[Customers, Ints, int], Figures]:
    return lambda people, who, hour: (np.full(len(who), a, np.int64), np.full(len(who), b, np.int64))


def _pack(product: int) -> Callable[[Customers, Ints, int], Figures]:
    return _fixed(product, names.PRODUCT_PRICES[product])


def _subscribed(service: int) -> Callable[[Customers, Ints, int], Figures]:
    return _fixed(service, names.SERVICE_FEES[service])


def _either_pack(people: Customers, who: Ints, hour: int) -> Figures:
    product = (people.arpu[who] < 5_000).astype(np.int64)
    return product, np.array(names.PRODUCT_PRICES, np.int64)[product]


def _plan(cheap: int, dear: int, from_arpu: int) -> Callable[[Customers, Ints, int], Figures]:
    def figures(people: Customers, who: Ints, hour: int) -> Figures:
        plan = np.where(people.arpu[who] >= from_arpu, dear, cheap)
        return plan, np.array([entry.fee for entry in names.PLANS], np.int64)[plan]

    return figures


def _handset(people: Customers, who: Ints, hour: int) -> Figures:
    model = np.where(people.spend[who] > 1.1, 5, 3)
    return model, np.array(names.MODEL_PRICES, np.int64)[model]


def _new_order(people: Customers, who: Ints, hour: int) -> Figures:
    amount = np.array(names.GOODS_PRICES, np.int64)[(who + hour) % len(names.GOODS)]
    return who * 100_000 + hour, amount


def _unpaid_order(people: Customers, who: Ints, hour: int) -> Figures:
    number, amount = _new_order(people, who, hour)
    waiting = people.unpaid_order[who] > 0
    return np.where(waiting, people.unpaid_order[who], number), np.where(waiting, people.unpaid_amount[who], amount)


def _lacks(service: int) -> Callable[[Customers, Happenings], Flags]:
    return lambda people, of: (people.add_ons[of.customer] >> service & 1) == 0


def _rings(people: Customers, of: Happenings) -> Flags:
    return (of.c == 1) & _lacks(names.RING_BACK_TONE)(people, of) & (people.ring_back_friends[of.customer] >= 4)


TRUTHS = (
    Truth("data-pack-upsell", "data_usage_reported", lambda p, h: (h.a >= 80) & (h.a < 100), "pack_purchased", _either_pack, 0.05, 0.24, 0.006, 100),
    Truth("data-pack-exhausted", "data_pack_exhausted", lambda p, h: h.b >= 1, "pack_purchased", _pack(2), 0.12, 0.26, 0.006, 40),
    Truth("recharge-bonus", "balance_low", _any, "recharge", _fixed(5_000, 0), 0.18, 0.20, 0.008, 20),
    Truth("recharge-more", "recharge", lambda p, h: (h.a >= 1_000) & (h.a <= 6_000), "recharge", _fixed(10_000, 0), 0.03, 0.14, 0.006, 140),
    Truth("app-video-pack", "app_opened", lambda p, h: ((p.interests[h.customer] & 1) == 1) & _lacks(names.VIDEO_PACK)(p, h), "value_added_service_subscribed", _subscribed(names.VIDEO_PACK), 0.006, 0.20, 0.007, 90, "value_added_service_cancelled", 0.07, True),
    Truth("hotline-saver-plan", "hotline_called", lambda p, h: h.a <= 1, "plan_changed", _plan(names.SAVER_39, names.SAVER_79, 9_000), 0.04, 0.22, 0.005, 100),
    Truth("shop-trade-in", "shop_entered", lambda p, h: p.spend[h.customer] > 0.4, "device_bought", _handset, 0.05, 0.17, 0.004, 200),
    Truth("dropped-call-care", "call_dropped", _any, "coupon_used", _fixed(0), 0.02, 0.30, 0.010, 100),
    Truth("contract-renewal", "contract_expiring", lambda p, h: h.a <= 30, "contract_signed", _fixed(12), 0.14, 0.24, 0.005, 200, once=True),
    Truth("first-5g-plan", "device_first_5g", _any, "plan_changed", _plan(names.FIVEG_129, names.FIVEG_199, 10_000), 0.06, 0.19, 0.005, 200, once=True),
    Truth("roaming-pack", "roaming_entered", _any, "pack_purchased", _pack(3), 0.10, 0.27, 0.005, 40),
    Truth("browse-rescue", "product_viewed", lambda p, h: h.b >= 10_000, "order_placed", _new_order, 0.12, 0.13, 0.006, 40),
    Truth("order-rescue", "app_opened", lambda p, h: p.unpaid_order[h.customer] > 0, "order_paid", _unpaid_order, 0.10, 0.30, 0.007, 40, "order_cancelled", 0.04),
    Truth("competitor-retention", "competitor_site_visited", lambda p, h: p.leaving[h.customer] > 0.06, "contract_signed", _fixed(24), 0.02, 0.20, 0.004, 200, once=True),
    Truth("complaint-care", "complaint_resolved", _any, "coupon_used", _fixed(1), 0.01, 0.38, 0.010, 200),
    Truth("ring-back-tone", "value_added_service_subscribed", lambda p, h: (h.a != names.RING_BACK_TONE) & _lacks(names.RING_BACK_TONE)(p, h), "value_added_service_subscribed", _subscribed(names.RING_BACK_TONE), 0.02, 0.22, 0.007, 90, "value_added_service_cancelled", 0.055, True),
    Truth("ring-back-tone-heard", "call_made", _rings, "value_added_service_subscribed", _subscribed(names.RING_BACK_TONE), 0.004, 0.16, 0.007, 90, "value_added_service_cancelled", 0.065, True),
    Truth("silent-wake-up", "became_silent", _any, "reactivated", _fixed(0), 0.16, 0.34, 0.010, 200),
    Truth("points-redeem", "points_expiring", lambda p, h: h.a >= 500, "coupon_used", _fixed(2), 0.06, 0.18, 0.006, 200),
    Truth("bulk-cloud-storage", "", _any, "value_added_service_subscribed", _subscribed(names.CLOUD_STORAGE), 0.0, 0.0, 0.007, 90, "value_added_service_cancelled", 0.09, True),
)  # fmt: skip
CAMPAIGNS = tuple(truth.name for truth in TRUTHS)
"""The campaigns the world knows, in the order of DecisionView.campaign."""

OFFERS = (
    "pack_10g", "pack_5g", "pack_day_1g", "recharge_bonus_5", "recharge_more_10", "video_pack", "saver_plan", "trade_in_500",
    "care_1g", "renew_12m", "stay_24m", "fiveg_129", "fiveg_199", "roaming_7d", "online_coupon_10", "complaint_gift",
    "ring_back_tone", "welcome_back_20", "points_voucher", "cloud_storage",
)  # fmt: skip
