"""The people of the world: what shows (traits) and what does not (needs, patience, true type), as columns."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import opportune.operations.telecom_world.names as names
from opportune.facts import MS_PER_DAY, MS_PER_HOUR, transitions
from opportune.operations.telecom_world.chance import Bits, Chance, Units, pick
from opportune.operations.telecom_world.lines import date_texts, moment_text, set_texts

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Reals = NDArray[np.floating[Any]]

_BORN, _PLAN, _PERSON, _DEVICE, _TASTE, _STATE, _CONSENT, _CONTRACT, _SCORE, _DATA = range(100, 110)
OPENING_ROWS = 20_000
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


def _of_type(field: str, types: Ints) -> Reals:
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
    types = _types(chance.units(_BORN, who))
    person, device = chance.bits(_PERSON, who), chance.bits(_DEVICE, who)
    taste, state = chance.bits(_TASTE, who), chance.bits(_STATE, who)
    contract = chance.bits(_CONTRACT, who)
    spend = _of_type("spend", types) * (0.6 + 0.8 * chance.units(_PLAN, who))
    rung = np.clip((spend * 4.6).astype(np.int64) + pick(person, 3) - 1, 0, len(_PLAN_LADDER) - 1)
    plan = np.array(_PLAN_LADDER, np.int64)[rung]
    bundle = np.array([entry.bundle_mb for entry in names.PLANS], np.int64)[plan]
    need = 0.35 + 1.1 * chance.units(_DATA, who)
    cycle_day = 1 + pick(state, 28)
    gone_by = (datetime.date(1970, 1, 1) + datetime.timedelta(days=today)).day - cycle_day
    elapsed = np.where(gone_by < 0, gone_by + 30, gone_by)
    used = (bundle * need * elapsed / 30).astype(np.int64)
    fee = np.array([entry.fee for entry in names.PLANS], np.int64)[plan]
    app_liking = _of_type("app", types)
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
        price_sensitivity=np.clip(_of_type("price_sensitivity", types) + pick(taste, 31, 16) / 100 - 0.15, 0.0, 1.0),
        app_liking=app_liking,
        preferred=np.where(prefers_app, 1, np.array([0, 0, 0, 1, 2, 3, 4, 4])[pick(taste, 8, 32)]).astype(np.int64),
        daypart=pick(taste, DAYPARTS, 48),
        interests=_mask_of(chance.bits(_TASTE, who, 1), (0.55, 0.40, 0.32, 0.22, 0.45, 0.20, 0.18, 0.25)),
        circle=3 + pick(state, 60, 16) + pick(state, 40, 32),
        ring_back_friends=pick(state, 14, 48),
        home_cell=pick(device, len(names.CELLS), 16),
        cycle_day=cycle_day,
        prepaid=pick(device, 100, 32) < 58,
        activated=today - 20 - pick(contract, 3_600, 16),
        usage=_of_type("usage", types) * (0.7 + 0.6 * chance.units(_DATA, who, 1)),
        arpu=np.maximum(fee * 7 // 10, (fee * (0.8 + 0.5 * chance.units(_DATA, who, 2))).astype(np.int64)),
        data_need=need,
        impatience=_of_type("impatience", types),
        plan=plan,
        add_ons=_mask_of(chance.bits(_STATE, who, 1), (0.26, 0.12, 0.10, 0.06, 0.20, 0.08)),
        contract_end=np.where(with_contract, today + pick(contract, 720, 32) - 20, -1),
        model=pick(device, len(names.MODELS), 48),
        device_since=today - 10 - pick(contract, 1_300, 48),
        bundle_mb=bundle,
        used_mb=used,
        level=np.searchsorted(LEVELS, used * 100 // bundle, side="right").astype(np.int64),
        balance=1_100 + pick(chance.bits(_STATE, who, 2), 9_000),
        activity=np.where(pick(chance.bits(_STATE, who, 3), 100) < 4, 0.03, 1.0),
        hardship=np.zeros(n),
        annoyance=1.2 * chance.units(_TASTE, who, 2),
        annoyed_at=np.zeros(n, np.int64),
        leaving=0.04 + 0.25 * chance.units(_SCORE, who, 9) ** 3,
        unpaid_order=np.zeros(n, np.int64),
        unpaid_amount=np.zeros(n, np.int64),
        do_not_disturb=pick(chance.bits(_CONSENT, who), 100) < 2,
    )


LEVELS = np.array([50, 80, 90, 100, 120, 150], np.int64)
"""Percent of the bundle at whose crossing the use is reported."""


def _words(of: tuple[str, ...], index: Ints) -> list[str]:
    return np.array([f'"{word}"' for word in of], object)[index].tolist()


def _money(amounts: Ints) -> list[str]:
    return [f"{amount // 100}.{amount % 100:02d}" for amount in amounts.tolist()]


def _truths(flags: Flags) -> list[str]:
    return np.array(["false", "true"], object)[flags.astype(np.int64)].tolist()


def _model_scores(chance: Chance, people: Customers, who: Ints) -> dict[str, list[int]]:
    """What last month's models wrote: each customer's true leaning, blurred."""
    effect = _of_type("effect", people.type[who])
    scores = {}
    for stream, (tag, average) in enumerate(
        (("propensity_data_pack", 0.20), ("propensity_5g_plan", 0.15), ("propensity_renewal", 0.22),
         ("propensity_ring_back_tone", 0.12))
    ):  # fmt: skip
        blur = 0.5 + chance.units(_SCORE, who, stream)
        scores[tag] = np.clip(average * effect * blur * 1_000_000, 1_000, 900_000).astype(np.int64).tolist()
    leaving = people.leaving[who] * (0.6 + 1.6 * chance.units(_SCORE, who, 8)) * 2.4
    scores["churn_risk"] = np.clip(leaving * 1_000_000, 1_000, 950_000).astype(np.int64).tolist()
    return scores


def traits(chance: Chance, people: Customers, who: Ints) -> dict[str, list[str] | list[int]]:
    """The traits of some customers as JSON texts, by tag."""
    person = chance.bits(_PERSON, who, 7)
    typed = np.where(pick(person, 100) < 85, people.type[who], pick(person, len(names.TYPES), 16))
    credit = np.minimum(pick(person, 4, 32), pick(person, 4, 48))
    plan = people.plan[who]
    fees = np.array([entry.fee for entry in names.PLANS], np.int64)
    contract = people.contract_end[who]
    ended = contract < 0
    columns: dict[str, list[str] | list[int]] = {
        "gender": _words(names.GENDERS, pick(chance.bits(_PERSON, who, 8), 2)),
        "age": people.age[who].tolist(),
        "language": _words(names.LANGUAGES, np.where(people.zone[who] == 1, 2, (people.city_tier[who] == 1) & (people.type[who] == 13)).astype(np.int64)),
        "zone": _words(names.ZONES, people.zone[who]),
        "city_tier": people.city_tier[who].tolist(),
        "occupation": _words(names.OCCUPATIONS, np.where(people.age[who] >= 62, 7, pick(chance.bits(_PERSON, who, 9), 7))),
        "household_size": (1 + pick(chance.bits(_PERSON, who, 10), 5)).tolist(),
        "customer_kind": _words(names.CUSTOMER_KINDS, np.array([0, 0, 0, 0, 0, 0, 1, 2])[pick(chance.bits(_PERSON, who, 11), 8)]),
        "home_cell": _words(names.CELLS, people.home_cell[who]),
        "plan": _words(names.PLAN_NAMES, plan),
        "plan_fee": _money(fees[plan]),
        "plan_bundle_mb": people.bundle_mb[who].tolist(),
        "has_unlimited": _truths(plan == names.UNLIMITED),
        "prepaid": _truths(people.prepaid[who]),
        "contract_end": ["null" if none else text for none, text in zip(ended.tolist(), date_texts(contract), strict=True)],
        "activated_on": date_texts(people.activated[who]),
        "family_plan": _truths(pick(chance.bits(_PERSON, who, 12), 100) < 31),
        "broadband": _truths(pick(chance.bits(_PERSON, who, 13), 100) < 44),
        "add_ons": set_texts(people.add_ons[who], names.SERVICES),
        "arpu": _money(people.arpu[who]),
        "credit_class": _words(names.CREDIT_CLASSES, credit),
        "points_balance": (people.arpu[who] * (1 + pick(chance.bits(_PERSON, who, 14), 9)) // 20).tolist(),
        "discount_share": _money((people.price_sensitivity[who] * 80).astype(np.int64)),
        "interests": set_texts(people.interests[who], names.INTERESTS),
        "device_model": _words(names.MODELS, people.model[who]),
        "device_price": _money(np.array(names.MODEL_PRICES, np.int64)[people.model[who]]),
        "device_5g": _truths(people.has_5g()[who]),
        "device_since": date_texts(people.device_since[who]),
        "preferred_channel": _words(names.PREFERRED, people.preferred[who]),
        "preferred_hour": np.array([8, 12, 15, 19, 21])[people.daypart[who]].tolist(),
        "circle_size": people.circle[who].tolist(),
        "ring_back_friends": np.minimum(people.ring_back_friends[who], people.circle[who]).tolist(),
        "segment": _words(tuple(entry.name for entry in names.TYPES), typed),
    }  # fmt: skip
    columns.update(_model_scores(chance, people, who))
    return columns


def opening_parts(chance: Chance, people: Customers, start_ms: int, world: str) -> Iterator[bytes]:
    """Canonical lines that introduce every customer, a bounded number of customers at a time: traits, consents, do-not-disturb."""
    moment = moment_text(start_ms - MS_PER_HOUR)
    for first in range(0, people.n, OPENING_ROWS):
        who = np.arange(first, min(first + OPENING_ROWS, people.n), dtype=np.int64)
        columns = traits(chance, people, who)
        body = ",".join(f'"{tag}":%s' for tag in columns)
        line = (
            '{"type":"identify","userId":"%s","traits":{' + body
            + '},"timestamp":"' + moment + '","messageId":"' + world + '-open-%d"}'
        )  # fmt: skip
        users = people.users[who].tolist()
        lines = [line % row for row in zip(users, *columns.values(), who.tolist(), strict=True)]
        lines += _consents(chance, people, who, moment, world)
        yield ("\n".join(lines) + "\n").encode()


def _consents(chance: Chance, people: Customers, who: Ints, moment: str, world: str) -> list[str]:
    """Consent to marketing: 85 % on every channel, 8 % on two channels, 7 % none; service for all; 2 % do not disturb."""
    share = pick(chance.bits(_CONSENT, who, 1), 100).tolist()
    chosen = pick(chance.bits(_CONSENT, who, 2), len(names.CHANNELS)).tolist()
    tail = f'"given":true,"timestamp":"{moment}","messageId":"{world}-consent-'
    lines = []
    for user, row, part, channel in zip(people.users[who].tolist(), who.tolist(), share, chosen, strict=True):
        head = '{"type":"consent","userId":"' + user + '","purpose":'
        lines.append(f'{head}"service",{tail}{row}-s"}}')
        if part < 85:
            lines.append(f'{head}"marketing",{tail}{row}"}}')
        elif part < 93:
            for extra in (0, 1):
                name = names.CHANNELS[(channel + extra) % len(names.CHANNELS)]
                lines.append(f'{head}"marketing","channel":"{name}",{tail}{row}-{extra}"}}')
    silent = who[people.do_not_disturb[who]]
    lines += [
        f'{{"type":"do_not_disturb","userId":"{user}","on":true,"timestamp":"{moment}","messageId":"{world}-dnd-{row}"}}'
        for user, row in zip(people.users[silent].tolist(), silent.tolist(), strict=True)
    ]
    return lines
