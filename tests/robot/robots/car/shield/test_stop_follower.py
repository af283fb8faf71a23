"""A planned stop is carried out where the car is, and held to its direction, as far as wheels and gyro are heard."""

import math
from dataclasses import replace

import numpy as np
import pytest

from drivers.base import VescReading
from robot.robots.car.shield.stop_follower import CORRECTION_MAX_RAD, HEADING_GAIN, LEAD_TICKS, StopFollower
from robot.robots.car.shield.stop_plan import PLAN_TICKS, TICK_S

SPEED_M_S, RATE_RAD_S = 2.0, 0.5
ENDS = 100  # row
KNOWN = np.minimum(np.arange(1, PLAN_TICKS + 1), ENDS + 1) * TICK_S
PATH = np.column_stack(
    (np.linspace(0.0, 0.3, PLAN_TICKS), np.full(PLAN_TICKS, 10.0), RATE_RAD_S * KNOWN, SPEED_M_S * KNOWN)
)
PATH[ENDS + 1 :, 1] = 40.0
NO_PATH = PATH * (1.0, 1.0, 0.0, 0.0)
AS_PLANNED = VescReading(SPEED_M_S, 0.0, 16.0, 0, 0.0, 0.0, 0.0, 9.81, RATE_RAD_S, 0.02, 0.02)


def follow(reading: VescReading | None, first: int = 5, last: int = 40) -> tuple[float, float]:
    follower = StopFollower(PATH, first)
    follower.command(first, None)
    for tick in range(first + 1, last + 1):
        command = follower.command(tick, reading)
    return command


def told(row: float) -> tuple[float, float]:
    """What is told a car that is at a row of PATH."""
    return tuple(np.interp(row + LEAD_TICKS, np.arange(PLAN_TICKS), column) for column in PATH[:, :2].T)


@pytest.mark.parametrize("age_s", [0.0, 0.02, 0.04])
@pytest.mark.parametrize("reading", [None, AS_PLANNED])
def test_a_car_that_does_as_planned_is_told_the_plan(reading: VescReading | None, age_s: float) -> None:
    reading = reading and replace(reading, values_age_s=age_s, imu_age_s=age_s)
    assert StopFollower(PATH, 5).command(5, reading) == pytest.approx(told(4))
    assert follow(reading) == pytest.approx(told(39))


def test_a_faster_car_is_further_on_the_plan() -> None:
    servo_rad, _ = follow(replace(AS_PLANNED, erpm_speed_m_s=1.5 * SPEED_M_S, yaw_rate_rad_s=1.5 * RATE_RAD_S))
    assert servo_rad == pytest.approx(told(4 + 1.5 * 35)[0])


def test_what_was_measured_a_while_ago_says_where_the_car_is_now() -> None:
    """A car that slows down is measured faster than it is, and has gone less far than those speeds add up to."""
    braked = PATH.copy()
    speed = np.linspace(5.0, 0.0, ENDS + 2)
    braked[: ENDS + 2, 3] = np.cumsum(speed) * TICK_S
    braked[ENDS + 2 :, 3] = braked[ENDS + 1, 3]
    follower = StopFollower(braked, 5)
    for tick in range(5, 81):
        earlier = replace(AS_PLANNED, erpm_speed_m_s=float(speed[tick - 2]))  # of the tick before
        servo_rad, _ = follower.command(tick, earlier)
    assert servo_rad == pytest.approx(np.interp(79 + LEAD_TICKS, np.arange(PLAN_TICKS), braked[:, 0]), abs=1e-3)


@pytest.mark.parametrize("beyond_rad_s", [-0.2, 0.2])
def test_what_it_turns_too_far_is_steered_against(beyond_rad_s: float) -> None:
    servo_rad, _ = follow(replace(AS_PLANNED, yaw_rate_rad_s=RATE_RAD_S + beyond_rad_s))
    assert servo_rad == pytest.approx(told(39)[0] - HEADING_GAIN * beyond_rad_s * 35 * TICK_S)
    servo_rad, _ = follow(replace(AS_PLANNED, yaw_rate_rad_s=math.copysign(50.0, beyond_rad_s)))
    assert servo_rad == pytest.approx(told(39)[0] - math.copysign(CORRECTION_MAX_RAD, beyond_rad_s))


def test_what_is_not_measured_goes_as_planned() -> None:
    old = replace(AS_PLANNED, erpm_speed_m_s=0.0, yaw_rate_rad_s=9.0, values_age_s=0.5, imu_age_s=0.5)
    assert follow(old) == pytest.approx(told(39))
    assert follow(replace(AS_PLANNED, yaw_rate_rad_s=9.0, imu_age_s=math.inf)) == pytest.approx(told(39))
    assert follow(replace(AS_PLANNED, yaw_rate_rad_s=math.nan, erpm_speed_m_s=math.nan)) == pytest.approx(told(39))


def test_a_car_that_is_as_good_as_at_rest_is_braked_fully() -> None:
    assert follow(replace(AS_PLANNED, erpm_speed_m_s=0.1))[1] == 40.0
    assert follow(replace(AS_PLANNED, erpm_speed_m_s=1.0))[1] == 10.0


def test_at_the_end_of_the_plan_a_fast_car_is_braked_as_before_and_a_slow_one_fully() -> None:
    assert follow(replace(AS_PLANNED, erpm_speed_m_s=3.0), last=140)[1] == 10.0
    assert follow(replace(AS_PLANNED, erpm_speed_m_s=1.4), last=200)[1] == 40.0


@pytest.mark.parametrize(("ticks", "row"), [(0.0, 0), (1.0, 0), (1.6, 1), (2.0, 1), (100.0, 99), (9000.0, -1)])
def test_where_no_path_was_planned_the_row_is_that_of_the_moment(ticks: float, row: int) -> None:
    assert StopFollower(NO_PATH, ticks).command(ticks, AS_PLANNED) == tuple(NO_PATH[row, :2])
