"""The demonstration lap: who drives it, when it is closed, and what it leaves: trim, latency, without a map the map.

Where the course is known, and the car's place on it, the lap follows it; otherwise the lidar alone leads it.
"""

import numpy as np

from drivers.base import LidarReading, VescReading
from robot.robots.car.course_place import CoursePlace
from robot.robots.car.demonstration.calibration import Calibration, Calibrator
from robot.robots.car.demonstration.course_follower import course_follower
from robot.robots.car.demonstration.first_map import Closure, first_map
from robot.robots.car.demonstration.first_metres import FirstMetres
from robot.robots.car.demonstration.gap_follower import GapFollower
from robot.robots.car.estimation.estimator import Estimate, Estimator, Pose
from robot.robots.car.estimation.mapless import MaplessEstimator
from sim.car.model import P_FRONT, P_REAR, P_STEER_MAX
from sim.distance_field import OccupancyGrid
from sim.tracks.track import Course


class FirstLap:
    """The demonstration's state. `lap_s` is 0 until it is over.

    car: `CarParameters.packed()`. lap_s: of a demonstration that was driven earlier. keyboard: a person drives.
    proved: the car is known to be wired as its file says; otherwise `first_metres` finds out before the lap.
    """

    def __init__(self, car: np.ndarray, lap_s: float, keyboard: bool, proved: bool = False) -> None:
        self.lap_s = lap_s
        self.keyboard = keyboard
        self.started_s = self.driven_m = 0.0
        self.guided = (0.0, 0.0)  # what the gap follower says
        self.gap_follower = GapFollower(float(car[P_FRONT] + car[P_REAR]), float(car[P_STEER_MAX]))
        self.along_course = course_follower(car)
        self.calibrator = Calibrator(car)
        self.first_metres = FirstMetres(car)
        self.proving = lap_s == 0.0 and not proved
        self.closure: Closure | None = None

    def watch(self, now: float, estimate: Estimate, vesc: VescReading, lidar: LidarReading) -> None:
        """A tick up to the lap's end, standing or driving: let the gap follower see it."""
        self.guided = self.gap_follower.command(now, estimate, vesc, lidar)

    def begin(self, now: float) -> None:
        """The car knows where it is: the lap starts here."""
        self.started_s, self.driven_m = now, 0.0

    def moved(self, way_m: float) -> None:
        """Progress along the course since the last tick."""
        self.driven_m += way_m

    def wish(self, readings: np.ndarray, place: CoursePlace) -> tuple[float, float]:
        """Steering angle, rad, and speed, m/s, that the demonstrator wants now."""
        if self.keyboard:
            return float(readings["operator"][0]), float(readings["operator"][1])
        return self.along_course(place) if place.known else self.guided

    def sent(self, now: float, steer_rad: float, vesc: VescReading) -> None:
        """A tick of the lap: the command that goes out, for the calibration."""
        self.calibrator.add(now, steer_rad, vesc)

    def closed(self, estimator: Estimator | MaplessEstimator, course: Course | None) -> bool:
        """Whether the lap has gone once round: by the course, or, without one, by what the lidar sees."""
        if isinstance(estimator, MaplessEstimator):
            if estimator.closed and self.closure is None:
                self.closure = Closure.of(estimator)
            return self.closure is not None
        assert course is not None
        return self.driven_m >= course.length_m

    def end(self, now: float) -> Calibration:
        """The lap is over: what it tells of the car."""
        self.lap_s = now - self.started_s
        return self.calibrator.result()

    def draw_map(self, estimator: Estimator | MaplessEstimator) -> tuple[OccupancyGrid, Course, Pose]:
        """Map and course of a closed lap without a map, and the car's pose in it; the car should stand."""
        assert isinstance(estimator, MaplessEstimator) and self.closure is not None
        return first_map(estimator, self.closure)
