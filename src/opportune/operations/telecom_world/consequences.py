"""What follows from what happens: balances rise, orders get paid or not, people fall silent, come back or leave."""

import numpy as np

import opportune.operations.telecom_world.names as names
from opportune.facts import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE
from opportune.operations.telecom_world.chance import Chance, pick
from opportune.operations.telecom_world.customers import LEVELS, Customers, Ints, day_of
from opportune.operations.telecom_world.happenings import Agenda, ByKind, happen
from opportune.operations.telecom_world.lines import ADD_ONS_SET, CONTRACT_SET, DEVICE_SET, PLAN_SET, K

_AFTER = 500
GONE, SILENT, NORMAL = 0.0, 0.03, 1.0


class Consequences:
    """Applies the hour's events to the customers and schedules what comes of them."""

    def __init__(self, chance: Chance, people: Customers, agenda: Agenda) -> None:
        self._chance, self._people, self._agenda = chance, people, agenda

    def follow(self, of: ByKind, hour: int, next_hour_ms: int) -> None:
        """Follow up the events of an hour; everything scheduled lies at or after `next_hour_ms`."""
        self._money(of, hour, next_hour_ms)
        self._subscriptions(of, next_hour_ms)
        self._shopping(of, hour, next_hour_ms)
        self._service(of, hour, next_hour_ms)
        self._visits(of, hour, next_hour_ms)
        self._arrears(of, hour, next_hour_ms)
        self._comings_and_goings(of, hour, next_hour_ms)

    def _money(self, of: ByKind, hour: int, next_hour_ms: int) -> None:
        people = self._people
        np.add.at(people.balance, of[K["recharge"]].customer, of[K["recharge"]].a)
        low = of[K["balance_low"]]
        bits = self._chance.bits(_AFTER, low.customer, hour, 1)
        rows = pick(bits, 100) < 92
        at = low.at[rows] + MS_PER_DAY * (2 + pick(bits[rows], 5, 16)) + pick(bits[rows], 7_200, 32) * 1_000
        amount = np.array([2_000, 3_000, 4_000])[pick(bits[rows], 3, 48)]
        self._agenda.add(happen(K["recharge"], low.customer[rows], at, amount, pick(bits[rows], 5, 32)))

    def _subscriptions(self, of: ByKind, next_hour_ms: int) -> None:
        people, today = self._people, day_of(next_hour_ms - 1)
        packs = of[K["pack_purchased"]]
        np.add.at(people.bundle_mb, packs.customer, np.array(names.PRODUCT_MB, np.int64)[packs.a])
        who = np.unique(packs.customer)
        people.level[who] = np.searchsorted(LEVELS, people.used_mb[who] * 100 // people.bundle_mb[who], side="right")
        taken, left = of[K["value_added_service_subscribed"]], of[K["value_added_service_cancelled"]]
        np.bitwise_or.at(people.add_ons, taken.customer, np.int64(1) << taken.a)
        np.bitwise_and.at(people.add_ons, left.customer, ~(np.int64(1) << left.a))
        plans = of[K["plan_changed"]]
        fees = np.array([plan.fee for plan in names.PLANS], np.int64)
        cheaper = fees[plans.a] < fees[people.plan[plans.customer]]
        soon = np.full(int(cheaper.sum()), next_hour_ms) + plans.customer[cheaper] % 180_000
        self._agenda.add(
            happen(K["plan_downgraded"], plans.customer[cheaper], soon, plans.a[cheaper], plans.b[cheaper])
        )
        people.plan[plans.customer] = plans.a
        contracts = of[K["contract_signed"]]
        since = np.maximum(people.contract_end[contracts.customer], today)
        people.contract_end[contracts.customer] = since + contracts.a * 30
        people.leaving[contracts.customer] *= 0.3
        for kind in ("device_first_5g", "device_bought"):
            got = of[K[kind]]
            people.model[got.customer], people.device_since[got.customer] = got.a, today
            self._tell(DEVICE_SET, got.customer, people.model, next_hour_ms, today)
            self._agenda.add(happen(K["device_changed"], got.customer, next_hour_ms + got.customer % 60_000, got.a))
        self._tell(PLAN_SET, plans.customer, people.plan, next_hour_ms)
        self._tell(CONTRACT_SET, contracts.customer, people.contract_end, next_hour_ms)
        self._tell(ADD_ONS_SET, np.concatenate([taken.customer, left.customer]), people.add_ons, next_hour_ms)

    def _tell(self, kind: int, who: Ints, column: Ints, next_hour_ms: int, also: int = 0) -> None:
        """The operator's systems send a changed trait a few minutes into the next hour."""
        changed = np.unique(who)
        at = next_hour_ms + 2 * MS_PER_MINUTE + changed % 180_000
        self._agenda.add(happen(kind, changed, at, column[changed], also))

    def _shopping(self, of: ByKind, hour: int, next_hour_ms: int) -> None:
        people, chance = self._people, self._chance
        viewed = of[K["product_viewed"]]
        bits = chance.bits(_AFTER, viewed.customer, hour, 2)
        rows = pick(bits, 100) < 18
        self._agenda.add(
            happen(
                K["cart_added"],
                viewed.customer[rows],
                np.maximum(viewed.at[rows] + 90_000, next_hour_ms),
                viewed.a[rows],
            )
        )
        placed = of[K["order_placed"]]
        bits = chance.bits(_AFTER, placed.customer, hour, 3)
        pays = pick(bits, 100) < 60
        soon = np.maximum(placed.at + MS_PER_MINUTE * (3 + pick(bits, 300, 16)), next_hour_ms)
        self._agenda.add(happen(K["order_paid"], placed.customer[pays], soon[pays], placed.a[pays], placed.b[pays]))
        waits = placed.customer[~pays]
        people.unpaid_order[waits], people.unpaid_amount[waits] = placed.a[~pays], placed.b[~pays]
        for kind in ("order_paid", "order_cancelled"):
            done = of[K[kind]]
            who = done.customer[people.unpaid_order[done.customer] == done.a]
            people.unpaid_order[who] = 0

    def _service(self, of: ByKind, hour: int, next_hour_ms: int) -> None:
        filed = of[K["complaint_filed"]]
        bits = self._chance.bits(_AFTER, filed.customer, hour, 4)
        hours = 4 + pick(bits, 116)
        rows = pick(bits, 100, 16) < 90
        at = np.maximum(filed.at + hours * MS_PER_HOUR, next_hour_ms)
        self._agenda.add(happen(K["complaint_resolved"], filed.customer[rows], at[rows], filed.a[rows], hours[rows]))
        self._people.leaving[filed.customer] = np.minimum(self._people.leaving[filed.customer] + 0.03, 0.95)
        abroad = of[K["roaming_entered"]]
        bits = self._chance.bits(_AFTER, abroad.customer, hour, 5)
        back = np.maximum(abroad.at + MS_PER_DAY * (3 + pick(bits, 6)), next_hour_ms)
        self._agenda.add(happen(K["roaming_left"], abroad.customer, back, abroad.a))

        done = of[K["complaint_resolved"]]
        bits = self._chance.bits(_AFTER, done.customer, hour, 7)
        rows = pick(bits, 100) < 12
        at = np.maximum(done.at + MS_PER_DAY * (1 + pick(bits, 5, 16)), next_hour_ms)
        self._agenda.add(happen(K["complaint_reopened"], done.customer[rows], at[rows], done.a[rows]))

    def _visits(self, of: ByKind, hour: int, next_hour_ms: int) -> None:
        """Most who enter a shop take a ticket, wait, and are served."""
        came = of[K["shop_entered"]]
        bits = self._chance.bits(_AFTER, came.customer, hour, 8)
        rows = pick(bits, 100) < 70
        at = np.maximum(came.at + MS_PER_MINUTE, next_hour_ms)
        self._agenda.add(happen(K["queue_ticket_taken"], came.customer[rows], at[rows], came.a[rows]))
        waited = at + MS_PER_MINUTE * (2 + pick(bits, 40, 16))
        purpose, minutes = pick(bits, len(names.PURPOSES), 32), 3 + pick(bits, 35, 48)
        self._agenda.add(happen(K["counter_served"], came.customer[rows], waited[rows], purpose[rows], minutes[rows]))

    def _arrears(self, of: ByKind, hour: int, next_hour_ms: int) -> None:
        """Some who owe are suspended the day after, use nothing for a while, pay and come back."""
        people, owing = self._people, of[K["bill_overdue"]]
        bits = self._chance.bits(_AFTER, owing.customer, hour, 9)
        rows = pick(bits, 100) < 40
        who, bits = owing.customer[rows], bits[rows]
        at = np.maximum(owing.at[rows] + MS_PER_DAY, next_hour_ms)
        self._agenda.add(happen(K["suspended"], who, at))
        self._agenda.add(happen(K["service_resumed"], who, at + MS_PER_DAY * (1 + pick(bits, 4, 16))))
        for kind, activity in (("suspended", SILENT), ("service_resumed", NORMAL)):
            people.activity[of[K[kind]].customer] = activity

    def _comings_and_goings(self, of: ByKind, hour: int, next_hour_ms: int) -> None:
        people = self._people
        people.activity[of[K["became_silent"]].customer] = SILENT
        people.activity[of[K["reactivated"]].customer] = NORMAL
        asked = of[K["number_port_out_enquired"]]
        bits = self._chance.bits(_AFTER, asked.customer, hour, 6)
        rows = pick(bits, 100) < 35
        at = np.maximum(asked.at + MS_PER_DAY + pick(bits, 24, 16) * MS_PER_HOUR // 8, next_hour_ms)
        self._agenda.add(happen(K["number_ported_out"], asked.customer[rows], at[rows]))
        people.activity[of[K["number_ported_out"]].customer] = GONE
