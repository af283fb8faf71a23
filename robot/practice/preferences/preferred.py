"""What a person preferred, as a reward: `robot practice --reward robot.practice.preferences.preferred:pay:RUN/reward.npz`."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from robot.practice.preferences.bradley_terry import Preferred, load_preferred


def pay(transitions: np.ndarray, told: str) -> np.ndarray:
    """A reward as `robot/practice/reward.py` takes one. told: the file that `robot label RUN --pairs` has written."""
    return _preferred(told).pay(transitions)


@lru_cache(maxsize=1)
def _preferred(path: str) -> Preferred:
    return load_preferred(Path(path))
