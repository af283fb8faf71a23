"""Drives a first lap along the course, where there is one and the car knows its place on it.

It keeps to the middle, and goes the slower the less room there is beside the body: neither trim nor delay of the steering
is known yet.
"""

from collections.abc import Callable

import numpy as np

from policies.backup.pure_pursuit import pursue
from robot.robots.car.course_place import CoursePlace
from sim.car.model import P_FRONT, P_HALF_WIDTH, P_REAR, P_STEER_MAX

SPEED_M_S, CREEP_M_S = 1.5, 0.5
FULL_SPEED_ROOM_M = 0.4  # to either side
HORIZON_M = 1.5  # of the course, whose narrowest part counts
LOOKAHEAD_M, LOOKAHEAD_PER_SPEED_S = 0.45, 0.3


def course_follower(car: np.ndarray) -> Callable[[CoursePlace], tuple[float, float]]:
    """A driver for a car as `CarParameters.packed`: from the place on a course to steering angle, rad, and speed, m/s."""
    wheelbase_m = float(car[P_FRONT] + car[P_REAR])
    half_width_m, steer_max_rad = float(car[P_HALF_WIDTH]), float(car[P_STEER_MAX])

    def drive(place: CoursePlace) -> tuple[float, float]:
        course = place.course
        assert course is not None
        ahead = np.arange(place.row, place.row + int(HORIZON_M / course.spacing_m)) % len(course.x)
        narrowest_m = min(float(course.width_left[ahead].min()), float(course.width_right[ahead].min()))
        share = (min(narrowest_m, narrowest_m - abs(place.lateral)) - half_width_m) / FULL_SPEED_ROOM_M
        speed = max(CREEP_M_S, min(1.0, share) * SPEED_M_S)
        lookahead_m = LOOKAHEAD_M + LOOKAHEAD_PER_SPEED_S * max(0.0, float(place.at[3]))
        steer = pursue(place.packed, course.spacing_m, place.s, place.lateral, place.heading_error, lookahead_m, 0.0,
                       wheelbase_m, steer_max_rad)  # fmt: skip
        return float(steer), speed

    return drive
