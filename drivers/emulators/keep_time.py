"""Hardware is never late: an emulated device that lives in real time comes before all that it serves, where that is allowed.

Where it comes late all the same, because the whole machine was busy, nobody knows when the bytes arrived that wait for it.
Taken as sent at one moment they would act too early, all but the last: a car would steer into a bend before it is there. So
the time that was missed is caught up with in short pieces, and what waits is taken as having come evenly meanwhile. How
late it was is counted, for judges.
"""

import math
import os
from contextlib import suppress

PRIORITY = 70  # of SCHED_FIFO: above those who drive and who guard
NICE = -15  # where that is not allowed
PIECE_S = 0.004
LATE_S = 0.01  # less is not late: a host does not look more often


def keep_time() -> str:
    """Ask for the processor before others. Returns what was granted."""
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
        return f"SCHED_FIFO {PRIORITY}"
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
        return f"nice {NICE}"
    return "as every program"


def pieces(missed_s: float) -> int:
    """In how many pieces to catch up with a time."""
    return max(1, math.ceil(missed_s / PIECE_S - 1e-9))


def share(count: int, piece: int, of: int) -> slice:
    """Which of `count` waiting bytes, or packets, came in a piece."""
    return slice(count * piece // of, count * (piece + 1) // of)


def late_s(missed_s: float) -> float:
    """How much of a time that is caught up with was lateness."""
    return missed_s if missed_s > LATE_S else 0.0
