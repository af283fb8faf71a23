"""What keeps an arm out of trouble: a box for the end of what it holds, and servos that do not press for long."""

import numpy as np

STRAINED, RELIEVED = 0.9, 0.6  # loads, of full duty
STRAINED_S = 0.25  # for longer no servo presses so hard: the torque of the next ones is its burning


def kept_inside(place: np.ndarray, step: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The part of a step (3,) from a place that does not lead out of the box; one that is outside may come back in."""
    return np.minimum(np.maximum(step, np.minimum(low - place, 0.0)), np.maximum(high - place, 0.0))


class Strain:
    """How long each servo has worked hard, and which are eased. A servo is eased until its load is down again."""

    def __init__(self, joints: int) -> None:
        self.lasts_s = np.zeros(joints)
        self.eased = np.zeros(joints, bool)

    def see(self, load: np.ndarray, passed_s: float) -> None:
        """Loads (joints,), -1 to 1, of a tick."""
        hard = np.abs(load)
        self.lasts_s = np.where(hard > STRAINED, self.lasts_s + passed_s, 0.0)
        self.eased = (self.lasts_s > STRAINED_S) | (self.eased & (hard > RELIEVED))
