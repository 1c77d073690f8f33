"""What the operator's systems know of a customer besides: master data, contracts, money, handset, network at home, and what models wrote."""

from typing import NamedTuple

import numpy as np

import opportune.operations.telecom_world.names as names
from opportune.operations.telecom_world.chance import Chance, Units, pick
from opportune.operations.telecom_world.customers import PERSON, SCORE, Customers, Flags, Ints, of_type
from opportune.operations.telecom_world.lines import date_texts
from opportune.operations.telecom_world.usage import cell_badness

_MASTER = 120
Column = list[str] | list[int]

EDUCATIONS = ("primary", "middle_school", "high_school", "college", "bachelor", "postgraduate")
FAMILY_STAGES = ("single", "couple", "young_children", "school_children", "grown_children", "retired")
INCOME_BANDS = ("lowest", "low", "middle", "high", "highest")
CITIES = tuple(f"city-{number:02d}" for number in range(12))
DISTRICTS = tuple(f"district-{number:02d}" for number in range(48))
COMMUNITIES = tuple(f"community-{number:02d}" for number in range(30))
CONTRACT_KINDS = ("handset", "discount", "gift", "broadband")
NUMBER_GRADES = ("plain", "pleasant", "lucky", "premium")
FAMILY_ROLES = ("head", "partner", "child", "parent")
TV_PACKAGES = ("basic", "sport", "cinema", "children")
ACQUISITIONS = ("own_shop", "partner_shop", "app", "campus", "outbound_call", "referral")
PAYMENT_METHODS = ("bank", "card", "wallet", "cash")
BILL_MEDIA = ("app", "text_message", "email", "paper")
LOYALTY_TIERS = ("white", "silver", "gold", "diamond")
BRANDS = ("aster", "bamboo", "cedar", "dune", "ember")
UPLIFT_GROUPS = ("persuadable", "sure_thing", "lost_cause", "do_not_disturb")
CHURN_REASONS = ("price", "network", "service", "moving", "handset")
NEXT_PRODUCTS = ("data_pack", "fiveg_plan", "video_pack", "broadband", "handset", "cloud_storage", "family_plan")


class Handset(NamedTuple):
    """What the handset catalogue says of a model."""

    brand: int
    screen_tenths: int
    camera_mp: int
    memory_gb: int
    battery_mah: int
    nfc: bool
    esim: bool


HANDSETS = (
    Handset(0, 58, 12, 4, 3_200, False, False),
    Handset(0, 61, 50, 8, 4_500, True, True),
    Handset(1, 55, 8, 3, 3_000, False, False),
    Handset(1, 64, 48, 6, 5_000, True, False),
    Handset(2, 56, 12, 4, 3_100, False, False),
    Handset(2, 67, 108, 12, 5_100, True, True),
    Handset(3, 60, 16, 4, 4_000, True, False),
    Handset(4, 76, 200, 16, 4_400, True, True),
)
"""By names.MODELS."""

PROPENSITIES = ("video_pack", "music_pack", "broadband", "tv", "family_plan", "roaming_pack", "handset", "esim", "cloud_storage", "upgrade", "saver_plan")  # fmt: skip
TOPICS = ("video", "music", "games", "reading", "shopping", "finance", "travel", "sport", "children", "education", "news", "social")  # fmt: skip
"""What interest scores are about: first the entries of names.INTERESTS, then four more."""


def words(of: tuple[str, ...], index: Ints) -> list[str]:
    """Words as JSON texts, by index."""
    return np.array([f'"{word}"' for word in of], object)[index].tolist()


def money(amounts: Ints) -> list[str]:
    """Minor units as JSON numbers."""
    return [f"{amount // 100}.{amount % 100:02d}" for amount in amounts.tolist()]


def truths(flags: Flags) -> list[str]:
    """Truths as JSON."""
    return np.array(["false", "true"], object)[flags.astype(np.int64)].tolist()


def _where(known: Flags, column: Column) -> Column:
    """The column with null where nothing is known."""
    return [str(value) if said else "null" for said, value in zip(known.tolist(), column, strict=True)]


