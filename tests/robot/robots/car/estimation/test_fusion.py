"""The filter: its covariance against differences, its update against the textbook."""

import math

import numpy as np
import pytest

from robot.robots.car.estimation import fusion

STATE = np.array([1.0, -2.0, 0.7, 0.2, 0.01])


def predicted(state: np.ndarray, covariance: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """State and covariance after one tick in a bend."""
    state, covariance = state.copy(), np.zeros((5, 5)) if covariance is None else covariance.copy()
    fusion.predict(state, covariance, 0.15, 0.25, 0.08, 0.03, True, True, 0.02)
    return state, covariance


def some_covariance(seed: int) -> np.ndarray:
    root = np.random.default_rng(seed).standard_normal((5, 5)) * np.array([0.1, 0.1, 0.05, 0.2, 0.01])[:, None]
    return root @ root.T


def test_the_covariance_moves_with_the_derivative_of_the_state() -> None:
    _, noise = predicted(STATE)
    jacobian = np.empty((5, 5))
    step = 1e-6
    for k in range(5):
        ahead, behind = STATE.copy(), STATE.copy()
        ahead[k] += step
        behind[k] -= step
        jacobian[:, k] = (predicted(ahead)[0] - predicted(behind)[0]) / (2.0 * step)
    before = some_covariance(1)
    _, after = predicted(STATE, before)
    assert after - noise == pytest.approx(jacobian @ before @ jacobian.T, rel=0.02, abs=2e-5)


def test_a_correction_is_the_textbooks() -> None:
    covariance, state = some_covariance(2), STATE.copy()
    root = np.random.default_rng(3).standard_normal((3, 3))
    measured_covariance = 0.01 * root @ root.T + 1e-3 * np.eye(3)
    measured = state[:3] + (0.05, -0.02, 0.03)
    h = np.eye(3, 5)
    gain = covariance @ h.T @ np.linalg.inv(h @ covariance @ h.T + measured_covariance)
    expected = state + gain @ (measured - state[:3])
    after = (np.eye(5) - gain @ h) @ covariance
    # `correct` is told the matched pose, which is what the measurement makes of the state's own pose.
    fusion.correct(state, covariance, expected[:3].copy(), np.linalg.inv(measured_covariance))
    assert state == pytest.approx(expected, abs=1e-9)
    assert covariance == pytest.approx(after, abs=1e-9)


def test_parallel_walls_leave_the_way_along_them_open() -> None:
    covariance, state = np.diag([0.04, 0.04, 1e-4, 1e-2, 1e-6]), STATE.copy()
    across = np.zeros((3, 3))
    across[1, 1] = 1e4
    fusion.correct(state, covariance, state[:3].copy(), across)
    assert covariance[0, 0] == pytest.approx(0.04)
    assert covariance[1, 1] < 2e-4


def test_standing_teaches_the_gyros_bias() -> None:
    state, covariance = np.zeros(5), np.diag([0.0, 0.0, 0.0, 0.01, 4e-4])
    rng = np.random.default_rng(0)
    for _ in range(200):
        fusion.stand_still(state, covariance, 0.008 + 0.005 * rng.standard_normal())
    assert state[fusion.BIAS] == pytest.approx(0.008, abs=0.001)
    assert state[fusion.V_Y] == 0.0
    assert math.sqrt(covariance[fusion.BIAS, fusion.BIAS]) < 0.001
