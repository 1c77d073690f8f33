"""Arbitration: expected value in fixed point, priority = propensity x touchpoint weight x value x lever. Kernel functions."""

from typing import Any

from opportune.campaigns.control import weighted_bucket
from opportune.campaigns.plan import offers_of
from opportune.facts import PPM, compiled_leaf


@compiled_leaf
def priority_of(propensity_ppm: int, weight_ppm: int, value: int, lever_ppm: int) -> int:
    """Expected value of a candidate in millionths of a minor unit. Each product is truncated to its unit.

    Bounds (checked when the campaign is compiled): propensity <= 10**6, weight and lever <= 10**8 ppm, value <= 10**8 minor units;
    so the result stays below 10**18 and no step overflows.
    """
    return (propensity_ppm * weight_ppm // PPM) * (value * lever_ppm // PPM)


@compiled_leaf
def choose_weighted(plan: Any, eligible: int, first: int, count: int, seed: int, key: int) -> int:
    """The offer choice (index into plan.offers) for this customer among the `eligible` bits; weights split customers by hash."""
    total = 0
    for i in range(count):
        if (eligible >> i) & 1:
            total += offers_of(plan)[first + i].weight
    place = weighted_bucket(seed, key, total)
    for i in range(count):
        if (eligible >> i) & 1:
            place -= offers_of(plan)[first + i].weight
            if place < 0:
                return first + i
    return -1
