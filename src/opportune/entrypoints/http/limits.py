"""What the door of HTTP bounds."""

import msgspec

from opportune.intake import BODY_BYTES_MAX


class Limits(msgspec.Struct, frozen=True):
    """Bounds of requests and connections; the unit stands last."""

    body_bytes_max: int = BODY_BYTES_MAX
    drained_bytes_max: int = 4 * BODY_BYTES_MAX
    """So much of a body that is too large is read and thrown away, so that its sender hears the answer."""
    body_seconds_max: float = 30.0
    head_seconds_max: float = 10.0
    head_bytes_max: int = 65_536
    idle_seconds_max: int = 75
    """A kept-alive connection without a request is closed after that."""
    answer_seconds_max: float = 60.0
    """Longer no one waits for an answer of the operating routes."""
    requests_in_flight_max: int = 5_000
    connections_max: int = 20_000
    large_body_bytes: int = 262_144
    """Bodies from this size on are inflated and translated in a thread, so that small requests do not wait for them."""
    shutdown_seconds_max: int = 30


RETRY_AFTER_SECONDS = 1
RETRY_AFTER_FAILURE_SECONDS = 5
