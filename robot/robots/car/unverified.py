"""Stops as they were before anything verified them: what the campaign of stops is compared with, to see that it can fail."""

import numpy as np

from drivers.base import VescReading
from policies.backup.pure_pursuit import lookahead, pursue
from robot.robots.car.fallback import Fallback
from robot.robots.car.shield.rollout import ACTIONS, HARDEST, LEAST, SHARE, SLOW_M_S, braking
from robot.robots.car.shield.supervision import FULL_BRAKE_A, Command
from sim.car.model import P_FRONT, P_MOTOR_GAIN, P_REAR, P_STEER_MAX


class Unverified(Fallback):
    """Pursues the centreline, brakes with the grip that is believed to be left, and plans nothing beyond full brake."""

    def stop(self, last: Command, vesc: VescReading, sent: np.ndarray) -> Command:
        place, course, car = self.place, self.place.course, self.cars[0]
        if not place.known or course is None:
            return Command(last.steer_rad, 0.0, FULL_BRAKE_A)
        v_x = float(place.at[3])
        steer = float(pursue(place.packed, course.spacing_m, place.s, place.lateral, place.heading_error, lookahead(v_x),
                             0.0, car[P_FRONT] + car[P_REAR], car[P_STEER_MAX]))  # fmt: skip
        if abs(vesc.erpm_speed_m_s) < SLOW_M_S:
            return Command(steer, 0.0, FULL_BRAKE_A)
        row = ACTIONS[HARDEST]
        return Command(
            steer, 0.0, min(FULL_BRAKE_A, braking(row[SHARE], row[LEAST], steer, v_x, car) / car[P_MOTOR_GAIN])
        )

    def plan(self, last: Command, vesc: VescReading, sent: np.ndarray, plan: np.ndarray) -> None:
        plan[:] = last.steer_rad, FULL_BRAKE_A, 0.0, 0.0
