"""Ask: what was decided? Decisions out of the journal, with names for numbers; beside a writer. Identifiers are masked."""

from collections import deque
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.engine import PlaybookBody, decode_body
from opportune.facts import DECISION, Arm, FactBatch, FactKind
from opportune.journal import Group
from opportune.operations.deployment import DeploymentError, journal_of
from opportune.operations.names import Language, Names
from opportune.operations.who import identifiers, open_people
from opportune.store import did_you_mean

LIMIT_MAX = 1_000_000
ARMS = {"treated": Arm.TREATED, "control": Arm.CONTROL, "universal": Arm.UNIVERSAL_CONTROL}


class DecisionLine(msgspec.Struct, frozen=True):
    """One decision in words. `at` is local time of the deployment; `identifier` is masked unless asked otherwise."""

    number: int
    seq: int
    now_ms: int
    at: str
    customer: int
    campaign: str
    offer: str
    touchpoint: str
    arm: str
    propensity_ppm: int
    priority: int
    cost: str
    identifier: str = ""


class DecisionFilter(msgspec.Struct, frozen=True):
    """Which decisions: of a customer, a campaign, an arm, decided since (included) and until (excluded) a moment."""

    customer: int | None = None
    campaign: str | None = None
    arm: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None


def list_decisions(
    folder: Path,
    wanted: DecisionFilter | None = None,
    *,
    limit: int = 100,
    reveal: bool = False,
    language: Language = "en",
) -> list[DecisionLine]:
    """The newest `limit` decisions that fit, the newest last. Raises DeploymentError for an unknown campaign or arm."""
    wanted = wanted or DecisionFilter()
    if wanted.arm is not None and wanted.arm not in ARMS:
        raise DeploymentError(f"no arm `{wanted.arm}`; known: {', '.join(ARMS)}")
    names = Names(latest_playbook(folder), language)
    campaign = None
    if wanted.campaign is not None:
        campaign = names.number("campaign", wanted.campaign)
        if campaign is None:
            hint = did_you_mean(wanted.campaign, names.of("campaign"), "campaign")
            raise DeploymentError(
                f"no campaign `{wanted.campaign}`; {hint or 'see `opportune report` for their names'}"
            )
    numbers = None if wanted.customer is None else _numbers(folder, wanted.customer)
    kept: deque[NDArray[Any]] = deque()
    count, most = 0, min(max(limit, 0), LIMIT_MAX)
    for group in journal_of(folder).read(0):
        found = _fitting(group, wanted, campaign, numbers)
        if len(found):
            kept.append(found)
            count += len(found)
            while count - len(kept[0]) >= most:
                count -= len(kept.popleft())
    rows = np.concatenate([np.empty(0, DECISION), *kept])
    rows = rows[len(rows) - min(most, len(rows)) :]
    known = identifiers(folder, np.unique(rows["customer"]).tolist(), reveal=reveal)
    return [decision_line(row, names, known.get(int(row["customer"]), "")) for row in rows]


def _numbers(folder: Path, customer: int) -> list[int]:
    with open_people(folder) as people:
        return [customer] if people is None else people.members_of(customer)


def _fitting(group: Group, wanted: DecisionFilter, campaign: int | None, numbers: list[int] | None) -> NDArray[Any]:
    rows: NDArray[Any] | None = group.arrays.get("decisions")
    if rows is None:
        return np.empty(0, DECISION)
    fits = np.ones(len(rows), np.bool_)
    for name, value in (
        ("campaign", campaign),
        ("arm", None if wanted.arm is None else ARMS[wanted.arm]),
    ):
        if value is not None:
            fits &= rows[name] == value
    if numbers is not None:
        fits &= np.isin(rows["customer"], numbers)
    if wanted.since_ms is not None:
        fits &= rows["now_ms"] >= wanted.since_ms
    if wanted.until_ms is not None:
        fits &= rows["now_ms"] < wanted.until_ms
    return rows[fits].copy()


def decision_line(row: Any, names: Names, identifier: str = "") -> DecisionLine:
    """A row of DECISION in words."""
    now_ms = int(row["now_ms"])
    return DecisionLine(
        int(row["number"]), int(row["seq"]), now_ms, names.moment(now_ms), int(row["customer"]),
        names.campaign(int(row["campaign"])), names.offer(int(row["offer"])),
        names.touchpoint(int(row["touchpoint"])), Arm(int(row["arm"])).name.lower(),
        int(row["propensity_ppm"]), int(row["priority"]), names.money(int(row["cost"])), identifier,
    )  # fmt: skip


def moment_in(folder: Path, text: str) -> int:
    """ms since 1970 of an ISO 8601 day or moment; one without an offset is local time of the deployment. Raises DeploymentError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise DeploymentError(f"`{text}` is no moment; write for example 2026-12-01 or 2026-12-01T08:00") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=Names(latest_playbook(folder)).zone)
    return int(moment.timestamp() * 1000)


def latest_playbook(folder: Path) -> PlaybookBody | None:
    """The playbook published last, out of the journal; None where there is none yet."""
    latest: bytes | None = None
    for group in journal_of(folder).read(0):
        body = playbook_in(group)
        latest = body if body is not None else latest
    return None if latest is None else decode_body(latest)


def playbook_in(group: Group) -> bytes | None:
    """The body of the last PLAYBOOK fact of a group, or None."""
    if "bodies" not in group.arrays:
        return None
    at = np.flatnonzero(group.arrays["kind"] == FactKind.PLAYBOOK)
    if not len(at):
        return None
    plain = {name: array for name, array in group.arrays.items() if not name.startswith("extras")}
    return FactBatch.from_arrays(plain).bodies[int(group.arrays["code"][at[-1]])]
