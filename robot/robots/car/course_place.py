"""Where the car is on the course: from an estimated pose to arc length, offset and heading error."""

import math

import numpy as np

from robot.robots.car.estimation.estimator import Estimate
from robot.robots.car.shield.rollout import N_AT, clearance
from robot.tasks.race_track import task
from sim.tracks.track import Course, project

SEARCH_BACK, SEARCH_AHEAD = 30, 60  # rows of the course around the last place
JUMP_M = 1.0  # a longer step between two ticks is the estimate's, not the car's


class CoursePlace:
    """The course, once there is one, and the place of the last tick on it.

    s, lateral (m), heading_error (rad): as in `sim.tracks.track`. room_m: between the car's body and the corridor's edge,
    infinite while nobody knows. row: of the course; -1 while the car is not placed. at (6,): place and motion, as the
    predictive brake takes them.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """There is no course any more."""
        self.course: Course | None = None
        self.row = -1
        self.s = self.lateral = self.heading_error = 0.0
        self.room_m = math.inf
        self.at = np.zeros(N_AT)

    def take(self, course: Course) -> None:
        """Be on this course from now on."""
        self.course = course
        self.packed = course.packed()
        self.table = task.preview_table(course.x, course.y, course.heading, course.curvature, course.width_left,
                                        course.width_right, course.spacing_m)  # fmt: skip
        self.row = -1

    @property
    def known(self) -> bool:
        """Whether the car is placed."""
        return self.row >= 0

    def update(self, estimate: Estimate, car: np.ndarray) -> float:
        """Find the place of this estimate, for a body as `CarParameters.packed` has it. Returns the way since the last, m.

        The way is 0 where there was no place before, or where the estimate jumped.
        """
        if estimate.lost or self.course is None:
            self.row = -1
            self.room_m = math.inf
            return 0.0
        known, before = self.known, self.s
        back, ahead = (SEARCH_BACK, SEARCH_AHEAD) if known else (0, len(self.packed) - 1)
        self.row, self.s, self.lateral, self.heading_error = project(
            self.packed, self.course.spacing_m, estimate.x, estimate.y, estimate.yaw, max(0, self.row), back, ahead
        )
        self.at[:] = self.s, self.lateral, self.heading_error, estimate.v_x, estimate.v_y, estimate.yaw_rate
        self.room_m = clearance(self.s, self.lateral, self.heading_error, self.packed, self.course.spacing_m, car)
        length = self.course.length_m
        step = (self.s - before + 0.5 * length) % length - 0.5 * length
        return step if known and abs(step) < JUMP_M else 0.0
