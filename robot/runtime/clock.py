"""The one source of time. Everything else is handed a clock, so that a run can be real, lockstep or replayed."""

import ctypes
import os
import struct
import time
from typing import Protocol

from drivers.unix_socket import connect

CLOCK_MONOTONIC = 1
TIMER_ABSTIME = 1


class Clock(Protocol):
    """Monotonic time in seconds."""

    def now(self) -> float: ...

    def sleep_until(self, time_s: float) -> None:
        """Return at `time_s`, or at once if it has passed."""


class _TimeSpec(ctypes.Structure):
    _fields_ = [("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long)]


_libc = ctypes.CDLL(None, use_errno=True)


class RealClock:
    """CLOCK_MONOTONIC; sleeps to an absolute time in the kernel, so that lateness does not add up."""

    def now(self) -> float:
        return time.monotonic()

    def sleep_until(self, time_s: float) -> None:
        whole = int(time_s)
        at = _TimeSpec(whole, int((time_s - whole) * 1e9))
        while (error := _libc.clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, ctypes.byref(at), None)) == 4:  # EINTR
            pass
        if error:
            raise OSError(error, f"clock_nanosleep: {os.strerror(error)}")


class LockstepClock:
    """The simulator's time: sleeping lets the emulated devices advance, and nothing else does.

    Wire: 8 bytes, little-endian float64, "advance to this time"; answered by the time reached. See
    `drivers/emulators/process.py`. Raises `ConnectionError` when the emulator has gone, or hangs.
    """

    ANSWER_S = 60.0

    def __init__(self, socket_path: str) -> None:
        self._socket = connect(socket_path)
        self._socket.settimeout(self.ANSWER_S)
        self._now = 0.0
        self.sleep_until(0.0)

    def now(self) -> float:
        return self._now

    def sleep_until(self, time_s: float) -> None:
        answer = b""
        self._socket.sendall(struct.pack("<d", time_s))
        while len(answer) < 8:
            try:
                part = self._socket.recv(8 - len(answer))
            except TimeoutError as error:
                raise ConnectionError(f"the emulated devices do not answer within {self.ANSWER_S:.0f} s") from error
            if not part:
                raise ConnectionError("the emulated devices closed the lockstep socket")
            answer += part
        self._now = struct.unpack("<d", answer)[0]

    def close(self) -> None:
        self._socket.close()


class ReplayClock:
    """Shows the times of a log, as they are set."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def sleep_until(self, time_s: float) -> None:
        self._now = time_s
