"""The script that shows how a peg is inserted, and how it is drawn out again: what an arm's mind and its simulator demonstrate with."""

import math

import numpy as np

from robot.tasks.peg_insert import STEP_M, STEP_RAD
from sim.arm.kinematics import Kinematics

# A decision's step down in contact, how far goals may be below, where the peg is drawn out to
PRESS_M, PRESSED_M, OVER_M = 0.003, 0.004, 0.042
UNSTEADY = 0.15
STEPS = np.array([STEP_M, STEP_M, STEP_M, STEP_RAD, STEP_RAD])


class InsertionScript:
    """Of one attempt. Its actions, (5,) in [-1, 1], are unsteady, as a person's would be."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.turns, self.begins_rad, self.wide_m = (
            0,
            *(float(rng.uniform(*each)) for each in ((0.0, 6.28), (0.001, 0.004))),
        )

    def inwards(
        self, kinematics: Kinematics, place: np.ndarray, frame: np.ndarray, aside_m: np.ndarray, ahead_rad: np.ndarray
    ) -> np.ndarray:
        """Straight over the hole as it is seen, down, and, in contact, a spiral that opens: it finds the hole most of the time.

        kinematics: as it was looked at; place (3,), frame (3, 3): the hole's; aside_m (3,): of the peg's end, in the hole's frame;
        ahead_rad (5,): goals, from where the joints are.
        """
        motion = kinematics.towards(place, frame)
        x, y, height = aside_m
        tilt, turn = motion[3], motion[4]
        pressing = height < 0.004 or (x * x + y * y < 0.004**2 and abs(tilt) < 0.06 and abs(turn) < 0.06)
        self.turns += height < 0.003
        wide_m, angle_rad = self.wide_m * min(1.0, self.turns / 30.0), self.begins_rad + 0.35 * self.turns
        press_m = 0.0 if pressed_m(kinematics, ahead_rad) > PRESSED_M else PRESS_M
        goal = (
            wide_m * math.cos(angle_rad) - x,
            wide_m * math.sin(angle_rad) - y,
            -press_m if pressing else 0.012 - height,
        )
        action = np.zeros(5)
        for k in range(3):
            action[:3] += frame[:, k] * goal[k]
        action[:3] *= 0.6 / STEP_M
        action[3], action[4] = 0.5 * tilt / STEP_RAD, 0.5 * turn / STEP_RAD
        return self._unsteady(action)

    def outwards(self, kinematics: Kinematics, place: np.ndarray, frame: np.ndarray) -> np.ndarray:
        """Along the hole's axis."""
        return self._unsteady(0.6 * kinematics.towards(place + OVER_M * frame[:, 2], frame) / STEPS)

    def _unsteady(self, action: np.ndarray) -> np.ndarray:
        action = action + UNSTEADY * self.rng.standard_normal(5)
        return np.minimum(np.maximum(action, -1.0), 1.0).astype(np.float32)


def pressed_m(kinematics: Kinematics, ahead_rad: np.ndarray) -> float:
    """How far below the peg's end its servos' goals are."""
    down = 0.0
    for joint, ahead in enumerate(ahead_rad):
        down -= float(kinematics.jacobian[2, joint]) * float(ahead)
    return down
