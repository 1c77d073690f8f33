"""How customers answer: goals by themselves at their moments, and what a contact adds, or spoils when there were too many."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

import opportune.operations.telecom_world.names as names
from opportune.facts import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, Arm
from opportune.operations.telecom_world.campaigns import CAMPAIGNS, OFFERS, TRUTHS
from opportune.operations.telecom_world.chance import Chance, pick
from opportune.operations.telecom_world.customers import Customers, Ints, Reals, day_of, offset_ms
from opportune.operations.telecom_world.happenings import Agenda, ByKind, Happenings, happen, take
from opportune.operations.telecom_world.lines import CONSENT_WITHDRAWN, DO_NOT_DISTURB, RESPONSE, K
from opportune.operations.telecom_world.truth import TruthBook

_PERSONAL, _DRAW, _DELAY, _ANSWER, _TIRED, _REGRET = range(400, 406)
_NEVER, _NEVER_OWNED = -10_000, 1_000_000
NOT_PREFERRED = 0.6
"""The effect at a touchpoint the customer does not prefer, against one she does."""

TIRED_AT = 4.0
"""The annoyance at which a contact adds nothing; beyond it contacts spoil."""


class DecisionView(NamedTuple):
    """Decisions as the world sees them, one row each: customer (index in the world), campaign (index into CAMPAIGNS, -1 where
    the world knows none of that name), touchpoint (into TOUCHPOINTS), offer (into OFFERS), arm (an Arm), now_ms, seq."""

    customer: Ints
    campaign: Ints
    touchpoint: Ints
    offer: Ints
    arm: Ints
    now_ms: Ints
    seq: Ints


def view_decisions(
    customer: ArrayLike, campaign: ArrayLike, touchpoint: ArrayLike, offer: ArrayLike, arm: ArrayLike, now_ms: ArrayLike,
    seq: ArrayLike, *, campaigns: list[str], touchpoints: list[str], offers: list[str],
) -> DecisionView:  # fmt: skip
    """Decisions numbered as a playbook numbers them (its names in number order), as the world sees them.

    `customer` must already be the index in the world. Names the world does not know become -1.
    """
    return DecisionView(
        np.asarray(customer, np.int64),
        _renumber(campaign, campaigns, CAMPAIGNS),
        _renumber(touchpoint, touchpoints, names.TOUCHPOINTS),
        _renumber(offer, offers, OFFERS),
        np.asarray(arm, np.int64), np.asarray(now_ms, np.int64), np.asarray(seq, np.int64),
    )  # fmt: skip


def _renumber(numbers: ArrayLike, theirs: list[str], ours: tuple[str, ...]) -> Ints:
    index = {name: number for number, name in enumerate(ours)}
    table = np.array([index.get(name, -1) for name in theirs] + [-1], np.int64)
    given = np.asarray(numbers, np.int64)
    return table[np.where((given >= 0) & (given < len(theirs)), given, len(theirs))]


class Responses:
    """The responding side of one world: remembers moments, schedules goals, keeps the truth."""

    def __init__(self, chance: Chance, people: Customers, agenda: Agenda, book: TruthBook, start_ms: int) -> None:
        self._chance, self._people, self._agenda, self._book = chance, people, agenda, book
        self._start_ms = start_ms
        shape = (len(TRUTHS), people.n)
        self._moment_day = np.full(shape, _NEVER, np.int32)
        self._caused_day = np.full(shape, _NEVER, np.int32)
        self._spoiled_day = np.full(shape, _NEVER, np.int32)
        self._owned_day = np.full(shape, _NEVER_OWNED, np.int32)
        types = np.array([(entry.baseline, entry.effect) for entry in names.TYPES])
        shares = np.array([entry.share for entry in names.TYPES])
        self._baseline_of, self._effect_of = (types / (shares @ types)).T
        self._family = np.array(names.TOUCHPOINT_FAMILY, np.int64)

    # ---- what customers do by themselves

    def meet_moments(self, of: ByKind, hour: int, hour_ms: int) -> None:
        """Note who is at a campaign's moment this hour, and schedule the goals they reach by themselves."""
        today = day_of(hour_ms)
        for number, truth in enumerate(TRUTHS):
            if not truth.moment:
                continue
            met = of[K[truth.moment]]
            met = take(met, truth.fits(self._people, met)) if len(met.kind) else met
            met = take(met, self._moment_day[number, met.customer] != today)
            who, first = np.unique(met.customer, return_index=True)
            if not len(who):
                continue
            self._moment_day[number, who] = today
            campaign = np.full(len(who), number, np.int64)
            likely = self._baseline(campaign, who, today)
            self._book.count("moments", campaign, self._people.type[who])
            self._book.add("baseline_at_moments", campaign, self._people.type[who], likely)
            rows = self._draw(campaign, who, np.full(len(who), today)) < likely
            self._book.count("organic_goals", campaign[rows], self._people.type[who[rows]])
            self._schedule(number, who[rows], met.at[first[rows]], np.full(int(rows.sum()), today), hour, caused=0)

    def _baseline(self, campaign: Ints, who: Ints, day: ArrayLike) -> Reals:
        """The true chance of the goal without a contact, at the moment; nothing where it was reached for good before."""
        average = np.array([truth.baseline for truth in TRUTHS])[campaign]
        free = self._owned_day[campaign, who] >= np.asarray(day)
        return (
            np.minimum(average * self._baseline_of[self._people.type[who]] * self._personal(campaign, who, 0), 0.9)
            * free
        )

    def _personal(self, campaign: Ints, who: Ints, side: int) -> Reals:
        return 0.6 + 0.8 * self._chance.units(_PERSONAL, who * 64 + campaign, side)

    def _draw(self, campaign: Ints, who: Ints, day: Ints) -> Reals:
        """The one draw that decides about (customer, campaign, moment): shared by what is organic and what we cause."""
        return self._chance.units(_DRAW, (who * 64 + campaign) * 65_536 + day)

    def _schedule(self, number: int, who: Ints, at: Ints, day: Ints, hour: int, caused: int) -> None:
        """Put goals of one campaign on the agenda: at least an hour later, at waking hours, within the campaign's bound."""
        if not len(who):
            return
        truth = TRUTHS[number]
        if truth.once:
            self._owned_day[number, who] = day
        bits = self._chance.bits(_DELAY, who * 64 + number, hour)
        share = pick(bits, 1000) / 1000.0
        due = at + MS_PER_HOUR + (share * share * (truth.within_hours - 2) * MS_PER_HOUR).astype(np.int64)
        due = self._awake(due, who, bits, at + truth.within_hours * MS_PER_HOUR)
        a, b = truth.figures(self._people, who, hour)
        if truth.goal == "order_paid":
            self._people.unpaid_order[who] = 0
        self._agenda.add(happen(K[truth.goal], who, due, a, b, day, 1 + 2 * number + caused))

    def _awake(self, at: Ints, who: Ints, bits: NDArray[np.uint64], latest: Ints) -> Ints:
        """Out of the local night (22 to 8) into the morning after, unless that is later than `latest`."""
        shift = np.array([offset_ms(zone, self._start_ms) for zone in range(len(names.ZONES))])[self._people.zone[who]]
        local = at + shift
        hour = local % MS_PER_DAY // MS_PER_HOUR
        midnight = local // MS_PER_DAY * MS_PER_DAY + np.where(hour >= 22, MS_PER_DAY, 0)
        morning = midnight + 8 * MS_PER_HOUR + pick(bits, 60, 32) * MS_PER_MINUTE + pick(bits, 60_000, 48) - shift
        asleep = (hour >= 22) | (hour < 8)
        return np.where(asleep & (morning <= latest), morning, at)

    # ---- what happens when a goal falls due

    def settle(self, due: Happenings, hour: int) -> Happenings:
        """Drop the organic goals that contacts spoiled, and schedule the regrets of those that come true."""
        goals = due.d > 0
        if not goals.any():
            return due
        campaign = np.where(goals, (due.d - 1) // 2, 0)
        organic = goals & ((due.d - 1) % 2 == 0)
        spoiled = organic & (self._spoiled_day[campaign, due.customer] == due.c)
        stays = ~spoiled
        due, campaign, goals = take(due, stays), campaign[stays], (goals & stays)[stays]
        for number in np.unique(campaign[goals]).tolist():
            truth = TRUTHS[number]
            if truth.regret:
                met = take(due, goals & (campaign == number))
                bits = self._chance.bits(_REGRET, met.customer * 64 + number, hour)
                rows = pick(bits, 10_000) < int(truth.regretted * 10_000)
                later = met.at + MS_PER_DAY + pick(bits, 5 * 24, 16) * MS_PER_HOUR
                later = self._awake(later, met.customer, bits, met.at + 7 * MS_PER_DAY - MS_PER_HOUR)
                self._agenda.add(happen(K[truth.regret], met.customer[rows], later[rows], met.a[rows]))
                self._book.count(
                    "regretted", campaign[goals & (campaign == number)][rows], self._people.type[met.customer[rows]]
                )
        return due

    # ---- what our decisions do

    def react(self, decisions: DecisionView, hour: int) -> None:
        """Let decisions act, after the hour they belong to: contacts annoy, are answered, and change what would have been."""
        known = decisions.campaign >= 0
        rows = DecisionView(*(column[known] for column in decisions))
        kinds = self._people.type
        for arm, name in (
            (Arm.CONTROL, "control"),
            (Arm.UNIVERSAL_CONTROL, "universal_control"),
            (Arm.TREATED, "treated"),
        ):
            chosen = rows.arm == arm
            self._book.count(name, rows.campaign[chosen], kinds[rows.customer[chosen]])
        self._annoy(decisions, hour)
        treated = DecisionView(*(column[rows.arm == Arm.TREATED] for column in rows))
        if len(treated.customer):
            self._answer(treated, hour)

    def _annoy(self, decisions: DecisionView, hour: int) -> None:
        """Each contact adds to annoyance, pushes most; the very annoyed leave our lists, and in time leave us."""
        people = self._people
        sent = decisions.arm == Arm.TREATED
        who, touchpoint = decisions.customer[sent], decisions.touchpoint[sent]
        if not len(who):
            return
        inbound = (np.array(names.INBOUND)[touchpoint] == 1) & (touchpoint >= 0)
        unique = np.unique(who)
        people.annoyance[unique] = people.annoyance_at(hour, unique)
        people.annoyed_at[unique] = hour
        np.add.at(people.annoyance, who, np.where(inbound, 0.4, 1.0) * people.impatience[who])
        annoyed = people.annoyance[unique]
        people.leaving[unique] = np.minimum(people.leaving[unique] + 0.01 * np.maximum(annoyed - 2.0, 0.0), 0.95)
        tired = self._chance.units(_TIRED, unique, hour)
        next_hour = self._start_ms + (hour + 1) * MS_PER_HOUR
        stop = unique[(annoyed > 3.5) & (tired < 0.02)]
        leave = unique[(annoyed > 5.0) & (tired > 0.98) & ~people.do_not_disturb[unique]]
        people.do_not_disturb[leave] = True
        self._agenda.add(happen(CONSENT_WITHDRAWN, stop, np.full(len(stop), next_hour + 5 * MS_PER_MINUTE)))
        self._agenda.add(happen(DO_NOT_DISTURB, leave, np.full(len(leave), next_hour + 6 * MS_PER_MINUTE)))

    def _answer(self, treated: DecisionView, hour: int) -> None:
        campaign, who = treated.campaign, treated.customer
        moments, where = np.unique(treated.now_ms // MS_PER_HOUR, return_inverse=True)
        day = np.array([day_of(hour_of * MS_PER_HOUR) for hour_of in moments.tolist()], np.int64)[where]
        moment = self._moment_day[campaign, who].astype(np.int64)
        right = (day - moment <= 1) & (day >= moment)
        day = np.where(right, moment, day)
        before = np.where(right, self._baseline(campaign, who, day), 0.0)
        added = self._effect(treated, right, hour, before, day)
        drawn = self._draw(campaign, who, day)
        kinds = self._people.type[who]
        self._book.count("right_moments", campaign[right], kinds[right])
        self._book.add("effect_right", campaign[right], kinds[right], added[right])
        self._book.add("baseline_treated", campaign, kinds, before)
        self._book.add("effect_treated", campaign, kinds, added)
        fresh = (self._caused_day[campaign, who] != day) & _first_of(campaign, who)
        caused = fresh & (drawn >= before) & (drawn < before + added)
        spoiled = fresh & (drawn < before) & (drawn >= before + added)
        self._caused_day[campaign[caused], who[caused]] = day[caused]
        self._spoiled_day[campaign[spoiled], who[spoiled]] = day[spoiled]
        self._owned_day[campaign[spoiled], who[spoiled]] = _NEVER_OWNED
        self._book.count("incremental_goals", campaign[caused], kinds[caused])
        self._book.count("prevented_goals", campaign[spoiled], kinds[spoiled])
        next_hour = self._start_ms + (hour + 1) * MS_PER_HOUR
        for number in np.unique(campaign[caused]).tolist():
            mine = caused & (campaign == number)
            since = np.maximum(treated.now_ms[mine], next_hour - MS_PER_HOUR)
            self._schedule(number, who[mine], since, day[mine], hour, caused=1)
        self._reply(treated, drawn < before + added, next_hour, hour)

    def _effect(self, treated: DecisionView, right: NDArray[np.bool_], hour: int, before: Reals, day: Ints) -> Reals:
        """What the contact adds to the chance of the goal: more at the moment and the preferred touchpoint, less than nothing for the over-contacted."""
        people, who, campaign = self._people, treated.customer, treated.campaign
        average = np.array([truth.effect for truth in TRUTHS])[campaign]
        bulk = np.array([truth.bulk for truth in TRUTHS])[campaign]
        inbound = np.array(names.INBOUND)[treated.touchpoint] == 1
        preferred = inbound | (self._family[treated.touchpoint] == people.preferred[who])
        place = np.where(preferred, 1.0, NOT_PREFERRED)
        patience = np.clip(1.25 - people.annoyance_at(hour, who) / TIRED_AT, -0.6, 1.0)
        strength = self._effect_of[people.type[who]] * self._personal(campaign, who, 1) * patience
        free = self._owned_day[campaign, who] >= day
        added = np.where(right, average * place, bulk) * strength * free
        return np.clip(added, -before, 0.95 - before)

    def _reply(self, treated: DecisionView, accepts: NDArray[np.bool_], next_hour: int, hour: int) -> None:
        """Accepted, considering, refused, or no answer: people of ours nearly always get one, a message seldom."""
        people, who = self._people, treated.customer
        agent = np.array(names.AGENT)[treated.touchpoint] == 1
        bits = self._chance.bits(_ANSWER, who * 64 + treated.campaign, hour)
        share = pick(bits, 10_000) / 10_000.0
        annoyed = people.annoyance_at(hour, who)
        refusing = np.where(agent, 0.07, 0.02) + 0.10 * people.price_sensitivity[who] + 0.03 * annoyed
        considering = np.where(agent, 0.50, 0.08)
        answer = np.where(accepts, names.ACCEPTED, np.where(share < refusing, names.REFUSED, names.CONSIDERING))
        speaks = accepts | (share < refusing + considering)
        for code, name in ((names.REFUSED, "refused"), (names.CONSIDERING, "considering")):
            rows = speaks & (answer == code)
            self._book.count(name, treated.campaign[rows], people.type[who[rows]])
        delay = np.where(agent, pick(bits, 600_000 // 10, 16) * 10, pick(bits, 50_000, 16) * 60)
        at = np.maximum(treated.now_ms + delay, next_hour + delay % MS_PER_HOUR // 4)
        what = happen(RESPONSE, who, at, treated.campaign, answer)
        self._agenda.add(take(what, speaks))


def _first_of(campaign: Ints, who: Ints) -> NDArray[np.bool_]:
    """True at the first of equal (campaign, customer) rows."""
    first = np.zeros(len(who), bool)
    first[np.unique(who * 64 + campaign, return_index=True)[1]] = True
    return first
