"""Does a definition make sense by itself? Values that decode, yet could never work: a zero window, a cap of none, a bad date."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import msgspec

from opportune.campaigns import (
    PRIORITY_VALUE_MAX,
    WEIGHT_PPM_MAX,
    Budget,
    CampaignCap,
    CampaignDefinition,
    Capacity,
    OfferChoice,
    OfferDefinition,
    QuietHours,
    Step,
    TouchpointDefinition,
)
from opportune.facts import (
    MS_PER_DAY,
    MS_PER_HOUR,
    PPM,
    SET_MEMBERS_MAX,
    VALUE_MAX,
    Decimal,
    DeploymentDefinition,
    Duration,
    EventDefinition,
    IdentifierDefinition,
    Kind,
    PropertyDefinition,
    RetentionDefinition,
    parse_rate,
    parse_scaled,
    transitions,
)
from opportune.policy import Cap, PolicyDefinition, PolicyQuietHours
from opportune.profiles import BUCKETS_MAX, CounterDefinition, DetectorDefinition, TagDefinition
from opportune.store.approval import ApprovalStep, ApprovalWhen
from opportune.store.canonical import fields_of
from opportune.store.definitions import NAME, Definitions
from opportune.store.problems import DefinitionProblem, ProblemCode

SCALE_MAX = 9
DURATION_DAYS_MAX = 3_660
COUNT_MAX = 2**31 - 1
BUDGET_MINOR_MAX = 2**52
PROPERTIES_MAX = 200
IDENTIFIERS_OF_A_KIND_MAX = 100

_PROPERTY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

_LEAST: dict[type, dict[str, int]] = {
    Capacity: {"per_second": 1, "per_day": 1},
    OfferDefinition: {"stock": 0},
    OfferChoice: {"weight": 1},
    Budget: {"contacts": 1},
    CampaignCap: {"max": 1},
    IdentifierDefinition: {"most": 1},
    Cap: {"max": 1},
    ApprovalWhen: {"contacts_over": 0, "customers_over": 0},
}
"""The smallest whole number that makes sense, by struct and field."""

_MONEY: dict[type, dict[str, int]] = {
    TouchpointDefinition: {"cost": PRIORITY_VALUE_MAX},
    OfferDefinition: {"value": PRIORITY_VALUE_MAX, "cost": PRIORITY_VALUE_MAX},
    Budget: {"money": BUDGET_MINOR_MAX},
    ApprovalWhen: {"budget_over": BUDGET_MINOR_MAX},
}
"""Amounts of money, by struct and field, with the most minor units each may be."""

_FACTORS: dict[type, str] = {Step: "weight", CampaignDefinition: "lever"}
_MAY_BE_ZERO = ("again_after",)
_NUMBERS = (Kind.INT, Kind.DECIMAL, Kind.MONEY)

Found = Iterator[tuple[str, ProblemCode, str, str]]


def check_soundness(definitions: Definitions) -> list[DefinitionProblem]:
    """Every value that cannot work, at its place."""
    deployment = definitions.deployment
    money_scale = deployment.money_scale if deployment is not None and 0 <= deployment.money_scale <= SCALE_MAX else 2
    problems = []
    for family, name, definition in definitions.all():
        if not isinstance(definition, msgspec.Struct):
            continue
        for path, struct in _structs(definition, ""):
            for found in (*_values(struct, path, money_scale), *_CHECKS.get(type(struct), _nothing)(struct, path)):
                problems.append(definitions.problem(family, name, *found))
    return problems


def _structs(value: Any, path: str) -> Iterator[tuple[str, msgspec.Struct]]:
    if isinstance(value, msgspec.Struct):
        yield path, value
        for field in fields_of(type(value)):
            yield from _structs(getattr(value, field.name), _join(path, field.encode_name))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _structs(inner, _join(path, key))
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from _structs(inner, f"{path}[{index}]")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _nothing(struct: Any, path: str) -> Found:
    yield from ()


def _values(struct: msgspec.Struct, path: str, money_scale: int) -> Found:
    """The checks that follow from a field's type or from the tables above."""
    least, money = _LEAST.get(type(struct), {}), _MONEY.get(type(struct), {})
    for field in fields_of(type(struct)):
        value, place = getattr(struct, field.name), _join(path, field.encode_name)
        if isinstance(value, Duration):
            yield from _duration(value, place, field.encode_name in _MAY_BE_ZERO)
        elif field.name in least and value is not None:
            if not least[field.name] <= value <= COUNT_MAX:
                message = f"`{field.encode_name}: {value}` is out of range"
                hint = f"write a whole number from {least[field.name]} to {COUNT_MAX:,}"
                yield place, ProblemCode.OUT_OF_RANGE, message, hint
        elif field.name in money and value is not None:
            yield from _money(value, place, money_scale, money[field.name])
        elif _FACTORS.get(type(struct)) == field.name and not 0 < parse_scaled(value, 6) <= WEIGHT_PPM_MAX:
            hint = f"write a number above 0 and up to {WEIGHT_PPM_MAX // PPM}"
            yield place, ProblemCode.OUT_OF_RANGE, f"`{field.encode_name}: {value}` is out of range", hint


