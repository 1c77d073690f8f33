"""Detectors, compiled: who listens to which event, and what each waits for or compares."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opportune.facts import bundle, table

THEN, THEN_NOT, SILENCE, CROSSING, RULE, AREA, DATE = range(7)
"""What a detector does: tell the second event, its absence, a silence; compare a figure, a rule, a place; await a day."""

DETECTOR = np.dtype(
    [
        ("window", "i8"),  # ms, of a sequence or a silence
        ("centre_lat", "i8"),  # of a circle, micro-degrees
        ("centre_lon", "i8"),
        ("radius", "i8"),
        ("cosine", "i8"),
        ("event", "i4"),  # the number of the derived event
        ("form", "i4"),
        ("want", "i4"),  # 1: told where it begins to hold, 0: where it ends
        ("clause_first", "i4"),  # of a rule's or a crossing's condition
        ("clause_count", "i4"),
        ("ref", "i4"),  # register of the tag that crosses
        ("look", "i4"),  # its word of what was seen last; -1 where it compares nothing
        ("corner_first", "i4"),
        ("corner_count", "i4"),  # of a polygon; 0 for a circle
        ("keyed", "i4"),
        ("keep_count", "i4"),
        ("offset", "i4"),  # of the date's column in the record
        ("width", "i4"),
        ("days", "i4"),
        ("minute", "i4"),
        ("asked", "i4"),  # the row of loads that fill the registers of its condition
    ]
)

GLANCES, LOOKS, ANSWERS, BEGINS, SEES, DATES = range(6)
"""What a detector does at an event: compare before it is counted, and after; take it as the second event, as the first one, as a
place; set its day anew."""

LISTENS = np.dtype(
    [
        ("detector", "i4"),
        ("role", "i4"),
        ("clause_first", "i4"),  # the condition on the event
        ("clause_count", "i4"),
        ("key_slot", "i4"),  # -1 without a key
        ("keep_first", "i4"),  # of the slots that are kept
        ("lat_slot", "i4"),
        ("lon_slot", "i4"),
        ("lat_factor", "i4"),  # to micro-degrees
        ("lon_factor", "i4"),
    ]
)


class DetectionPlan(NamedTuple):
    """Detectors for the kernel.

    detectors         recarray DETECTOR, in the order of their events' numbers
    detector_of       i4[events]: the row of the detector that makes an event, -1 for events from outside
    listens           recarray LISTENS, by event, then by detector, then by role
    kept              i4[]: slots of the properties that are kept
    corners           i8[corners, 2]: latitude and longitude in micro-degrees
    tag_first         i4[tags+1]: tag_detectors[tag_first[t]:tag_first[t+1]] are the detectors that read tag t
    tag_detectors     i4[]
    """

    detectors: np.recarray
    detector_of: NDArray[np.int32]
    listens: np.recarray
    kept: NDArray[np.int32]
    corners: NDArray[np.int64]
    tag_first: NDArray[np.int32]
    tag_detectors: NDArray[np.int32]


DETECTION = bundle({name: 2 if name == "corners" else 1 for name in DetectionPlan._fields})
"""The bundle of a DetectionPlan."""
detectors_of, listens_of = table("detectors", DETECTOR), table("listens", LISTENS)
detector_of_of, kept_of = table("detector_of", "i4"), table("kept", "i4")
corners_of = table("corners", "i8", 2)
tag_first_of, tag_detectors_of = table("tag_first", "i4"), table("tag_detectors", "i4")
