"""A gamepad from the kernel's side: the very bytes that its event device gives, into a FIFO.

Written from Documentation/input/event-codes.rst, drivers/input/joystick/xpad.c and drivers/hid/hid-playstation.c, for
machines that have no /dev/uinput. What real ones do: nothing is said while nothing changes; a stick in a hand trembles;
changes below the axis's fuzz are swallowed; each report ends with a SYN_REPORT; a reader that is too slow gets SYN_DROPPED;
a wireless pad that loses its receiver, or its batteries, says nothing any more, with its buttons as they were.
"""

import os
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np

EVENT = struct.Struct("@llHHi")
REPORT_S = 0.008  # 125 reports a second
FUZZ = {"f710": 16, "xbox": 16, "f710-d": 0, "ps": 0, "xbox-bluetooth": 255}
# name: codes of steering axis, throttle axis, left and right shoulder; middle and reach of an axis
PADS = {
    "f710": (3, 1, 0x136, 0x137, 0, 32767),
    "xbox": (3, 1, 0x136, 0x137, 0, 32767),
    "f710-d": (2, 1, 0x124, 0x125, 128, 127),
    "ps": (3, 1, 0x136, 0x137, 128, 127),
    "xbox-bluetooth": (2, 1, 0x136, 0x137, 32768, 32767),
}
TREMBLE = 0.02  # of a stick's reach, standard deviation


class GamepadEmulator:
    """One pad. left, right: its shoulders are held; steer (1: left), throttle (1: ahead): where its sticks are held."""

    def __init__(self, kind: str, path: Path, seed: int = 0) -> None:
        self.kind, self.path = kind, path
        self.left = self.right = False
        self.steer = self.throttle = 0.0
        self.dead = False  # its batteries are out
        self._rng = np.random.default_rng(seed)
        self._told: dict[tuple[int, int], int] = {}
        self._next_s = 0.0
        os.mkfifo(path)
        self._end = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def run(self, until_s: float) -> None:
        """Let time pass up to a moment, s."""
        while self._next_s <= until_s:
            self._report(self._next_s)
            self._next_s += REPORT_S

    def _report(self, at_s: float) -> None:
        if self.dead or self._end < 0:
            return
        steer, throttle, left, right, middle, reach = PADS[self.kind]
        trembling = TREMBLE * self._rng.standard_normal(2)
        state = {(1, left): int(self.left), (1, right): int(self.right)}
        for axis, wanted, shake in ((steer, -self.steer, trembling[0]), (throttle, -self.throttle, trembling[1])):
            touched = self.left or self.right  # a hand is on the pad
            value = middle + round(reach * min(1.0, max(-1.0, wanted + (shake if touched else 0.0))))
            before = self._told.get((3, axis), middle)
            state[3, axis] = value if abs(value - before) >= max(1, FUZZ[self.kind]) else before
        news = [
            (key, value) for key, value in state.items() if self._told.get(key, middle if key[0] == 3 else 0) != value
        ]
        if not news:
            return
        self._told |= dict(news)
        for (kind, code), value in news:
            self._write(at_s, kind, code, value)
        self._write(at_s, 0, 0, 0)

    def _write(self, at_s: float, kind: int, code: int, value: int) -> None:
        seconds = int(at_s)
        try:
            os.write(self._end, EVENT.pack(seconds, int(1e6 * (at_s - seconds)), kind, code, value))
        except BlockingIOError:
            self._overflow(at_s)

    def _overflow(self, at_s: float) -> None:
        """Nobody reads: what waits is thrown away, and said to be, as the kernel does; then all is told anew, as by somebody who
        presses again because nothing happens.
        """
        with suppress(BlockingIOError):
            while os.read(self._end, 1 << 16):
                pass
        self._told.clear()
        self.drop(at_s)

    def drop(self, at_s: float) -> None:
        """The kernel's buffer has overflowed: what was held is not known any more."""
        self._write(at_s, 0, 3, 0)
        self._write(at_s, 0, 0, 0)

    def unplug(self) -> None:
        """Pull the receiver: who has the device open sees its end."""
        if self._end >= 0:
            os.close(self._end)
            self.path.unlink()
            self._end = -1

    def plug(self) -> None:
        """Plug it in again, under the same name, with the buttons as they are now."""
        os.mkfifo(self.path)
        self._end = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        self._told.clear()
