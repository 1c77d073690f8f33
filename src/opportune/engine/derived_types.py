"""The properties of derived events, and what is wrong with a detector's definition."""

from typing import Protocol

from opportune.engine.definitions import CompileProblem, DefinitionSet
from opportune.facts import (
    DERIVED_VALUES_MAX,
    MS_PER_DAY,
    EventDefinition,
    Kind,
    ValueType,
    parse_scaled,
    value_type,
)
from opportune.profiles import LATITUDE_MAX, LONGITUDE_MAX, Area, Detection

DETECTOR_DEPTH_MAX = 4
WINDOW_DAYS_MAX = 3_660
CORNERS_MAX = 64
RADIUS_METRES_MAX = 500_000
PLACE_SCALE = 6
_FORMS = "write event and then_not (or then) and within; silent; tag and crosses; enters or leaves; or date"
_MAY_HAVE: dict[str, tuple[str, ...]] = {
    "sequence": ("event", "where", "then", "then_not", "then_where", "within", "key", "keep"),
    "silence": ("event", "where", "silent", "key", "keep"),
    "crossing": ("tag", "crosses"),
    "rule": ("enters", "leaves"),
    "area": ("event", "where", "enters", "leaves", "position", "keep"),
    "date": ("date", "days", "at"),
}
_MUST_HAVE = {"sequence": ("event", "within"), "crossing": ("crosses",), "area": ("event",)}


class Known(Protocol):
    """What is known so far of the other definitions (a Vocabulary), and where problems are noted."""

    definitions: DefinitionSet
    problems: list[CompileProblem]
    every_event: dict[str, EventDefinition]
    events: dict[str, dict[str, ValueType]]
    tags: dict[str, ValueType]
    depths: dict[str, int]

    def problem(self, family: str, name: str, path: str, message: str, hint: str = "") -> None:
        """Note a problem."""


def derived_types(v: Known, name: str, when: Detection) -> dict[str, ValueType]:
    """The property types of a detector's event; what is wrong with its definition is noted in the vocabulary."""
    before = len(v.problems)
    if name in v.definitions.events:
        v.problem("detector", name, "", f"there is an event `{name}` already", "give the detector another name")
    _check_form(v, name, when)
    if len(v.problems) == before:
        _check_events(v, name, when)
    if v.depths[name] > DETECTOR_DEPTH_MAX:
        message = f"{v.depths[name]} detectors stand one upon the other here; at most {DETECTOR_DEPTH_MAX} may"
        v.problem("detector", name, "when", message, "ask for the events of a lower one")
    if len(v.problems) > before:
        return {}
    return _types(v, name, when)


def _check_form(v: Known, name: str, when: Detection) -> None:
    """The keys that make its form are there, and no others."""
    form = when.form
    written = [key for key in Detection.__struct_fields__ if getattr(when, key) != getattr(Detection(), key)]
    if form == "rule" and not (when.enters or when.leaves):
        v.problem("detector", name, "when", "nothing is waited for", _FORMS)
        return
    for key in written:
        if key not in _MAY_HAVE[form]:
            message = f"`{key}` does not go with {_named(when)}"
            v.problem(
                "detector", name, f"when.{key}", message, f"leave it out; {form} has {', '.join(_MAY_HAVE[form])}"
            )
    for key in _MUST_HAVE.get(form, ()):
        if key not in written:
            v.problem("detector", name, "when", f"`{key}` is missing", _FORMS)
    for one, other in (("then", "then_not"), ("enters", "leaves")):
        if one in written and other in written:
            v.problem(
                "detector", name, f"when.{other}", f"`{one}` and `{other}` are two detectors", "write one of each"
            )
    for key in ("within", "silent"):
        value = getattr(when, key)
        if value is not None and not 0 < value <= WINDOW_DAYS_MAX * MS_PER_DAY:
            v.problem(
                "detector", name, f"when.{key}", "the time is too short or too long", f"write 1ms to {WINDOW_DAYS_MAX}d"
            )
    area = when.enters or when.leaves
    if isinstance(area, Area):
        _check_area(v, name, "when.enters" if when.enters else "when.leaves", area)


def _named(when: Detection) -> str:
    return next(
        f"`{key}`" for key in ("silent", "then", "then_not", "tag", "date", "enters", "leaves") if getattr(when, key)
    )


