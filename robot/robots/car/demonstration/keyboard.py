"""Driving by keyboard: arrow keys or WASD in a terminal, with a dead man's handle.

A terminal tells of key presses and repeats, never of releases, and repeats only the key pressed last. So every press
counts: up and down change the speed, left and right turn the wheels, which centre themselves when no key turns them.
Any key keeps the car going; without one for DEAD_MAN_S it slows down and stops. Space stops it at once.
"""

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager

from robot.views.keys import KeyTerminal

UP, DOWN, LEFT, RIGHT, STOP = "up", "down", "left", "right", "stop"
KEYS = {
    b"\x1b[A": UP, b"\x1b[B": DOWN, b"\x1b[C": RIGHT, b"\x1b[D": LEFT,
    b"\x1bOA": UP, b"\x1bOB": DOWN, b"\x1bOC": RIGHT, b"\x1bOD": LEFT,  # in application mode
    b"w": UP, b"s": DOWN, b"d": RIGHT, b"a": LEFT, b" ": STOP,
}  # fmt: skip

SPEED_MAX_M_S = 2.0
SPEED_STEP_M_S = 0.15
STEER_STEP_RAD = 0.05
TURN_HELD_S = 0.15
CENTRING_RAD_S = 1.0
DEAD_MAN_S = 0.3
SLOWING_M_S2 = 2.0


class KeyboardDriver:
    """Turns key presses into a command. Time comes in with every call; equal presses give equal commands.

    steer_max_rad: how far the wheels turn; what is pressed beyond need not be taken back.
    """

    def __init__(self, steer_max_rad: float) -> None:
        self.steer_max_rad = steer_max_rad
        self.steer_rad = 0.0
        self.speed_m_s = 0.0
        self._now_s: float | None = None
        self._pressed_s = self._turned_s = -1e9

    def press(self, key: str, now_s: float) -> None:
        """A key, one of UP, DOWN, LEFT, RIGHT, STOP, is pressed or repeats. Raises ValueError for any other."""
        if key in (UP, DOWN):
            change = SPEED_STEP_M_S if key == UP else -SPEED_STEP_M_S
            self.speed_m_s = min(SPEED_MAX_M_S, max(0.0, self.speed_m_s + change))
        elif key in (LEFT, RIGHT):
            change = STEER_STEP_RAD if key == LEFT else -STEER_STEP_RAD
            self.steer_rad = min(self.steer_max_rad, max(-self.steer_max_rad, self.steer_rad + change))
            self._turned_s = now_s
        elif key == STOP:
            self.steer_rad = self.speed_m_s = 0.0
        else:
            raise ValueError(f"key: found {key!r}, allowed: {UP}, {DOWN}, {LEFT}, {RIGHT}, {STOP}")
        self._pressed_s = now_s

    def command(self, now_s: float) -> tuple[float, float]:
        """(steer in rad, speed in m/s) at a time, which must not go back."""
        elapsed_s = 0.0 if self._now_s is None else now_s - self._now_s
        self._now_s = now_s
        if now_s - self._turned_s > TURN_HELD_S:
            most = CENTRING_RAD_S * elapsed_s
            self.steer_rad -= min(most, max(-most, self.steer_rad))
        if now_s - self._pressed_s > DEAD_MAN_S:
            self.speed_m_s = max(0.0, self.speed_m_s - SLOWING_M_S2 * elapsed_s)
        return self.steer_rad, self.speed_m_s


class Keyboard(KeyTerminal):
    """The keys of a terminal that drive, as they come."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        self._pending = b""

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Give the terminal back for a while."""
        self.__exit__(None, None, None)
        yield
        self.__enter__()

    def read(self) -> list[str]:
        """The keys pressed since the last call, in order. Never blocks; other keys are passed over."""
        while select.select([self.fd], [], [], 0.0)[0]:
            try:
                data = os.read(self.fd, 256)
            except OSError:
                data = b""  # it has hung up: no key any more, which the dead man's handle answers
            if not data:
                break
            self._pending += data
        keys: list[str] = []
        while self._pending:
            match = next((code for code in KEYS if self._pending.startswith(code)), None)
            if match is None and any(code.startswith(self._pending) for code in KEYS):
                break  # the beginning of a key: the rest is on its way
            if match is not None:
                keys.append(KEYS[match])
            self._pending = self._pending[len(match) if match else 1 :]
        return keys


class Hand(Keyboard):
    """A person who drives with the keys of a terminal."""

    def __init__(self, fd: int, steer_max_rad: float) -> None:
        super().__init__(fd)
        self.driver = KeyboardDriver(steer_max_rad)

    def command(self, now_s: float) -> tuple[float, float]:
        """(steer in rad, speed in m/s) that the person wants now."""
        for key in self.read():
            self.driver.press(key, now_s)
        return self.driver.command(now_s)
