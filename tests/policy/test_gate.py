"""The contact policy against brute force: caps over all contacts ever, consents, quiet hours."""

import random
from typing import Literal

import numpy as np
import pytest

from opportune.facts import MS_PER_DAY, Duration, LocalTime, Numbering, Rate, Reason, zone_offset, zone_table
from opportune.policy import (
    CLASS_INBOUND,
    CLASS_PUSH,
    CLASS_SERVICE,
    POLICY,
    Cap,
    CoolDown,
    PolicyDefinition,
    PolicyQuietHours,
    block_reason,
    blocked_until,
    capped_until,
    consent_reason,
    plan_policy,
    point_policy,
    quiet_reason,
    record_complaint,
    record_consent,
    record_contact,
    record_do_not_disturb,
    record_refusal,
)  # fmt: skip

NUMBERS = {"channel": ["sms", "app"], "category": ["upsell", "care"], "purpose": ["marketing", "care"]}
PerKey = Literal["customer", "channel", "category"]
PER_KEYS: tuple[PerKey, ...] = ("customer", "channel", "category")
NOW = 1_790_000_000_000


class Book:
    """One policy and the ledger of two customers; row 1 is used, row 0 must stay empty."""

    def __init__(self, policy: PolicyDefinition) -> None:
        holidays = [int(day) for day in policy.holidays]
        self.plan, self.layout = plan_policy(policy, Numbering(NUMBERS), holidays, 1)
        self.ledger = np.zeros((2, self.layout.words), np.uint16)
        self._bundle = np.zeros(1, POLICY).view(np.recarray)
        self.policy = self._bundle[0]
        point_policy(self.policy, self.plan)

    def contact(self, contact_class: int, channel: int, category: int, at: int) -> None:
        """Record one contact."""
        record_contact(self.policy, self.ledger, 1, contact_class, channel, category, at)
        assert not self.ledger[0].any(), "another customer's ledger was written"

    def capped(self, per: str, number: int, now: int, *, inbound: bool) -> bool:
        """Whether caps withhold now."""
        if per == "customer":
            return bool(blocked_until(self.ledger, 1, CLASS_INBOUND if inbound else CLASS_PUSH) > now)
        of = self.plan.channel_caps if per == "channel" else self.plan.category_caps
        return bool(capped_until(self.policy, self.ledger, 1, of[number], of[number + 1], inbound, 0) > now)


def drawn_caps(r: random.Random) -> tuple[Cap, ...]:
    """A few caps, some of them about the same key."""
    caps = []
    for _ in range(r.randint(1, 6)):
        per: PerKey = r.choice(PER_KEYS)
        of = r.choice([None, *NUMBERS[per]]) if per != "customer" else None
        caps.append(Cap(per, r.randint(1, 4), Duration(r.choice([1, 50, 1_000, 100_000])), of, r.random() < 0.5))
    return tuple(caps)


@pytest.mark.parametrize("seed", range(40))
def test_caps_are_exact_over_all_contacts_ever(seed: int) -> None:
    r = random.Random(seed)
    caps = drawn_caps(r)
    book = Book(PolicyDefinition("p", caps=caps))
    met: list[tuple[int, int, int, int]] = []
    now = NOW
    for _ in range(80):
        now += r.choice([0, 1, 3, 49, 50, 51, 999, 1_000, 30_000, 300_000])
        if r.random() < 0.6:
            one = (
                r.choice([CLASS_PUSH, CLASS_INBOUND, CLASS_SERVICE]),
                r.randrange(2),
                r.randrange(2),
                now - r.choice([0, 0, 0, 10, 70_000]),
            )
            book.contact(*one)
            met.append(one)
        for inbound in (False, True):
            for per, number in (("customer", 0), ("channel", 0), ("channel", 1), ("category", 0), ("category", 1)):
                expected = False
                for cap in caps:
                    if cap.per != per or (inbound and not cap.inbound) or (cap.of and cap.of != NUMBERS[per][number]):
                        continue
                    mine = [
                        one[3]
                        for one in met
                        if one[0] != CLASS_SERVICE
                        and (per == "customer" or one[1 if per == "channel" else 2] == number)
                    ]
                    expected |= sum(at + cap.window > now for at in mine) >= cap.max
                assert book.capped(per, number, now, inbound=inbound) == expected, (per, number, inbound)


@pytest.mark.parametrize("required", ["required", "assumed"])
def test_the_last_word_on_consent_counts(required: str) -> None:
    for seed in range(30):
        r = random.Random(seed)
        book = Book(PolicyDefinition("p", consent="required" if required == "required" else "assumed"))
        said: list[tuple[int, int, bool]] = []
        for _ in range(12):
            word = (r.randrange(2), r.choice([-1, 0, 1]), r.random() < 0.5)
            record_consent(book.policy, book.ledger, 1, *word)
            said.append(word)
            for purpose in (0, 1):
                for channel in (0, 1):
                    known = [given for p, c, given in said if p == purpose and c in (-1, channel)]
                    silent = Reason.NO_CONSENT if required == "required" else Reason.PROPOSED
                    spoken = Reason.PROPOSED if known and known[-1] else Reason.CONSENT_WITHDRAWN
                    assert consent_reason(book.policy, book.ledger, 1, purpose, channel) == (
                        spoken if known else silent
                    )


