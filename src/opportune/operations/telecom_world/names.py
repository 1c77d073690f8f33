"""The words of the world: customer types, plans, and the names that its events and traits use. They match examples/telecom."""

from typing import NamedTuple


class CustomerType(NamedTuple):
    """One of the 14 types: how many there are, how they use and spend, and how they answer."""

    name: str
    share: float
    usage: float  # events against the average
    spend: float  # monthly revenue against the average
    price_sensitivity: float  # 0..1
    app: float  # liking of the app
    baseline: float  # goals without us, against the campaign's average
    effect: float  # what we add, against the campaign's average
    impatience: float  # annoyance per contact


TYPES = (
    CustomerType("low_potential", 0.12, 0.55, 0.45, 0.70, 0.5, 0.60, 0.45, 1.1),
    CustomerType("spends_ahead", 0.06, 1.25, 1.30, 0.35, 1.2, 1.30, 1.25, 0.8),
    CustomerType("vain_follower", 0.06, 1.15, 1.10, 0.40, 1.3, 1.10, 1.40, 0.7),
    CustomerType("shrewd_early_taster", 0.05, 1.30, 1.15, 0.50, 1.6, 1.40, 1.20, 0.9),
    CustomerType("blind_follower", 0.07, 1.00, 0.90, 0.45, 1.0, 0.90, 1.45, 0.7),
    CustomerType("miser", 0.09, 0.70, 0.45, 0.95, 0.7, 0.70, 0.40, 1.3),
    CustomerType("careful_counter", 0.10, 0.80, 0.65, 0.85, 0.9, 0.85, 0.70, 1.2),
    CustomerType("rational_follower", 0.09, 1.00, 0.95, 0.55, 1.0, 1.00, 1.00, 1.0),
    CustomerType("medium_potential", 0.11, 1.00, 1.00, 0.50, 1.0, 1.00, 1.00, 1.0),
    CustomerType("shrewd_stylish", 0.05, 1.35, 1.40, 0.45, 1.5, 1.20, 1.20, 0.9),
    CustomerType("traditional", 0.08, 0.75, 0.80, 0.60, 0.3, 0.80, 0.70, 1.4),
    CustomerType("emotional_follower", 0.05, 1.10, 1.00, 0.40, 1.1, 1.10, 1.50, 0.8),
    CustomerType("high_potential", 0.04, 1.40, 1.60, 0.30, 1.3, 1.30, 1.30, 1.0),
    CustomerType("stylish_upper_middle", 0.03, 1.45, 2.20, 0.20, 1.4, 1.20, 1.15, 1.2),
)
"""Shares sum to 1."""


class Plan(NamedTuple):
    """A plan: monthly fee in minor units and the data it holds."""

    name: str
    fee: int
    bundle_mb: int
    unlimited: bool = False


PLANS = (
    Plan("basic_29", 2_900, 5_000),
    Plan("smart_59", 5_900, 15_000),
    Plan("plus_99", 9_900, 30_000),
    Plan("max_159", 15_900, 60_000),
    Plan("unlimited_199", 19_900, 200_000, True),
    Plan("fiveg_129", 12_900, 60_000),
    Plan("fiveg_199", 19_900, 120_000),
    Plan("saver_39", 3_900, 8_000),
    Plan("saver_79", 7_900, 20_000),
)
PLAN_NAMES = tuple(plan.name for plan in PLANS)
UNLIMITED, FIVEG_129, FIVEG_199, SAVER_39, SAVER_79 = 4, 5, 6, 7, 8

