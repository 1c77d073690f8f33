"""What lenient sources said and nobody declared: counted by source and name with a guess of types; declared by a file, and then known."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from opportune.operations import (
    DefinitionsRefusedError,
    Deployment,
    DeploymentError,
    EventCounts,
    Sightings,
    ingest,
    open_deployment,
    publish,
    read_definitions,
    replay,
    sources_of,
    write_definitions,
)
from opportune.operations.publish import compile_playbook
from tests.operations.little_mobile import CUSTOMERS_MAX, MINIMAL, START, deployed, identify, lines, used

SENDERS = """
source: app
title: {en: The app, zh: 应用}
lenient: true
---
source: shop
lenient: false
"""


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    """The minimal example with two sources that send by themselves, one of them lenient."""
    folder = Path(shutil.copytree(MINIMAL, tmp_path / "definitions"))
    (folder / "senders.yaml").write_text(SENDERS)
    return folder


@pytest.fixture
def folder(tmp_path: Path, definitions: Path) -> Path:
    """A data folder with them in force."""
    return deployed(tmp_path / "data", definitions)


def viewed(user: str, at: int, **properties: Any) -> dict[str, Any]:
    """An event that nobody declared."""
    return {"type": "track", "event": "product_viewed", "userId": user, "timestamp": at, "properties": properties}


def take(deployment: Deployment, source: str, *messages: dict[str, Any]) -> Any:
    taken = ingest(deployment, deployment.decoder(source, "import"), lines(list(messages)), START)
    taken.folding.result()
    return taken.intake


def told(folder: Path) -> list[tuple[Any, ...]]:
    """(event, source, declared, count, {property: (count, type, mistyped)})."""
    sightings = Sightings(folder)
    assert sightings.advance()
    return [
        (one.event, one.source, one.declared, one.count, {p.property: (p.count, p.type, p.mistyped) for p in one.properties})
        for one in sightings.seen()
    ]  # fmt: skip


def test_a_lenient_source_is_counted_and_a_strict_one_quarantined(folder: Path) -> None:
    messages = [
        viewed("ann", START, sku="A1", price=9.95, seen_at="2026-11-01T08:00:00Z", parts=["a", "b"]),
        viewed("bob", START + 1, sku="B2", price=10, gift=True, on="2026-11-02", odd=[{"x": 1}]),
        used("ann", START + 2, 40, properties={"used_pct": "forty", "used_mb": 1, "cell": 7}),
        identify("ann", START + 3, arpu=50, shoe_size=43),
    ]
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        lenient, strict = take(deployment, "app", *messages), take(deployment, "shop", *messages)
        assert (lenient.applied, lenient.set_aside, lenient.quarantined) == (4, 4, [])
        assert [one.reason.value for one in strict.quarantined] == ["unknown_event"] * 2 + ["wrong_type", "unknown_tag"]
        account = deployment.accounting.sources["app"]
        assert account.balanced
        assert account.set_aside == 4
    assert told(folder) == [
        ("(tags)", "app", True, 1, {"shoe_size": (1, "int", False)}),
        ("data_usage_reported", "app", True, 1, {"cell": (1, "int", False), "used_pct": (1, "text", True)}),
        ("product_viewed", "app", False, 2, {
            "gift": (1, "bool", False), "odd": (1, "", False), "on": (1, "date", False), "parts": (1, "set", False),
            "price": (2, "decimal", False), "seen_at": (1, "timestamp", False), "sku": (2, "text", False),
        }),
    ]  # fmt: skip
    counts = EventCounts(folder)
    counts.advance()
    assert [(one.event, one.source, one.count) for one in counts.seen()] == [("data_usage_reported", "app", 1)]
    assert replay(folder).equal


def test_a_text_with_many_values_is_guessed_a_key(folder: Path) -> None:
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        take(
            deployment,
            "app",
            *(viewed(f"u{n % 9}", START + n, order=f"o-{n}", mixed=n if n % 2 else str(n)) for n in range(250)),
        )
    ((_, _, _, count, properties),) = told(folder)
    assert (count, properties) == (250, {"order": (250, "key", False), "mixed": (250, "key", False)})


def test_one_command_declares_what_was_seen(tmp_path: Path, definitions: Path, folder: Path) -> None:
    message = viewed("ann", START, sku="A1", price=9.95, parts=["a", "b"], **{"shelf-no": 1})
    odd = {**message, "event": "Order Completed", "properties": {}}
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        take(
            deployment, "app", message, odd, used("ann", START, 40, properties={"used_pct": 1, "used_mb": 1, "cell": 7})
        )
    sightings = Sightings(folder)
    sightings.advance()
    path = definitions / "seen.yaml"
    write_definitions(sightings.seen(), path)
    text = path.read_text()
    assert "price: {type: decimal, scale: 2}" in text
    assert 'parts: {type: set, members: ["a", "b"]}' in text
    assert '# "shelf-no": {type: int}, under a name' in text
    assert "let the sender say order_completed\nevent: order_completed" in text
    assert "# undeclared or mistyped properties of the event data_usage_reported" in text
    with pytest.raises(DeploymentError, match="is there already"):
        write_definitions(sightings.seen(), path)
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        publish(deployment, read_definitions(definitions), "tests")
        intake = take(deployment, "app", {**message, "properties": {"sku": "A1", "price": 9.95}})
        assert (intake.applied, intake.set_aside) == (1, 0)
    assert [one[0] for one in told(folder)] == ["Order Completed", "data_usage_reported"]


def test_leniency_follows_the_definitions_in_force(definitions: Path, folder: Path) -> None:
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        assert deployment.is_lenient("app")
        assert not deployment.is_lenient("shop")
        assert not deployment.is_lenient("nobody")
        (definitions / "senders.yaml").write_text("source: shop\nlenient: true\n")
        publish(deployment, read_definitions(definitions), "tests")
        assert deployment.is_lenient("shop")
        assert not deployment.is_lenient("app")


def test_a_source_that_sends_is_not_fetched_and_has_few_keys(definitions: Path) -> None:
    known = read_definitions(definitions)
    assert sources_of(known) == []
    with pytest.raises(DeploymentError, match="sends by itself"):
        sources_of(known, ["app"])
    (definitions / "senders.yaml").write_text(
        "source: app\nlenient: perhaps\n---\nsource: shop\nlenient: true\nclean: []\n"
    )
    with pytest.raises(DefinitionsRefusedError) as refused:
        compile_playbook(None, read_definitions(definitions))
    assert [(one.name, one.path) for one in refused.value.problems] == [("app", "lenient"), ("shop", "")]