class _Draws:
    """Draws about some customers, one word of bits per question."""

    def __init__(self, chance: Chance, who: Ints) -> None:
        self._chance, self._who, self._asked = chance, who, 0

    def units(self) -> Units:
        self._asked += 1
        return self._chance.units(_MASTER, self._who, self._asked)

    def number(self, count: int) -> Ints:
        return (self.units() * count).astype(np.int64)

    def share(self, percent: float) -> Flags:
        return self.units() * 100 < percent


def master_data(chance: Chance, people: Customers, who: Ints, today: int) -> dict[str, Column]:
    """More traits of some customers as JSON texts, by tag; `today` is the local day number."""
    draws = _Draws(chance, who)
    return {
        **_person(chance, draws, people, who, today),
        **_subscription(chance, draws, people, who, today),
        **_value(draws, people, who),
        **_handset(draws, people, who),
        **_surroundings(chance, draws, people, who),
        **_scores(draws, people, who),
    }


def _person(chance: Chance, draws: _Draws, people: Customers, who: Ints, today: int) -> dict[str, Column]:
    age, cell, spend = people.age[who], people.home_cell[who], people.spend[who]
    stage = np.searchsorted((25, 30, 38, 50, 62), age, side="right")
    stage = np.where((stage > 0) & (stage < 5) & draws.share(28), stage - 1, stage)
    children = np.where((stage >= 2) & (stage <= 4), 1 + draws.number(2), 0)
    works = (age >= 20) & (age < 62)
    company = pick(chance.bits(PERSON, who, 11), 8) == 7
    return {
        "education": words(EDUCATIONS, np.clip(draws.number(5) + (spend > 1.0), 0, 5)),
        "family_stage": words(FAMILY_STAGES, stage),
        "children": children.tolist(),
        "income_band": words(INCOME_BANDS, np.searchsorted((0.5, 0.8, 1.1, 1.6), spend * (0.7 + 0.6 * draws.units()))),
        "home_city": words(CITIES, cell // 20),
        "home_district": words(DISTRICTS, cell // 5),
        "work_cell": _where(works, words(names.CELLS, (cell + 1 + draws.number(60)) % len(names.CELLS))),
        "commute_km": np.where(works, 1 + draws.number(40), 0).tolist(),
        "birthday_next": date_texts(today + 1 + draws.number(365)),
        "verified_on": _where(~draws.share(6), date_texts(today - 30 - draws.number(2_500))),
        "company_employees": _where(company, (5 + draws.number(400)).tolist()),
    }  # fmt: skip


def _subscription(chance: Chance, draws: _Draws, people: Customers, who: Ints, today: int) -> dict[str, Column]:
    activated, contract = people.activated[who], people.contract_end[who]
    fees = np.array([entry.fee for entry in names.PLANS], np.int64)[people.plan[who]]
    months = np.array([12, 24, 24, 36])[draws.number(4)]
    bound, instalment = contract >= today, draws.share(18)
    family, wired = (pick(chance.bits(PERSON, who, stream), 100) < share for stream, share in ((12, 31), (13, 44)))
    tv = wired & draws.share(60)
    tenure = today - activated
    return {
        "plan_since": date_texts(today - 1 - (draws.units() * tenure).astype(np.int64)),
        "contract_kind": _where(bound, words(CONTRACT_KINDS, draws.number(4))),
        "contract_months": _where(bound, months.tolist()),
        "contract_penalty": _where(bound, money(np.maximum(contract - today, 0) * fees // 60)),
        "number_grade": words(NUMBER_GRADES, np.searchsorted((0.72, 0.9, 0.975), draws.units())),
        "ported_in": truths(draws.share(14)),
        "sim_kind": words(names.SIM_KINDS, (draws.share(22) & people.has_5g()[who]).astype(np.int64)),
        "second_number": truths(draws.share(19)),
        "family_members": np.where(family, 2 + draws.number(4), 0).tolist(),
        "family_role": _where(family, words(FAMILY_ROLES, draws.number(4))),
        "broadband_mbps": np.where(wired, np.array(names.SPEEDS_MBPS)[draws.number(4)], 0).tolist(),
        "broadband_end": _where(wired, date_texts(today + draws.number(700) - 30)),
        "tv_package": _where(tv, words(TV_PACKAGES, draws.number(4))),
        "smart_home_devices": np.where(draws.share(23), 1 + draws.number(9), 0).tolist(),
        "instalments_left": np.where(instalment, 1 + draws.number(24), 0).tolist(),
        "instalment_monthly": money(np.where(instalment, 5_000 + draws.number(30_000), 0)),
        "roaming_enabled": truths(draws.share(41)),
        "acquired_through": words(ACQUISITIONS, draws.number(6)),
        "anniversary_next": date_texts(today + (activated - today) % 365),
    }  # fmt: skip


def _value(draws: _Draws, people: Customers, who: Ints) -> dict[str, Column]:
    arpu, sensitive = people.arpu[who], people.price_sensitivity[who]
    voice, data = 0.1 + 0.3 * draws.units(), 0.3 + 0.3 * draws.units()
    cost = (arpu * (0.2 + 0.5 * draws.units())).astype(np.int64)
    score = np.clip(780 - 160 * sensitive * draws.units() - 120 * draws.units(), 350, 850).astype(np.int64)
    return {
        "arpu_previous": money((arpu * (0.8 + 0.4 * draws.units())).astype(np.int64)),
        "arpu_voice": money((arpu * voice).astype(np.int64)),
        "arpu_data": money((arpu * data).astype(np.int64)),
        "arpu_content": money((arpu * (1.0 - voice - data) * 0.6).astype(np.int64)),
        "margin": money(arpu - cost),
        "cost_to_serve": money(cost),
        "subsidy_12m": money(np.where(draws.share(30), draws.number(120_000), 0)),
        "credit_score": score.tolist(),
        "credit_limit": money(score // 10 * 1_000),
        "deposit": money(np.where(draws.share(12), 10_000 + draws.number(40_000), 0)),
        "payment_method": words(PAYMENT_METHODS, draws.number(4)),
        "auto_pay": truths(draws.share(37)),
        "bill_medium": words(BILL_MEDIA, np.searchsorted((0.55, 0.8, 0.92), draws.units())),
        "pay_day": (1 + draws.number(28)).tolist(),
        "loyalty_tier": words(LOYALTY_TIERS, np.searchsorted((4_000, 9_000, 18_000), arpu, side="right")),
        "points_expiring_90d": np.where(draws.share(40), draws.number(4_000), 0).tolist(),
        "balance_month_end": money(people.balance[who]),
        "discount_12m": money((arpu * 12 * sensitive * 0.4 * draws.units()).astype(np.int64)),
    }  # fmt: skip


def _handset(draws: _Draws, people: Customers, who: Ints) -> dict[str, Column]:
    model = people.model[who]

    def column(field: str) -> Ints:
        return np.array([getattr(handset, field) for handset in HANDSETS], np.int64)[model]

    screen = column("screen_tenths")
    return {
        "device_brand": words(BRANDS, column("brand")),
        "screen_inches": [f"{tenths // 10}.{tenths % 10}" for tenths in screen.tolist()],
        "camera_mp": column("camera_mp").tolist(),
        "memory_gb": column("memory_gb").tolist(),
        "battery_mah": column("battery_mah").tolist(),
        "device_nfc": truths(column("nfc") == 1),
        "device_esim": truths(column("esim") == 1),
        "os_version": np.array(names.CLIENT_SYSTEMS)[draws.number(5)].tolist(),
        "dual_sim": truths(draws.share(45)),
        "bought_from_us": truths(draws.share(31)),
        "handsets_2y": (1 + draws.number(3)).tolist(),
        "has_watch": truths(draws.share(17)),
        "has_tablet": truths(draws.share(21)),
    }  # fmt: skip


def _surroundings(chance: Chance, draws: _Draws, people: Customers, who: Ints) -> dict[str, Column]:
    quality = np.clip(100 - 320 * cell_badness(chance), 0, 100).astype(np.int64)
    circle = people.circle[who]
    likes_app = people.app_liking[who]
    return {
        "home_network_quality": quality[people.home_cell[who]].tolist(),
        "app_installed": truths(draws.units() < 0.35 + 0.4 * likes_app),
        "push_allowed": truths(draws.units() < 0.15 + 0.4 * likes_app),
        "wechat_bound": truths(draws.share(64)),
        "email_known": truths(draws.share(38)),
        "home_shop": words(names.SHOPS, people.home_cell[who] // 4),
        "message_open_share": [f"0.{percent:02d}" for percent in (draws.units() * 70 * likes_app / 1.6).astype(int).tolist()],
        "preferred_weekday": (1 + draws.number(7)).tolist(),
        "circle_on_net": (circle * (0.35 + 0.5 * draws.units())).astype(np.int64).tolist(),
        "circle_5g": (circle * 0.5 * draws.units()).astype(np.int64).tolist(),
        "circle_left_90d": np.where(draws.share(30), 1 + draws.number(4), 0).tolist(),
        "colleagues": draws.number(25).tolist(),
        "community": words(COMMUNITIES, (people.home_cell[who] + people.daypart[who]) % 30),
    }  # fmt: skip


def _scores(draws: _Draws, people: Customers, who: Ints) -> dict[str, Column]:
    """What models write: true leanings, blurred."""
    effect, leaving = of_type("effect", people.type[who]), people.leaving[who]
    liked = people.interests[who]
    found: dict[str, Column] = {}
    for bit, topic in enumerate(TOPICS):
        leaning = np.where(liked >> bit & 1, 45, 5) if bit < len(names.INTERESTS) else draws.number(40)
        found[f"interest_{topic}"] = np.clip(leaning + 55 * draws.units() ** 2, 0, 100).astype(np.int64).tolist()
    for product in PROPENSITIES:
        chance_ppm = 0.12 * effect * (0.3 + 1.4 * draws.units()) * 1_000_000
        found[f"propensity_{product}"] = np.clip(chance_ppm, 1_000, 900_000).astype(np.int64).tolist()
    satisfied = np.clip(92 - 140 * leaving - 25 * draws.units(), 0, 100)
    worth = people.arpu[who] * 12 * (1.1 - leaving) * (0.8 + 0.4 * draws.units())
    return found | {
        "satisfaction_score": satisfied.astype(np.int64).tolist(),
        "clv_12m": money(worth.astype(np.int64)),
        "wallet_share": [f"0.{percent:02d}" for percent in np.clip(40 + 60 * draws.units() - 40 * leaving, 5, 99).astype(int).tolist()],
        "influence_score": np.clip(people.circle[who] * (0.5 + draws.units()) * 0.7, 0, 100).astype(np.int64).tolist(),
        "payment_risk": np.clip(300_000 * draws.units() ** 3, 500, 900_000).astype(np.int64).tolist(),
        "next_purchase_days": (2 + 88 * draws.units()).astype(np.int64).tolist(),
        "uplift_group": words(UPLIFT_GROUPS, np.where(leaving > 0.2, 3, np.searchsorted((0.5, 0.95), 0.5 * effect * (0.6 + 0.8 * draws.units())))),
        "churn_reason": words(CHURN_REASONS, draws.number(5)),
        "next_product": words(NEXT_PRODUCTS, draws.number(7)),
    }  # fmt: skip


def churn_risk(chance: Chance, people: Customers, who: Ints, month: int) -> Ints:
    """What the churn model writes of some customers in a month (0: before the world begins), parts per million."""
    leaving = people.leaving[who] * (0.6 + 1.6 * chance.units(SCORE, who, 8, *([month] if month else []))) * 2.4
    return np.clip(leaving * 1_000_000, 1_000, 950_000).astype(np.int64)


def scored(chance: Chance, people: Customers, who: Ints) -> dict[str, Column]:
    """What last month's models wrote for campaigns: each customer's true leaning, blurred."""
    effect = of_type("effect", people.type[who])
    scores: dict[str, Column] = {}
    for stream, (tag, average) in enumerate(
        (("propensity_data_pack", 0.20), ("propensity_5g_plan", 0.15), ("propensity_renewal", 0.22),
         ("propensity_ring_back_tone", 0.12))
    ):  # fmt: skip
        blur = 0.5 + chance.units(SCORE, who, stream)
        scores[tag] = np.clip(average * effect * blur * 1_000_000, 1_000, 900_000).astype(np.int64).tolist()
    scores["churn_risk"] = churn_risk(chance, people, who, 0).tolist()
    return scores
