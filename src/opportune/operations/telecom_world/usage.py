"""Everyday use, hour by hour: calls, data, apps. Bundles fill up, prepaid balances run down, bad cells annoy."""

import datetime
import math

import numpy as np
from numpy.typing import NDArray

import opportune.operations.telecom_world.names as names
from opportune.facts import MS_PER_DAY, MS_PER_HOUR, MS_PER_SECOND
from opportune.operations.telecom_world.chance import Bits, Chance, pick, unit
from opportune.operations.telecom_world.customers import DAYPARTS, LEVELS, Customers, Ints, Reals, day_of, offset_ms
from opportune.operations.telecom_world.happenings import Happenings, happen
from opportune.operations.telecom_world.lines import K

_WHETHER, _WHAT, _WHEN, _HOW, _MORE = range(200, 205)
EVENTS_PER_DAY = 2.35
"""Everyday events of an average customer on an average day."""

LOW_BALANCE = 1_000
_HOURS = np.array(
    [  # share of the day's events per local hour: mornings, noon, afternoons, evenings, late evenings
        [4, 2, 1, 1, 2, 8, 30, 70, 90, 85, 75, 65, 62, 50, 48, 46, 48, 52, 55, 55, 50, 42, 25, 10],
        [4, 2, 1, 1, 1, 4, 14, 40, 62, 70, 78, 95, 100, 80, 60, 50, 50, 55, 58, 60, 55, 42, 25, 10],
        [4, 2, 1, 1, 1, 4, 14, 38, 55, 62, 66, 70, 72, 78, 88, 92, 88, 75, 62, 58, 52, 42, 25, 10],
        [5, 2, 1, 1, 1, 3, 12, 35, 48, 52, 55, 60, 60, 52, 50, 52, 58, 72, 92, 105, 100, 75, 40, 14],
        [8, 4, 2, 1, 1, 3, 10, 30, 45, 50, 52, 58, 58, 50, 48, 48, 52, 60, 72, 88, 110, 118, 70, 20],
    ],
    np.float64,
)
_HOURS /= _HOURS.sum(axis=1, keepdims=True)
_WEEKDAYS = (1.0, 0.98, 1.0, 1.02, 1.08, 1.0, 0.92)  # Monday first
_HOLIDAYS = {20_768: 1.35, 20_819: 1.25}  # 11 Nov 2026, 1 Jan 2027 (days since 1970)
_KINDS = (
    ("data_session", 40.0), ("call_made", 20.0), ("call_received", 9.0), ("sms_sent", 5.0), ("video_watched", 5.0),
    ("music_played", 3.0), ("game_played", 3.0), ("app_opened", 7.5), ("page_viewed", 3.0), ("call_international", 0.4),
    ("kiosk_used", 0.4), ("ivr_option_chosen", 0.6), ("chat_started", 0.5), ("partner_shop_visited", 0.4),
    ("survey_answered", 0.4),
)  # fmt: skip
_APP_KINDS = ("app_opened", "video_watched", "page_viewed", "game_played", "chat_started")
_EXPONENTIAL = np.array([-math.log(1.0 - (step + 0.5) / 1024) for step in range(1024)])
"""Quantiles of a positive quantity of mean 1, so that no logarithm is taken at run time."""


def _mixture() -> NDArray[np.float64]:
    """Per customer type the running shares of the kinds of everyday events."""
    rows = []
    for entry in names.TYPES:
        weights = np.array([weight * (entry.app if name in _APP_KINDS else 1.0) for name, weight in _KINDS])
        rows.append(np.cumsum(weights) / weights.sum())
    return np.array(rows)


_MIXTURE = _mixture()
_KIND_NUMBERS = np.array([K[name] for name, _ in _KINDS], np.int16)


def _exponential(bits: Bits, shift: int = 0) -> Reals:
    return _EXPONENTIAL[pick(bits, 1024, shift)]


def local_hour_weight(at_ms: int) -> Reals:
    """The weight of this hour per (zone, daypart of the customer): hour of the local day, weekday, salary days, holidays."""
    weights = np.empty(len(names.ZONES) * DAYPARTS)
    for zone in range(len(names.ZONES)):
        local = at_ms + offset_ms(zone, at_ms)
        day, hour = local // MS_PER_DAY, local % MS_PER_DAY // MS_PER_HOUR
        factor = _WEEKDAYS[(day + 3) % 7] * _HOLIDAYS.get(day, 1.0)
        weights[zone * DAYPARTS : (zone + 1) * DAYPARTS] = _HOURS[:, hour] * factor
    return weights


