"""Whether a peg is in, as a picture of the camera on the hand shows it: a judge that was fitted to labelled pictures, and then left as it is.

Logistic regression on what the encoder tells and on its features, and on the squares of that; as `robot/robots/arm/success.py` does of servo readings.
"""

from pathlib import Path

import numpy as np

from robot.robots.arm.eyes.wrist_view import FEATURES, TOLD

SHIPPED = Path(__file__).parents[4] / "policies" / "shipped" / "peg_insert_by_camera" / "success.npz"
SEEN = TOLD + FEATURES
COUNT = 1 + 2 * SEEN  # weights: a constant, and two of each number


def features(embedding: np.ndarray) -> np.ndarray:
    """Of embeddings (..., SIZE): (..., COUNT)."""
    told = np.asarray(embedding, np.float64)[..., :SEEN]
    return np.concatenate([np.ones((*told.shape[:-1], 1)), told, told * told], -1)


def succeeded(weights: np.ndarray, embedding: np.ndarray) -> bool:
    """Whether an embedding (SIZE,) is of a peg that is in."""
    return bool((weights * features(embedding)).sum() > 0.0)
