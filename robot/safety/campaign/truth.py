"""What a judge sees of a robot by its emulator's truth."""

import math
from typing import NamedTuple


class Seen(NamedTuple):
    """One moment.

    speed_m_s: how fast it moves. driven: whether anything drives it. touches: so far, each counted once. turned_rad: from
    where it should face; 0 where that has no meaning. late_s: real time, how long the emulated robot was late so far, in
    all; not a number where it does not tell.
    """

    speed_m_s: float
    driven: bool
    touches: int
    turned_rad: float
    late_s: float = math.nan
