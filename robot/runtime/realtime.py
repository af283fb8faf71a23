"""Make this process keep time: real-time scheduling where it is allowed, memory locked, no garbage collection."""

import ctypes
import gc
import os

PRIORITY = 60
MCL_CURRENT, MCL_FUTURE = 1, 2


def become_realtime() -> str:
    """Ask for SCHED_FIFO and locked memory, freeze the garbage collector. Returns what was granted, for the log."""
    granted = []
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
        granted.append(f"SCHED_FIFO {PRIORITY}")
    except PermissionError:
        granted.append("SCHED_OTHER (no permission for SCHED_FIFO)")
    if ctypes.CDLL(None, use_errno=True).mlockall(MCL_CURRENT | MCL_FUTURE) == 0:
        granted.append("memory locked")
    else:
        granted.append("memory not locked")
    gc.collect()
    gc.freeze()
    gc.disable()
    return ", ".join(granted)
