"""A classifier of success: fitted to some episodes, its threshold set by others, and judged by others again."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

from robot.robots.arm.success import features as of_servos
from robot.robots.arm.training.labelled import Labelled

SHARES = (0.5, 0.75)  # of the episodes: fitted to, and, up to here, calibrated with; the rest judges
FALSE_EPISODES = (
    0.005  # share of the calibrating episodes, at most, that may once be taken for a success before they are
)
DECAY = 1e-4  # of the weights
MARGIN = 1e-6
Features = Callable[[np.ndarray], np.ndarray]  # of what is seen (n, .): (n, weights)


@dataclass(frozen=True)
class Judged:
    """By episodes that it was not fitted to. false_positive_rate: of moments; false_episodes: share of the episodes that it once took for
    a success while the peg was not in; found: share of those in which the peg came in, that it noticed; moments, episodes: how many."""

    false_positive_rate: float
    false_episodes: float
    found: float
    moments: int
    episodes: int


def fit(
    told: Labelled, seed: int, features: Features = of_servos, missed: float | None = None
) -> tuple[np.ndarray, Judged]:
    """Weights, one a feature, whose threshold is 0, and what they are worth. missed: where few episodes calibrate, the share of their
    successes that the threshold is raised to miss. Raises ValueError where nothing can be calibrated."""
    episodes = np.random.default_rng([seed, 0xF17]).permutation(np.unique(told.episode))
    first, second = (round(share * len(episodes)) for share in SHARES)
    fitted, calibrating, judging = (
        told.of(some) for some in (episodes[:first], episodes[first:second], episodes[second:])
    )
    for name, part in (("fitted to", fitted), ("calibrated with", calibrating), ("judged by", judging)):
        if part.within.all() or not part.within.any():
            raise ValueError(
                f"--success-from: found too few episodes, allowed: some with and without success to be {name}"
            )
    weights = logistic(features(fitted.seen), fitted.within)
    highest = highest_outside(weights, calibrating, features)
    allowed = int(FALSE_EPISODES * len(highest))  # episodes above the threshold
    threshold = float(np.sort(highest)[len(highest) - 1 - allowed]) + MARGIN
    if missed is not None:
        threshold = max(threshold, float(np.quantile(highest_inside(weights, calibrating, features), missed)))
    weights[0] -= threshold
    return weights, judge(weights, judging, features)


def logistic(rows: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Weights of rows (n, weights): both kinds count alike, however many there are."""
    sign = np.where(within, 1.0, -1.0)
    share = np.where(within, 0.5 / within.sum(), 0.5 / (~within).sum())

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margins = sign * (rows @ weights)
        value = float((share * np.logaddexp(0.0, -margins)).sum() + 0.5 * DECAY * (weights[1:] ** 2).sum())
        slope = -share * sign * scipy.special.expit(-margins)
        gradient = rows.T @ slope
        gradient[1:] += DECAY * weights[1:]
        return value, gradient

    found = scipy.optimize.minimize(
        loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 2000}
    )
    return np.asarray(found.x, np.float64)


def highest_outside(weights: np.ndarray, told: Labelled, features: Features) -> np.ndarray:
    """The highest score of each episode while its peg is not in."""
    return _highest(weights, told, features, ~told.within)


def highest_inside(weights: np.ndarray, told: Labelled, features: Features) -> np.ndarray:
    """The highest score of each episode whose peg came in, while it is in."""
    return _highest(weights, told, features, told.within)


def _highest(weights: np.ndarray, told: Labelled, features: Features, some: np.ndarray) -> np.ndarray:
    scores = features(told.seen) @ weights
    return np.array([scores[(told.episode == each) & some].max() for each in np.unique(told.episode[some])])


def judge(weights: np.ndarray, told: Labelled, features: Features = of_servos) -> Judged:
    """With the threshold at 0."""
    says = features(told.seen) @ weights > 0.0
    came_in = np.unique(told.episode[told.within])
    noticed = [bool((says & told.within)[told.episode == each].any()) for each in came_in]
    return Judged(
        false_positive_rate=float(says[~told.within].mean()),
        false_episodes=float((highest_outside(weights, told, features) > 0.0).mean()),
        found=float(np.mean(noticed)),
        moments=len(told.within),
        episodes=len(np.unique(told.episode)),
    )
