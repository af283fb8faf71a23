"""A picture is worth something while it is new: who perceives comes before who learns, and behind who drives."""

import os

PRIORITY = 40  # of SCHED_FIFO; control has 60 (`robot/runtime/realtime.py`), emulated devices 70


def come_before_learning() -> str:
    """Ask for SCHED_FIFO, for this thread and those that it starts. Returns what was granted."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except PermissionError:
        return "SCHED_OTHER (no permission for SCHED_FIFO)"
    return f"SCHED_FIFO {PRIORITY}"