def _duration(value: Duration, place: str, may_be_zero: bool) -> Found:
    if value == 0 and not may_be_zero:
        yield (
            place,
            ProblemCode.OUT_OF_RANGE,
            "a time of zero has no effect",
            "write for example 7d, or leave the key out",
        )
    elif value > DURATION_DAYS_MAX * MS_PER_DAY:
        yield place, ProblemCode.OUT_OF_RANGE, "the time is too long", f"write at most {DURATION_DAYS_MAX}d"


def _money(value: Decimal, place: str, scale: int, most: int) -> Found:
    minor = parse_scaled(value, scale)
    if not 0 <= minor <= most:
        yield (
            place,
            ProblemCode.OUT_OF_RANGE,
            f"`{value}` is out of range",
            f"write an amount of 0 to {most / 10**scale:,.0f}",
        )
    elif not _fits_scale(value, scale):
        message = f"`{value}` has more than the {scale} decimals of the deployment's money"
        yield place, ProblemCode.OUT_OF_RANGE, message, "round it, or raise the deployment's `money_scale`"


def _fits_scale(text: str, scale: int) -> bool:
    fine = scale + 40
    return parse_scaled(text, fine) % 10 ** (fine - scale) == 0


def _deployment(deployment: DeploymentDefinition, path: str) -> Found:
    try:
        transitions(deployment.zone)
    except ValueError as error:
        message, _, hint = str(error).partition("; ")
        yield "zone", ProblemCode.BAD_VALUE, message, hint
    if not _CURRENCY.fullmatch(deployment.currency):
        yield (
            "currency",
            ProblemCode.BAD_VALUE,
            f"`{deployment.currency}` is no currency",
            "write its three letters, such as USD",
        )
    if not 0 <= deployment.money_scale <= SCALE_MAX:
        message = f"money cannot have {deployment.money_scale} decimals"
        yield "money_scale", ProblemCode.OUT_OF_RANGE, message, f"write 0 to {SCALE_MAX}"
    for category in deployment.categories:
        yield from _path_of_names(category, "categories")


def _retention(retention: RetentionDefinition, path: str) -> Found:
    if retention.journal is not None:
        return
    for name in ("events", "tags", "decisions"):
        if getattr(retention, name) is not None:
            message = f"the warehouse lets `{name}` go only after the journal has, and the journal keeps everything"
            yield (
                _join(path, name),
                ProblemCode.BAD_VALUE,
                message,
                "write how long the journal stays, for example `journal: 30d`",
            )


def _typed(value: PropertyDefinition | TagDefinition, path: str) -> Found:
    """What a tag and an event's property have in common: scale, range and members fit the type."""
    kind = value.type
    if not 0 <= value.scale <= SCALE_MAX:
        message = f"a value cannot have {value.scale} decimals"
        yield _join(path, "scale"), ProblemCode.OUT_OF_RANGE, message, f"write 0 to {SCALE_MAX}"
    elif value.scale and kind is not Kind.DECIMAL:
        hint = "write `type: decimal`" if kind is not Kind.MONEY else "money has the deployment's `money_scale`"
        yield _join(path, "scale"), ProblemCode.CONTRADICTION, "only a decimal has a `scale`", hint
    elif value.range is not None:
        yield from _range(value.range, kind, value.scale, _join(path, "range"))
    place = _join(path, "members")
    if kind is Kind.SET and not value.members:
        yield path, ProblemCode.MISSING_KEY, "a set names its members", "write for example `members: [video, music]`"
    elif kind is not Kind.SET and value.members:
        yield place, ProblemCode.CONTRADICTION, "only a set has `members`", "write `type: set`, or leave them out"
    elif len(value.members) > SET_MEMBERS_MAX:
        message = f"{len(value.members)} members are too many"
        yield place, ProblemCode.OUT_OF_RANGE, message, f"a set has at most {SET_MEMBERS_MAX}"
    for index, member in enumerate(value.members):
        if member in value.members[:index]:
            yield f"{place}[{index}]", ProblemCode.CONTRADICTION, f"`{member}` is there twice", "keep one of them"


