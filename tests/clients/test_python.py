"""The unmodified Python libraries of Segment, RudderStack, PostHog and Sensors: every event applied exactly once in any weather."""

import time
from typing import Any

import pytest

from tests.clients.storm import Weather

segment = pytest.importorskip("segment.analytics.client", reason="uv sync --group clients")
rudder = pytest.importorskip("rudderstack.analytics.client", reason="uv sync --group clients")
posthog = pytest.importorskip("posthog", reason="uv sync --group clients")
sensors = pytest.importorskip("sensorsanalytics", reason="uv sync --group clients")

EVENTS = 40
HALF = EVENTS // 2
EVENT = "data_usage_reported"


def properties(i: int) -> dict[str, Any]:
    return {"used_pct": i % 100, "used_mb": i}


def raise_on_error(error: Exception, _items: Any) -> None:
    raise AssertionError(f"the library gave up: {error}")


@pytest.mark.parametrize("zipped", [False, True])
def test_segment(weather: Weather, zipped: bool) -> None:
    lost: list[Any] = []
    client = segment.Client(
        weather.server.served.write_key, host=weather.server.url, gzip=zipped, upload_size=5, upload_interval=0.2,
        max_retries=50, on_error=lambda error, items: lost.append((error, items)),
    )  # fmt: skip

    def send(first: int, last: int) -> None:
        for i in range(first, last):
            client.track(f"customer-{i % 5}", EVENT, properties(i))

    def send_rest() -> None:
        send(HALF, EVENTS)
        client.identify("customer-1", {"arpu": "70"})
        client.alias("anonymous-1", "customer-1")

    def end() -> None:
        client.flush()
        client.join()

    weather.blow(lambda: send(0, HALF), send_rest, end)
    assert lost == []
    weather.check(EVENTS, others=2)


@pytest.mark.parametrize("zipped", [True, False])
def test_rudder(weather: Weather, zipped: bool) -> None:
    lost: list[Any] = []
    client = rudder.Client(
        weather.server.served.write_key, host=weather.server.url, gzip=zipped, upload_size=5, upload_interval=0.2,
        max_retries=50, on_error=lambda error, items: lost.append((error, items)),
    )  # fmt: skip

    def send(first: int, last: int) -> None:
        for i in range(first, last):
            client.track(f"customer-{i % 5}", EVENT, properties(i))

    def send_rest() -> None:
        send(HALF, EVENTS)
        client.identify("customer-1", {"arpu": "70"})  # its traits travel within the context

    def end() -> None:
        client.flush()
        client.join()

    weather.blow(lambda: send(0, HALF), send_rest, end)
    assert lost == []
    weather.check(EVENTS, others=1)


def test_posthog(weather: Weather) -> None:
    lost: list[Any] = []
    client = posthog.Posthog(
        weather.server.served.write_key, host=weather.server.url, flush_at=5, flush_interval=0.2, max_retries=50,
        on_error=lambda error, items: lost.append((error, items)),
    )  # fmt: skip

    def send(first: int, last: int) -> None:
        for i in range(first, last):
            client.capture(EVENT, distinct_id=f"customer-{i % 5}", properties=properties(i))

    def send_rest() -> None:
        send(HALF, EVENTS)
        client.set(distinct_id="customer-1", properties={"arpu": "70"})

    weather.blow(lambda: send(0, HALF), send_rest, client.shutdown)
    assert lost == []
    weather.check(EVENTS, others=1)


def test_posthog_finds_no_flags(weather: Weather) -> None:
    client = posthog.Posthog(weather.server.served.write_key, host=weather.server.url)
    try:
        assert client.get_all_flags("customer-1") in ({}, None)
    finally:
        client.shutdown()


def test_sensors(weather: Weather) -> None:
    """This library hands its network errors to the caller and keeps what it could not send: the caller flushes again."""
    url = f"{weather.server.url}/sa?project=test&token={weather.server.served.write_key}"
    consumer = sensors.BatchConsumer(url, max_size=5, request_timeout=10)
    client = sensors.SensorsAnalytics(consumer)

    def patiently(call: Any) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                return call()
            except (OSError, sensors.SensorsAnalyticsNetworkException):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    refused: list[Exception] = []

    def send(first: int, last: int) -> None:
        for i in range(first, last):
            try:
                client.track(f"customer-{i % 5}", EVENT, properties(i), is_login_id=True)
            except (OSError, sensors.SensorsAnalyticsNetworkException) as error:
                refused.append(error)  # it is in the buffer all the same

    def send_rest() -> None:
        patiently(client.flush)
        send(HALF, EVENTS)
        client.profile_set("customer-1", {"arpu": "70"}, is_login_id=True)

    weather.blow(lambda: send(0, HALF), send_rest, lambda: patiently(client.flush))
    assert refused
    weather.check(EVENTS, others=1)
