"""The people of the world: what shows (traits) and what does not (needs, patience, true type), as columns."""

import datetime
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import opportune.operations.telecom_world.names as names
from opportune.facts import MS_PER_DAY, transitions
from opportune.operations.telecom_world.chance import Bits, Chance, Units, pick

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Reals = NDArray[np.floating[Any]]

BORN, PLAN, PERSON, DEVICE, TASTE, STATE, CONSENT, CONTRACT, SCORE, DATA = range(100, 110)
"""Streams of chance: what a draw about a customer is for."""

DAYPARTS = 5
_PLAN_LADDER = (0, 0, 7, 1, 1, 8, 2, 2, 5, 3, 4, 6)
"""Plans from the cheapest to the dearest, by spending power."""


@dataclass(slots=True)
class Customers:
    """Columns of n customers; those after `n` up to `users` are fixed at birth, the last ones change as they live."""

    n: int
    users: NDArray[np.object_]
    type: Ints
    zone: Ints
    age: Ints
    city_tier: Ints
    spend: Reals
    price_sensitivity: Reals
    app_liking: Reals
    preferred: Ints
    daypart: Ints
    interests: Ints
    circle: Ints
    ring_back_friends: Ints
    home_cell: Ints
    cycle_day: Ints
    prepaid: Flags
    activated: Ints
    usage: Reals
    arpu: Ints
    data_need: Reals
    impatience: Reals
    plan: Ints
    add_ons: Ints
    contract_end: Ints
    model: Ints
    device_since: Ints
    bundle_mb: Ints
    used_mb: Ints
    level: Ints
    balance: Ints
    activity: Reals
    hardship: Reals
    annoyance: Reals
    annoyed_at: Ints
    leaving: Reals
    unpaid_order: Ints
    unpaid_amount: Ints
    do_not_disturb: Flags

    def annoyance_at(self, hour: int, who: Ints) -> Reals:
        """How annoyed these customers still are in an hour of the world; half is forgotten in a week."""
        return self.annoyance[who] * np.exp2((self.annoyed_at[who] - hour) / 168.0)

    def has_5g(self) -> Flags:
        """Who has a 5G handset: every second model from the second on, and the last."""
        return np.isin(self.model, (1, 3, 5, 7))


def day_of(at_ms: int) -> int:
    """The local day number of the deployment's zone."""
    return (at_ms + offset_ms(0, at_ms)) // MS_PER_DAY


def offset_ms(zone: int, at_ms: int) -> int:
    """What to add to UTC in a zone of names.ZONES, in ms."""
    return next(offset for since, offset in reversed(transitions(names.ZONES[zone])) if since <= at_ms)


def _types(units: Units) -> Ints:
    shares = np.cumsum([entry.share for entry in names.TYPES])
    return np.minimum(np.searchsorted(shares, units, side="right"), len(names.TYPES) - 1).astype(np.int64)


def of_type(field: str, types: Ints) -> Reals:
    """What is average for customers of these types."""
    return np.array([getattr(entry, field) for entry in names.TYPES], np.float64)[types]


def _mask_of(bits: Bits, chances: tuple[float, ...]) -> Ints:
    """A bit mask whose members are in with the given chances (8 bits of the word each)."""
    mask = np.zeros(len(bits), np.int64)
    for member, chance in enumerate(chances):
        inside = ((bits >> np.uint64(8 * member)) & np.uint64(255)) < np.uint64(int(chance * 256))
        mask |= inside.astype(np.int64) << member
    return mask


