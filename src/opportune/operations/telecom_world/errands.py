"""Errands of every day: a few times a month each customer looks something up, pays, travels, reads, asks, books. At most one a day."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import opportune.operations.telecom_world.names as names
from opportune.facts import MS_PER_HOUR
from opportune.operations.telecom_world.chance import Bits, Chance, pick
from opportune.operations.telecom_world.customers import Customers, Flags, Ints
from opportune.operations.telecom_world.happenings import Happenings, happen
from opportune.operations.telecom_world.lines import K

_WHETHER, _WHICH = 310, 311
_MOMENTS = 200
"""Where the errands' numbers begin among those of a day's moments."""


class OneOf(NamedTuple):
    """A figure that is one of a few numbers."""

    values: tuple[int, ...]


class Between(NamedTuple):
    """A figure in a range, both ends included; small ones are the more likely."""

    low: int
    high: int


class Priced(NamedTuple):
    """Two figures: the index of a word, and its price."""

    prices: tuple[int, ...]


Figure = int | OneOf | Between | Priced
"""An int is the index of one of so many words."""


class Errand(NamedTuple):
    """`weight` is per thousand customers and day; `digital` ones are more frequent with those who like the app. `fits` says for whom it
    can be at all. `then` follows, with the first figure, after up to so many hours (and says after how many where `told`)."""

    event: str
    weight: float
    figures: tuple[Figure, ...] = ()
    fits: Callable[[Customers, Ints], Flags] | None = None
    digital: bool = False
    then: str = ""
    hours: int = 0
    told: bool = False


def _has_5g(people: Customers, who: Ints) -> Flags:
    return people.has_5g()[who]


def _prepaid(people: Customers, who: Ints) -> Flags:
    return people.prepaid[who]


def _postpaid(people: Customers, who: Ints) -> Flags:
    return ~people.prepaid[who]


def _over_the_bundle(people: Customers, who: Ints) -> Flags:
    return (people.used_mb[who] > people.bundle_mb[who]) & (people.plan[who] != names.UNLIMITED)


def _traveller(people: Customers, who: Ints) -> Flags:
    return (people.interests[who] >> 6 & 1) == 1


def _reader(people: Customers, who: Ints) -> Flags:
    return (people.interests[who] >> 3 & 1) == 1


def _app_user(people: Customers, who: Ints) -> Flags:
    return people.app_liking[who] >= 0.7


_CHANNEL, _TOPIC, _GOODS = len(names.ENQUIRY_CHANNELS), len(names.TOPICS), len(names.GOODS)
ERRANDS = (
    Errand("short_video_session", 22, (Between(1, 90),), digital=True),
    Errand("reading_session", 20, (Between(1, 120),), _reader),
    Errand("live_watched", 6, (Between(5, 180), len(names.LIVE_KINDS)), digital=True),
    Errand("tethering_used", 7, (Between(10, 3_000),)),
    Errand("wifi_offload", 14, (Between(20, 5_000),)),
    Errand("volte_call", 24, (Between(5, 1_800),), _has_5g),
    Errand("call_missed", 14, (Between(1, 12),)),
    Errand("mms_sent", 4, (Between(50, 600),)),
    Errand("voicemail_left", 3, (Between(3, 120),)),
    Errand("call_roaming", 8, (Between(10, 1_800), len(names.COUNTRIES)), _traveller),
    Errand("data_roaming", 8, (Between(1, 2_000), len(names.COUNTRIES)), _traveller),
    Errand("data_out_of_bundle", 24, (Between(1, 500), Between(100, 5_000)), _over_the_bundle),
    Errand("spam_call_blocked", 6, (Between(1, 9),)),
    Errand("cloud_backup", 5, (Between(5, 2_000),), _app_user),
    Errand("wearable_synced", 5, (Between(500, 20_000),), _app_user),
    Errand("balance_checked", 16, (_CHANNEL,)),
    Errand("usage_checked", 16, (_CHANNEL,)),
    Errand("bill_viewed", 12, (_CHANNEL,)),
    Errand("recharge_failed", 5, (len(names.FAILURES),), _prepaid),
    Errand("credit_granted", 4, (OneOf((1_000, 2_000, 5_000)),), _prepaid),
    Errand("deposit_refunded", 2, (OneOf((5_000, 10_000, 20_000)),)),
    Errand("auto_pay_enabled", 2.5, (len(names.PAY_METHODS),)),
    Errand("auto_pay_failed", 5, (len(names.FAILURES),), _postpaid),
    Errand("invoice_requested", 3, (Between(2_000, 40_000),)),
    Errand("points_earned", 14, (Between(10, 500), len(names.POINT_REASONS))),
    Errand("points_redeemed", 5, (Between(100, 3_000), len(names.GIFTS))),
    Errand("wallet_paid", 20, (Between(100, 30_000), len(names.MERCHANTS)), digital=True),
    Errand("plan_compared", 6, (len(names.PLANS),), digital=True),
    Errand("pack_expiring", 5, (len(names.PRODUCTS), Between(1, 5))),
    Errand("sim_replaced", 2.2, (len(names.SIM_KINDS),)),
    Errand("family_plan_joined", 2.2, (Between(2, 5),)),
    Errand("broadband_installed", 2.2, (OneOf(names.SPEEDS_MBPS),)),
    Errand("identity_verified", 2.5, (_CHANNEL,)),
    Errand("roaming_activated", 4, (), _traveller),
    Errand("service_trialled", 5, (len(names.SERVICES),), digital=True),
    Errand("esim_enabled", 4, (), _has_5g),
    Errand("os_upgraded", 8, (OneOf(names.CLIENT_SYSTEMS),)),
    Errand("handset_lost", 2),
    Errand("accessory_bought", 4, (Priced(names.GOODS_PRICES),)),
    Errand("repair_booked", 3, (len(names.REPAIRS),)),
    Errand("insurance_bought", 2, (OneOf((1_200, 1_900, 2_900)),)),
    Errand("area_entered", 24, (len(names.AREAS),), then="area_left", hours=5),
    Errand("home_moved", 2, (len(names.CELLS),)),
    Errand("work_moved", 2, (len(names.CELLS),)),
    Errand("app_login", 18, (len(names.LOGIN_METHODS),), digital=True),
    Errand("product_searched", 12, (_GOODS,), digital=True),
    Errand("wishlist_added", 4, (_GOODS,), digital=True),
    Errand("cart_removed", 4, (_GOODS,), digital=True),
    Errand("coupon_taken", 8, (len(names.COUPONS),), digital=True),
    Errand("link_clicked", 10, (len(names.LINK_CHANNELS),), digital=True),
    Errand("share_sent", 5, (len(names.SHARE_CHANNELS),), digital=True),
    Errand("friend_invited", 3, (len(names.SHARE_CHANNELS),), digital=True),
    Errand("review_written", 2.5, (OneOf((1, 2, 3, 4, 4, 5, 5, 5)),), digital=True),
    Errand("push_opened", 10, (len(names.PUSH_TOPICS),), digital=True),
    Errand("email_opened", 4, (len(names.PUSH_TOPICS),)),
    Errand("message_replied", 3, (len(names.PUSH_TOPICS),)),
    Errand("help_read", 8, (_TOPIC,), digital=True),
    Errand("callback_requested", 2.5, (_TOPIC,)),
    Errand("refund_requested", 2, (Between(100, 10_000),)),
    Errand("survey_sent", 6, (len(names.SURVEYS),)),
    Errand("fault_reported", 3, (len(names.FAULTS),), then="fault_fixed", hours=72, told=True),
    Errand("password_reset", 4, (_CHANNEL,), digital=True),
    Errand("visit_booked", 3, (len(names.PURPOSES),)),
    Errand("demo_tried", 2.2, (_GOODS,)),
)
"""No order among them matters."""


class Errands:
    """The errands of one world's customers."""

    def __init__(self, chance: Chance, people: Customers) -> None:
        self._chance, self._people = chance, people
        weights = np.array([errand.weight for errand in ERRANDS]) / 1_000
        digital = np.array([errand.digital for errand in ERRANDS])
        self._groups = [
            (np.flatnonzero(people.type == number), np.cumsum(np.where(digital, weights * entry.app, weights)))
            for number, entry in enumerate(names.TYPES)
        ]

    def plan_day(self, day: int, awake: Flags, moments: Callable[[Ints, int, int], Ints]) -> list[Happenings]:
        """Who runs which errand on a local day; `moments` gives the times of (customers, day, number of what they do)."""
        kind = np.full(self._people.n, len(ERRANDS), np.int64)
        drawn = self._chance.units(_WHETHER, np.arange(self._people.n, dtype=np.int64), day)
        for who, bounds in self._groups:
            kind[who] = np.searchsorted(bounds, drawn[who], side="right")
        kind[~awake] = len(ERRANDS)
        out = np.flatnonzero(kind < len(ERRANDS))
        order = out[np.argsort(kind[out], kind="stable")]
        cuts = np.searchsorted(kind[order], np.arange(len(ERRANDS) + 1))
        planned: list[Happenings] = []
        for number, errand in enumerate(ERRANDS):
            who = order[cuts[number] : cuts[number + 1]].astype(np.int64)
            if errand.fits is not None:
                who = who[errand.fits(self._people, who)]
            if len(who):
                planned += self._happen(errand, who, moments(who, day, _MOMENTS + number), day, number)
        return planned

    def _happen(self, errand: Errand, who: Ints, at: Ints, day: int, number: int) -> list[Happenings]:
        bits = self._chance.bits(_WHICH, who, day, number)
        figures: list[Ints] = []
        for place, figure in enumerate(errand.figures):
            figures += _drawn(figure, bits, 16 * place)
        found = [happen(K[errand.event], who, at, *figures)]
        if errand.then:
            hours = 1 + pick(bits, errand.hours, 48)
            after = at + hours * MS_PER_HOUR
            found.append(happen(K[errand.then], who, after, figures[0], *([hours] if errand.told else [])))
        return found


def _drawn(figure: Figure, bits: Bits, shift: int) -> list[Ints]:
    if isinstance(figure, int):
        return [pick(bits, figure, shift)]
    if isinstance(figure, OneOf):
        return [np.array(figure.values, np.int64)[pick(bits, len(figure.values), shift)]]
    if isinstance(figure, Priced):
        index = pick(bits, len(figure.prices), shift)
        return [index, np.array(figure.prices, np.int64)[index]]
    share = pick(bits, 1_000, shift)
    return [figure.low + share * share * (figure.high - figure.low + 1) // 1_000_000]