def _range(limits: tuple[Decimal, Decimal], kind: Kind | None, scale: int, place: str) -> Found:
    if kind not in _NUMBERS:
        yield place, ProblemCode.CONTRADICTION, "only a number has a `range`", "write `type: int`, `decimal` or `money`"
        return
    low, high = (parse_scaled(limit, SCALE_MAX) for limit in limits)
    if low > high:
        yield (
            place,
            ProblemCode.CONTRADICTION,
            f"the range from {limits[0]} to {limits[1]} is empty",
            "write the lower end first",
        )
    if kind is not Kind.MONEY:
        for index, limit in enumerate(limits):
            if not _fits_scale(limit, scale):
                hint = (
                    "round it, or raise `scale`" if kind is Kind.DECIMAL else "write a whole number, or `type: decimal`"
                )
                yield f"{place}[{index}]", ProblemCode.OUT_OF_RANGE, f"`{limit}` has more than {scale} decimals", hint
    if max(abs(low), abs(high)) * 10**scale > VALUE_MAX * 10**SCALE_MAX:
        yield place, ProblemCode.OUT_OF_RANGE, "the range is wider than a value can be", "narrow it"


def _identifier(kind: IdentifierDefinition, path: str) -> Found:
    if kind.most is not None and kind.most > IDENTIFIERS_OF_A_KIND_MAX:
        message = f"`most: {kind.most}` is out of range"
        hint = f"write a whole number from 1 to {IDENTIFIERS_OF_A_KIND_MAX}, or leave it out"
        yield _join(path, "most"), ProblemCode.OUT_OF_RANGE, message, hint
    if kind.most is not None and not kind.merges:
        message = "`most` has no effect: only identifiers that merge are counted per person"
        yield _join(path, "most"), ProblemCode.CONTRADICTION, message, "add `merges: true`, or take `most` out"


def _event(event: EventDefinition, path: str) -> Found:
    yield from _category(event, path)
    if len(event.properties) > PROPERTIES_MAX:
        message = f"{len(event.properties)} properties are too many"
        yield "properties", ProblemCode.OUT_OF_RANGE, message, f"an event has at most {PROPERTIES_MAX}"
    for name in event.properties:
        if not _PROPERTY.fullmatch(name):
            hint = "use letters, digits and _, a letter first, at most 63"
            yield f"properties.{name}", ProblemCode.BAD_NAME, f"`{name}` cannot be the name of a property", hint
        elif name == "at":
            message = "`at` always means when the event happened, so no property can be called so"
            yield "properties.at", ProblemCode.BAD_NAME, message, "rename the property"


def _category(definition: EventDefinition | TagDefinition | DetectorDefinition, path: str) -> Found:
    if definition.category:
        yield from _path_of_names(definition.category, _join(path, "category"))


def _path_of_names(category: str, place: str) -> Found:
    """A category is a path of names, parted by slashes."""
    if any(not part or part != part.strip() for part in category.split("/")):
        message = f"`{category}` has an empty part, or blanks around one"
        yield place, ProblemCode.BAD_VALUE, message, "write the path of names, such as data/volume"


def _tag(tag: TagDefinition, path: str) -> Found:
    yield from _category(tag, path)
    made = [key for key in ("rule", "counter", "score") if getattr(tag, key) is not None]
    if len(made) > 1:
        message = f"a tag is made in one way, here there are {' and '.join(made)}"
        yield made[1], ProblemCode.CONTRADICTION, message, "keep one, and give the other its own tag"
    if tag.type is None and "rule" not in made and "counter" not in made:
        yield path, ProblemCode.MISSING_KEY, "the type of the tag is missing", "write for example `type: int`"
    yield from _typed(tag, path)


