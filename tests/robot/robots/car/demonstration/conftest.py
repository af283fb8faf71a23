"""One demonstration lap on the oval, driven once without a map, for everything that learns from it."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from drivers.base import VescReading
from drivers.emulators.world import YAW, World, X, Y
from robot.robots.car.demonstration.gap_follower import GapFollower
from robot.robots.car.estimation.evaluate import standing_start
from robot.robots.car.estimation.mapless import MaplessEstimator
from robot.robots.car.estimation.sensed_car import SensedCar
from robot.tasks.race_track.task import SPEED_SLEW_M_S2, STEER_SLEW_RAD_S, TICK_S, slew
from sim.car.model import CarParameters, hidden_car
from sim.distance_field import rasterise
from sim.tracks.built_in_tracks import built_in
from sim.tracks.track import Course

LAP_LIMIT_S = 60.0


@dataclass
class Lap:
    """What a lap left behind: the estimator, the truth in the start's frame for each keyframe (n, 3), what was sent."""

    course: Course
    car: CarParameters
    estimator: MaplessEstimator
    truth: np.ndarray
    sent: list[tuple[float, float, VescReading]]  # time, steering command, reading
    collisions: int


def drive_lap(track: str, seed: int) -> Lap:
    course = built_in(track)
    start = standing_start(course)
    car = hidden_car(seed)
    world = World(car, course, rasterise(course), start)
    sensed, estimator, driver = (
        SensedCar(world, seed),
        MaplessEstimator(),
        GapFollower(car.wheelbase_m, car.steer_max_rad),
    )
    cos_s, sin_s = math.cos(start[2]), math.sin(start[2])
    steer = speed = 0.0
    truth, sent, going = [], [], False
    while world.time_s < LAP_LIMIT_S and not estimator.closed and not world.collisions:
        estimator.sent(world.time_s, steer, speed, 0.0, car.actuation_s)
        vesc, lidar = sensed.tick(steer, speed)
        seen = len(estimator.keyframes)
        estimate = estimator.update(world.time_s, vesc, lidar)
        if len(estimator.keyframes) > seen:
            dx, dy = world.moving[X] - start[0], world.moving[Y] - start[1]
            turned = world.moving[YAW] - start[2]
            truth.append((dx * cos_s + dy * sin_s, dy * cos_s - dx * sin_s, turned))
        going = going or not estimate.lost
        goal = driver.command(world.time_s, estimate, vesc, lidar) if going else (0.0, 0.0)
        steer = slew(steer, goal[0], STEER_SLEW_RAD_S, TICK_S)
        speed = slew(speed, goal[1], SPEED_SLEW_M_S2, TICK_S)
        sent.append((world.time_s, steer, vesc))
    return Lap(course, car, estimator, np.array(truth), sent, world.collisions)


@pytest.fixture(scope="session")
def lap() -> Lap:
    return drive_lap("oval", 1)


@pytest.fixture(scope="session", params=[("chicane", 0), ("bean", 5)], ids=lambda param: f"{param[0]}-{param[1]}")
def other_lap(request: pytest.FixtureRequest) -> Lap:
    return drive_lap(*request.param)
