"""The estimator: a Kalman filter by the book, and blind to what the firmware's is blind to."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.emulators.crazyflie_estimator import (
    N_ERROR_STATE,
    VARIANCE_MAX,
    VARIANCE_MIN,
    add_process_noise,
    begin,
    correct,
    correct_attitude,
    correct_position,
    finish,
    predict,
    rotated,
)
from sim.quadrotor.model import GRAVITY_M_S2

LEVEL = np.array([1.0, 0.0, 0.0, 0.0])
STILL = np.zeros(3)
HOVER = np.array([0.0, 0.0, GRAVITY_M_S2])


@pytest.fixture
def fresh() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, q, p = np.zeros(N_ERROR_STATE), np.zeros(4), np.zeros((N_ERROR_STATE, N_ERROR_STATE))
    begin(x, q, p, np.zeros(3), 0.0)
    return x, q, p


def test_one_number_is_learned_as_the_book_says(fresh):
    x, _, p = fresh
    p[0, 0], p[0, 3], p[3, 0], p[3, 3] = 4.0, 1.0, 1.0, 2.0
    h = np.eye(N_ERROR_STATE)[0]
    correct(x, p, h, 3.0, 2.0)  # gain 4 / (4 + 4), 1 / 8
    assert x[0] == pytest.approx(1.5) and x[3] == pytest.approx(0.375)
    assert p[0, 0] == pytest.approx(2.0) and p[0, 3] == pytest.approx(0.5) and p[3, 3] == pytest.approx(1.875)


def test_a_hovering_drone_stays_and_a_falling_one_falls(fresh):
    x, q, p = fresh
    predict(x, q, p, HOVER, STILL, 0.01, True, 0.0, LEVEL, STILL)
    assert x == pytest.approx(np.zeros(9), abs=1e-12)
    predict(x, q, p, STILL, STILL, 0.01, True, 0.0, LEVEL, STILL)
    assert x[5] == pytest.approx(-0.01 * GRAVITY_M_S2)


def test_in_flight_sideways_acceleration_is_not_believed_on_the_ground_it_is(fresh):
    x, q, p = fresh
    pushed = HOVER + (1.0, 0.0, 0.0)
    predict(x, q, p, pushed, STILL, 0.01, True, 0.0, LEVEL, STILL)
    assert x[3] == 0.0
    predict(x, q, p, pushed, STILL, 0.01, False, 0.0, LEVEL, STILL)
    assert x[3] == pytest.approx(0.01)


def test_a_drag_that_it_is_told_of_slows_it_in_flight_alone(fresh):
    x, q, p = fresh
    x[3:6] = 2.0, -1.0, 0.5
    drag = np.array([0.5, 0.25, 0.0])
    predict(x, q, p, HOVER, STILL, 0.01, True, 0.0, LEVEL, drag)
    assert x[3:6] == pytest.approx([2.0 * (1.0 - 0.005), -1.0 * (1.0 - 0.0025), 0.5])
    predict(x, q, p, HOVER, STILL, 0.01, False, 0.0, LEVEL, drag)
    assert x[3] == pytest.approx(2.0 * (1.0 - 0.005))


def test_a_drone_that_the_air_slows_is_thought_too_fast_and_too_level_unless_it_is_told_so():
    """At a constant speed it has to be tilted, which without drag would accelerate it."""
    drag, tilt_rad, wrong = np.array([0.5, 0.5, 0.0]), math.atan(0.5 / GRAVITY_M_S2), []
    felt = np.array([0.0, 0.0, math.hypot(0.5, GRAVITY_M_S2) - 0.5 * math.sin(tilt_rad)])
    for told in (STILL, drag):
        x, q, p = np.zeros(N_ERROR_STATE), np.zeros(4), np.zeros((N_ERROR_STATE, N_ERROR_STATE))
        begin(x, q, p, np.zeros(3), 0.0)
        q[:] = rotated(LEVEL, 0.0, tilt_rad, 0.0)
        x[3], x[5] = math.cos(tilt_rad), math.sin(tilt_rad)
        for k in range(1000):
            if k % 10 == 0:
                predict(x, q, p, felt, STILL, 0.01, True, 0.0, LEVEL, told)
            add_process_noise(p, 0.001)
            if k % 20 == 0:
                correct_position(x, p, np.array([0.001 * k + 0.01, 0.0, 0.0]), 0.01)
            finish(x, q, p)
        wrong.append((math.hypot(x[3], x[5]) - 1.0, tilt_rad - 2.0 * math.asin(q[2])))
    (too_fast, too_level), told_of_it = wrong
    assert too_fast > 0.005 and too_level > 0.01
    assert told_of_it == pytest.approx((0.0, 0.0), abs=0.003)


def test_places_tell_it_how_it_is_tilted(fresh):
    """A drone that is tilted, and does not know, accelerates; the places that it comes through say so."""
    x, q, p = fresh
    tilt_rad, time_s = 0.05, 0.0
    for k in range(1500):
        time_s += 0.001
        if k % 10 == 0:
            predict(x, q, p, HOVER, STILL, 0.01, True, 0.0, LEVEL, STILL)
        add_process_noise(p, 0.001)
        if k % 10 == 0:
            correct_position(x, p, np.array([0.5 * GRAVITY_M_S2 * tilt_rad * time_s**2, 0.0, 0.0]), 0.01)
        assert finish(x, q, p)
    assert 2.0 * math.asin(q[2]) == pytest.approx(tilt_rad, abs=0.01)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_attitude_from_the_host_is_taken_whatever_its_sign(fresh, sign: float):
    x, q, p = fresh
    for _ in range(200):
        p[6:, 6:] = 0.01 * np.eye(3)
        correct_attitude(x, q, p, sign * np.array(rotated(LEVEL, 0.1, -0.2, 0.3)), 0.0045)
        finish(x, q, p)
    assert q == pytest.approx(np.array(rotated(LEVEL, 0.1, -0.2, 0.3)), abs=1e-3)


def test_a_standing_drone_goes_back_to_level(fresh):
    x, q, p = fresh
    q[:] = rotated(LEVEL, 0.3, 0.0, 0.0)
    for _ in range(2000):
        predict(x, q, p, HOVER, STILL, 0.01, False, 0.001, LEVEL, STILL)
    assert abs(q[1]) < 0.03


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_covariance_stays_symmetric_and_within_bounds(seed: int):
    rng = np.random.default_rng(seed)
    x, q, p = np.zeros(N_ERROR_STATE), LEVEL.copy(), np.zeros((N_ERROR_STATE, N_ERROR_STATE))
    begin(x, q, p, rng.normal(size=3), float(rng.normal()))
    for _ in range(50):
        predict(
            x, q, p, HOVER + rng.normal(size=3), rng.normal(size=3), 0.01, bool(rng.random() < 0.5), 0.0, LEVEL, STILL
        )
        add_process_noise(p, 0.01)
        correct(x, p, rng.normal(size=N_ERROR_STATE), float(rng.normal()), float(rng.uniform(0.001, 1.0)))
        finish(x, q, p)
        assert (p == p.T).all() and (np.diag(p) >= VARIANCE_MIN).all() and (p <= VARIANCE_MAX).all()
    assert np.linalg.norm(q) == pytest.approx(1.0)


@pytest.mark.parametrize(("k", "value"), [(0, 101.0), (4, -11.0), (2, math.nan)])
def test_a_state_out_of_bounds_is_said(fresh, k: int, value: float):
    x, q, p = fresh
    assert finish(x, q, p)
    x[k] = value
    assert not finish(x, q, p)
