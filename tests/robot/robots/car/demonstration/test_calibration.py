"""Calibration: trim and latency of hidden cars, from their slow laps; and no figures from nothing."""

import numpy as np
import pytest

from drivers.base import VescReading
from robot.robots.car.demonstration.calibration import Calibrator, yaw_rates
from sim.car.model import load_parameters, steering_rate, step_pose

CAR = load_parameters().packed()


def test_the_laps_of_hidden_cars_show_trim_and_latency(lap, other_lap) -> None:
    for driven in (lap, other_lap):
        calibrator = Calibrator(CAR)
        for now_s, steer, vesc in driven.sent:
            calibrator.add(now_s, steer, vesc)
        found = calibrator.result()
        assert found.confident
        assert found.trim_rad == pytest.approx(driven.car.steer_trim_rad, abs=0.005)
        assert found.latency_s == pytest.approx(driven.car.actuation_s, abs=0.010)


def test_the_slow_model_is_the_simulators() -> None:
    speed, state = 1.5, np.array([0.0, 0.0, 0.0, 1.5, 0.0, 0.0, 0.0])
    commands = np.repeat([0.0, 0.15, -0.1, 0.05], 50)  # a step a second
    times = 0.02 * np.arange(len(commands))
    expected = []
    for tick in range(len(commands)):
        for half in range(2):
            late = max(0, 2 * tick + half - 5) // 2  # five steps of 10 ms
            rate = steering_rate(state[6], commands[late], CAR, 0.01)
            step_pose(state, rate, (speed - state[3]) / 0.05, CAR, 0.01)
        expected.append(state[5])
    out = np.empty(len(commands))
    yaw_rates(times, commands, np.full(len(commands), speed), times + 0.02, 0.05, CAR, out)
    assert out == pytest.approx(np.array(expected), abs=0.03)


def test_a_straight_line_gives_no_confidence_in_the_latency() -> None:
    calibrator, rng = Calibrator(CAR), np.random.default_rng(0)
    for tick in range(500):
        reading = VescReading(
            erpm_speed_m_s=1.5, yaw_rate_rad_s=0.005 * rng.standard_normal(), values_age_s=0.01, imu_age_s=0.01
        )
        calibrator.add(0.02 * tick, 1e-4 * rng.standard_normal(), reading)
    assert not calibrator.result().confident


def test_too_short_a_drive_is_refused() -> None:
    calibrator = Calibrator(CAR)
    with pytest.raises(ValueError, match="no readings"):
        calibrator.result()
    for tick in range(100):
        calibrator.add(0.02 * tick, 0.1, VescReading(erpm_speed_m_s=1.0, values_age_s=0.01, imu_age_s=0.01))
    with pytest.raises(ValueError, match="found 100 ticks in motion, needed 200"):
        calibrator.result()
