"""Driving without the policy: to stop for good, or along the course until the policy may have the wheel again."""

import math

import numpy as np

from drivers.base import VescReading
from robot.robots.car.course_place import CoursePlace
from robot.robots.car.shield.predictive_brake import MARGIN_M, carry_on, plan_stop
from robot.robots.car.shield.rollout import ACTIONS, HARDEST, LAST_M_S, pursuit
from robot.robots.car.shield.stop_plan import NOTICED_TICKS
from robot.robots.car.shield.supervision import BACKUP_SPEED_M_S, FULL_BRAKE_A, Command

FOLLOW_M_S = 1.3 * BACKUP_SPEED_M_S  # from this speed on walking pace is reached by driving, above it by a stop


class Fallback:
    """Carries on the manoeuvre that was verified last. Where the car's place is not known, keeps the steering angle.

    cars (2, n): `believed_cars`. latency_s: as measured. kept (2,): manoeuvre and stop, which the predictive brake sets.
    obstacles (n, 4): see `rollout.gap`.
    """

    def __init__(self, place: CoursePlace, cars: np.ndarray, latency_s: float) -> None:
        self.place = place
        self.cars = cars
        self.latency_s = latency_s
        self.kept = np.full(2, HARDEST)
        self.obstacles = np.zeros((0, 4))
        self._next = np.zeros(2)

    def stop(self, last: Command, vesc: VescReading, sent: np.ndarray) -> Command:
        """Brake along the course, by the manoeuvre that is kept; fully when slow. sent (k, 3): as in the roll-out."""
        place, course = self.place, self.place.course
        if not place.known or course is None:
            return Command(last.steer_rad, 0.0, FULL_BRAKE_A)
        if abs(vesc.erpm_speed_m_s) < LAST_M_S:
            return Command(self.steer(last), 0.0, FULL_BRAKE_A)
        carry_on(place.at, sent, place.packed, course.spacing_m, self.obstacles, self.cars, self.latency_s, MARGIN_M,
                 self.kept, self._next)  # fmt: skip
        steer, brake_a = self._next.tolist()
        return Command(steer, 0.0, brake_a)

    def follow(self, last: Command, vesc: VescReading, sent: np.ndarray) -> Command:
        """Along the course at walking pace."""
        if abs(vesc.erpm_speed_m_s) > FOLLOW_M_S:
            return self.stop(last, vesc, sent)
        return Command(self.steer(last), BACKUP_SPEED_M_S)

    def steer(self, last: Command) -> float:
        """Steering angle that follows the course, rad."""
        place, course = self.place, self.place.course
        if not place.known or course is None:
            return last.steer_rad
        steer = pursuit(ACTIONS[self.kept[0]], place.s, place.lateral, place.heading_error, max(0.0, float(place.at[3])),
                        float(place.at[5]), place.packed, course.spacing_m, self.cars[1])  # fmt: skip
        return float(steer) if math.isfinite(steer) else last.steer_rad

    def plan(self, last: Command, vesc: VescReading, sent: np.ndarray, plan: np.ndarray) -> None:
        """Write the stop from here to its end into `plan` (n, 4): see `robot.robots.car.shield.stop_plan`."""
        place, course = self.place, self.place.course
        plan[:] = no_path = last.steer_rad, FULL_BRAKE_A, 0.0, 0.0
        if place.known and course is not None and abs(vesc.erpm_speed_m_s) > LAST_M_S:
            plan_stop(NOTICED_TICKS, place.at, sent, place.packed, course.spacing_m, self.obstacles, self.cars,
                      self.latency_s, MARGIN_M, self.kept, plan)  # fmt: skip
            if not np.isfinite(plan).all():
                plan[:] = no_path
