"""A reward under which clips that were preferred earn more: Bradley and Terry, 1952, on pairs of clips (Christiano et al., 2017).

That the left clip is preferred has the probability 1 / (1 + exp(right's score - left's)), and where both are the same a half. A clip's score is the
mean of its decisions', and theirs a weighed sum of what was seen after them and done, and of the squares of that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy

from policies.array_file import read_arrays, write_arrays
from robot.practice.preferences.clips import held_out, place_of, stretches_of
from robot.practice.preferences.preferences_file import PREFERENCES_FILE, Better, Preferences
from sim.input_files import wrong

REWARD_FILE = "reward.npz"
DECAY = 3e-3  # of the weights
PAID = 1.0  # what the best of a run's decisions is paid above the worst
RANGE = (
    0.01,
    0.99,
)  # of a run's decisions: what scores less than nearly all is paid as the worst, and more, as the best
NEEDED, NEEDED_HELD_OUT = 30, 10  # pairs of which one clip was preferred
LEFT: Mapping[Better, float] = {"left": 1.0, "right": 0.0, "same": 0.5}  # the probability that a person told


@dataclass(frozen=True)
class Preferred:
    """What was fitted. middle, spread (k,): of the numbers of a decision, as the run had them; weights (2 k,): of what is left, and of its squares. worst,
    best: scores."""

    middle: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    worst: float
    best: float

    def scores(self, transitions: np.ndarray) -> np.ndarray:
        """Of transitions (n,), (n,)."""
        return np.asarray((self.features(transitions) * self.weights).sum(1))

    def pay(self, transitions: np.ndarray) -> np.ndarray:
        """(n,) for (n,): 0 for the best, and less for others, so that who ends an episode well has no more to pay."""
        share = (self.scores(transitions) - self.best) / (self.best - self.worst)
        return np.asarray(PAID * np.clip(share, -1.0, 0.0))

    def features(self, transitions: np.ndarray) -> np.ndarray:
        """(n, 2 k) of (n,). Raises ValueError for transitions of another task."""
        told = numbers(transitions)
        if told.shape[1] != len(self.middle):
            raise ValueError(
                f"found {told.shape[1]} numbers a decision, allowed: {len(self.middle)}, as of the task that it was fitted for"
            )
        one = (told - self.middle) / self.spread
        return np.concatenate([one, one * one], 1)


class TooFew(ValueError):
    """Preferences to learn a reward from."""


@dataclass(frozen=True)
class Judged:
    """accuracy: share of the pairs that nothing was fitted to, of which the clip that was preferred earns more. pairs: as many were fitted to,
    those that were the same included; held_out: as many judge."""

    accuracy: float
    pairs: int
    held_out: int


def numbers(transitions: np.ndarray) -> np.ndarray:
    """What is known of decisions (n,): what was seen after each, and done, (n, k)."""
    return np.concatenate([transitions["next_observation"], transitions["action"]], 1).astype(np.float64)


def fit(transitions: np.ndarray, preferences: Preferences) -> tuple[Preferred, Judged]:
    """To a run's transitions, in order of their steps. Raises TooFew preferences."""
    told = numbers(transitions)
    spread = told.std(0)
    untaught = Preferred(told.mean(0), np.where(spread > 0.0, spread, 1.0), np.zeros(2 * told.shape[1]), 0.0, 1.0)
    features, stretch = untaught.features(transitions), stretches_of(transitions)
    fitted: list[tuple[np.ndarray, float]] = []
    judging: list[tuple[np.ndarray, float]] = []
    for pair, better in preferences.items():
        left, right = place_of(transitions, pair.left), place_of(transitions, pair.right)
        if left is None or right is None:
            continue
        judges = {held_out(int(stretch[at])) for at in (left, right)}
        row = features[left : left + pair.left.count].mean(0) - features[right : right + pair.right.count].mean(0)
        if judges == {False}:
            fitted.append((row, LEFT[better]))
        elif judges == {True} and better != "same":
            judging.append((row, LEFT[better]))
    decided = sum(left != LEFT["same"] for _, left in fitted)
    if decided < NEEDED or len(judging) < NEEDED_HELD_OUT:
        raise TooFew(
            f"{PREFERENCES_FILE}: found {decided} pairs to fit to and {len(judging)} to judge by of which one clip was preferred, allowed: "
            f"{NEEDED} and {NEEDED_HELD_OUT} at least"
        )
    weights = most_likely(np.stack([row for row, _ in fitted]), np.array([left for _, left in fitted]))
    scores = features @ weights
    worst, best = np.quantile(scores, RANGE).tolist()
    if not best > worst:
        raise TooFew(f"{PREFERENCES_FILE}: found preferences that nothing of what is seen and done explains")
    right_ones = [(row @ weights > 0.0) == (left == LEFT["left"]) for row, left in judging]
    judged = Judged(float(np.mean(right_ones)), len(fitted), len(judging))
    return Preferred(untaught.middle, untaught.spread, weights, worst, best), judged


def most_likely(rows: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Weights of rows (n, weights), what the left clip has more than the right one. left (n,): how probably that was preferred."""

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        more = rows @ weights
        value = float((np.logaddexp(0.0, more) - left * more).mean() + 0.5 * DECAY * (weights * weights).sum())
        return value, rows.T @ (scipy.special.expit(more) - left) / len(rows) + DECAY * weights

    found = scipy.optimize.minimize(
        loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 2000}
    )
    return np.asarray(found.x, np.float64)


def save_preferred(path: Path, preferred: Preferred) -> None:
    """Raises OSError."""
    write_arrays(path, {name: np.asarray(value) for name, value in vars(preferred).items()})


def load_preferred(path: Path) -> Preferred:
    """Raises ValueError, naming file and field, for what `save_preferred` cannot have written."""
    arrays = read_arrays(path)
    size = arrays.get("middle", np.zeros(0)).size
    for name, shape in {"middle": (size,), "spread": (size,), "weights": (2 * size,), "worst": (), "best": ()}.items():
        array = arrays.get(name)
        if (
            array is None
            or size == 0
            or array.shape != shape
            or array.dtype.kind != "f"
            or not np.isfinite(array).all()
        ):
            found = "nothing" if array is None else f"{array.dtype} of shape {array.shape}"
            raise wrong(path, name, found, f"finite numbers of shape {shape}")
    worst, best = float(arrays["worst"]), float(arrays["best"])
    if not best > worst or not (arrays["spread"] > 0.0).all():
        raise wrong(
            path,
            "worst, best, spread",
            f"{worst}, {best}, {arrays['spread'].min()}",
            "worst below best, and a spread above 0",
        )
    return Preferred(arrays["middle"], arrays["spread"], arrays["weights"], worst, best)