def cell_badness(chance: Chance) -> Reals:
    """Per cell the chance that a call made there drops."""
    return 0.004 + 0.30 * chance.units(_HOW, np.arange(len(names.CELLS), dtype=np.int64), 1) ** 6


class Usage:
    """The everyday process of one world; it changes the customers' bundles, balances and hardships."""

    def __init__(self, chance: Chance, people: Customers) -> None:
        self._chance, self._people = chance, people
        self._everyone = np.arange(people.n, dtype=np.int64)
        self._clock = people.zone * DAYPARTS + people.daypart
        self._badness = cell_badness(chance)

    def hour(self, hour: int, hour_ms: int) -> list[Happenings]:
        """The everyday events of one hour; a customer has at most one, and what follows from it."""
        people, chance = self._people, self._chance
        rate = EVENTS_PER_DAY * people.usage * people.activity * local_hour_weight(hour_ms)[self._clock]
        who = self._everyone[chance.units(_WHETHER, self._everyone, hour) < np.minimum(rate, 0.95)]
        what, when = chance.bits(_WHAT, who, hour), chance.bits(_WHEN, who, hour)
        how, more = chance.bits(_HOW, who, hour), chance.bits(_MORE, who, hour)
        kind = _KIND_NUMBERS[(_MIXTURE[people.type[who]] <= unit(what)[:, None]).sum(axis=1)]
        at = hour_ms + pick(when, 50_000) * 70 + pick(when, 70, 16)
        cell = np.where(pick(how, 100) < 78, people.home_cell[who], pick(how, len(names.CELLS), 16))
        a, b, c, d = (np.zeros(len(who), np.int64) for _ in range(4))
        self._fill_calls(kind, who, how, more, cell, (a, b, c, d))
        data = kind == K["data_session"]
        on_5g = people.has_5g()[who] & np.isin(people.plan[who], (names.FIVEG_129, names.FIVEG_199))
        mean_mb = people.bundle_mb[who] * people.data_need[who] / (EVENTS_PER_DAY * 12.0 * people.usage[who])
        a[data] = np.clip(mean_mb * _exponential(more), 1, 90_000).astype(np.int64)[data]
        b[data], c[data], d[data] = self._content(who[data], more[data]), on_5g[data], cell[data]
        self._fill_rest(kind, how, more, a, b)
        made = Happenings(kind, who, at, a, b, c, d)
        last = hour_ms + MS_PER_HOUR - 1
        return [
            made,
            *self._network(made, cell, last, hour),
            *self._bundles(made, last, hour_ms),
            *self._balances(made, last, more),
        ]

    def _content(self, who: Ints, more: Bits) -> Ints:
        """What a data session is for: a kind that interests the customer counts twice."""
        first, second = pick(more, len(names.APPS), 16), pick(more, len(names.APPS), 32)
        draws = np.array(names.INTEREST_OF_APP, np.int64)[first]
        liked = (draws < 0) | ((self._people.interests[who] >> np.maximum(draws, 0) & 1) == 1)
        return np.where(liked, first, second)

    def _fill_calls(
        self,
        kind: NDArray[np.int16],
        who: Ints,
        how: Bits,
        more: Bits,
        cell: Ints,
        figures: tuple[Ints, Ints, Ints, Ints],
    ) -> None:
        a, b, c, d = figures
        made, received, abroad = (kind == K[name] for name in ("call_made", "call_received", "call_international"))
        calls = made | received | abroad
        a[calls] = np.clip(150 * _exponential(more), 3, 7_200).astype(np.int64)[calls]
        b[made] = (pick(how, 100, 32) < 61)[made]
        friends = np.minimum(self._people.ring_back_friends[who], 12)
        c[made] = (pick(how, 100, 48) < friends * 3)[made]
        d[made] = cell[made]
        b[received] = cell[received]
        b[abroad] = pick(how, len(names.COUNTRIES), 32)[abroad]

    def _fill_rest(self, kind: NDArray[np.int16], how: Bits, more: Bits, a: Ints, b: Ints) -> None:
        for name, count, least in (
            ("sms_sent", 3, 1), ("app_opened", len(names.PAGES), 0), ("page_viewed", len(names.PAGES), 0),
            ("ivr_option_chosen", len(names.OPTIONS), 0), ("chat_started", len(names.TOPICS), 0),
            ("kiosk_used", len(names.SHOPS), 0), ("partner_shop_visited", len(names.SHOPS), 0), ("survey_answered", 11, 0),
        ):  # fmt: skip
            rows = kind == K[name]
            a[rows] = least + pick(how[rows], count, 32)
        for name in ("video_watched", "music_played", "game_played"):
            rows = kind == K[name]
            a[rows] = np.clip(24 * _exponential(more[rows]), 1, 240).astype(np.int64)
        rows = kind == K["video_watched"]
        b[rows] = pick(how[rows], len(names.GENRES), 48)

    def _network(self, made: Happenings, cell: Ints, last: int, hour: int) -> list[Happenings]:
        """Dropped and failed calls, weak coverage, slow data and congestion, where the cell is bad."""
        trouble = self._chance.units(_HOW, made.customer, hour, 1)
        bad = self._badness[cell]
        soon = np.minimum(made.at + 20 * MS_PER_SECOND, last)
        calls, data = made.kind == K["call_made"], made.kind == K["data_session"]
        dropped, weak = calls & (trouble < bad), (calls | data) & (trouble > 1 - bad * 0.6)
        slow = data & (trouble < bad * 1.3)
        failed = calls & (trouble > 0.5 - bad * 0.5) & (trouble < 0.5)
        congested = data & (trouble > 0.5) & (trouble < 0.5 + bad * 0.6)
        np.add.at(self._people.hardship, made.customer[dropped | slow | weak], 1.0)
        noise = (trouble * 1e6).astype(np.int64)
        return [
            happen(K["call_dropped"], made.customer[dropped], soon[dropped], cell[dropped]),
            happen(K["weak_coverage"], made.customer[weak], soon[weak], cell[weak], -105 - noise[weak] % 20),
            happen(K["slow_data"], made.customer[slow], soon[slow], cell[slow], 80 + noise[slow] % 900),
            happen(K["call_setup_failed"], made.customer[failed], soon[failed], cell[failed]),
            happen(K["congestion_met"], made.customer[congested], soon[congested], cell[congested]),
        ]

    def _bundles(self, made: Happenings, last: int, hour_ms: int) -> list[Happenings]:
        """Add the data used; report the crossing of a level, and the bundle's end."""
        people = self._people
        rows = (made.kind == K["data_session"]) & (people.plan[made.customer] != names.UNLIMITED)
        who = made.customer[rows]
        people.used_mb[who] += made.a[rows]
        used = people.used_mb[who]
        percent = np.minimum(used * 100 // np.maximum(people.bundle_mb[who], 1), 1_000)
        level = np.searchsorted(LEVELS, percent, side="right")
        before = people.level[who]
        crossed = level > before
        people.level[who] = level
        soon = np.minimum(made.at[rows] + 5 * MS_PER_SECOND, last)
        ended = crossed & (before < 4) & (level >= 4)
        day_of_month = (datetime.date(1970, 1, 1) + datetime.timedelta(days=day_of(hour_ms))).day
        days_left = (people.cycle_day[who] - day_of_month) % 30
        return [
            happen(
                K["data_usage_reported"],
                who[crossed],
                soon[crossed],
                percent[crossed],
                used[crossed],
                made.d[rows][crossed],
            ),
            happen(
                K["data_pack_exhausted"], who[ended], np.minimum(soon[ended] + 1, last), used[ended], days_left[ended]
            ),
        ]

    def _balances(self, made: Happenings, last: int, more: Bits) -> list[Happenings]:
        """Charge the prepaid for what they used; warn below LOW_BALANCE and at nothing."""
        people = self._people
        charged = np.isin(
            made.kind, [K[name] for name in ("data_session", "call_made", "sms_sent", "call_international")]
        )
        rows = charged & people.prepaid[made.customer]
        who = made.customer[rows]
        before = people.balance[who]
        uses_a_month = EVENTS_PER_DAY * 20 * people.usage[who]
        charge = (people.arpu[who] / uses_a_month * (0.5 + unit(more[rows]))).astype(np.int64)
        after = np.maximum(before - charge, 0)
        people.balance[who] = after
        soon = np.minimum(made.at[rows] + 8 * MS_PER_SECOND, last)
        low = (before >= LOW_BALANCE) & (after < LOW_BALANCE)
        empty = (before > 0) & (after == 0)
        return [
            happen(K["balance_low"], who[low], soon[low], after[low]),
            happen(K["balance_exhausted"], who[empty], soon[empty], after[empty]),
        ]