def _counter(counter: CounterDefinition, path: str) -> Found:
    if counter.measure == "count" and counter.value is not None:
        message = "`measure: count` counts events and reads no value"
        yield _join(path, "value"), ProblemCode.CONTRADICTION, message, "leave `value` out, or write `measure: sum`"
    if counter.measure != "count" and counter.value is None:
        message = f"`measure: {counter.measure}` needs a value to read"
        yield path, ProblemCode.MISSING_KEY, message, "write `value:` with a property of the event, or `at`"
    if counter.bucket is not None:
        yield from _buckets(counter, path)


def _buckets(counter: CounterDefinition, path: str) -> Found:
    if counter.over is None:
        message = "a counter for life has no buckets"
        yield _join(path, "bucket"), ProblemCode.CONTRADICTION, message, "leave `bucket` out, or write `over: 7d`"
        return
    length = MS_PER_HOUR if counter.bucket == "hour" else MS_PER_DAY
    if counter.over % length:
        message = f"the window is no whole number of {counter.bucket}s"
        yield _join(path, "over"), ProblemCode.CONTRADICTION, message, "lengthen it, or choose smaller buckets"
    elif counter.over // length > BUCKETS_MAX:
        message = f"the window has {counter.over // length:,} buckets; at most {BUCKETS_MAX:,} are kept"
        yield _join(path, "over"), ProblemCode.OUT_OF_RANGE, message, "shorten it, or choose `bucket: day`"


def _quiet(hours: QuietHours | PolicyQuietHours, path: str) -> Found:
    if hours.since == hours.to:
        yield (
            path,
            ProblemCode.CONTRADICTION,
            "quiet hours that end when they begin are none",
            "leave them out, or move `to`",
        )


def _campaign(campaign: CampaignDefinition, path: str) -> Found:
    for place, day in (("valid.from", campaign.valid.since), ("valid.to", campaign.valid.to)):
        yield from _day(day, place)
    since, to = campaign.valid.since, campaign.valid.to
    if since and to and _DATE.fullmatch(since) and _DATE.fullmatch(to) and since > to:
        yield (
            "valid",
            ProblemCode.CONTRADICTION,
            f"{since} is after {to}, so the campaign never runs",
            "swap the two days",
        )
    if campaign.propensity.endswith("%"):
        try:
            parse_rate(campaign.propensity)
        except ValueError as error:
            message, _, hint = str(error).partition("; ")
            yield "propensity", ProblemCode.BAD_VALUE, message, hint or "write for example 12.5%"


def _day(day: str | None, place: str) -> Found:
    if day is None:
        return
    hint = "write it as 2026-12-31"
    if not _DATE.fullmatch(day):
        yield place, ProblemCode.BAD_VALUE, f"`{day}` is no day", hint
        return
    try:
        date.fromisoformat(day)
    except ValueError:
        yield place, ProblemCode.BAD_VALUE, f"there is no day `{day}` in the calendar", hint


def _policy(policy: PolicyDefinition, path: str) -> Found:
    for index, day in enumerate(policy.holidays):
        yield from _day(day, f"holidays[{index}]")


def _approval_step(step: ApprovalStep, path: str) -> Found:
    if not NAME.fullmatch(step.step):
        hint = "use small letters, digits, - and _, a letter first"
        yield f"{path}.step", ProblemCode.BAD_NAME, f"`{step.step}` cannot be the name of a step", hint
    if step.when is not None and step.when == ApprovalWhen():
        hint = "say when, for example `contacts_over: 10000`, or leave `when` out: then it is always required"
        yield f"{path}.when", ProblemCode.CONTRADICTION, "this step is never required", hint


_CHECKS: dict[type, Callable[[Any, str], Found]] = {
    DeploymentDefinition: _deployment,
    RetentionDefinition: _retention,
    IdentifierDefinition: _identifier,
    EventDefinition: _event,
    PropertyDefinition: _typed,
    TagDefinition: _tag,
    DetectorDefinition: _category,
    CounterDefinition: _counter,
    QuietHours: _quiet,
    PolicyQuietHours: _quiet,
    CampaignDefinition: _campaign,
    PolicyDefinition: _policy,
    ApprovalStep: _approval_step,
}