def create_customers(chance: Chance, n: int, start_ms: int) -> Customers:
    """The n customers of a world at its beginning."""
    who = np.arange(n, dtype=np.int64)
    today = day_of(start_ms)
    types = _types(chance.units(BORN, who))
    person, device = chance.bits(PERSON, who), chance.bits(DEVICE, who)
    taste, state = chance.bits(TASTE, who), chance.bits(STATE, who)
    contract = chance.bits(CONTRACT, who)
    spend = of_type("spend", types) * (0.6 + 0.8 * chance.units(PLAN, who))
    rung = np.clip((spend * 4.6).astype(np.int64) + pick(person, 3) - 1, 0, len(_PLAN_LADDER) - 1)
    plan = np.array(_PLAN_LADDER, np.int64)[rung]
    bundle = np.array([entry.bundle_mb for entry in names.PLANS], np.int64)[plan]
    need = 0.35 + 1.1 * chance.units(DATA, who)
    cycle_day = 1 + pick(state, 28)
    gone_by = (datetime.date(1970, 1, 1) + datetime.timedelta(days=today)).day - cycle_day
    elapsed = np.where(gone_by < 0, gone_by + 30, gone_by)
    used = (bundle * need * elapsed / 30).astype(np.int64)
    fee = np.array([entry.fee for entry in names.PLANS], np.int64)[plan]
    app_liking = of_type("app", types)
    prefers_app = pick(taste, 100) < (18 * app_liking).astype(np.int64)
    with_contract = pick(contract, 100) < 62
    return Customers(
        n=n,
        users=np.array([f"c{number:07d}" for number in range(n)], object),
        type=types,
        zone=(pick(person, 100, 16) >= 95).astype(np.int64),
        age=16 + pick(person, 32, 32) + pick(person, 36, 48),
        city_tier=1 + pick(device, 5),
        spend=spend,
        price_sensitivity=np.clip(of_type("price_sensitivity", types) + pick(taste, 31, 16) / 100 - 0.15, 0.0, 1.0),
        app_liking=app_liking,
        preferred=np.where(prefers_app, 1, np.array([0, 0, 0, 1, 2, 3, 4, 4])[pick(taste, 8, 32)]).astype(np.int64),
        daypart=pick(taste, DAYPARTS, 48),
        interests=_mask_of(chance.bits(TASTE, who, 1), (0.55, 0.40, 0.32, 0.22, 0.45, 0.20, 0.18, 0.25)),
        circle=3 + pick(state, 60, 16) + pick(state, 40, 32),
        ring_back_friends=pick(state, 14, 48),
        home_cell=pick(device, len(names.CELLS), 16),
        cycle_day=cycle_day,
        prepaid=pick(device, 100, 32) < 58,
        activated=today - 20 - pick(contract, 3_600, 16),
        usage=of_type("usage", types) * (0.7 + 0.6 * chance.units(DATA, who, 1)),
        arpu=np.maximum(fee * 7 // 10, (fee * (0.8 + 0.5 * chance.units(DATA, who, 2))).astype(np.int64)),
        data_need=need,
        impatience=of_type("impatience", types),
        plan=plan,
        add_ons=_mask_of(chance.bits(STATE, who, 1), (0.26, 0.12, 0.10, 0.06, 0.20, 0.08)),
        contract_end=np.where(with_contract, today + pick(contract, 720, 32) - 20, -1),
        model=pick(device, len(names.MODELS), 48),
        device_since=today - 10 - pick(contract, 1_300, 48),
        bundle_mb=bundle,
        used_mb=used,
        level=np.searchsorted(LEVELS, used * 100 // bundle, side="right").astype(np.int64),
        balance=1_100 + pick(chance.bits(STATE, who, 2), 9_000),
        activity=np.where(pick(chance.bits(STATE, who, 3), 100) < 4, 0.03, 1.0),
        hardship=np.zeros(n),
        annoyance=1.2 * chance.units(TASTE, who, 2),
        annoyed_at=np.zeros(n, np.int64),
        leaving=0.04 + 0.25 * chance.units(SCORE, who, 9) ** 3,
        unpaid_order=np.zeros(n, np.int64),
        unpaid_amount=np.zeros(n, np.int64),
        do_not_disturb=pick(chance.bits(CONSENT, who), 100) < 2,
    )


LEVELS = np.array([50, 80, 90, 100, 120, 150], np.int64)
"""Percent of the bundle at whose crossing the use is reported."""
