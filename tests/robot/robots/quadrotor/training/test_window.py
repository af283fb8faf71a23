"""The parts of a window that its gradient's test does not reach: prices far out, crashes, and the restrained adjoint."""

import numpy as np
import pytest

from robot.robots.quadrotor.training.window import LANES, Objective, crash, price, restrain
from robot.tasks import hover
from sim.quadrotor.model import N_STATE

N = int(LANES)
SCALE = hover.OBSERVATION_SCALE.astype(np.float64)
PRICES = Objective(wall_m=0.3)


def seen(seed: int) -> np.ndarray:
    """Observations (N, 18), half of them far beyond the wall on either side."""
    return np.random.default_rng(seed).uniform(-2.0, 2.0, (N, 18)) * np.where(
        np.arange(18) < 3, PRICES.wall_m * SCALE, 1
    )


def test_the_slope_of_the_price_is_that_of_finite_differences() -> None:
    observations, gradient, none = seen(1), np.zeros((N, 18)), np.zeros((N, 18))
    running, small = np.full(N, 9), 1e-6
    price(observations, SCALE, PRICES, 0, running, gradient)
    for column in range(18):
        step = small * (np.arange(18) == column)
        up, down = (price(observations + sign * step, SCALE, PRICES, 0, running, none) for sign in (1.0, -1.0))
        assert gradient[:, column].sum() == pytest.approx((up - down) / (2.0 * small), rel=1e-5, abs=1e-5)


def test_beyond_the_wall_the_price_pushes_back_from_either_side() -> None:
    beyond, gradient = np.zeros((2, 18)), np.zeros((2, 18))
    beyond[:, 0] = 2.0 * PRICES.wall_m * SCALE[0], -2.0 * PRICES.wall_m * SCALE[0]
    price(beyond, SCALE, PRICES, 0, np.full(2, 9), gradient)
    assert gradient[0, 0] > 0.0 and gradient[1, 0] == pytest.approx(-gradient[0, 0])


def test_a_drone_that_has_crashed_costs_nothing() -> None:
    observations, gradient, crashes = seen(2), np.zeros((N, 18)), np.full(N, 9)
    crashes[3] = 4
    whole = price(observations, SCALE, PRICES, 3, crashes, gradient)
    gradient[:] = 0.0
    assert price(observations, SCALE, PRICES, 4, crashes, gradient) < whole
    assert not gradient[3].any() and gradient[2].any() and gradient[4].any()


@pytest.mark.parametrize(("column", "most"), [(1, PRICES.crash_m), (16, PRICES.crash_rate_rad_s)])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_drone_too_far_away_or_turning_too_fast_is_put_to_rest(column: int, most: float, side: float) -> None:
    observations, state, crashes = np.zeros((N, 18)), np.ones((1, N_STATE, N)), np.full(N, 9)
    observations[5, column] = 1.01 * side * most * SCALE[column]
    observations[6, column] = 0.99 * side * most * SCALE[column]
    crash(observations, SCALE, PRICES, 4, state, crashes)
    assert crashes[5] == 4 and (np.delete(crashes, 5) == 9).all()
    np.testing.assert_array_equal(state[0, :13, 5], np.arange(13) == 3)
    assert (np.delete(state, 5, axis=2) == 1.0).all()


def test_the_adjoint_is_discounted_and_cut_to_its_length() -> None:
    adjoint = np.zeros((1, N_STATE, N))
    adjoint[0, 2], adjoint[0, 7] = 3.0, 4.0
    adjoint[0, :, 1] *= 10.0
    restrain(adjoint, PRICES._replace(discount=0.5, adjoint_max=20.0))
    assert np.linalg.norm(adjoint[0, :, 0]) == pytest.approx(2.5)
    assert np.linalg.norm(adjoint[0, :, 1]) == pytest.approx(10.0)
    np.testing.assert_allclose(adjoint[0, [2, 7], 1], [6.0, 8.0])