CELLS = tuple(f"cell-{number:03d}" for number in range(240))
ZONES = ("Asia/Shanghai", "Asia/Urumqi")
GENDERS = ("F", "M")
OCCUPATIONS = ("student", "office", "trade", "factory", "public_service", "self_employed", "farming", "retired")
CUSTOMER_KINDS = ("person", "family", "company")
LANGUAGES = ("zh", "en", "ug")
CREDIT_CLASSES = ("A", "B", "C", "D")
MODELS = ("aster-5", "aster-7-5g", "bamboo-2", "bamboo-4-5g", "cedar-1", "cedar-x-5g", "dune-3", "ember-fold-5g")
MODEL_PRICES = (129_900, 399_900, 79_900, 249_900, 99_900, 599_900, 149_900, 899_900)
INTERESTS = ("video", "music", "games", "reading", "shopping", "finance", "travel", "sport")
SERVICES = ("ring_back_tone", "video_pack", "music_pack", "cloud_storage", "missed_call_alert", "security_guard")
SERVICE_FEES = (500, 1_500, 800, 600, 300, 400)
RING_BACK_TONE, VIDEO_PACK, MUSIC_PACK, CLOUD_STORAGE, MISSED_CALL_ALERT, SECURITY_GUARD = range(6)
PRODUCTS = ("pack_10g", "pack_5g", "pack_day_1g", "roaming_7d")
PRODUCT_PRICES = (1_500, 900, 300, 9_800)
PRODUCT_MB = (10_000, 5_000, 1_000, 0)
COUPONS = ("care_1g", "care_10", "points")
APPS = ("video", "social", "news", "shopping", "game", "music", "reading", "finance", "travel", "education")
INTEREST_OF_APP = (0, -1, -1, 4, 2, 1, 3, 5, 6, -1)
"""Per kind of content the entry of INTERESTS that draws a customer to it; -1 where all like it alike."""

GENERATIONS = ("4G", "5G")
COUNTRIES = ("Thailand", "Japan", "Malaysia", "Singapore", "France", "Kazakhstan")
RECHARGE_CHANNELS = ("app", "bank", "shop", "recharge_point", "wechat")
SITES = ("rival-one", "rival-two", "rival-virtual")
PAGES = ("home", "bill", "packs", "plans", "shop", "points")
TOPICS = ("bill", "plan", "network", "service", "roaming")
COMPLAINTS = ("network", "billing", "service", "harassment")
OPTIONS = ("balance", "bill", "data", "agent")
SHOPS = tuple(f"shop-{number:02d}" for number in range(60))
GOODS = ("handset", "earphones", "router", "charger", "tablet", "watch")
GOODS_PRICES = (199_900, 29_900, 15_900, 5_900, 149_900, 89_900)
CHANNELS = ("sms", "app", "voice", "shop", "wechat", "web", "email", "chat", "recharge", "partner")
"""Channels of touchpoints; consents that name a channel use these."""

ENQUIRY_CHANNELS = ("app", "web", "wechat", "sms", "ussd")
LINK_CHANNELS = ("sms", "app_push", "email", "wechat")
SHARE_CHANNELS = ("wechat", "moments", "weibo", "sms")
LOGIN_METHODS = ("password", "sms_code", "face")
PAY_METHODS = ("bank", "wallet", "card")
FAILURES = ("card_declined", "limit_reached", "no_answer")
MERCHANTS = ("food", "transport", "utilities", "retail", "games", "health")
POINT_REASONS = ("recharge", "bill", "activity", "survey")
GIFTS = ("data", "voucher", "minutes", "goods")
LIVE_KINDS = ("sport", "games", "shopping", "concert")
GENRES = ("series", "film", "sport", "news", "children", "variety")
SIM_KINDS = ("usim", "esim")
SPEEDS_MBPS = (100, 300, 500, 1_000)
REPAIRS = ("screen", "battery", "water", "other")
AREAS = ("business_district", "station", "airport", "campus", "mall", "scenic_spot")
PUSH_TOPICS = ("offer", "bill", "service", "news")
SURVEYS = ("network", "shop", "hotline", "app")
FAULTS = ("broadband", "mobile", "tv", "fixed_line")
PURPOSES = ("bill", "plan", "device", "contract", "sim")
CLIENT_SYSTEMS = (14, 15, 16, 17, 18)

PREFERRED = ("sms", "app", "voice", "shop", "wechat")
"""What a customer may prefer (the tag preferred_channel)."""

TOUCHPOINTS = (
    "shop_counter", "shop_kiosk", "partner_shop", "call_centre", "outbound_call", "ivr", "live_chat", "app_home", "app_push",
    "web_hall", "wechat_account", "sms", "mms", "ussd", "email", "bill", "recharge_point", "account_manager",
    "field_engineer", "direct_mail",
)  # fmt: skip
TOUCHPOINT_FAMILY = (3, 3, 3, 2, 2, 2, 1, 1, 1, 4, 4, 0, 0, 0, 4, 0, 3, 2, 3, 0)
"""Per touchpoint the entry of PREFERRED it belongs to."""

INBOUND = (1, 1, 1, 1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0)
AGENT = (1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0)
"""Whether a person of ours speaks there: customers then nearly always answer."""

ANSWERS = ("accepted", "considering", "refused")
ACCEPTED, CONSIDERING, REFUSED = range(3)
