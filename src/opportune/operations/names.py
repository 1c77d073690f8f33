"""The words for numbers: names, titles, money, values and local times, as the latest playbook of a journal says them."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from opportune.engine import DefinitionSet, PlaybookBody
from opportune.facts import NO_CAMPAIGN, NO_OFFER, NO_TOUCHPOINT, NULL, Kind, TextDictionary, Title, ValueType
from opportune.intake import looks_personal

Language = Literal["en", "zh"]

_QUOTED = re.compile(r"`([^`]+)`")
MASKED_BELOW_CHARACTERS = 6
SHOWN_CHARACTERS = 2


class Names:
    """Numbers to words. Numbers are never given twice, so the latest playbook knows every name that was ever used."""

    def __init__(self, body: PlaybookBody | None, language: Language = "en") -> None:
        """Words under a playbook; without one there are no names yet and numbers are shown."""
        self.definitions = body.definitions if body is not None else DefinitionSet()
        self._numbers: dict[str, list[str]] = body.numbers if body is not None else {}
        self.language: Language = language
        self.zone = ZoneInfo(self.definitions.deployment.zone)

    def __contains__(self, family: str) -> bool:
        return family in self._numbers

    def of(self, family: str) -> Sequence[str]:
        """All names of a family by number."""
        return self._numbers.get(family, [])

    def name(self, family: str, number: int) -> str:
        """The name of a number; `family 7` for one that no playbook knows."""
        names = self.of(family)
        return names[number] if 0 <= number < len(names) else f"{family} {number}"

    def number(self, family: str, name: str) -> int | None:
        """The number of a name, or None."""
        names = self.of(family)
        return names.index(name) if name in names else None

    def campaign(self, number: int) -> str:
        """A campaign's name; empty for what was withheld before any campaign was looked at."""
        return "" if number == NO_CAMPAIGN else self.name("campaign", number)

    def offer(self, number: int) -> str:
        """An offer's name; empty where there is none."""
        return "" if number in (NO_OFFER, NULL) else self.name("offer", number)

    def touchpoint(self, number: int) -> str:
        """A touchpoint's name; empty where a decision waits for the customer to come to one."""
        return "" if number == NO_TOUCHPOINT else self.name("touchpoint", number)

    def title(self, family: str, name: str) -> str:
        """The display name of a campaign, event, tag, touchpoint or offer in our language; its name where it has none."""
        families: dict[str, Mapping[str, Any]] = {
            "campaign": self.definitions.campaigns, "event": self.definitions.every_event, "tag": self.definitions.tags,
            "touchpoint": self.definitions.touchpoints, "offer": self.definitions.offers,
        }  # fmt: skip
        definition = families[family].get(name)
        title: Title = definition.title if definition is not None else Title()
        return (title.zh if self.language == "zh" else title.en) or name

    def money(self, minor: int) -> str:
        """An amount with its currency: `12.50 CNY`."""
        deployment = self.definitions.deployment
        return f"{scaled(minor, deployment.money_scale)} {deployment.currency}"

    def moment(self, at_ms: int, zone: str | None = None) -> str:
        """A moment as local time of the deployment, or of `zone`: `2026-12-01 08:00:00`."""
        return str(self.local(at_ms, zone).replace(tzinfo=None))[:19]

    def local(self, at_ms: int, zone: str | None = None) -> datetime:
        """A moment as local time, whole seconds. Times outside the calendar are shown at its end."""
        seconds = min(max(at_ms // 1000, -62_135_000_000), 253_402_000_000)
        utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        return utc.astimezone(ZoneInfo(zone) if zone else self.zone)

    def value(self, value: int, kind: ValueType, dictionary: TextDictionary) -> str | int | bool | list[str] | None:
        """A tag's or property's value, decoded by its type; None for NULL. Numbers with decimals become text, exactly."""
        if value == NULL:
            return None
        match kind.kind:
            case Kind.BOOL:
                return value == 1
            case Kind.INT:
                return value
            case Kind.DECIMAL | Kind.MONEY:
                return scaled(value, kind.scale)
            case Kind.DATE:
                return str(date(1970, 1, 1) + timedelta(days=value))
            case Kind.TIMESTAMP:
                return self.moment(value)
            case Kind.TEXT:
                return dictionary.text(value) if 1 <= value <= len(dictionary) else f"text {value}"
            case Kind.KEY:
                return f"{value:016x}"
            case Kind.SET:
                return [member for bit, member in enumerate(kind.members) if value >> bit & 1]


def scaled(value: int, scale: int) -> str:
    """value / 10**scale, digit by digit: (1250, 2) is `12.50`."""
    sign, digits = "-" if value < 0 else "", str(abs(value)).rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}" if scale else f"{sign}{digits}"


def span(ms: int) -> str:
    """A length of time in its two largest units: `2d 3h`, `15m`, `0s`."""
    parts = []
    for unit, length in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        many, ms = divmod(ms, length)
        if many:
            parts.append(f"{many}{unit}")
    return " ".join(parts[:2]) or "0s"


def mask(identifier: str) -> str:
    """An identifier with only its first and last two characters; short ones are hidden whole."""
    if len(identifier) < MASKED_BELOW_CHARACTERS:
        return "*" * len(identifier)
    return identifier[:SHOWN_CHARACTERS] + "*" * (len(identifier) - 4) + identifier[-SHOWN_CHARACTERS:]


def mask_words(text: str) -> str:
    """A text with what it quotes (between backticks) masked where that looks personal."""
    return _QUOTED.sub(lambda found: f"`{mask(found[1])}`" if looks_personal(found[1]) else found[0], text)
