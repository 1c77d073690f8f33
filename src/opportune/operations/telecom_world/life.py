"""What the days bring: bills, contracts, journeys, complaints, shopping, and in the end leaving. Planned once per local day."""

import datetime
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import opportune.operations.telecom_world.names as names
from opportune.facts import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE
from opportune.operations.telecom_world.chance import Bits, Chance, pick, unit
from opportune.operations.telecom_world.customers import Customers, Flags, Ints, Reals, offset_ms
from opportune.operations.telecom_world.errands import Errands
from opportune.operations.telecom_world.happenings import Happenings, happen
from opportune.operations.telecom_world.lines import MONTH_SET, K
from opportune.operations.telecom_world.master_data import churn_risk

_WHETHER, _WHEN, _WHICH, _OUTAGE = 300, 301, 302, 303
_OUTAGES_PER_CELL_AND_DAY = 0.006
_SALARY_DAYS = (10, 15, 25)
_FIRST_HOUR = np.array([8, 11, 13, 17, 18])
"""Per daypart of the customer the first of the five hours in which she does things."""

Figures = tuple[Ints, Ints]


class Habit(NamedTuple):
    """Something that may happen to a customer on any day: how likely (per customer), and its first two figures."""

    event: str
    rate: Callable[[Customers], Reals]
    figures: Callable[[Customers, Ints, Bits], Figures]


def _word(count: int) -> Callable[[Customers, Ints, Bits], Figures]:
    return lambda people, who, bits: (pick(bits, count), np.zeros(len(who), np.int64))


def _flat(rate: float) -> Callable[[Customers], Reals]:
    return lambda people: np.full(people.n, rate)


def _priced(prices: tuple[int, ...]) -> Callable[[Customers, Ints, Bits], Figures]:
    def figures(people: Customers, who: Ints, bits: Bits) -> Figures:
        index = pick(bits, len(prices))
        return index, np.array(prices, np.int64)[index]

    return figures


def _recharged(people: Customers, who: Ints, bits: Bits) -> Figures:
    return np.array([1_000, 2_000, 3_000, 3_000, 5_000])[pick(bits, 5)], pick(bits, len(names.RECHARGE_CHANNELS), 16)


def _model(people: Customers, who: Ints, bits: Bits) -> Figures:
    return np.array([1, 3, 5, 7])[pick(bits, 4)], np.zeros(len(who), np.int64)


def _service(people: Customers, who: Ints, bits: Bits) -> Figures:
    service = np.array([names.MUSIC_PACK, names.MISSED_CALL_ALERT, names.SECURITY_GUARD])[pick(bits, 3)]
    return service, np.array(names.SERVICE_FEES, np.int64)[service]


def _points(people: Customers, who: Ints, bits: Bits) -> Figures:
    return 100 + pick(bits, 4_000), np.zeros(len(who), np.int64)


def _silence(people: Customers, who: Ints, bits: Bits) -> Figures:
    return 14 + pick(bits, 40), np.zeros(len(who), np.int64)


def _prefers(people: Customers, entry: int) -> Reals:
    return np.where(people.preferred == entry, 2.2, 0.8)


HABITS = (
    Habit("recharge", lambda p: 0.011 * p.prepaid, _recharged),
    Habit("device_first_5g", lambda p: 0.0010 * ~p.has_5g() * p.spend, _model),
    Habit("roaming_entered", lambda p: 0.0012 * (1 + 3.0 * (p.interests >> 6 & 1)), _word(len(names.COUNTRIES))),
    Habit("competitor_site_visited", lambda p: 0.001 + 0.022 * p.leaving, _word(len(names.SITES))),
    Habit("complaint_filed", lambda p: 0.0004 + 0.0010 * np.minimum(p.hardship, 8.0), _word(len(names.COMPLAINTS))),
    Habit("product_viewed", lambda p: 0.012 * p.app_liking, _priced(names.GOODS_PRICES)),
    Habit("hotline_called", lambda p: 0.007 * _prefers(p, 2), _word(len(names.TOPICS))),
    Habit("shop_entered", lambda p: 0.006 * _prefers(p, 3), _word(len(names.SHOPS))),
    Habit("became_silent", lambda p: 0.0007 * (p.activity > 0.5), _silence),
    Habit("points_expiring", _flat(0.0016), _points),
    Habit("value_added_service_subscribed", lambda p: 0.0022 * p.app_liking, _service),
    Habit("device_trade_in_enquired", _flat(0.0005), _word(len(names.MODELS))),
    Habit("plan_upgrade_enquired", lambda p: 0.0008 * p.spend, _word(len(names.PLANS))),
    Habit("number_port_out_enquired", lambda p: 0.0001 + 0.0030 * p.leaving**1.5, _word(1)),
)