def _check_area(v: Known, name: str, path: str, area: Area) -> None:
    def wrong(message: str, hint: str) -> None:
        v.problem("detector", name, path, message, hint)

    if (area.centre is None) == (not area.polygon) or (area.centre is None) != (area.radius is None):
        wrong("an area is a circle or a polygon", "write centre and radius, or polygon")
        return
    if area.radius is not None and not 1 <= area.radius <= RADIUS_METRES_MAX:
        wrong(f"a radius of {area.radius} metres", f"write 1 to {RADIUS_METRES_MAX:,}")
    if area.polygon and not 3 <= len(area.polygon) <= CORNERS_MAX:
        wrong(f"a polygon of {len(area.polygon)} corners", f"write 3 to {CORNERS_MAX} of them")
    try:
        places = [place_of(one) for one in (*area.polygon, *([area.centre] if area.centre else []))]
    except ValueError as error:
        wrong(str(error), "write latitude, then longitude, in degrees")
        return
    for latitude, longitude in places:
        if abs(latitude) > LATITUDE_MAX or abs(longitude) > LONGITUDE_MAX:
            wrong("a place that is not on the earth", "latitude is -90 to 90, longitude -180 to 180, in this order")
    longitudes = [longitude for _, longitude in places]
    if max(longitudes) - min(longitudes) > LONGITUDE_MAX:
        wrong("the polygon is more than half the earth wide", "split it where longitudes begin anew")


def place_of(place: tuple[str, str]) -> tuple[int, int]:
    """Latitude and longitude in micro-degrees. Raises ValueError."""
    return parse_scaled(place[0], PLACE_SCALE), parse_scaled(place[1], PLACE_SCALE)


def _check_events(v: Known, name: str, when: Detection) -> None:
    """The events are there, and have what is asked of them."""
    for path, events in (("event", when.events), ("then_not" if when.then is None else "then", when.then_events)):
        for event in events:
            if event not in v.events:
                if event not in v.every_event:
                    v.problem("detector", name, f"when.{path}", f"no event `{event}`")
                continue
            types = v.events[event]
            if when.key_property is not None and when.key_property not in types:
                v.problem("detector", name, "when.key", f"event `{event}` has no property `{when.key_property}`")
            for kept in when.keep if path == "event" else ():
                if kept not in types:
                    v.problem("detector", name, "when.keep", f"event `{event}` has no property `{kept}`")
            for place in when.position if when.form == "area" else ():
                kind = types.get(place)
                if kind is None or kind.kind is not Kind.DECIMAL or kind.scale > PLACE_SCALE:
                    hint = "name properties with `type: decimal, scale: 6`, or write `position: [lat, lon]`"
                    v.problem("detector", name, "when.position", f"event `{event}` has no place `{place}`", hint)
    for property in (*([when.key_property] if when.key_property else []), *when.keep):
        events = when.events + (when.then_events if property == when.key_property else ())
        kinds = {
            (v.events[e][property].kind, v.events[e][property].scale) for e in events if property in v.events.get(e, {})
        }
        if len(kinds) > 1:
            v.problem("detector", name, "when", f"`{property}` is not of one type in all these events")
    if when.key is not None and not when.key.startswith("event."):
        v.problem("detector", name, "when.key", f"`{when.key}` is no property of an event", f"write event.{when.key}")
    if when.form == "silence" and not when.events and (when.where or when.key or when.keep):
        v.problem(
            "detector", name, "when", "only a named event has a condition, a key or something to keep", "add `event:`"
        )


def _types(v: Known, name: str, when: Detection) -> dict[str, ValueType]:
    types: dict[str, ValueType] = {}
    if when.form in ("sequence", "silence"):
        types["since"] = value_type(Kind.TIMESTAMP)
    elif when.form == "crossing":
        kind = v.tags.get(when.tag or "")
        if kind is None:
            if when.tag not in v.definitions.tags:
                v.problem("detector", name, "when.tag", f"no tag `{when.tag}`")
            return {}
        types = {"value": kind, "before": kind}
    elif when.form == "date":
        types["date"] = value_type(Kind.DATE)
    for kept in (*([when.key_property] if when.key_property else []), *when.keep):
        if kept in types:
            v.problem("detector", name, "when.keep", f"`{kept}` would be there twice", "leave it out")
        for event in when.events[:1]:
            types[kept] = v.events[event][kept]
    if len(types) > DERIVED_VALUES_MAX:
        message = f"the derived event would have {len(types)} properties; at most {DERIVED_VALUES_MAX} fit"
        v.problem("detector", name, "when.keep", message, "keep fewer")
    return types
