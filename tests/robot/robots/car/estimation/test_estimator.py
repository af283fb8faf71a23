"""The estimator on a simulated car: right at speed, honest about faults, lost when moved, found again, repeatable."""

import math
from collections.abc import Callable
from dataclasses import astuple, replace
from itertools import pairwise

import numpy as np
import pytest

from drivers.base import LidarReading, VescReading
from drivers.emulators.world import V_X, YAW, X, Y
from robot.robots.car.estimation.estimator import Estimate, Estimator
from robot.robots.car.estimation.evaluate import Pursuit, standing_start
from robot.robots.car.estimation.sensed_car import SensedCar
from sim.distance_field import OccupancyGrid
from sim.tracks.track import Course

Readings = tuple[VescReading, LidarReading]
Fault = Callable[[Readings], Readings]
NO_POINTS = np.empty(0, np.float32)


def drive(
    car: SensedCar,
    driver: Pursuit | None,
    estimator: Estimator,
    seconds: float,
    fault: Fault = lambda readings: readings,
) -> list[Estimate]:
    """Let time pass: driven around the course, or standing without a driver."""
    estimates = []
    for _ in range(round(seconds / 0.02)):
        command = driver.command() if driver else (0.0, 0.0)
        estimator.sent(car.world.time_s, *command, 0.0, car.world.car.actuation_s)
        readings = fault(car.tick(*command))
        estimates.append(estimator.update(car.world.time_s, *readings))
    return estimates


def error(car: SensedCar, estimate: Estimate) -> tuple[float, float]:
    """(position in m, heading in rad) off the truth."""
    moving = car.world.moving
    away = math.hypot(estimate.x - moving[X], estimate.y - moving[Y])
    return away, abs(math.remainder(estimate.yaw - moving[YAW], 2.0 * math.pi))


def without_lidar(readings: Readings) -> Readings:
    return readings[0], replace(readings[1], angle_rad=NO_POINTS, distance_m=NO_POINTS, age_s=NO_POINTS)


@pytest.fixture
def running(course: Course, grid: OccupancyGrid, make_car: Callable) -> tuple[SensedCar, Pursuit, Estimator]:
    """A car that has been driving for 3 s, and knows where it is."""
    car, driver = make_car()
    estimator = Estimator(grid, standing_start(course), 0)
    drive(car, None, estimator, 1.0)
    assert not drive(car, driver, estimator, 3.0)[-1].lost
    return car, driver, estimator


def test_at_speed_the_estimate_is_the_truth(running: tuple[SensedCar, Pursuit, Estimator]) -> None:
    car, driver, estimator = running
    for _ in range(200):
        estimate = drive(car, driver, estimator, 0.02)[-1]
        away, turned = error(car, estimate)
        assert away < 0.04 and turned < math.radians(0.5)
        assert estimate.v_x == pytest.approx(car.world.moving[V_X], abs=0.15)
        assert estimate.quality > 0.9 and estimate.pose_age_s == 0.0


def test_equal_readings_give_equal_estimates(course: Course, grid: OccupancyGrid, make_car: Callable) -> None:
    def run() -> list[tuple]:
        car, driver = make_car(seed=3)
        estimator = Estimator(grid, None, 5)
        drive(car, None, estimator, 0.5)
        estimator.relocalise()
        return [astuple(estimate) for estimate in drive(car, driver, estimator, 1.0)]

    assert run() == run()


def test_without_points_the_pose_ages_and_its_quality_falls(running: tuple[SensedCar, Pursuit, Estimator]) -> None:
    car, driver, estimator = running
    estimates = drive(car, driver, estimator, 0.5, without_lidar)
    assert error(car, estimates[-1])[0] < 0.15  # odometry alone carries on well enough to stop by
    estimates += drive(car, driver, estimator, 0.9, without_lidar)
    assert estimates[-1].pose_age_s == pytest.approx(1.4, abs=0.03)
    assert estimates[-1].quality == 0.0 and estimates[-1].lost
    assert all(later.quality <= earlier.quality for earlier, later in pairwise(estimates))


def test_a_short_gap_of_the_lidar_is_bridged(running: tuple[SensedCar, Pursuit, Estimator]) -> None:
    car, driver, estimator = running
    drive(car, driver, estimator, 0.3, without_lidar)
    estimates = drive(car, driver, estimator, 0.3)
    assert not any(estimate.lost for estimate in estimates)
    assert error(car, estimates[-1])[0] < 0.05


@pytest.mark.parametrize(("ahead_m", "heading_error"), [(8.0, 0.0), (14.0, 0.3), (21.0, 3.0)])
def test_a_kidnapped_car_notices_and_finds_itself(
    running: tuple[SensedCar, Pursuit, Estimator], ahead_m: float, heading_error: float
) -> None:
    car, _, estimator = running
    car.world.put_on_course(car.world.place[0] + ahead_m, 0.2, heading_error)
    estimates = drive(car, None, estimator, 0.5)
    assert estimates[-1].lost
    assert estimator.relocalise()
    estimate = drive(car, None, estimator, 0.1)[-1]
    away, turned = error(car, estimate)
    assert not estimate.lost and away < 0.05 and turned < 0.02


def test_a_wrong_start_is_not_believed(course: Course, grid: OccupancyGrid, make_car: Callable) -> None:
    car, _ = make_car()
    there = len(course.x) // 4
    estimator = Estimator(grid, (course.x[there], course.y[there], course.heading[there]), 0)
    assert drive(car, None, estimator, 1.0)[-1].lost
    assert estimator.relocalise()
    assert error(car, drive(car, None, estimator, 0.1)[-1])[0] < 0.05


def test_an_unknown_start_is_lost_until_it_is_searched(grid: OccupancyGrid, make_car: Callable) -> None:
    car, driver = make_car()
    estimator = Estimator(grid, None, 0)
    assert not estimator.relocalise()  # nothing seen yet
    assert drive(car, None, estimator, 1.0)[-1].lost
    assert estimator.relocalise()
    assert not drive(car, driver, estimator, 0.5)[-1].lost


def test_a_silent_motor_controller_leaves_the_lidar_in_charge(running: tuple[SensedCar, Pursuit, Estimator]) -> None:
    car, _, estimator = running
    drive(car, None, estimator, 2.0)
    estimates = drive(car, None, estimator, 1.0, lambda readings: (VescReading(), readings[1]))
    assert error(car, estimates[-1])[0] < 0.05
    assert all(np.isfinite(value).all() for value in astuple(estimates[-1]))


def test_time_must_not_go_back(grid: OccupancyGrid) -> None:
    estimator, lidar = Estimator(grid, None, 0), LidarReading(NO_POINTS, NO_POINTS, NO_POINTS, math.inf, 0)
    estimator.update(1.0, VescReading(), lidar)
    with pytest.raises(ValueError, match="time went back"):
        estimator.update(0.9, VescReading(), lidar)
