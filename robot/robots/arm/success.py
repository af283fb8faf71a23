"""Whether a peg is in, as an arm's servos tell it: a judge that was fitted to labelled moments, and then left as it is.

Logistic regression on what `peg_insert` sees of servos and of where the hand is, and on the squares of that. The threshold is part of the constant,
so that nothing but sums decides: a replay gives the same bytes.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from policies.array_file import read_arrays, write_arrays
from robot.tasks import peg_insert
from sim.input_files import wrong

SHIPPED = Path(__file__).parents[3] / "policies" / "shipped" / "peg_insert_success.npz"
SEEN = ("joint_speeds", "aside", "height", "tilt", "turn", "loads", "ahead", "slow_aside", "slow_height", "slow_loads")


def _places() -> np.ndarray:
    """Of SEEN in an observation."""
    starts = dict(zip(SEEN, peg_insert.SPEC.places(*SEEN), strict=True))
    sizes = {field.name: field.size for field in peg_insert.OBSERVATION_FIELDS}
    return np.concatenate([np.arange(starts[name], starts[name] + sizes[name]) for name in SEEN])


PLACES = _places()
COUNT = 1 + 2 * len(PLACES)  # weights: a constant, and two of each number


def features(seen: np.ndarray) -> np.ndarray:
    """Of observations (..., SIZE): (..., COUNT)."""
    told = np.asarray(seen, np.float64)[..., PLACES]
    return np.concatenate([np.ones((*told.shape[:-1], 1)), told, told * told], -1)


def succeeded(weights: np.ndarray, seen: np.ndarray) -> bool:
    """Whether an observation (SIZE,) is of a peg that is in."""
    return bool((weights * features(seen)).sum() > 0.0)


def read_classifier(path: Path) -> np.ndarray:
    """The weights (COUNT,) in a file. Raises ValueError, naming file and field, if they are damaged or of another version."""
    return weights_in(path, read_arrays(path), COUNT)


def weights_in(path: Path, arrays: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    """The weights (count,) among a file's arrays. Raises ValueError, naming file and field, for what cannot be."""
    weights = arrays.get("weights")
    if weights is None or weights.shape != (count,) or weights.dtype.kind != "f" or not np.isfinite(weights).all():
        found = "nothing" if weights is None else f"{weights.dtype} of shape {weights.shape}"
        raise wrong(path, "weights", found, f"{count} finite numbers")
    return np.asarray(weights, np.float64)


def write_classifier(path: Path, weights: np.ndarray) -> None:
    """Raises OSError."""
    write_arrays(path, {"weights": weights})
