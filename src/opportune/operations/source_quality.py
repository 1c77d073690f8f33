"""Ask: how good is what each source brings, load by load, and where does it fall short of its thresholds?"""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from opportune.facts import PPM, parse_scaled
from opportune.intake import Profile, SourceDefinition
from opportune.operations.source_definitions import sources_of
from opportune.operations.source_loads import LoadBody
from opportune.store import Definitions, LoadRow, Loads, SourceCheck

FigureName = Literal["complete", "valid", "unique", "fresh", "drift", "reachable"]
PPM_DIGITS = 6
OVERDUE_TIMES = 2
"""A source that was not asked for so many times its `every` is overdue."""


class QualityFigure(msgspec.Struct, frozen=True):
    """One figure of one load. `value` and `threshold` are in millionths (of rows; of the stability index), `fresh` in milliseconds.

    `load` is 0 for what is said of the source itself: `reachable` is 1,000,000 while it can be read when it should be.
    """

    source: str
    load: int
    figure: FigureName
    field: str
    value: int | None
    threshold: int | None
    alert: bool
    detail: str = ""


def source_quality(
    loads: Loads, definitions: Definitions, now_ms: int, names: Sequence[str] = (), *, history: int = 1
) -> list[QualityFigure]:  # fmt: skip
    """The figures of the newest loads of each source (so many that have rows), the newest first.

    Only the newest load raises alerts: what was bad before is history. Raises DeploymentError for a source that is not defined.
    """
    checks = loads.checks()
    found: list[QualityFigure] = []
    for source in sources_of(definitions, names):
        found += _reachable(source, checks.get(source.source), now_ms)
        for place, row in enumerate(loads.of(source.source, history, rows_min=1)):
            figures = _figures(source, row, now_ms)
            found += [msgspec.structs.replace(one, alert=one.alert and not place) for one in figures]
    return found


def _reachable(source: SourceDefinition, check: SourceCheck | None, now_ms: int) -> Iterator[QualityFigure]:
    if check is None:
        if source.every is not None:
            yield QualityFigure(
                source.source, 0, "reachable", "", None, PPM, True, "never asked yet: opportune sources run"
            )
        return
    late = source.every is not None and now_ms - check.checked_ms > OVERDUE_TIMES * source.every
    fine = not check.trouble and not late
    detail = check.trouble or ("overdue: opportune sources run" if late else "")
    yield QualityFigure(source.source, 0, "reachable", "", PPM if fine else 0, PPM, not fine, detail)


def _figures(source: SourceDefinition, row: LoadRow, now_ms: int) -> Iterator[QualityFigure]:
    body = LoadBody.of(row)
    wanted = source.quality

    def least(figure: FigureName, field: str, value: int | None, threshold: int | None) -> QualityFigure:
        alert = threshold is not None and (value is None or value < threshold)
        return QualityFigure(source.source, row.number, figure, field, value, _plain(threshold), alert)

    def most(figure: FigureName, field: str, value: int | None, threshold: int | None) -> QualityFigure:
        alert = threshold is not None and value is not None and value > threshold
        return QualityFigure(source.source, row.number, figure, field, value, _plain(threshold), alert)

    cleaned = body.result.profile if body.result is not None else None
    for field in dict.fromkeys([*body.raw.fields, *wanted.complete]):
        yield least("complete", field, completeness(body.raw, cleaned, field), wanted.complete.get(field))
    if body.result is not None:
        yield least("valid", "", _share(row.rows - body.outcome.get("quarantined", 0), row.rows), wanted.valid)
        newest = body.result.newest_ms
        yield most("fresh", "", None if newest is None else max(0, now_ms - newest), wanted.fresh)
    yield least("unique", "", _share(row.rows - body.raw.repeated, row.rows), wanted.unique)
    drift_max = None if wanted.drift is None else parse_scaled(wanted.drift, PPM_DIGITS)
    for field, value in body.drift.items():
        yield most("drift", field, value, drift_max)


def completeness(raw: Profile, cleaned: Profile | None, field: str) -> int | None:
    """The share of rows, in millionths, that have a field as they came, or else as they left the steps; None where no row has it."""
    for profile in (raw, cleaned):
        if profile is not None and field in profile.fields:
            return _share(profile.fields[field].filled, profile.rows)
    return None


def _share(part: int, whole: int) -> int | None:
    return part * PPM // whole if whole else None


def _plain(threshold: int | None) -> int | None:
    """A share or a duration as the number that it is."""
    return None if threshold is None else int(threshold)
