"""The contact ledger: per customer, the exact times of the last contacts per cap key, cool-downs and consents, as 16-bit words.

A cap of k contacts in a window w needs only the k latest times of its key: the customer is capped exactly while the k-th latest
contact t has t + w > now. So a ring holds the k largest times, newest first, and nothing that a cap could ask for is ever evicted.

A time is TIME_WORDS words, lowest first: milliseconds since 1970 in 48 bits, 0 for none. Consents are bits, two per pair of purpose
and channel (given, withdrawn), behind the bit of do-not-disturb.
"""

from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.facts import Numbering, bundle, point, table
from opportune.policy.definitions import PolicyDefinition

TIME_WORDS, WORD_BITS = 3, 16
PUSH_UNTIL, INBOUND_UNTIL, REFUSED_UNTIL, COMPLAINED_UNTIL, CONSENTS = range(0, 5 * TIME_WORDS, TIME_WORDS)
DO_NOT_DISTURB_BIT, CONSENT_BITS_FROM = 0, 1
CONSENT_PAIRS_MAX = 30
CAP_CONTACTS_MAX = 64
TIME_MAX = 2 ** (TIME_WORDS * WORD_BITS) - 1
"""The latest time that is kept (in the year 10889): a later one is kept as this, which means FOREVER."""
FOREVER = 2**62

CLASS_PUSH, CLASS_INBOUND, CLASS_SERVICE = range(3)
PER_CUSTOMER, PER_CHANNEL, PER_CATEGORY = range(3)

CAP = np.dtype([("window", "i8"), ("word", "i4"), ("most", "i4"), ("inbound", "i4"), ("_", "i4")])
RING = np.dtype([("word", "i4"), ("length", "i4")])


class PolicyPlan(NamedTuple):
    """The contact policy for the kernel.

    words           ledger words per customer
    caps            recarray CAP: customer's first, then by channel, then by category; `word` is the place of the time that decides
    customer_caps   number of caps per customer
    channel_caps    i4[channels+1], category_caps i4[categories+1]: ranges of `caps`
    customer_ring   recarray RING of one; channel_rings, category_rings: RING per number, size 0 where no cap asks
    consent_bits    i4[purposes, channels+1]: bit "given" of (purpose, channel), "withdrawn" is the next; the last column for every channel
    holidays        i8[]: sorted local day numbers
    figures         the plain fields of POLICY: quiet minutes (-1: none), consent required 0/1, cool-downs in ms, universal control
    """

    words: int
    caps: np.recarray
    customer_caps: int
    channel_caps: NDArray[np.int32]
    category_caps: NDArray[np.int32]
    customer_ring: np.recarray
    channel_rings: np.recarray
    category_rings: np.recarray
    consent_bits: NDArray[np.int32]
    holidays: NDArray[np.int64]
    figures: dict[str, int]


POLICY = bundle(
    {
        "caps": 1,
        "channel_caps": 1,
        "category_caps": 1,
        "customer_ring": 1,
        "channel_rings": 1,
        "category_rings": 1,
        "consent_bits": 2,
        "holidays": 1,
    },
    [
        ("customer_caps", "i8"),
        ("quiet_from", "i8"),
        ("quiet_to", "i8"),
        ("consent_required", "i8"),
        ("after_refused", "i8"),
        ("after_complaint", "i8"),
        ("universal_ppm", "i8"),
        ("universal_seed", "u8"),
    ],
)
"""The bundle of a PolicyPlan; the functions below give its tables to the kernel."""
caps_of, channel_caps_of, category_caps_of = (
    table("caps", CAP),
    table("channel_caps", "i4"),
    table("category_caps", "i4"),
)
customer_ring_of, channel_rings_of = table("customer_ring", RING), table("channel_rings", RING)
category_rings_of, holidays_of = table("category_rings", RING), table("holidays", "i8")
consent_bits_of = table("consent_bits", "i4", 2)


def point_policy(into: Any, plan: PolicyPlan) -> None:
    """Fill a POLICY bundle; the plan must be kept alive."""
    point(into, {name: getattr(plan, name) for name in POLICY_TABLES})
    into.customer_caps = plan.customer_caps
    for name, value in plan.figures.items():
        into[name] = value


POLICY_TABLES = (
    "caps", "channel_caps", "category_caps", "customer_ring", "channel_rings", "category_rings", "consent_bits", "holidays",
)  # fmt: skip


class LedgerLayout(msgspec.Struct, frozen=True):
    """Where each ring is: key "customer", "channel/<number>" or "category/<number>" -> (word, contacts). `header` words come before."""

    words: int
    header: int
    rings: dict[str, tuple[int, int]]


