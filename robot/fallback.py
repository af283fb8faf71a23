"""Driving along the course without the policy: to slow down, to stop, or until the policy may have the wheel again."""

import numpy as np

from drivers.base import VescReading
from policies.backup.pure_pursuit import lookahead, pursue
from robot.course_place import CoursePlace
from robot.estimation.estimator import Estimate
from robot.safety.predictive_brake import HOLDING, backup_action, braking_left
from robot.safety.supervisor import BACKUP_SPEED_M_S, FULL_BRAKE_A, Command
from robot.tasks import race_track as task
from sim.car import P_FRONT, P_MOTOR_GAIN, P_REAR, P_STEER_MAX

SLOW_M_S = 1.0  # full braking cannot make the car slide any more


class Fallback:
    """Follows the course that `place` knows; where there is none, keeps the steering angle of the last command.

    car: `CarParameters.packed()`.
    """

    def __init__(self, place: CoursePlace, car: np.ndarray) -> None:
        self.place = place
        self.car = car
        self.wheelbase_m = float(car[P_FRONT] + car[P_REAR])

    def steer(self, last: Command, v_x: float) -> float:
        """Steering angle that follows the course, rad."""
        place = self.place
        if place.course is None:
            return last.steer_rad
        return pursue(place.packed, place.course.spacing_m, place.s, place.lateral, place.heading_error,
                      lookahead(v_x), 0.0, self.wheelbase_m, self.car[P_STEER_MAX])  # fmt: skip

    def follow(self, last: Command, v_x: float) -> Command:
        """Along the course at walking pace."""
        return Command(self.steer(last, v_x), BACKUP_SPEED_M_S)

    def stop(self, last: Command, vesc: VescReading, estimate: Estimate, brake_car: np.ndarray) -> Command:
        """Brake along the course, as hard as cornering lets the tyres of `brake_car` (`believed_car`)."""
        steer = last.steer_rad if estimate.lost else self.steer(last, estimate.v_x)
        braking = braking_left(vesc.erpm_speed_m_s * vesc.yaw_rate_rad_s, brake_car)
        slow = abs(vesc.erpm_speed_m_s) < SLOW_M_S
        return Command(steer, 0.0, FULL_BRAKE_A if slow else braking / self.car[P_MOTOR_GAIN])

    def slow_down(self, last: Command, estimate: Estimate, brake_car: np.ndarray,
                  latency_s: float) -> tuple[float, float]:  # fmt: skip
        """A decision at the end of a session: steering angle, rad, and speed, m/s, to go for."""
        place = self.place
        if place.course is None or estimate.lost:
            return last.steer_rad, 0.0
        action = backup_action(HOLDING, place.s, place.lateral, place.heading_error, estimate.v_x, place.packed,
                               place.course.spacing_m, brake_car, latency_s)  # fmt: skip
        return task.target(*action)
