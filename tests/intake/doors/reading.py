"""What a translation says, as Python values; and what intake makes of it."""

import json
from typing import Any

from opportune.intake import ColumnDecoder, Intake, Translated
from tests.intake.world import NOW, decoder

Messages = list[dict[str, Any]]


def messages_of(translated: Translated) -> Messages:
    """The lines, parsed; each stands on a line of its own."""
    lines = translated.lines.split(b"\n") if translated.lines else []
    assert len(lines) == translated.messages
    return [json.loads(line) for line in lines]


def taken_in(translated: Translated, received_ms: int = NOW) -> Intake:
    """What a fresh decoder over the small catalogue makes of the lines."""
    return decoder(kind=ColumnDecoder).decode(translated.lines, received_ms)
