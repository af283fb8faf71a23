"""The car's equations: against other people's model, against an integrator of another kind, against physics."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from robot.bench.car import error_against_commonroad
from sim.car.model import (
    GRIP_APART,
    P_POWER_SPEED,
    PHYSICS_STEP_S,
    Randomisation,
    battery_voltage,
    body_derivative,
    drive_acceleration,
    drive_on_battery,
    hidden_car,
    load_parameters,
    steering_rate,
    step_pose,
    track_derivative,
)

CAR = load_parameters()
P = CAR.packed()
SPEEDS = st.floats(-6.0, 8.0)
SIDEWAYS = st.floats(-3.0, 3.0)
YAW_RATES = st.floats(-8.0, 8.0)
STEERS = st.floats(-0.47, 0.47)
SHARES = st.floats(0.4, 1.3)
ACCELS = st.floats(-9.5, 9.5)


def drive(state: np.ndarray, steer_command: float, speed_command: float, seconds: float) -> np.ndarray:
    for _ in range(round(seconds / PHYSICS_STEP_S)):
        accel = drive_acceleration(state[3], speed_command, P)
        step_pose(state, steering_rate(state[6], steer_command, P, PHYSICS_STEP_S), accel, P, PHYSICS_STEP_S)
    return state


def rolling_at(speed: float, steer: float = 0.0) -> np.ndarray:
    return np.array([0.0, 0.0, 0.0, speed, 0.0, 0.0, steer])


def test_at_small_slip_it_is_the_single_track_model_of_commonroad() -> None:
    assert error_against_commonroad() < 1e-3


@given(v_x=SPEEDS, v_y=SIDEWAYS, yaw_rate=YAW_RATES, steer=STEERS, accel=ACCELS, shares=st.tuples(SHARES, SHARES))
@settings(deadline=None)
def test_forces_are_those_of_the_textbook(
    v_x: float, v_y: float, yaw_rate: float, steer: float, accel: float, shares: tuple[float, float]
) -> None:
    """The same model written down again: velocities at the axles, tyre curve, ellipse of each axle, Newton and Euler."""
    mass, wheelbase = CAR.mass_kg, CAR.front_axle_m + CAR.rear_axle_m
    rotation = np.array([[math.cos(steer), math.sin(steer)], [-math.sin(steer), math.cos(steer)]])
    force = np.array([mass * accel, 0.0])
    torque = 0.0
    shift = CAR.gravity_centre_height_m * accel
    for arm, stiffness, turned, load, share in (
        (CAR.front_axle_m, CAR.front_stiffness_per_rad, rotation, CAR.rear_axle_m * 9.81 - shift, shares[0]),
        (-CAR.rear_axle_m, CAR.rear_stiffness_per_rad, np.eye(2), CAR.front_axle_m * 9.81 + shift, shares[1]),
    ):
        grip = CAR.grip * share
        share_left = math.sqrt(max(0.05, 1 - (accel / (grip * 9.81)) ** 2))
        sideways = (turned @ np.array([v_x, v_y + arm * yaw_rate]))[1]
        x = -stiffness * sideways / max(abs(v_x), 0.5) / share_left
        peak = grip * mass * load / wheelbase * share_left
        at_axle = turned.T @ np.array([0.0, peak * x / math.hypot(1.0, x)])
        force += at_axle
        torque += arm * at_axle[1]
    force[0] -= mass * (CAR.drag_per_m * v_x * abs(v_x) + CAR.rolling_resistance_m_s2 * v_x / math.hypot(v_x, 0.1))
    p = replace(CAR, front_grip_share=shares[0], rear_grip_share=shares[1]).packed()
    expected = (force[0] / mass + v_y * yaw_rate, force[1] / mass - v_x * yaw_rate, torque / CAR.yaw_inertia_kg_m2)
    np.testing.assert_allclose(body_derivative(v_x, v_y, yaw_rate, steer, accel, p), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("speed", [-2.0, 0.3, 1.0, 3.0, 6.0])
def test_a_step_follows_the_exact_solution(speed: float) -> None:
    steer_rate, accel = 0.8, 1.5

    def rates(_: float, state: np.ndarray) -> list[float]:
        _, _, yaw, v_x, v_y, yaw_rate, steer = state
        east, north = v_x * math.cos(yaw) - v_y * math.sin(yaw), v_x * math.sin(yaw) + v_y * math.cos(yaw)
        return [east, north, yaw_rate, *body_derivative(v_x, v_y, yaw_rate, steer, accel, P), steer_rate]

    start = np.array([1.0, 2.0, 0.5, speed, 0.1, 0.4, 0.05])
    exact = solve_ivp(rates, (0.0, 0.2), start, method="DOP853", rtol=1e-11, atol=1e-12).y[:, -1]
    errors = []
    for step_s in (PHYSICS_STEP_S, PHYSICS_STEP_S / 2):
        state = start.copy()
        for _ in range(round(0.2 / step_s)):
            step_pose(state, steer_rate, accel, P, step_s)
        errors.append(np.abs(state - exact).max())
    assert errors[0] < 2e-3
    assert errors[1] < errors[0] / 6 or errors[1] < 1e-9  # fourth order, less where the slip's floor bends the curve


@given(v_x=SPEEDS, v_y=SIDEWAYS, yaw_rate=YAW_RATES, steer=STEERS, accel=ACCELS)
@settings(deadline=None)
def test_left_and_right_are_mirror_images(v_x: float, v_y: float, yaw_rate: float, steer: float, accel: float) -> None:
    left = np.array(body_derivative(v_x, v_y, yaw_rate, steer, accel, P))
    right = np.array(body_derivative(v_x, -v_y, -yaw_rate, -steer, accel, P))
    np.testing.assert_allclose(right, left * [1, -1, -1], rtol=1e-12, atol=1e-12)


@given(v_x=SPEEDS, v_y=SIDEWAYS, yaw_rate=YAW_RATES, steer=STEERS)
@settings(deadline=None)
def test_without_drive_a_car_never_gains_energy(v_x: float, v_y: float, yaw_rate: float, steer: float) -> None:
    dv_x, dv_y, dyaw_rate = body_derivative(v_x, v_y, yaw_rate, steer, 0.0, P)
    power = CAR.mass_kg * (v_x * dv_x + v_y * dv_y) + CAR.yaw_inertia_kg_m2 * yaw_rate * dyaw_rate
    assert power <= 1e-9


def test_a_parked_car_stays_parked() -> None:
    state = drive(rolling_at(0.0), steer_command=0.3, speed_command=0.0, seconds=1.0)
    np.testing.assert_allclose(state[:6], 0.0, atol=1e-12)


@given(state=st.tuples(SPEEDS, SIDEWAYS, YAW_RATES, STEERS), steer=STEERS, speed=st.floats(-2.0, 6.0))
@settings(max_examples=50, deadline=None)
def test_it_settles_from_any_state(state: tuple[float, ...], steer: float, speed: float) -> None:
    after = drive(np.array([0.0, 0.0, 0.0, *state]), 0.3 * steer, speed, seconds=4.0)
    assert np.all(np.isfinite(after))
    assert abs(after[3] - speed) < 0.6
    assert abs(after[4]) < 0.7  # it turns at nearly all that the tyres give, and slides a little
    before = after.copy()
    np.testing.assert_allclose(drive(after, 0.3 * steer, speed, 0.5)[3:], before[3:], atol=0.05)


@pytest.mark.parametrize("speed", [1.0, -1.0])
def test_at_walking_pace_it_turns_like_a_bicycle_forwards_and_backwards(speed: float) -> None:
    state = drive(rolling_at(speed, steer=0.2), 0.2, speed, 2.0)
    assert state[5] == pytest.approx(state[3] * math.tan(0.2) / CAR.wheelbase_m, rel=0.06)


@given(v_x=SPEEDS, command=st.floats(-8.0, 8.0))
@settings(deadline=None)
def test_drive_and_brakes_have_their_limits(v_x: float, command: float) -> None:
    accel = drive_acceleration(v_x, command, P)
    assert abs(accel) <= CAR.accel_max_m_s2 + 1e-9
    if accel * v_x > 0:
        assert abs(accel * v_x) <= CAR.accel_max_m_s2 * CAR.power_limit_speed_m_s + 1e-9
    assert accel * (command - v_x) >= 0


@given(charge=st.floats(0.0, 1.0), current=st.floats(0.0, 50.0))
@settings(deadline=None)
def test_the_battery_sags_between_full_and_empty(charge: float, current: float) -> None:
    voltage = battery_voltage(charge, current, P)
    assert voltage == pytest.approx(CAR.empty_v + charge * (CAR.full_v - CAR.empty_v) - CAR.resistance_ohm * current)


def test_an_empty_battery_leaves_less_drive_at_speed_and_the_same_brakes() -> None:
    speed = P[P_POWER_SPEED]
    assert drive_on_battery(speed, 9.0, 0.0, P) < 0.8 * drive_on_battery(speed, 9.0, 1.0, P)
    assert drive_on_battery(2.0, 2.5, 0.0, P) == pytest.approx(drive_acceleration(2.0, 2.5, P))
    assert drive_on_battery(speed, 0.0, 0.0, P) == drive_acceleration(speed, 0.0, P)


@given(command=st.floats(-1.0, 1.0), trim=st.floats(-0.05, 0.05))
@settings(max_examples=20, deadline=None)
def test_the_wheels_reach_the_command_plus_the_trim(command: float, trim: float) -> None:
    p = hidden_car(0).packed()
    p[10] = trim
    steer = 0.0
    for _ in range(100):
        rate = steering_rate(steer, command, p, PHYSICS_STEP_S)
        assert abs(rate) <= CAR.steer_rate_max_rad_s
        steer += rate * PHYSICS_STEP_S
    assert steer == pytest.approx(np.clip(command, -CAR.steer_max_rad, CAR.steer_max_rad) + trim, abs=1e-9)


@given(angle=st.floats(0.0, 6.0), lateral=st.floats(-0.9, 0.9), error=st.floats(-1.5, 1.5), v_x=SPEEDS, v_y=SIDEWAYS)
@settings(deadline=None)
def test_on_a_circle_the_frenet_rates_are_polar_rates(
    angle: float, lateral: float, error: float, v_x: float, v_y: float
) -> None:
    radius, yaw_rate, dt = 3.0, 0.7, 1e-6
    yaw = angle + math.pi / 2 + error
    x, y = (radius - lateral) * math.cos(angle), (radius - lateral) * math.sin(angle)
    x += dt * (v_x * math.cos(yaw) - v_y * math.sin(yaw))
    y += dt * (v_x * math.sin(yaw) + v_y * math.cos(yaw))
    turned = math.remainder(math.atan2(y, x) - angle, 2 * math.pi)
    expected = (radius * turned / dt, (radius - math.hypot(x, y) - lateral) / dt, yaw_rate - turned / dt)
    rates = track_derivative(lateral, error, v_x, v_y, yaw_rate, 1 / radius)
    np.testing.assert_allclose(rates, expected, atol=2e-4)


@given(seed=st.integers(0, 10**6))
@settings(deadline=None)
def test_tyres_apart_are_drawn_by_the_seed_and_nothing_else_of_the_car_changes(seed: int) -> None:
    car, alike = hidden_car(seed, apart=True), hidden_car(seed)
    assert car == hidden_car(seed, apart=True)
    for grip in (car.front_grip, car.rear_grip):
        assert GRIP_APART[0] <= grip / CAR.grip <= GRIP_APART[1]
    assert car.front_grip != car.rear_grip
    assert replace(car, grip=alike.grip, front_grip_share=1.0, rear_grip_share=1.0) == alike


@given(seed=st.integers(0, 10**6))
@settings(deadline=None)
def test_a_hidden_car_is_drawn_by_its_seed_within_the_spread(seed: int) -> None:
    car, spread = hidden_car(seed), Randomisation()
    assert car == hidden_car(seed)
    assert abs(car.grip / CAR.grip - 1) <= spread.grip
    assert (car.front_grip, car.rear_grip) == (car.grip, car.grip)
    assert abs(car.mass_kg / CAR.mass_kg - 1) <= spread.mass
    assert car.yaw_inertia_kg_m2 / CAR.yaw_inertia_kg_m2 == pytest.approx(car.mass_kg / CAR.mass_kg)
    assert abs(car.actuation_s - CAR.actuation_s) <= spread.delay_s
    assert abs(car.steer_trim_rad) <= spread.trim_rad
