"""What is known of the lines of one block between scanning and applying: the columns that the compiled functions share."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Columns of Scratch.lines. L_USER, L_ANONYMOUS and L_MESSAGE are the places of texts, 0 where the line has none.
(
    L_START, L_END, L_STATUS, L_KIND, L_CODE, L_AT, L_FIRST, L_COUNT, L_KEY_FIRST, L_KEY_COUNT,
    L_USER, L_USER_END, L_ANONYMOUS, L_ANONYMOUS_END, L_MESSAGE, L_MESSAGE_END,
) = range(16)  # fmt: skip
LINE_COLUMNS = 16
# Places in Scratch.noted: one more than the event's row in Shapes.events, then where each field of the body begins; 0 for none.
(
    AT_EVENT, AT_PROPERTIES, AT_TRAITS, AT_CAMPAIGN, AT_TOUCHPOINT, AT_OFFER, AT_ANSWER, AT_PURPOSE, AT_CHANNEL, AT_GIVEN, AT_ON,
) = range(11)  # fmt: skip
NOTED_COLUMNS = 11
# Columns of Scratch.prints.
U_LOW, U_HIGH, A_LOW, A_HIGH, M_LOW, M_HIGH, M_CONTENT = range(7)
PRINT_COLUMNS = 7
# Columns of Scratch.keys.
K_NAME, K_NAME_END, K_VALUE, K_VALUE_END = range(4)
KEY_COLUMNS = 4


class Scratch(NamedTuple):
    """The lines of a block: `lines` i8 and `prints` u8 rows; `values` i8, one line's behind the other's; `keys` i8 places of key texts;
    `noted` i8 what is known of the line being read."""

    lines: NDArray[np.int64]
    prints: NDArray[np.uint64]
    values: NDArray[np.int64]
    keys: NDArray[np.int64]
    noted: NDArray[np.int64]
