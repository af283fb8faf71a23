"""CMA-ES: minimise a function that can only be tried, by a normal distribution that learns its shape.

N. Hansen, "The CMA Evolution Strategy: A Tutorial" (arXiv 1604.00772), with its default settings.
"""

import math
from collections.abc import Callable

import numpy as np


def minimise(
    costs: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    sigma: float,
    population: int,
    generations: int,
    rng: np.random.Generator,
    progress: Callable[[float], None] = lambda share: None,
) -> tuple[np.ndarray, float]:
    """The best point found (n,) and its cost, from `start` (n,) with steps of about `sigma`.

    costs: from points (population, n) to their costs (population,). progress: called with the share done, 0 to 1.
    Stops early when sigma has become 1e-4 of its start.
    """
    n = len(start)
    parents = population // 2
    weights = np.log(parents + 0.5) - np.log(np.arange(1, parents + 1))
    weights /= weights.sum()
    effective = 1.0 / np.sum(weights**2)
    rate_path = (4 + effective / n) / (n + 4 + 2 * effective / n)
    rate_sigma = (effective + 2) / (n + effective + 5)
    rate_one = 2 / ((n + 1.3) ** 2 + effective)
    rate_parents = min(1 - rate_one, 2 * (effective - 2 + 1 / effective) / ((n + 2) ** 2 + effective))
    damping = 1 + 2 * max(0.0, math.sqrt((effective - 1) / (n + 1)) - 1) + rate_sigma
    usual_length = math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n))

    mean, smallest = start.copy(), 1e-4 * sigma
    best, best_cost = start.copy(), float(costs(start[None])[0])
    path, path_sigma = np.zeros(n), np.zeros(n)
    covariance, axes, lengths = np.eye(n), np.eye(n), np.ones(n)
    for generation in range(generations):
        steps = rng.standard_normal((population, n)) * lengths @ axes.T
        points = mean + sigma * steps
        cost = costs(points)
        order = np.argsort(cost, kind="stable")
        if cost[order[0]] < best_cost:
            best, best_cost = points[order[0]].copy(), float(cost[order[0]])
        chosen = steps[order[:parents]]
        step = weights @ chosen
        mean = mean + sigma * step
        path_sigma = (1 - rate_sigma) * path_sigma
        path_sigma += math.sqrt(rate_sigma * (2 - rate_sigma) * effective) * (axes @ ((axes.T @ step) / lengths))
        relative = np.linalg.norm(path_sigma) / usual_length
        settled = relative / math.sqrt(1 - (1 - rate_sigma) ** (2 * (generation + 1))) < 1.4 + 2 / (n + 1)
        path = (1 - rate_path) * path + settled * math.sqrt(rate_path * (2 - rate_path) * effective) * step
        covariance = (1 - rate_one - rate_parents) * covariance + rate_one * np.outer(path, path)
        covariance += rate_parents * (chosen.T * weights) @ chosen
        sigma *= math.exp((rate_sigma / damping) * (relative - 1))
        if generation % 5 == 0:
            squares, axes = np.linalg.eigh((covariance + covariance.T) / 2)
            lengths = np.sqrt(np.maximum(squares, 1e-14))
        progress((generation + 1) / generations)
        if sigma < smallest:
            break
    return best, best_cost
