"""A car without lidar and map drives a lap by wheels and gyro, and knows for many laps more how far along it is."""

import math

import numpy as np
import pytest

from drivers.base import VescReading
from drivers.emulators.world import V_X, World
from policies.backup.pure_pursuit import lookahead, pursue
from robot.robots.car.course_place import CoursePlace
from robot.robots.car.estimation import fusion
from robot.robots.car.estimation.estimator import Estimate
from robot.robots.car.estimation.fusion import BIAS
from robot.robots.car.estimation.sensed_car import SensedCar
from robot.robots.car.eyes.corridor_tracker import CorridorTracker
from robot.robots.car.eyes.reckoned_lap import LEAD_IN_M, ReckonedLap
from robot.tasks.race_track.task import DECISION_S, TICK_S
from sim.car.model import hidden_car, load_parameters
from sim.distance_field import rasterise
from sim.tracks.built_in_tracks import built_in

SPEED_M_S, LATENCY_S = 3.0, 0.05
WITHIN_M = 0.3  # along the course, nearly always


class Reckoning:
    """A hidden car that pursues its course by the truth, and what it believes of it, by its own sensors alone."""

    def __init__(self, track: str, seed: int) -> None:
        self.course = built_in(track)
        self.world = World(
            hidden_car(seed, load_parameters()), self.course, rasterise(self.course), start_of(self.course)
        )
        self.sensed, self.car = SensedCar(self.world, seed), load_parameters().packed()
        self.tracker, self.place, self.lap = CorridorTracker(self.car), CoursePlace(), ReckonedLap()
        self.now = self.steer_rad = self.speed_m_s = 0.0

    def tick(self) -> Estimate:
        self.now += TICK_S
        self.tracker.sent(self.now, self.steer_rad, self.speed_m_s, 0.0, LATENCY_S)
        vesc, _ = self.sensed.tick(self.steer_rad, self.speed_m_s)
        estimate = self.tracker.update(self.now, vesc)
        if self.place.course is not None:
            self.place.update(estimate, self.car)
            self.tracker.hold_to(self.place)
        return estimate

    def drive(self) -> Estimate:
        """A tick along the course."""
        estimate = self.tick()
        s, lateral, error = self.world.place
        self.speed_m_s = SPEED_M_S
        self.steer_rad = pursue(self.course.packed(), self.course.spacing_m, s, lateral, error,
                                lookahead(float(self.world.moving[V_X])), 0.0, 0.33, 0.4)  # fmt: skip
        return estimate

    def drive_first_lap(self) -> None:
        for _ in range(60):
            self.tick()
        self.tracker.put(0.0, 0.0, 0.0)
        while not self.lap.closed:
            estimate = self.drive()
            self.lap.watch(self.now, self.tracker.odometry.motion.rolled_m, estimate)
            assert self.now < 60.0
        course = self.lap.course()
        self.place.take(course)
        self.tracker.put(float(course.x[0]), float(course.y[0]), float(course.heading[0]))


def start_of(course) -> tuple[float, float, float]:
    return float(course.x[0]), float(course.y[0]), float(course.heading[0])


@pytest.mark.parametrize(("track", "seed"), [("oval", 1), ("bean", 2)])
def test_it_knows_where_it_is_after_many_laps(track: str, seed: int) -> None:
    """By wheels and gyro alone it would be off by 0.55 and 0.40 m."""
    reckoning = Reckoning(track, seed)
    reckoning.drive_first_lap()
    length_m = reckoning.course.length_m
    assert reckoning.place.course.length_m == pytest.approx(length_m, rel=0.05)
    off_m, began = [], reckoning.world.place[0] / length_m
    while reckoning.world.laps < 40:
        reckoning.drive()
        off = reckoning.place.s / reckoning.place.course.length_m - (reckoning.world.place[0] / length_m - began)
        off_m.append(length_m * abs(math.remainder(off, 1.0)))
    assert reckoning.world.collisions == 0
    assert np.quantile(off_m, 0.95) < WITHIN_M


