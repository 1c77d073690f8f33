"""How the operator's systems introduce every customer: traits, consents, do-not-disturb."""

from collections.abc import Iterator

import numpy as np

import opportune.operations.telecom_world.names as names
from opportune.facts import MS_PER_HOUR
from opportune.operations.telecom_world.chance import Chance, pick
from opportune.operations.telecom_world.customers import CONSENT, PERSON, Customers, Ints, day_of
from opportune.operations.telecom_world.lines import date_texts, moment_text, set_texts
from opportune.operations.telecom_world.master_data import master_data, money, scored, truths, words

OPENING_ROWS = 20_000


def traits(chance: Chance, people: Customers, who: Ints, today: int) -> dict[str, list[str] | list[int]]:
    """The traits of some customers as JSON texts, by tag; `today` is the local day number."""
    person = chance.bits(PERSON, who, 7)
    typed = np.where(pick(person, 100) < 85, people.type[who], pick(person, len(names.TYPES), 16))
    credit = np.minimum(pick(person, 4, 32), pick(person, 4, 48))
    plan = people.plan[who]
    fees = np.array([entry.fee for entry in names.PLANS], np.int64)
    contract = people.contract_end[who]
    ended = contract < 0
    columns: dict[str, list[str] | list[int]] = {
        "gender": words(names.GENDERS, pick(chance.bits(PERSON, who, 8), 2)),
        "age": people.age[who].tolist(),
        "language": words(names.LANGUAGES, np.where(people.zone[who] == 1, 2, (people.city_tier[who] == 1) & (people.type[who] == 13)).astype(np.int64)),
        "zone": words(names.ZONES, people.zone[who]),
        "city_tier": people.city_tier[who].tolist(),
        "occupation": words(names.OCCUPATIONS, np.where(people.age[who] >= 62, 7, pick(chance.bits(PERSON, who, 9), 7))),
        "household_size": (1 + pick(chance.bits(PERSON, who, 10), 5)).tolist(),
        "customer_kind": words(names.CUSTOMER_KINDS, np.array([0, 0, 0, 0, 0, 0, 1, 2])[pick(chance.bits(PERSON, who, 11), 8)]),
        "home_cell": words(names.CELLS, people.home_cell[who]),
        "plan": words(names.PLAN_NAMES, plan),
        "plan_fee": money(fees[plan]),
        "plan_bundle_mb": people.bundle_mb[who].tolist(),
        "has_unlimited": truths(plan == names.UNLIMITED),
        "prepaid": truths(people.prepaid[who]),
        "contract_end": ["null" if none else text for none, text in zip(ended.tolist(), date_texts(contract), strict=True)],
        "activated_on": date_texts(people.activated[who]),
        "family_plan": truths(pick(chance.bits(PERSON, who, 12), 100) < 31),
        "broadband": truths(pick(chance.bits(PERSON, who, 13), 100) < 44),
        "add_ons": set_texts(people.add_ons[who], names.SERVICES),
        "arpu": money(people.arpu[who]),
        "credit_class": words(names.CREDIT_CLASSES, credit),
        "points_balance": (people.arpu[who] * (1 + pick(chance.bits(PERSON, who, 14), 9)) // 20).tolist(),
        "discount_share": money((people.price_sensitivity[who] * 80).astype(np.int64)),
        "interests": set_texts(people.interests[who], names.INTERESTS),
        "device_model": words(names.MODELS, people.model[who]),
        "device_price": money(np.array(names.MODEL_PRICES, np.int64)[people.model[who]]),
        "device_5g": truths(people.has_5g()[who]),
        "device_since": date_texts(people.device_since[who]),
        "preferred_channel": words(names.PREFERRED, people.preferred[who]),
        "preferred_hour": np.array([8, 12, 15, 19, 21])[people.daypart[who]].tolist(),
        "circle_size": people.circle[who].tolist(),
        "ring_back_friends": np.minimum(people.ring_back_friends[who], people.circle[who]).tolist(),
        "segment": words(tuple(entry.name for entry in names.TYPES), typed),
    }  # fmt: skip
    columns.update(scored(chance, people, who))
    columns.update(master_data(chance, people, who, today))
    return columns


def opening_parts(chance: Chance, people: Customers, start_ms: int, world: str) -> Iterator[bytes]:
    """Canonical lines that introduce every customer, a bounded number of customers at a time: traits, consents, do-not-disturb."""
    moment, today = moment_text(start_ms - MS_PER_HOUR), day_of(start_ms)
    for first in range(0, people.n, OPENING_ROWS):
        who = np.arange(first, min(first + OPENING_ROWS, people.n), dtype=np.int64)
        columns = traits(chance, people, who, today)
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
    share = pick(chance.bits(CONSENT, who, 1), 100).tolist()
    chosen = pick(chance.bits(CONSENT, who, 2), len(names.CHANNELS)).tolist()
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
