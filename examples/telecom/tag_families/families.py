"""What families of tags are made of: figures of an event, sliced by a condition, over windows. Both languages are put together alike."""

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

OWNERS = {
    "subscription": "crm", "value": "finance", "voice": "core-network", "messaging": "core-network", "data": "core-network",
    "content": "content", "device": "retail", "experience": "network-quality", "channels": "digital", "commerce": "digital",
    "service": "customer-care", "places": "network-quality", "social": "analytics", "scores": "analytics",
}  # fmt: skip
"""Who answers for counters, by the first part of their category."""


class Tag(NamedTuple):
    """One tag as it is written: `made` are the lines that say how its value comes about."""

    name: str
    en: str
    zh: str
    category: str
    made: tuple[str, ...]
    unit: str = ""
    owner: str = "analytics"
    freshness: str = "real time"
    source: str = ""
    note: str = ""

    def text(self) -> str:
        """The YAML document."""
        lines = [
            f"tag: {self.name}",
            f"title: {{en: {quoted(self.en)}, zh: {quoted(self.zh)}}}",
            f"category: {self.category}",
            *self.made,
        ]
        if self.unit:
            lines.append(f"unit: {quoted(self.unit)}")
        lines += [f"owner: {self.owner}", f"freshness: {self.freshness}"]
        if self.source:
            lines.append(f"source: {quoted(self.source)}")
        if self.note:
            lines.append(f"note: {quoted(self.note)}")
        return "\n".join(lines) + "\n"


class Window(NamedTuple):
    """A rolling window; `name` ends the tag's name."""

    name: str
    en: str
    zh: str


class Slice(NamedTuple):
    """Which events count: `before` and `after` stand about the figure in English, `zh` before it in Chinese."""

    name: str
    where: str
    before: str = ""
    after: str = ""
    zh: str = ""


class Figure(NamedTuple):
    """What is taken of the events that count. `high` ends its range as it is written; none where the event's own range holds."""

    name: str
    measure: str
    value: str
    en: str
    zh: str
    unit: str
    high: str = ""


def quoted(text: str) -> str:
    """A YAML scalar in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def days(*numbers: int) -> tuple[Window, ...]:
    """Windows of so many days."""
    return tuple(
        Window(f"{n}d", f"in {n} days" if n > 1 else "today", f"近{n}天" if n > 1 else "当天") for n in numbers
    )


LIFE = (Window("", "since joining", "累计"),)
EVER = (Window("", "", ""),)
ALL = (Slice("", ""),)
HOURS = (
    Slice("night", "local_hour(event.at) < 6", "night-time", zh="凌晨"),
    Slice("morning", "local_hour(event.at) BETWEEN 6 AND 8", "early morning", zh="早间"),
    Slice("forenoon", "local_hour(event.at) BETWEEN 9 AND 11", "forenoon", zh="上午"),
    Slice("afternoon", "local_hour(event.at) BETWEEN 12 AND 17", "afternoon", zh="下午"),
    Slice("evening", "local_hour(event.at) BETWEEN 18 AND 20", "evening", zh="晚间"),
    Slice("late", "local_hour(event.at) >= 21", "late evening", zh="深夜"),
)
WAKING = HOURS[1:]
WEEK = (
    Slice("weekdays", "weekday(event.at) <= 5", "weekday", zh="工作日"),
    Slice("weekends", "weekday(event.at) >= 6", "weekend", zh="周末"),
)


def by(
    property_name: str, prefix: str, words: Iterable[tuple[str, str, str]], after: bool = False
) -> tuple[Slice, ...]:
    """A slice per word of a text property: (word, English, Chinese)."""
    return tuple(
        Slice(
            f"{prefix}{word.replace('-', '_').lower()}", f"event.{property_name} = '{word}'",
            "" if after else en, en if after else "", zh,
        )
        for word, en, zh in words
    )  # fmt: skip


def count(name: str, en: str, zh: str, unit: str = "times") -> Figure:
    """How many events."""
    return Figure(name, "count", "", en, zh, unit, "30000")


def total(name: str, value: str, en: str, zh: str, unit: str) -> Figure:
    """The sum of a property."""
    return Figure(name, "sum", value, en, zh, unit, "10000000.00" if unit.startswith("CNY") else "100000000")


def extreme(name: str, measure: str, value: str, en: str, zh: str, unit: str) -> Figure:
    """The smallest, largest, first or last value of a property."""
    return Figure(name, measure, value, en, zh, unit)


def distinct(name: str, value: str, en: str, zh: str, unit: str, most: int = 50) -> Figure:
    """How many different values, up to so many."""
    return Figure(name, "distinct", value, en, zh, unit, str(most))


def family(
    event: str, category: str, figures: Iterable[Figure], windows: Iterable[Window], slices: Iterable[Slice] = ALL
) -> Iterator[Tag]:
    """The counters of every figure, slice and window."""
    slices, windows = tuple(slices), tuple(windows)
    for figure in figures:
        for one in slices:
            for window in windows:
                yield _counter(event, category, figure, one, window)


def last(event: str, category: str, name: str, en: str, zh: str, value: str = "at", unit: str = "") -> Tag:
    """When it happened last, or the last value of a property."""
    return _counter(event, category, Figure(name, "last", value, en, zh, unit), ALL[0], EVER[0])


def rule(name: str, category: str, en: str, zh: str, text: str, unit: str = "", note: str = "") -> Tag:
    """A rule over other tags."""
    return Tag(name, en, zh, category, (f"rule: {quoted(text)}",), unit, "marketing", note=note)


def _counter(event: str, category: str, figure: Figure, one: Slice, window: Window) -> Tag:
    parts = [f"of: {event}", f"measure: {figure.measure}"]
    if figure.value:
        parts.append(f"value: {figure.value}")
    if one.where:
        parts.append(f"where: {quoted(one.where)}")
    if window.name:
        parts += [f"over: {window.name}", "bucket: day"]
    made = [f"counter: {{{', '.join(parts)}}}"]
    if figure.high:
        is_money = "." in figure.high
        made += [f"type: {'money' if is_money else 'int'}", f"range: [{'0.00' if is_money else '0'}, {figure.high}]"]
    plain = figure.en if not one.before else f"{one.before} {_small(figure.en)}"
    en = " ".join(part for part in (plain, one.after, window.en) if part)
    name = "_".join(part for part in (figure.name, one.name, window.name) if part)
    owner = OWNERS[category.split("/")[0]]
    return Tag(
        name, en[0].upper() + en[1:], f"{window.zh}{one.zh}{figure.zh}", category, tuple(made), figure.unit, owner
    )


def _small(text: str) -> str:
    """A title's beginning inside a sentence; acronyms stay."""
    return text if text[:2].isupper() else text[0].lower() + text[1:]
