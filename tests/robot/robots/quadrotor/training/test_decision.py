"""The parts of a window that its gradient's test does not reach: prices far out, crashes, and the restrained adjoint."""

import numpy as np
import pytest

from robot.robots.quadrotor.training.any_quadrotor import OBJECTIVE
from robot.robots.quadrotor.training.decision import (
    LANES,
    Objective,
    crash,
    delay,
    delay_adjoint,
    forget,
    price,
    price_calm,
    restrain,
)
from robot.tasks import hover
from sim.quadrotor.model import N_STATE

N = int(LANES)
SCALE = hover.OBSERVATION_SCALE.astype(np.float64)
OF_ONE, OF_ANY = Objective(), OBJECTIVE._replace(near=25.0, calm=1.0)


def seen(seed: int, prices: Objective) -> np.ndarray:
    """Observations (18, N), half of them far beyond the wall and fast."""
    wide = np.where(np.arange(18) < 3, prices.wall_m * SCALE[0], 1.0) * np.where(np.arange(18) // 3 == 4, 2.0, 1.0)
    return np.random.default_rng(seed).uniform(-2.0, 2.0, (18, N)) * wide[:, None]


def priced(observations: np.ndarray, prices: Objective, t: int, crashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each drone's costs (N,) and the gradient (18, N)."""
    costs, gradient = np.zeros(N), np.zeros(18 * N)
    price(observations.reshape(-1), SCALE, prices, t, crashes, costs, gradient)
    return costs, gradient.reshape(18, N)


@pytest.mark.parametrize("prices", [OF_ONE, OF_ANY])
def test_the_slope_of_the_price_is_that_of_finite_differences(prices: Objective) -> None:
    observations, running, small = seen(1, prices), np.full(N, 9), 1e-6
    _, gradient = priced(observations, prices, 0, running)
    for row in range(18):
        step = small * (np.arange(18) == row)[:, None]
        up, down = (priced(observations + sign * step, prices, 0, running)[0] for sign in (1.0, -1.0))
        np.testing.assert_allclose(gradient[row], (up - down) / (2.0 * small), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("prices", [OF_ONE, OF_ANY])
def test_beyond_the_wall_the_price_pushes_back_from_either_side(prices: Objective) -> None:
    beyond = np.zeros((18, N))
    beyond[0, :2] = 2.0 * prices.wall_m * SCALE[0], -2.0 * prices.wall_m * SCALE[0]
    _, gradient = priced(beyond, prices, 0, np.full(N, 9))
    assert gradient[0, 0] > 0.0 and gradient[0, 1] == pytest.approx(-gradient[0, 0])


def test_a_drone_that_has_crashed_costs_nothing() -> None:
    observations, crashes = seen(2, OF_ANY), np.full(N, 9)
    crashes[3] = 4
    before, _ = priced(observations, OF_ANY, 3, crashes)
    after, gradient = priced(observations, OF_ANY, 4, crashes)
    assert before[3] > 0.0 == after[3] and (np.delete(after, 3) == np.delete(before, 3)).all()
    assert not gradient[:, 3].any() and gradient[:, 2].any()
    adjoint = np.ones((N_STATE, N))
    forget(4, crashes, adjoint)
    assert not adjoint[:, 3].any() and (np.delete(adjoint, 3, axis=1) == 1.0).all()


@pytest.mark.parametrize(("row", "most"), [(1, OF_ONE.crash_m), (16, OF_ONE.crash_rate_rad_s)])
@pytest.mark.parametrize("value", [1.01, -1.01, np.nan])
def test_a_drone_too_far_away_or_turning_too_fast_is_put_to_rest(row: int, most: float, value: float) -> None:
    observations, state, crashes = np.zeros((18, N)), np.ones((N_STATE, N)), np.full(N, 9)
    observations[row, 5], observations[row, 6] = value * most * SCALE[row], 0.99 * most * SCALE[row]
    crash(observations, SCALE, OF_ONE, 4, state, crashes)
    assert crashes[5] == 4 and (np.delete(crashes, 5) == 9).all() and not observations[:, 5].any()
    np.testing.assert_array_equal(state[:13, 5], np.arange(13) == 3)
    assert (np.delete(state, 5, axis=1) == 1.0).all()


def test_an_adjoint_is_discounted_and_cut_to_its_length() -> None:
    adjoint = np.zeros((16, N))
    adjoint[2], adjoint[7] = 3.0, 4.0
    adjoint[:, 1] *= 10.0
    restrain(adjoint.reshape(-1), np.uintp(16), 0.5, 20.0)
    assert np.linalg.norm(adjoint[:, 0]) == pytest.approx(2.5)
    assert np.linalg.norm(adjoint[:, 1]) == pytest.approx(10.0)


def test_what_is_near_costs_more_and_what_is_far_no_more_for_going_on() -> None:
    def cost(distance_m: float) -> float:
        observations = np.zeros((18, N))
        observations[0] = distance_m * SCALE[0]
        dear = OF_ANY._replace(near=25.0, position=0.0, wall=0.0, attitude=0.0)
        return float(priced(observations, dear, 0, np.full(N, 9))[0].mean())

    assert cost(0.0) == 0.0 and cost(0.05) - cost(0.03) > 0.5 * 25.0 * 0.02
    assert cost(1.0) - cost(0.98) < 0.05 * 25.0 * 0.02


def test_what_reaches_the_rotors_is_as_old_as_the_latency_and_so_is_its_adjoint() -> None:
    rng = np.random.default_rng(3)
    actions, shares, commands = rng.uniform(-1.0, 1.0, (5, 4, N)), np.zeros((3, N)), np.empty((4, N))
    shares[1], shares[2] = 0.75, 0.25  # 12.5 ms, of 10 ms each
    delay(actions, 4, shares, commands)
    np.testing.assert_allclose(commands, 0.5 + 0.5 * (0.75 * actions[3] + 0.25 * actions[2]))
    d_commands, d_actions = rng.normal(size=(4, N)), np.zeros_like(actions)
    delay_adjoint(d_commands, 4, shares, d_actions)
    np.testing.assert_allclose(d_actions[3], 0.375 * d_commands)
    np.testing.assert_allclose(d_actions[2], 0.125 * d_commands)
    assert not d_actions[[0, 1, 4]].any()


def test_turning_costs_those_alone_who_have_long_arrived_and_the_slope_is_that_of_finite_differences() -> None:
    observations, crashes, small = seen(3, OF_ANY), np.full(N, 9), 1e-6
    ages = np.where(np.arange(N) < N // 2, 0.0, OF_ANY.calm_after)
    crashes[-1] = 0

    def calm(observed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        costs, gradient = np.zeros(N), np.zeros(18 * N)
        price_calm(observed.reshape(-1), SCALE, OF_ANY, 1, ages, crashes, costs, gradient)
        return costs, gradient.reshape(18, N)

    costs, gradient = calm(observations)
    assert (costs[N // 2 : -1] > 0.0).all() and not costs[: N // 2].any() and costs[-1] == 0.0
    for row in range(18):
        step = small * (np.arange(18) == row)[:, None]
        up, down = (calm(observations + sign * step)[0] for sign in (1.0, -1.0))
        np.testing.assert_allclose(gradient[row], (up - down) / (2.0 * small), rtol=1e-4, atol=1e-4)