class Life:
    """The daily process of one world."""

    def __init__(self, chance: Chance, people: Customers) -> None:
        self._chance, self._people = chance, people
        self._everyone = np.arange(people.n, dtype=np.int64)
        self._errands = Errands(chance, people)

    def plan_day(self, day: int) -> list[Happenings]:
        """What the local day `day` (days since 1970) brings, at waking hours; ages hardship and moods first."""
        people = self._people
        people.hardship *= 0.85
        date = datetime.date(1970, 1, 1) + datetime.timedelta(days=day)
        awake = people.activity > 0.0
        planned = []
        for number, habit in enumerate(HABITS):
            rate = habit.rate(people)
            if habit.event == "recharge" and date.day in _SALARY_DAYS:
                rate = rate * 2.5
            who = self._everyone[awake & (self._chance.units(_WHETHER, self._everyone, day, number) < rate)]
            at = self.moments(who, day, number)
            planned.append(
                happen(
                    K[habit.event], who, at, *habit.figures(people, who, self._chance.bits(_WHICH, who, day, number))
                )
            )
        planned += self._errands.plan_day(day, awake, self.moments)
        return [*planned, *self._bills(day, date.day, awake), *self._contracts(day, awake), *self._outages(day, awake)]

    def moments(self, who: Ints, day: int, number: int) -> Ints:
        """A moment of the local day for each: at the hours the customer prefers, never at night."""
        bits = self._chance.bits(_WHEN, who, day, number)
        midnight = np.array([day * MS_PER_DAY - offset_ms(zone, day * MS_PER_DAY) for zone in range(len(names.ZONES))])
        hour = _FIRST_HOUR[self._people.daypart[who]] + pick(bits, 4)
        anywhere = pick(bits, 100, 16) < 25
        hour = np.where(anywhere, 9 + pick(bits, 12, 32), hour)
        return midnight[self._people.zone[who]] + hour * MS_PER_HOUR + pick(bits, 60_000, 48) * 60

    def _bills(self, day: int, day_of_month: int, awake: Flags) -> list[Happenings]:
        """Bills of those whose cycle begins today: the bundle starts anew, finance and the churn model write the month's figures; the postpaid pay or do not."""
        people = self._people
        who = self._everyone[awake & (people.cycle_day == day_of_month)]
        people.used_mb[who] = 0
        people.level[who] = 0
        plans_mb = np.array([plan.bundle_mb for plan in names.PLANS], np.int64)
        people.bundle_mb[who] = plans_mb[people.plan[who]]
        bits = self._chance.bits(_WHICH, who, day, 99)
        amount = (people.arpu[who] * (0.8 + 0.45 * unit(bits) ** 2)).astype(np.int64)
        shock = pick(bits, 1_000) < 12
        amount = np.where(shock, amount * 2, amount)
        at = self.moments(who, day, 99)
        postpaid = ~people.prepaid[who]
        late = postpaid & (pick(bits, 100, 16) < 7)
        revenue = (2 * people.arpu[who] + amount) // 3
        paid = postpaid & ~late
        return [
            happen(K["bill_issued"], who, at, amount),
            happen(K["bill_shock"], who[shock], at[shock] + MS_PER_MINUTE, amount[shock]),
            happen(K["bill_paid"], who[paid], at[paid] + MS_PER_DAY * (1 + pick(bits[paid], 9, 32)), amount[paid]),
            happen(K["bill_overdue"], who[late], at[late] + 15 * MS_PER_DAY, amount[late], 5),
            happen(MONTH_SET, who, at + MS_PER_HOUR, revenue, churn_risk(self._chance, people, who, day)),
        ]

    def _contracts(self, day: int, awake: Flags) -> list[Happenings]:
        """Contracts that end in 60, 30 or 7 days, and those that ended yesterday."""
        left = self._people.contract_end - day
        had = awake & (self._people.contract_end >= 0)
        who = self._everyone[had & np.isin(left, (60, 30, 7))]
        over = self._everyone[had & (left == -1)]
        return [
            happen(K["contract_expiring"], who, self.moments(who, day, 98), left[who]),
            happen(K["contract_ended"], over, self.moments(over, day, 97)),
        ]

    def _outages(self, day: int, awake: Flags) -> list[Happenings]:
        """Cells that fail for an hour or several, and all who live there."""
        cells = np.arange(len(names.CELLS), dtype=np.int64)
        bits = self._chance.bits(_OUTAGE, cells, day)
        out = unit(bits) < _OUTAGES_PER_CELL_AND_DAY
        who = self._everyone[awake & out[self._people.home_cell]]
        cell = self._people.home_cell[who]
        minutes = 30 + pick(bits, 300, 16)[cell]
        midnight = day * MS_PER_DAY - offset_ms(0, day * MS_PER_DAY)
        at = midnight + (8 + pick(bits, 10, 32)[cell]) * MS_PER_HOUR + who % 60_000
        return [
            happen(K["outage_affected"], who, at, cell, minutes),
            happen(K["outage_restored"], who, at + minutes * MS_PER_MINUTE, cell),
        ]
