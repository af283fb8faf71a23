"""Odometry: what sampled sensors of any age say about the motion up to now."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import VescReading
from robot.robots.car.estimation.odometry import STALE_S, Integral, Odometry

AGES_S = st.lists(st.floats(0.001, 0.039), min_size=20, max_size=60)


@given(ages_s=AGES_S, slope=st.floats(-20.0, 20.0), value=st.floats(-5.0, 5.0))
def test_an_integral_of_a_ramp_is_exact_whatever_the_ages(ages_s: list[float], slope: float, value: float) -> None:
    integral, gained = Integral(), 0.0
    newest_s = -1.0
    for tick, age_s in enumerate(ages_s):
        now_s = 0.02 * tick
        newest_s = max(newest_s, now_s - age_s)  # a sensor's newest sample never gets older
        gain, now = integral.advance(now_s, now_s - newest_s, value + slope * newest_s)
        gained += gain
        if tick == 5:
            began_s, gained = now_s, 0.0
    if len(ages_s) > 6:
        exact = value * (now_s - began_s) + 0.5 * slope * (now_s**2 - began_s**2)
        assert gained == pytest.approx(exact, abs=1e-6)
        assert now == pytest.approx(value + slope * now_s, abs=1e-6)


def test_a_late_sample_corrects_what_was_guessed_before_it() -> None:
    late, exact = Integral(), 0.0
    gained = 0.0
    for tick in range(100):
        now_s = 0.02 * tick
        sample_s = 0.04 * (tick // 2)  # a new sample only every other tick
        gain, _ = late.advance(now_s, now_s - sample_s, math.sin(8.0 * sample_s))
        gained += gain
        exact = (1.0 - math.cos(8.0 * now_s)) / 8.0
    assert gained == pytest.approx(exact, abs=0.01)


def test_silent_sensors_count_as_unknown_and_still() -> None:
    odometry = Odometry()
    moving = VescReading(erpm_speed_m_s=3.0, yaw_rate_rad_s=1.0, values_age_s=0.01, imu_age_s=0.01)
    odometry.update(0.0, moving)
    assert odometry.update(0.02, moving).v_x == pytest.approx(3.0, abs=0.01)
    silent = VescReading(erpm_speed_m_s=3.0, yaw_rate_rad_s=1.0, values_age_s=STALE_S, imu_age_s=STALE_S)
    motion = odometry.update(0.04, silent)
    assert (motion.v_x, motion.rolled_m, motion.turned_rad) == (0.0, 0.0, 0.0)
    assert not motion.wheel_known and not motion.imu_known


def test_before_the_first_reading_nothing_moves() -> None:
    motion = Odometry().update(0.0, VescReading())
    assert motion.rolled_m == motion.turned_rad == motion.v_x == 0.0


def test_speed_is_brought_to_now_by_the_accelerometer() -> None:
    reading = VescReading(erpm_speed_m_s=4.0, accel_x_m_s2=-8.0, values_age_s=0.015, imu_age_s=0.015)
    assert Odometry().update(0.0, reading).v_x == pytest.approx(4.0 - 8.0 * 0.015)


def test_turning_on_a_circle_adds_up_to_its_angle() -> None:
    odometry, turned, rng = Odometry(), 0.0, np.random.default_rng(3)
    for tick in range(501):
        reading = VescReading(yaw_rate_rad_s=0.7, values_age_s=0.01, imu_age_s=float(rng.uniform(0.005, 0.019)))
        turned += odometry.update(0.02 * tick, reading).turned_rad
    assert turned == pytest.approx(0.7 * 10.0, abs=0.03)
