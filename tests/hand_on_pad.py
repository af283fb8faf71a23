"""Somebody with an emulated gamepad who sees a virtual car and drives it along its course, as people do: by the sticks."""

import math

from drivers.emulators.gamepad import GamepadEmulator
from drivers.gamepad import FLAT
from policies.backup.pure_pursuit import lookahead, pursue
from robot.robots.car.robot import HAND_SPEED_M_S
from robot.tasks.race_track.task import STEER_MAX_RAD
from sim.tracks.track import Course

WHEELBASE_M = 0.33


class Person:
    """left: holds the shoulder by which they drive; right: the one by which the car may drive by itself."""

    def __init__(self, pad: GamepadEmulator, course: Course) -> None:
        self.pad, self.spacing_m, self._course = pad, course.spacing_m, course.packed()

    def drive(self, s: float, lateral: float, heading_error: float, speed_m_s: float) -> None:
        """Hold the left shoulder, and the sticks so that a car at this place (m, m, rad) follows the course at a speed."""
        steer_rad = pursue(self._course, self.spacing_m, s, lateral, heading_error, lookahead(speed_m_s), 0.0, WHEELBASE_M,
                           STEER_MAX_RAD)  # fmt: skip
        self.pad.left, self.pad.right = True, False
        self.pad.steer, self.pad.throttle = beyond(steer_rad / STEER_MAX_RAD), beyond(speed_m_s / HAND_SPEED_M_S)

    def let_drive(self) -> None:
        """Hold the right shoulder; a thumb rests on a stick."""
        self.pad.left, self.pad.right, self.pad.steer, self.pad.throttle = False, True, 0.0, 0.0


def beyond(share: float) -> float:
    """Where to hold a stick for this share of what it does: its middle does nothing."""
    return math.copysign(FLAT + (1.0 - FLAT) * abs(share), share) if share else 0.0