@pytest.mark.parametrize(("v_y_m_s", "turned_rad"), [(-0.3, 0.0), (0.0, 0.1), (-0.6, -0.1)])
def test_whoever_moves_along_the_course_is_held_to_it_wherever_its_nose_points(
    v_y_m_s: float, turned_rad: float
) -> None:
    """At 3 m/s, with a nose that points 0.1 rad inwards: who slides as much moves along the course, and is not turned."""
    course = built_in("oval")
    tracker, place = CorridorTracker(load_parameters().packed()), CoursePlace()
    place.take(course)
    x, y, heading = start_of(course)
    tracker.put(x, y, heading + 0.1)
    tracker.state[fusion.V_Y], tracker.single_tracks.v_x = v_y_m_s, 3.0
    for _ in range(200):
        tracker._held_s = DECISION_S
        place.update(
            Estimate(0.0, x, y, float(tracker.state[fusion.YAW]), 3.0, v_y_m_s, 0.0, 1.0, False, 0.0),
            load_parameters().packed(),
        )
        tracker.hold_to(place)
    assert heading + 0.1 - tracker.state[fusion.YAW] == pytest.approx(turned_rad, abs=0.03)


def at(angle: float) -> Estimate:
    """On a circle of 4 m, from the origin on, ahead."""
    x, y = 4.0 * math.sin(angle), 4.0 - 4.0 * math.cos(angle)
    return Estimate(0.0, x, y, angle, 1.0, 0.0, 0.0, 1.0, False, 0.0)


def test_what_is_rolled_back_is_no_part_of_the_lap() -> None:
    lap, angle = ReckonedLap(), 0.0
    steps = [0.1] * 20 + [-0.1] * 8 + [0.1] * 62
    for k, step in enumerate(steps):
        angle += step
        lap.watch(0.1 * k, 4.0 * step, at(angle))
    assert lap.closed
    assert lap.course().length_m == pytest.approx(8.0 * math.pi, rel=0.01)


def test_a_lap_begins_when_the_car_has_come_onto_its_course_wherever_it_pointed_before() -> None:
    """It stood across the way, and turned into it within 3 m."""
    lap, way_m = ReckonedLap(), 0.0
    while not lap.closed:
        way_m += 0.1
        across = max(0.0, 2.0 - way_m)
        here = at(way_m / 4.0)
        lap.watch(
            way_m, 0.1, Estimate(0.0, here.x, here.y + across, here.yaw - 0.6 * across, 1.0, 0.0, 0.0, 1.0, False, 0.0)
        )
        assert way_m < 40.0
    assert way_m == pytest.approx(LEAD_IN_M + 8.0 * math.pi, abs=0.2) and lap.began_s == pytest.approx(
        LEAD_IN_M, abs=0.15
    )
    course = lap.course()
    assert course.length_m == pytest.approx(8.0 * math.pi, rel=0.01) and lap.off == pytest.approx(
        (0.0, 0.0, 0.0), abs=0.1
    )
    assert course.heading[0] == pytest.approx(0.0, abs=0.1)


def test_a_lap_that_only_passes_its_start_is_not_closed() -> None:
    """Crossed the other way, or too soon."""
    lap = ReckonedLap()
    for k in range(40):
        lap.watch(0.1 * k, 0.4, Estimate(0.0, -2.0 + 0.1 * k, 0.5, 3.0, 1.0, 0.0, 0.0, 1.0, False, 0.0))
    assert not lap.closed


def test_a_car_that_stands_unheard_does_not_turn_by_its_gyros_bias() -> None:
    tracker = CorridorTracker(load_parameters().packed())
    tracker.put(0.0, 0.0, 0.0)
    tracker.state[BIAS] = 0.05
    for tick in range(1, 101):
        estimate = tracker.update(tick * TICK_S, VescReading())
    assert estimate.yaw == pytest.approx(0.0, abs=1e-9)


def test_who_is_unsure_how_it_moves_is_held_to_its_course_more() -> None:
    """After a second of driving, by its reckoning 0.3 rad off its course."""
    left_rad = []
    for unsure in ((0.0, 0.0), (0.1, 0.15)):
        reckoning = Reckoning("oval", 1)
        tracker, place, course = reckoning.tracker, reckoning.place, reckoning.course
        tracker.unsure = unsure
        for _ in range(50):
            reckoning.drive()
        place.take(course)
        tracker.state[: fusion.YAW + 1] = np.add(start_of(course), (0.0, 0.0, 0.3))
        for _ in range(5):
            tracker._held_s = DECISION_S
            place.update(Estimate(0.0, *tracker.state[:3].tolist(), 2.0, 0.0, 0.0, 1.0, False, 0.0), reckoning.car)
            tracker.hold_to(place)
        left_rad.append(abs(place.heading_error))
    assert left_rad[1] < 0.9 * left_rad[0]
