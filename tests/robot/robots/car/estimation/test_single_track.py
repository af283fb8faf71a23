"""The filter of sideways speed and grip: the simulator's equations, honest about what it cannot know, deterministic."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from drivers.base import VescReading
from robot.robots.car.estimation.single_track import FRONT_GRIP, REAR_GRIP, TRIM, SingleTrack, move, steady_sideslip
from sim.car.model import CarParameters, drive_acceleration, load_parameters, steering_rate, step_pose

NOMINAL = load_parameters()
CAR = NOMINAL.packed()
STEP_S, TICK_S = 0.005, 0.02


def weave(car: CarParameters, seconds: float, speed: float, filtered: SingleTrack, seed: int = 0, swing_rad: float = 0.25,
          noise: float = 1.0, silent: Callable[[int], bool] = lambda tick: False) -> np.ndarray:  # fmt: skip
    """A car that steers from side to side, sensed 15 ms late, noisily. silent: in which ticks no new reading comes. Returns
    truth and estimate of (v_y, yaw_rate)."""
    rng = np.random.default_rng(seed)
    reading = VescReading()
    p, state, history, rows = car.packed(), np.zeros(7), [], []
    state[3] = speed
    commands: list[float] = []
    for tick in range(round(seconds / TICK_S)):
        now = tick * TICK_S
        commands.append(swing_rad * math.sin(2.5 * now))
        for k in range(4):
            arrived = math.floor((now + k * STEP_S - car.actuation_s) / TICK_S + 1e-6)
            told = commands[arrived] if arrived >= 0 else 0.0
            accel = (speed - state[3]) / 0.1
            v_y, v_x, yaw_rate = state[4], state[3], state[5]
            step_pose(state, steering_rate(state[6], told, p, STEP_S), accel, p, STEP_S)
            history.append((state[3], (state[4] - v_y) / STEP_S + v_x * yaw_rate, state[5], accel))
        filtered.sent(now, commands[-1], speed, 0.0, car.actuation_s)
        wheel, a_y, gyro, accel = history[-4]
        if silent(tick):
            reading = replace(reading, values_age_s=reading.values_age_s + TICK_S, imu_age_s=reading.imu_age_s + TICK_S)
        else:
            reading = VescReading(
                erpm_speed_m_s=wheel + noise * 0.02 * rng.standard_normal(), motor_current_a=accel / NOMINAL.motor_m_s2_per_a,
                accel_y_m_s2=a_y + noise * 0.6 * rng.standard_normal(),
                yaw_rate_rad_s=gyro + noise * 0.005 * rng.standard_normal(), values_age_s=0.015, imu_age_s=0.015,
            )  # fmt: skip
        filtered.update(now + TICK_S, reading, 0.0, standing=False)
        rows.append((state[4], state[5], filtered.v_y, filtered.yaw_rate))
    return np.array(rows)


def test_the_model_is_the_simulators() -> None:
    state = np.array([0.0, 0.0, 0.0, 3.0, -0.1, 1.0, 0.12])
    own, after = np.array([3.0, -0.1, 1.0, 1.0, 1.0, 0.0]), np.empty(6)
    for _ in range(4):
        step_pose(state, 0.0, 1.5, CAR, STEP_S)
    move(own, np.full(5, 0.12), np.full(5, 1.5), STEP_S, CAR.copy(), after)
    assert after[:3] == pytest.approx(state[3:6], abs=2e-3)


@pytest.mark.parametrize("trim_rad", [0.0, 0.05])
@pytest.mark.parametrize("shares", [(0.8, 0.8), (1.0, 1.0), (1.2, 1.2), (0.6, 1.0), (1.0, 0.7), (1.1, 0.9), (0.8, 1.1)])
def test_sideways_speed_grips_and_trim_are_found_together(shares: tuple[float, float], trim_rad: float) -> None:
    car = replace(NOMINAL, front_grip_share=shares[0], rear_grip_share=shares[1], steer_trim_rad=trim_rad)
    filtered = SingleTrack(CAR)
    rows = weave(car, 6.0, 4.0 * math.sqrt(min(shares)), filtered)[100:]
    assert np.sqrt(np.mean((rows[:, 0] - rows[:, 2]) ** 2)) < 0.04
    assert np.sqrt(np.mean((rows[:, 1] - rows[:, 3]) ** 2)) < 0.06
    for share, found, least in zip(shares, filtered.grip_shares, filtered.least_grip_shares, strict=True):
        assert found == pytest.approx(share, abs=0.04 if share == min(shares) else 0.15)  # the one that slides
        assert share - (0.2 if share == min(shares) else 0.45) < least <= share
    assert filtered.state[TRIM] == pytest.approx(trim_rad, abs=0.01)


@pytest.mark.parametrize("ticks", [3, 5, 8])
@pytest.mark.parametrize("share", [0.6, 1.0])
def test_a_slide_is_known_while_answers_stay_away_and_when_they_come_again(ticks: int, share: float) -> None:
    """A hiccup of the line, or of a busy machine. The equations know the slide better than a guess from speed and yaw rate."""
    filtered = SingleTrack(CAR)
    car = replace(NOMINAL, grip=share * NOMINAL.grip)
    rows = weave(car, 14.0, 4.3 * math.sqrt(share), filtered, silent=lambda tick: tick > 200 and tick % 37 < ticks)
    rows = rows[200:]
    assert np.abs(rows[:, 0]).max() > 0.2
    assert np.abs(rows[:, 0] - rows[:, 2]).max() < 0.15
    assert filtered.grip_shares == pytest.approx((share, share), abs=0.04)


@pytest.mark.parametrize("ticks", [1, 5])
def test_who_was_hit_while_answers_stayed_away_slides_no_more(ticks: int) -> None:
    filtered = SingleTrack(CAR)
    weave(NOMINAL, 3.0, 4.0, filtered)
    shares = filtered.grip_shares
    for tick in range(ticks + 4):
        now = 3.02 + tick * TICK_S
        filtered.sent(now - TICK_S, 0.0, 0.0, 0.0, 0.04)
        if tick >= ticks:
            filtered.update(now, VescReading(values_age_s=0.015, imu_age_s=0.015), 0.0, standing=False)
    assert abs(filtered.v_y) < 0.05 and abs(filtered.v_x) < 0.1
    assert filtered.grip_shares == pytest.approx(shares, abs=0.02)


def test_on_ice_the_grips_are_found_in_ten_seconds() -> None:
    filtered = SingleTrack(CAR)
    rows = weave(replace(NOMINAL, grip=0.4 * NOMINAL.grip), 10.0, 2.5, filtered)[300:]
    assert np.sqrt(np.mean((rows[:, 0] - rows[:, 2]) ** 2)) < 0.06
    assert filtered.grip_shares == pytest.approx((0.4, 0.4), abs=0.04)
    assert max(filtered.least_grip_shares) <= 0.4 + 1e-9
    assert max(filtered.least_grip_shares) <= 0.95 * max(filtered.grip_shares) + 1e-9  # a margin there too


def test_at_the_least_a_car_is_no_more_tail_happy_than_it_is_believed_to_be() -> None:
    """The front is known sooner than the rear. Both leasts at once would be a car that spins by itself."""
    filtered = SingleTrack(CAR)
    filtered.covariance[FRONT_GRIP, FRONT_GRIP] = 0.02**2
    assert filtered.least_grip_shares == pytest.approx((0.4, 0.4), abs=0.01)
    filtered.state[[FRONT_GRIP, REAR_GRIP]] = 0.9, 0.6
    filtered.covariance[REAR_GRIP, REAR_GRIP] = 0.02**2
    assert filtered.least_grip_shares == pytest.approx((0.8, 0.5), abs=0.03)


def test_gentle_driving_says_nothing_about_the_grip() -> None:
    filtered = SingleTrack(CAR)
    weave(replace(NOMINAL, grip=0.7 * NOMINAL.grip), 6.0, 1.5, filtered, swing_rad=0.2)
    assert filtered.grip_shares == (1.0, 1.0)
    assert filtered.least_grip_shares == pytest.approx((0.4, 0.4), abs=0.01)


def test_a_hit_is_no_slide() -> None:
    filtered = SingleTrack(CAR)
    weave(NOMINAL, 3.0, 4.0, filtered)
    shares = filtered.grip_shares
    stopped = VescReading(accel_y_m_s2=40.0, values_age_s=0.015, imu_age_s=0.015)
    for tick in range(5):
        now = 3.02 + tick * TICK_S
        filtered.sent(now - TICK_S, 0.0, 0.0, 0.0, 0.04)
        filtered.update(now, stopped, 0.0, standing=False)
    assert abs(filtered.v_y) < 0.05 and abs(filtered.v_x) < 0.1
    assert filtered.grip_shares == pytest.approx(shares, abs=0.02)


@pytest.mark.parametrize(
    "reading",
    [
        VescReading(),
        VescReading(erpm_speed_m_s=math.nan, values_age_s=0.01, imu_age_s=0.01),
        VescReading(yaw_rate_rad_s=math.inf, values_age_s=0.01, imu_age_s=0.01),
    ],
)
def test_without_readings_nothing_is_spoiled_and_without_commands_as_well_nothing_moves(reading: VescReading) -> None:
    filtered = SingleTrack(CAR)
    weave(NOMINAL, 2.0, 4.0, filtered)
    filtered.update(2.02, reading, 0.0, standing=False)
    assert filtered.v_x == pytest.approx(4.0, abs=0.3)
    filtered.update(2.2, reading, 0.0, standing=False)
    assert (filtered.v_x, filtered.v_y, filtered.yaw_rate) == (0.0, 0.0, 0.0)
    assert np.isfinite(filtered.state).all() and np.isfinite(filtered.covariance).all()


def test_a_car_that_somebody_else_steers_is_taken_to_turn_steadily() -> None:
    filtered = SingleTrack(CAR)
    filtered.update(1.0, VescReading(erpm_speed_m_s=4.0, yaw_rate_rad_s=1.5, values_age_s=0.01, imu_age_s=0.01), 0.0,
                    standing=False)  # fmt: skip
    assert filtered.v_y == steady_sideslip(4.0, 1.5, CAR)


def test_a_standing_car_does_not_slide() -> None:
    filtered = SingleTrack(CAR)
    weave(NOMINAL, 2.0, 4.0, filtered)
    filtered.update(2.02, VescReading(yaw_rate_rad_s=0.01, values_age_s=0.01, imu_age_s=0.01), 0.0, standing=True)
    assert (filtered.v_x, filtered.v_y, filtered.yaw_rate) == (0.0, 0.0, 0.0)


def test_the_covariance_stays_one() -> None:
    filtered = SingleTrack(CAR)
    weave(NOMINAL, 20.0, 4.0, filtered)
    assert np.linalg.eigvalsh(filtered.covariance).min() > 0.0


@pytest.mark.parametrize(("speed", "steer"), [(1.0, 0.3), (3.0, 0.15), (5.0, -0.05), (3.5, -0.12)])
def test_the_steady_sideslip_is_the_simulators(speed: float, steer: float) -> None:
    car = np.array([0.0, 0.0, 0.0, speed, 0.0, 0.0, steer])
    for _ in range(300):
        step_pose(car, 0.0, (speed - car[3]) / 0.1, CAR, 0.01)
    assert steady_sideslip(car[3], car[5], CAR) == pytest.approx(car[4], abs=0.02 + 0.1 * abs(car[4]))


@pytest.mark.parametrize("ticks", [5, 9])
def test_while_answers_stay_away_the_motor_does_what_it_was_told(ticks: int) -> None:
    """Its last current says nothing of that: when answers stop, a car may have begun to brake, or to accelerate."""
    car, filtered, state = NOMINAL.packed(), SingleTrack(CAR), np.zeros(7)
    state[3], told = 2.0, []
    reading = VescReading()
    for tick in range(80):
        now = tick * TICK_S
        told.append(2.0 if tick < 77 - ticks else 5.0)  # on its way when answers stop
        at_wheels = told[max(0, tick - round(NOMINAL.actuation_s / TICK_S))]
        accel = float(drive_acceleration(state[3], at_wheels, car))
        if tick < 78 - ticks:
            reading = VescReading(erpm_speed_m_s=state[3], motor_current_a=accel / NOMINAL.motor_m_s2_per_a)
        for _ in range(4):
            step_pose(state, 0.0, float(drive_acceleration(state[3], at_wheels, car)), car, STEP_S)
        age_s = TICK_S * (1 + max(0, tick - (77 - ticks)))
        filtered.sent(now, 0.0, told[-1], 0.0, NOMINAL.actuation_s)
        filtered.update(now + TICK_S, replace(reading, values_age_s=age_s, imu_age_s=age_s), 0.0, standing=False)
    assert state[3] > 2.4
    assert filtered.v_x == pytest.approx(state[3], abs=0.25)


def test_a_car_that_is_not_heard_any_more_is_reckoned_to_stop_as_it_is_told() -> None:
    filtered = SingleTrack(CAR)
    weave(NOMINAL, 3.0, 4.0, filtered)
    brake_a, speeds = 20.0, []
    for tick in range(1, 160):
        now = 3.0 + tick * TICK_S
        filtered.sent(now - TICK_S, 0.0, 0.0, brake_a, 0.04)
        filtered.update(now, VescReading(values_age_s=1.0, imu_age_s=1.0), 0.0, standing=False)
        speeds.append(filtered.v_x)
    slowing = brake_a * NOMINAL.motor_m_s2_per_a
    assert speeds[20] == pytest.approx(4.0 - slowing * (20 * TICK_S - 0.04), abs=0.5)
    assert min(speeds) == speeds[-1] == 0.0
