"""Control groups, offers' shares and priorities: chance that is a hash, and products that cannot overflow."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from opportune.campaigns import PRIORITY_VALUE_MAX, WEIGHT_PPM_MAX, bucket, priority_of, seed_of, weighted_bucket
from opportune.facts import PPM

KEYS = np.random.default_rng(7).integers(0, 2**64, 20_000, np.uint64).tolist()
SEED = np.uint64(seed_of("campaign", "a"))


def places(seed: np.uint64 = SEED) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The places of all customers."""
    return np.array([bucket(seed, np.uint64(key)) for key in KEYS], np.int64)


def test_places_are_uniform() -> None:
    for found in (places(), np.array([bucket(SEED, np.uint64(key)) for key in range(20_000)])):
        counts = np.bincount(found * 50 // PPM, minlength=50)
        assert found.min() >= 0
        assert found.max() < PPM
        chi_square = float(((counts - 400) ** 2 / 400).sum())
        assert chi_square < 95  # 49 degrees of freedom: exceeded once in 10,000 seeds; the keys are fixed


def test_a_larger_share_only_moves_the_boundary() -> None:
    found = places()
    ten, twelve = found < 100_000, found < 120_000
    assert not (ten & ~twelve).any()
    assert 0.01 < (twelve & ~ten).mean() < 0.03


def test_campaigns_draw_apart_and_the_offer_is_apart_from_the_group() -> None:
    mine, other = places() < 500_000, places(np.uint64(seed_of("campaign", "b"))) < 500_000
    second = np.array([weighted_bucket(SEED, np.uint64(key), 2) for key in KEYS]) == 1
    for one in (other, second):
        assert abs(np.corrcoef(mine, one)[0, 1]) < 0.03


def test_weights_split_customers_in_proportion() -> None:
    drawn = np.bincount([weighted_bucket(SEED, np.uint64(key), 6) for key in KEYS], minlength=6)
    shares = np.array([drawn[:1].sum(), drawn[1:3].sum(), drawn[3:].sum()]) / len(KEYS)
    assert np.abs(shares - np.array([1, 2, 3]) / 6).max() < 0.012


def test_a_seed_is_the_same_for_good() -> None:
    assert seed_of("campaign", "a") == seed_of("campaign", "a") != seed_of("campaigna")
    assert (seed_of("universal control"), int(bucket(SEED, np.uint64(1)))) == (GOLDEN_SEED, GOLDEN_PLACE)


GOLDEN_SEED, GOLDEN_PLACE = 6_141_493_990_209_523_063, 501_432
"""Another figure moves customers between control groups."""


@given(
    st.integers(0, PPM),
    st.integers(0, WEIGHT_PPM_MAX),
    st.integers(0, PRIORITY_VALUE_MAX),
    st.integers(0, WEIGHT_PPM_MAX),
)
def test_priorities_are_exact_and_bounded(propensity: int, weight: int, value: int, lever: int) -> None:
    found = priority_of(propensity, weight, value, lever)
    assert found == (propensity * weight // PPM) * (value * lever // PPM)
    assert 0 <= found <= 10**18
