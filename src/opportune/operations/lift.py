"""The difference of two shares with its interval: Newcombe (1998), method 10, from Wilson's score intervals (1927).

R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven methods",
Statistics in Medicine 17 (1998) 873-890. E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
Journal of the American Statistical Association 22 (1927) 209-212.
"""

from math import sqrt

import msgspec

Z_95 = 1.959963984540054
"""The 97.5 % point of the normal distribution."""


class Lift(msgspec.Struct, frozen=True):
    """Treated share minus control share, and the ends of its 95 % interval; shares, not per cent."""

    difference: float
    low: float
    high: float


def wilson(hits: int, of: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's interval of a share. Raises ValueError unless 0 <= hits <= of and of > 0."""
    if not 0 <= hits <= of or of == 0:
        raise ValueError(f"{hits} of {of} is no share")
    share = hits / of
    middle = share + z * z / (2 * of)
    half = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def lift(hits: int, of: int, control_hits: int, control_of: int) -> Lift | None:
    """The lift of treated over control; None where one of the two groups is empty."""
    if of == 0 or control_of == 0:
        return None
    one, other = hits / of, control_hits / control_of
    low, high = wilson(hits, of)
    control_low, control_high = wilson(control_hits, control_of)
    difference = one - other
    return Lift(
        difference,
        difference - sqrt((one - low) ** 2 + (control_high - other) ** 2),
        difference + sqrt((high - one) ** 2 + (other - control_low) ** 2),
    )
