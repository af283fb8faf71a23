"""The stop of a car that drives fast before it knows any course: as it steers, with what that corner leaves of the grip.

A full brake in a corner spins it, and it would not know where to.
"""

import numpy as np
from numba import njit

from drivers.base import VescReading
from robot.robots.car.fallback import Fallback
from robot.robots.car.shield.rollout import LAST_M_S, braking
from robot.robots.car.shield.stop_plan import BRAKE
from robot.robots.car.shield.supervision import FULL_BRAKE_A, Command
from robot.tasks.race_track.task import TICK_S
from sim.car.model import P_MOTOR_GAIN

SHARE, LEAST = 0.7, 0.2  # the hardest manoeuvre's 1.0 spins nearly every car at the limit


@njit(cache=True)
def brake_currents(steer_rad, v_x, car, brake_a):
    """Write into brake_a (n,), tick by tick from now to rest. car: `CarParameters.packed()` with the grip that it has at the least."""
    for k in range(len(brake_a)):
        brake_a[k] = FULL_BRAKE_A
        if v_x >= LAST_M_S:
            slower = braking(SHARE, LEAST, steer_rad, v_x, car)
            brake_a[k] = min(FULL_BRAKE_A, slower / car[P_MOTOR_GAIN])
            v_x -= slower * TICK_S


class BlindFallback(Fallback):
    """Where the place is not known, as above; else as every car's."""

    def stop(self, last: Command, vesc: VescReading, sent: np.ndarray) -> Command:
        if self.place.known:
            return super().stop(last, vesc, sent)
        brake_a = np.empty(1)
        brake_currents(last.steer_rad, abs(vesc.erpm_speed_m_s), self.cars[1], brake_a)
        return Command(last.steer_rad, 0.0, float(brake_a[0]))

    def plan(self, last: Command, vesc: VescReading, sent: np.ndarray, plan: np.ndarray) -> None:
        super().plan(last, vesc, sent, plan)
        if not self.place.known:
            brake_currents(last.steer_rad, abs(vesc.erpm_speed_m_s), self.cars[1], plan[:, BRAKE])
