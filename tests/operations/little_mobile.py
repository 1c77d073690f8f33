"""A small world on the minimal example for the tests of operations and of the command line: real folders, real messages."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opportune.operations import (
    create_deployment,
    import_ndjson,
    open_deployment,
    publish,
    read_definitions,
)

MINIMAL = Path(__file__).parents[2] / "examples" / "minimal"
CUSTOMERS_MAX = 1_000
HOUR, DAY = 3_600_000, 86_400_000
START = 1_793_491_200_000
"""2026-11-01T00:00 in Shanghai, less eight hours of UTC: 2026-11-01T00:00Z, which is 08:00 there."""


def lines(messages: list[dict[str, Any]]) -> bytes:
    """Messages as NDJSON."""
    return b"".join(json.dumps(message, ensure_ascii=False).encode() + b"\n" for message in messages)


def identify(user: str, at: int, **traits: Any) -> dict[str, Any]:
    """An identify message."""
    return {"type": "identify", "userId": user, "timestamp": at, "traits": traits}


def used(user: str, at: int, pct: int, **also: Any) -> dict[str, Any]:
    """A data_usage_reported event."""
    properties = {"used_pct": pct, "used_mb": 10 * pct}
    return {
        "type": "track",
        "event": "data_usage_reported",
        "userId": user,
        "timestamp": at,
        "properties": properties,
        **also,
    }


def bought(user: str, at: int, amount: str) -> dict[str, Any]:
    """A pack_purchased event."""
    properties = {"product": "pack_10g", "amount": amount}
    return {"type": "track", "event": "pack_purchased", "userId": user, "timestamp": at, "properties": properties}


def consent(user: str, at: int, given: bool = True, channel: str | None = None) -> dict[str, Any]:
    """A consent message for marketing."""
    said: dict[str, Any] = {"type": "consent", "userId": user, "timestamp": at, "purpose": "marketing", "given": given}
    return said if channel is None else {**said, "channel": channel}


def month(customers: int = 60) -> Iterator[dict[str, Any]]:
    """A month of little stories: consents, usage by day and night, purchases, refusals, contacts made elsewhere."""
    for i in range(customers):
        user = f"customer-{i:03}"
        yield identify(user, START + i, arpu=str(20 + 3 * i), has_unlimited=i % 7 == 0, upsell_propensity=1_000 * i)
        if i % 5:
            yield consent(user, START + i + 1)
        if i % 11 == 10:
            yield consent(user, START + i + 2, False, "sms")
        if i % 13 == 12:
            yield {"type": "do_not_disturb", "userId": user, "timestamp": START + i + 3, "on": True}
    for day in range(1, 31):
        for i in range(customers):
            user = f"customer-{i:03}"
            at = START + day * DAY + i * 60_000 + (i % 4) * 5 * HOUR
            if (i + day) % 3 == 0:
                yield used(user, at, (37 * i + 11 * day) % 140)
            if (i * day) % 17 == 3:
                yield bought(user, at + 1_000, str(10 + (i * day) % 40))
            if (i + day) % 29 == 5:
                yield {
                    "type": "response",
                    "userId": user,
                    "timestamp": at + 2_000,
                    "campaign": "data-pack-upsell",
                    "answer": "refused",
                }
            if (i + 2 * day) % 31 == 7:
                yield {
                    "type": "contact",
                    "userId": user,
                    "timestamp": at + 3_000,
                    "campaign": "data-pack-upsell",
                    "touchpoint": "call_centre",
                }


def by_time(messages: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages in the order of their times."""
    return sorted(messages, key=lambda message: int(message["timestamp"]))


def deployed(
    folder: Path, definitions: Path = MINIMAL, messages: list[dict[str, Any]] | None = None, source: str = "world"
) -> Path:
    """A data folder (repeatable keys) with definitions in force and messages imported."""
    create_deployment(folder, seed="tests")
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        publish(deployment, read_definitions(definitions), "tests")
    if messages is not None:
        imported(folder, messages, source)
    return folder


def imported(folder: Path, messages: list[dict[str, Any]], source: str = "world") -> None:
    """Import messages into a data folder."""
    path = folder.parent / f"{source}.ndjson"
    path.write_bytes(lines(messages))
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        import_ndjson(deployment, path, source)
