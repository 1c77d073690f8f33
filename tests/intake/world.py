"""A small catalogue with every kind of value, and decoders over it, for the tests of intake."""

import json
from typing import Any

from opportune.facts import (
    Catalogue,
    EventSchema,
    Kind,
    PropertySchema,
    TagSchema,
    TextDictionary,
    value_type,
)
from opportune.intake import Clock, Decoder, IdentityIndex, RepeatFilter

KEY = bytes(range(16))
NOW = 1_796_112_000_000  # 2026-12-01T08:00:00Z

RECHARGE = (
    PropertySchema("amount", 0, value_type(Kind.MONEY, 2, 0, 1_000_000)),
    PropertySchema("method", 1, value_type(Kind.TEXT)),
    PropertySchema("order_id", 2, value_type(Kind.KEY)),
    PropertySchema("auto", 3, value_type(Kind.BOOL)),
)
USAGE = (
    PropertySchema("used_pct", 0, value_type(Kind.INT, 0, 0, 1000)),
    PropertySchema("used_mb", 1, value_type(Kind.INT)),
    PropertySchema("cell", 2, value_type(Kind.TEXT)),
    PropertySchema("reset_at", 3, value_type(Kind.TIMESTAMP)),
    PropertySchema("day", 4, value_type(Kind.DATE)),
    PropertySchema("phone", 5, value_type(Kind.TEXT), personal=True),
    PropertySchema("rate", 6, value_type(Kind.DECIMAL, 4)),
    PropertySchema("kinds", 7, value_type(Kind.SET, members=("video", "music", "news"))),
    PropertySchema("a_rather_long_property_name_here", 8, value_type(Kind.INT)),
    PropertySchema("a_rather_long_property_name_here_too", 9, value_type(Kind.INT)),
)
TAGS = (
    TagSchema("age", 0, value_type(Kind.INT, 0, 0, 150)),
    TagSchema("city", 1, value_type(Kind.TEXT)),
    TagSchema("name", 2, value_type(Kind.TEXT), personal=True),
    TagSchema("spend_90d", 3, value_type(Kind.MONEY, 2), settable=False),
    TagSchema("interests", 4, value_type(Kind.SET, members=("video", "music"))),
    TagSchema("contract", 5, value_type(Kind.KEY)),
    TagSchema("prepaid", 6, value_type(Kind.BOOL)),
    TagSchema("share", 7, value_type(Kind.DECIMAL, 4, -5_000, 10_000)),
    TagSchema("fee", 8, value_type(Kind.MONEY, 2, 0, 100_000)),
    TagSchema("since", 9, value_type(Kind.DATE)),
    TagSchema("seen_at", 10, value_type(Kind.TIMESTAMP)),
    TagSchema("segment", 40_000, value_type(Kind.TEXT)),
    TagSchema("a_rather_long_tag_name_here", 41_000, value_type(Kind.INT)),
    TagSchema("a_rather_long_tag_name_here_too", 41_001, value_type(Kind.INT)),
    *(TagSchema(f"figure_{i}", 1_000 + i, value_type(Kind.INT)) for i in range(80)),
)
CATALOGUE = Catalogue(
    events={
        "recharge": EventSchema("recharge", 0, RECHARGE),
        "data_usage_reported": EventSchema("data_usage_reported", 1, USAGE),
        "app_opened": EventSchema("app_opened", 2),
    },
    tags={tag.name: tag for tag in TAGS},
    campaigns={"upsell": 0, "win_back": 1},
    offers={"pack": 0},
    touchpoints={"sms": 0, "app": 1},
    channels={"sms": 0},
    purposes={"marketing": 0},
    identifiers={"user": 0, "anonymous": 1, "phone": 2},
    zone="Asia/Shanghai",
)


def decoder(
    clock: Clock = "live", *, kind: type[Decoder] = Decoder, customers_max: int = 1_000, repeats_max: int = 1_000
) -> Decoder:
    """A fresh decoder of one source over the small catalogue, its customers' keys repeatable."""
    return kind(
        CATALOGUE,
        TextDictionary(),
        IdentityIndex(customers_max),
        RepeatFilter(repeats_max),
        key=KEY,
        source="test",
        clock=clock,
        seed=b"world",
    )


def track(event: str = "recharge", user: str | None = "c1", **fields: Any) -> dict[str, Any]:
    """A track message."""
    return {"type": "track", "event": event, "userId": user, "timestamp": NOW, **fields}


def lines(*messages: Any) -> bytes:
    """Messages (objects, or lines as bytes) as NDJSON."""
    return b"\n".join(m if isinstance(m, bytes) else json.dumps(m, ensure_ascii=False).encode() for m in messages)