def test_purposes_and_channels_that_are_not_known_are_left() -> None:
    book = Book(PolicyDefinition("p"))
    before = book.ledger.copy()
    record_consent(book.policy, book.ledger, 1, 9, 0, True)
    record_consent(book.policy, book.ledger, 1, 0, 2, True)
    assert np.array_equal(book.ledger, before)


@pytest.mark.parametrize(("since", "to"), [(1260, 540), (60, 180), (300, 300), (0, 1439)])
def test_quiet_hours_at_the_customers_own_clock(since: int, to: int) -> None:
    book = Book(PolicyDefinition("p", quiet_hours=PolicyQuietHours(LocalTime(since), LocalTime(to))))
    zones = zone_table(["UTC", "Asia/Shanghai"])
    for minute in range(1440):
        for zone, offset in ((0, 0), (1, 480)):
            now = 20_000 * MS_PER_DAY + minute * 60_000 + 59_999
            local = (minute + offset) % 1440
            quiet = since <= local < to if since <= to else local >= since or local < to
            assert quiet_reason(book.policy, -1, -1, now + zone_offset(zones, zone, now)) == (
                Reason.QUIET_HOURS if quiet else Reason.PROPOSED
            )


def test_holidays_are_local_days_and_a_touchpoint_has_its_own_quiet_time() -> None:
    book = Book(PolicyDefinition("p", holidays=("20001",)))
    zones = zone_table(["UTC", "Asia/Shanghai"])
    eve = 20_001 * MS_PER_DAY - 8 * 3_600_000  # midnight in Shanghai, the afternoon before in UTC
    asked = [(1, eve - 1), (1, eve), (0, eve), (1, eve + MS_PER_DAY - 1), (1, eve + MS_PER_DAY)]
    found = [quiet_reason(book.policy, -1, -1, at + zone_offset(zones, zone, at)) for zone, at in asked]
    assert found == [Reason.PROPOSED, Reason.HOLIDAY, Reason.PROPOSED, Reason.HOLIDAY, Reason.PROPOSED]
    assert quiet_reason(book.policy, 0, 1, eve + zone_offset(zones, 1, eve)) == Reason.QUIET_HOURS


def test_do_not_disturb_and_cool_downs_block_each_class_as_they_should() -> None:
    policy = PolicyDefinition("p", cool_down=CoolDown(Duration(100), Duration(200)), universal_control=Rate(0))
    book = Book(policy)

    def blocked(now: int) -> list[int | None]:
        classes = (CLASS_PUSH, CLASS_INBOUND, CLASS_SERVICE)
        return [
            block_reason(book.ledger, 1, c, now) if blocked_until(book.ledger, 1, c) > now else None for c in classes
        ]

    assert blocked(NOW) == [None, None, None]
    record_do_not_disturb(book.policy, book.ledger, 1, True)
    assert blocked(NOW) == [Reason.DO_NOT_DISTURB, None, None]
    record_refusal(book.policy, book.ledger, 1, NOW)
    assert blocked(NOW + 99) == [Reason.DO_NOT_DISTURB, Reason.COOL_DOWN_REFUSED, None]
    record_do_not_disturb(book.policy, book.ledger, 1, False)
    record_complaint(book.policy, book.ledger, 1, NOW + 50)
    record_complaint(book.policy, book.ledger, 1, NOW + 10)  # an older one, arriving late, shortens nothing
    assert blocked(NOW + 99) == [Reason.COOL_DOWN_REFUSED, Reason.COOL_DOWN_REFUSED, None]
    assert blocked(NOW + 249) == [Reason.COOL_DOWN_COMPLAINT, Reason.COOL_DOWN_COMPLAINT, None]
    assert blocked(NOW + 250) == [None, None, None]


def test_without_cool_downs_a_refusal_dated_ahead_blocks_nothing() -> None:
    book = Book(PolicyDefinition("p"))
    record_refusal(book.policy, book.ledger, 1, NOW + 1_000)
    record_complaint(book.policy, book.ledger, 1, NOW + 1_000)
    assert blocked_until(book.ledger, 1, CLASS_PUSH) <= NOW


@pytest.mark.parametrize("most", [0, 65])
def test_a_cap_out_of_bounds_is_refused(most: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 64 contacts"):
        Book(PolicyDefinition("p", caps=(Cap("customer", most, Duration(1)),)))