def plan_policy(
    policy: PolicyDefinition | None, numbering: Numbering, holidays: list[int], universal_seed: int
) -> tuple[PolicyPlan, LedgerLayout]:
    """Lay out the ledger for a policy. `holidays` are day numbers. Raises ValueError for a cap beyond CAP_CONTACTS_MAX."""
    policy = policy or PolicyDefinition("none", consent="assumed")
    channels, categories = len(numbering.names["channel"]), len(numbering.names["category"])
    keys: dict[str, list[tuple[int, int, int]]] = {}
    for cap in policy.caps:
        if not 1 <= cap.max <= CAP_CONTACTS_MAX:
            raise ValueError(f"a cap allows between 1 and {CAP_CONTACTS_MAX} contacts, not {cap.max}")
        for key in _keys_of(cap.per, cap.of, numbering):
            keys.setdefault(key, []).append((cap.window, cap.max, int(cap.inbound)))
    rings: dict[str, tuple[int, int]] = {}
    consent_bits = _consent_bits(numbering)
    header = word = CONSENTS + -(-(CONSENT_BITS_FROM + 2 * len(numbering.names["consent"])) // WORD_BITS)
    for key, asked in keys.items():
        size = max(most for _, most, _ in asked)
        rings[key] = (word, size)
        word += size * TIME_WORDS
    rows: list[tuple[int, int, int, int, int]] = []

    def add(key: str) -> int:
        for window, most, inbound in keys.get(key, ()):
            rows.append((window, rings[key][0] + (most - 1) * TIME_WORDS, most, inbound, 0))
        return len(rows)

    customer_caps = add("customer")
    channel_caps = [customer_caps, *(add(f"channel/{c}") for c in range(channels))]
    category_caps = [len(rows), *(add(f"category/{c}") for c in range(categories))]
    quiet = policy.quiet_hours
    plan = PolicyPlan(
        word,
        np.array(rows, CAP).view(np.recarray),
        customer_caps,
        np.array(channel_caps, np.int32),
        np.array(category_caps, np.int32),
        _rings([rings.get("customer", (0, 0))]),
        _rings([rings.get(f"channel/{c}", (0, 0)) for c in range(channels)]),
        _rings([rings.get(f"category/{c}", (0, 0)) for c in range(categories)]),
        consent_bits,
        np.array(sorted(holidays), np.int64),
        {
            "quiet_from": -1 if quiet is None else quiet.since,
            "quiet_to": -1 if quiet is None else quiet.to,
            "consent_required": int(policy.consent == "required"),
            "after_refused": policy.cool_down.after_refused or 0,
            "after_complaint": policy.cool_down.after_complaint or 0,
            "universal_ppm": policy.universal_control,
            "universal_seed": universal_seed,
        },
    )
    return plan, LedgerLayout(word, header, rings)


def _keys_of(per: str, of: str | None, numbering: Numbering) -> list[str]:
    if per == "customer":
        return ["customer"]
    if of is not None:
        return [f"{per}/{numbering.number(per, of)}"]
    return [f"{per}/{number}" for number in range(len(numbering.names[per]))]


def _rings(rows: list[tuple[int, int]]) -> np.recarray:
    return np.array(rows, RING).view(np.recarray)


def _consent_bits(numbering: Numbering) -> NDArray[np.int32]:
    purposes, channels = numbering.names["purpose"], numbering.names["channel"]
    bits = np.zeros((len(purposes), len(channels) + 1), np.int32)
    for p, purpose in enumerate(purposes):
        for c, channel in enumerate([*channels, "*"]):
            bits[p, c] = CONSENT_BITS_FROM + 2 * numbering.number("consent", f"{purpose}/{channel}")
    if len(numbering.names["consent"]) > CONSENT_PAIRS_MAX:
        raise ValueError(
            f"more than {CONSENT_PAIRS_MAX} pairs of consent purpose and channel; let touchpoints share a channel"
        )
    return bits


def moment_in(ledger: NDArray[np.uint16], word: int) -> int:
    """The time at `word` of one customer's ledger in ms, 0 where there is none. For readers outside the kernel."""
    return int.from_bytes(ledger[word : word + TIME_WORDS].astype("<u2").tobytes(), "little")


def bit_in(ledger: NDArray[np.uint16], bit: int) -> bool:
    """A consent bit of one customer's ledger. For readers outside the kernel."""
    return bool(int(ledger[CONSENTS + bit // WORD_BITS]) >> bit % WORD_BITS & 1)


def said_in(ledger: NDArray[np.uint16], pair: int) -> bool | None:
    """What one customer's ledger says of a pair of purpose and channel, by its number: given, withdrawn, or nothing."""
    given = CONSENT_BITS_FROM + 2 * pair
    if bit_in(ledger, given):
        return True
    return False if bit_in(ledger, given + 1) else None
