"""CMA-ES finds minima that need a learned shape, and does the same for the same seed."""

import numpy as np
import pytest

from sim.cma_es import minimise


def stretched(points: np.ndarray) -> np.ndarray:
    """An ellipsoid a thousand times longer than wide, turned by 45 degrees in every plane; minimum 0 at 1, 1, ..."""
    n = points.shape[1]
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(n, n)))[0]
    return np.sum(((points - 1) @ turned) ** 2 * np.logspace(0, 6, n), axis=1)


def rosenbrock(points: np.ndarray) -> np.ndarray:
    return np.sum(100 * (points[:, 1:] - points[:, :-1] ** 2) ** 2 + (1 - points[:, :-1]) ** 2, axis=1)


@pytest.mark.parametrize("costs", [stretched, rosenbrock])
def test_it_finds_the_end_of_narrow_valleys(costs) -> None:
    best, cost = minimise(costs, np.zeros(6), 0.3, 12, 1200, np.random.default_rng(1))
    np.testing.assert_allclose(best, 1.0, atol=2e-3)
    assert cost == pytest.approx(costs(best[None])[0])


def test_the_result_is_the_best_point_ever_tried() -> None:
    tried = []

    def noisy(points: np.ndarray) -> np.ndarray:
        cost = np.sum(points**2, axis=1) + np.random.default_rng(len(tried)).uniform(0, 1, len(points))
        tried.extend(cost)
        return cost

    _, cost = minimise(noisy, np.ones(4), 0.3, 8, 30, np.random.default_rng(2))
    assert cost == min(tried)


def test_the_same_seed_gives_the_same_result_and_progress_ends_at_one() -> None:
    shares: list[float] = []
    first = minimise(rosenbrock, np.zeros(4), 0.3, 8, 50, np.random.default_rng(3), shares.append)
    second = minimise(rosenbrock, np.zeros(4), 0.3, 8, 50, np.random.default_rng(3))
    np.testing.assert_array_equal(first[0], second[0])
    assert shares == sorted(shares) and shares[-1] == 1.0
