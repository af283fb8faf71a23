"""Laps that a policy is judged by, on a course where what must come out is plain: straight, and closed all the same."""

import numpy as np
import pytest

from policies.actor import HIDDEN, weight_count, weight_views
from robot.robots.car.training.pretraining import LAYERS
from robot.tasks.race_track.gradient import Courses
from robot.tasks.race_track.laps import RUN_UP_M, judge, pack_courses
from sim.car.model import P_MASS, P_TRIM, load_parameters
from sim.tracks.track import Course

CAR = load_parameters()
LENGTH_M = 30.0


def straight(half_width_m: float) -> Courses:
    s, zero, wide = np.arange(0, LENGTH_M, 0.05), np.zeros(600), np.full(600, half_width_m)
    return pack_courses([Course("straight", 0.05, s, zero, zero, zero, wide, wide)])


def constant_policy(steer: float, speed: float) -> np.ndarray:
    """Weights of a policy that takes the same action everywhere, each in (-1, 1)."""
    weights = np.zeros(weight_count(LAYERS), np.float32)
    weight_views(weights, LAYERS)[-1][1][:2] = np.arctanh([steer, speed])
    return weights


def test_laps_are_timed_from_line_to_line() -> None:
    laps = judge(constant_policy(0.0, 0.0), HIDDEN[0], straight(1.0), np.zeros(1, np.int64), CAR.packed()[None], 35.0)
    asked = 3.25  # m/s in the middle of the action's range; at rest between drive and resistance:
    speed = asked
    for _ in range(50):
        resistance = CAR.rolling_resistance_m_s2 + CAR.drag_per_m * speed**2
        speed = asked - CAR.speed_loop_time_constant_s * resistance
    assert laps.crashes[0] == 0
    assert laps.laps[0] == int((35.0 - (RUN_UP_M / speed)) * speed / LENGTH_M)
    assert laps.median_s[0] == pytest.approx(LENGTH_M / speed, rel=2e-3)


def test_a_car_that_steers_into_a_wall_crashes_goes_on_and_finishes_no_lap() -> None:
    laps = judge(constant_policy(0.5, 0.0), HIDDEN[0], straight(1.0), np.zeros(1, np.int64), CAR.packed()[None], 20.0)
    assert laps.crashes[0] > 5
    assert laps.laps[0] == 0 and laps.median_s[0] == np.inf


def test_a_trim_that_nobody_told_the_driver_steers() -> None:
    cars = np.array([CAR.packed(), CAR.packed()])
    cars[1, P_TRIM] = 0.05
    laps = judge(constant_policy(0.0, 0.0), HIDDEN[0], straight(1.0), np.zeros(2, np.int64), cars, 20.0)
    assert laps.crashes[0] == 0 < laps.crashes[1]


def test_cars_do_not_disturb_each_other() -> None:
    cars = np.tile(CAR.packed(), (3, 1))
    cars[:, P_MASS] *= [0.8, 1.0, 1.2]
    courses, course = straight(0.6), np.zeros(3, np.int64)
    together = judge(constant_policy(0.02, -0.2), HIDDEN[0], courses, course, cars, 25.0)
    alone = [judge(constant_policy(0.02, -0.2), HIDDEN[0], courses, course[:1], car[None], 25.0) for car in cars]
    assert together.crashes.tolist() == [int(laps.crashes[0]) for laps in alone]
    assert together.median_s.tolist() == [float(laps.median_s[0]) for laps in alone]
