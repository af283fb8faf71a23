"""Hold to run: what a person's gamepad lets the robot do in a tick.

right shoulder held     the robot drives by itself
left shoulder held      the person drives; what is driven is learned from
neither                 the robot stands

A button counts as held while the pad is heard: unplugged, out of reach, with batteries out or frozen, it stands too. A pad
tells changes alone, so a thumb has to rest on a stick, which trembles.
"""

from collections.abc import Callable

from drivers.base import LinkLost
from drivers.gamepad import Gamepad
from robot.runtime.clock import Clock
from robot.runtime.records import BY_HAND, STAND

SILENT_S = 0.1  # after the newest event: with a tick and the command's way, the throttle is off within 0.2 s
RECONNECT_EVERY_S = 0.2


class HandOnRobot:
    """A gamepad, asked once a tick. command(steer, throttle): what the robot is told, as its `operator`.

    reason: why the robot stands; empty while it may drive.
    """

    def __init__(self, pad: Gamepad, command: Callable[[float, float], tuple[float, ...]], clock: Clock) -> None:
        self.pad, self.command, self.clock = pad, command, clock
        self.reason = "the gamepad has not been held yet"
        self.operator = command(0.0, 0.0)
        self._up = True
        self._tried_s = 0.0

    def open(self) -> None:
        """Raises LinkLost if there is no pad."""
        self.pad.open()

    def order(self) -> int:
        """What the robot is to do now: 0, BY_HAND or STAND; `operator` and `reason` follow. Never raises."""
        self.operator = self.command(0.0, 0.0)
        try:
            if not self._up:
                return self._try_again()
            reading = self.pad.read()
        except LinkLost as error:
            self._up, self._tried_s, self.reason = False, self.clock.now(), str(error)
            return STAND
        if not (reading.run or reading.by_hand):
            self.reason = "no shoulder button of the gamepad is held"
            return STAND
        if not reading.event_age_s <= SILENT_S:
            self.reason = "the gamepad says nothing: rest a thumb on a stick; or its batteries are out"
            return STAND
        self.reason = ""
        if not reading.by_hand:
            return 0
        self.operator = self.command(reading.steer, reading.throttle)
        return BY_HAND

    def _try_again(self) -> int:
        now_s = self.clock.now()
        if now_s - self._tried_s > RECONNECT_EVERY_S:
            self._tried_s = now_s
            self._up = self.pad.reconnect()
        return STAND

    def close(self) -> None:
        self.pad.close()
