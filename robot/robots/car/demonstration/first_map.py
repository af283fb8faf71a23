"""From a closed first lap without a map to what driving on needs: map, course, and where the car is on it."""

import math
from dataclasses import dataclass

import numpy as np

from robot.robots.car.demonstration.course_from_lap import course_from_lap
from robot.robots.car.demonstration.mapping import map_of_lap
from robot.robots.car.estimation.estimator import Pose
from robot.robots.car.estimation.mapless import MaplessEstimator
from sim.distance_field import OccupancyGrid
from sim.tracks.track import Course

NAME = "first-lap"


@dataclass(frozen=True)
class Closure:
    """The moment at which a lap closed: how many keyframes it has, and where the drifting estimate was."""

    keyframes: int
    pose: np.ndarray  # (3,) x, y (m), yaw (rad)

    @staticmethod
    def of(estimator: MaplessEstimator) -> "Closure":
        """Now."""
        return Closure(len(estimator.keyframes), estimator.state[:3].copy())


def first_map(estimator: MaplessEstimator, closure: Closure) -> tuple[OccupancyGrid, Course, Pose]:
    """Map, course, and the car's present pose (x, y, yaw) in it. Takes a second or two: the car should stand.

    Raises ValueError if the lap leaves too little room, or is no closed way.
    """
    assert estimator.closing_pose is not None
    grid, way = map_of_lap(NAME, estimator.keyframes[: closure.keyframes], estimator.closing_pose)
    course = course_from_lap(grid, way)
    x, y, yaw = estimator.state[:3] - closure.pose
    turn = float(estimator.closing_pose[2] - closure.pose[2])
    cos_turn, sin_turn = math.cos(turn), math.sin(turn)
    pose = (
        float(estimator.closing_pose[0] + x * cos_turn - y * sin_turn),
        float(estimator.closing_pose[1] + x * sin_turn + y * cos_turn),
        float(estimator.closing_pose[2] + yaw),
    )
    return grid, course, pose
