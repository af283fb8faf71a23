"""The first lap where the course is known: along its middle, whatever the car is, and slowly where it is narrow."""

import math

import numpy as np
import pytest

from drivers.emulators.world import World
from robot.robots.car.course_place import CoursePlace
from robot.robots.car.demonstration.course_follower import CREEP_M_S, SPEED_M_S, course_follower
from robot.robots.car.demonstration.first_lap import FirstLap
from robot.robots.car.estimation.estimator import Estimate
from robot.robots.car.estimation.evaluate import standing_start
from robot.robots.car.estimation.sensed_car import SensedCar
from robot.robots.car.records import READINGS
from robot.tasks.race_track.task import (
    SPEED_SLEW_M_S2,
    STEER_SLEW_RAD_S,
    TICK_S,
    TICKS_PER_DECISION,
    slew,
)
from sim.car.model import hidden_car, load_parameters
from sim.distance_field import footprint_clearance, rasterise
from sim.tracks.built_in_tracks import built_in
from sim.tracks.track import Course, closed_course

LANE_M = 0.6
CAR = load_parameters().packed()


def lane(radius_m: float = 1.3, width_m: float = LANE_M) -> Course:
    """A rectangle of 9 m x 6 m with round corners, between walls."""
    corners = [(4.5 - radius_m, 3.0 - radius_m), (radius_m - 4.5, 3.0 - radius_m)]
    corners += [(-x, -y) for x, y in corners]
    points = [
        (x + radius_m * math.cos(angle), y + radius_m * math.sin(angle))
        for quarter, (x, y) in enumerate(corners)
        for angle in np.linspace(0.5 * math.pi * quarter, 0.5 * math.pi * (quarter + 1), 9)
    ]
    half = np.full(len(points), 0.5 * width_m)
    return closed_course("lane", np.array(points), half, half)


def lap(course: Course, seed: int) -> tuple[float, float, list[float]]:
    """One lap of a hidden car: (seconds, least clearance of its body, m, the speeds that were asked for)."""
    car = hidden_car(seed)
    world = World(car, course, rasterise(course, 0.02), standing_start(course))
    sensed, driver, place = SensedCar(world, seed), course_follower(CAR), CoursePlace()
    place.take(course)
    steer = speed = way_m = 0.0
    goal, least_m, speeds = (0.0, 0.0), math.inf, []
    rng = np.random.default_rng(seed)
    while way_m < course.length_m and world.time_s < 120.0 and not world.collisions:
        sensed.tick(steer, speed)
        x, y, yaw, v_x, v_y, yaw_rate = (float(value) for value in world.moving[:6])
        dx, dy, turn = 0.01 * rng.standard_normal(3)  # where the car believes to be
        way_m += place.update(
            Estimate(world.time_s, x + dx, y + dy, yaw + turn, v_x, v_y, yaw_rate, 1.0, False, 0.0), CAR
        )
        if round(world.time_s / TICK_S) % TICKS_PER_DECISION == 0:
            goal = driver(place)
            speeds.append(goal[1])
        steer = slew(steer, goal[0], STEER_SLEW_RAD_S, TICK_S)
        speed = slew(speed, goal[1], SPEED_SLEW_M_S2, TICK_S)
        room_m = footprint_clearance(world.distance_m, world.frame, x, y, yaw, car.half_length_m, car.half_width_m)
        least_m = min(least_m, float(room_m))
    return world.time_s, least_m if way_m >= course.length_m and not world.collisions else -1.0, speeds


@pytest.mark.parametrize("seed", [1, 2, 3, 7, 107, 110])
def test_it_touches_nothing_in_a_lane_of_twice_the_cars_width(seed: int) -> None:
    lasted_s, least_m, _ = lap(lane(), seed)
    assert least_m > 0.03
    assert lasted_s < 60.0


@pytest.mark.parametrize("track", ["oval", "chicane"])
def test_where_there_is_room_it_goes_at_full_speed(track: str) -> None:
    _, least_m, speeds = lap(built_in(track), 4)
    assert least_m > 0.3
    assert np.median(speeds) == SPEED_M_S
    assert min(speeds) >= CREEP_M_S


def test_the_course_is_followed_only_by_a_car_that_knows_its_place() -> None:
    first_lap, place, readings = FirstLap(CAR, 0.0, keyboard=False), CoursePlace(), np.zeros((), READINGS)
    first_lap.guided = (0.1, 0.7)
    place.take(lane())
    assert first_lap.wish(readings, place) == (0.1, 0.7)
    x, y, yaw = standing_start(lane())
    place.update(Estimate(0.0, x, y, yaw, 0.0, 0.0, 0.0, 1.0, False, 0.0), CAR)
    assert first_lap.wish(readings, place) == course_follower(CAR)(place)
    readings["operator"][:2] = 0.2, 0.3
    by_hand = FirstLap(CAR, 0.0, keyboard=True).wish(readings, place)
    assert by_hand == pytest.approx((0.2, 0.3))
