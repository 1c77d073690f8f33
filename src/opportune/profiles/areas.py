"""Areas of the earth in whole micro-degrees, so that inside and outside are exact. Kernel functions, and their compilation.

The distance to a circle's centre is taken on the plane that touches the earth there: a degree of latitude is 111,195 metres (a sphere of
6,371.0 km), a degree of longitude that times the cosine of the centre's latitude, to six decimals. A polygon's sides are
straight lines of latitude over longitude. What lies on the line is inside.
"""

from decimal import Context, Decimal
from typing import Any

from opportune.facts import PPM, compiled_leaf

MICRO = 1_000_000
METRES_PER_DEGREE = 111_195
LATITUDE_MAX, LONGITUDE_MAX = 90 * MICRO, 180 * MICRO
_PI = Decimal("3.14159265358979323846264338327950288")


def cosine_ppm(latitude: int) -> int:
    """The cosine of a latitude in micro-degrees, in millionths, the same on every machine."""
    context = Context(prec=40)
    angle = context.divide(context.multiply(Decimal(latitude), _PI), Decimal(180 * MICRO))
    square = context.multiply(angle, angle)
    term = total = Decimal(1)
    for n in range(1, 20):
        term = context.divide(context.multiply(term, -square), Decimal(2 * n * (2 * n - 1)))
        total = context.add(total, term)
    return int(context.multiply(total, Decimal(PPM)).to_integral_value())


def radius_of(metres: int) -> int:
    """A radius in micro-degrees of latitude, rounded down."""
    return metres * MICRO // METRES_PER_DEGREE


@compiled_leaf
def in_circle(latitude: int, longitude: int, centre_lat: int, centre_lon: int, cosine: int, radius: int) -> bool:
    """Whether a place lies in a circle; all in micro-degrees, the cosine in millionths."""
    east = longitude - centre_lon
    if east > LONGITUDE_MAX:
        east -= 2 * LONGITUDE_MAX
    elif east < -LONGITUDE_MAX:
        east += 2 * LONGITUDE_MAX
    north, east = latitude - centre_lat, abs(east) * cosine // PPM
    return north * north + east * east <= radius * radius


@compiled_leaf
def in_polygon(latitude: int, longitude: int, corners: Any, first: int, count: int) -> bool:
    """Whether a place lies in the polygon of corners first .. first+count-1, rows of latitude and longitude in micro-degrees."""
    inside = False
    for i in range(first, first + count):
        j = i - 1 if i > first else first + count - 1
        y1, x1, y2, x2 = corners[j, 0], corners[j, 1], corners[i, 0], corners[i, 1]
        cross = (x2 - x1) * (latitude - y1) - (longitude - x1) * (y2 - y1)
        if cross == 0 and min(y1, y2) <= latitude <= max(y1, y2) and min(x1, x2) <= longitude <= max(x1, x2):
            return True
        if (y1 > latitude) != (y2 > latitude) and (cross > 0) == (y2 > y1):
            inside = not inside
    return inside
