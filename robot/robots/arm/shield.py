"""What keeps an arm's servos from burning, and from letting go to save themselves: none presses hard for long.

An STS3215 that gives more than 80 % of its torque for two seconds lets go, as its table of registers has it, and a raised arm falls.
"""

import numpy as np

STRAINED, RELIEVED = 0.65, 0.5  # loads, of full duty
STRAINED_S = 0.25  # for longer no servo presses so hard


class Strain:
    """How long each servo has worked hard, and which are eased. A servo is eased until its load is down again."""

    def __init__(self, joints: int | tuple[int, ...]) -> None:
        self.lasts_s = np.zeros(joints)
        self.eased = np.zeros(joints, bool)

    def see(self, load: np.ndarray, passed_s: float) -> None:
        """Loads, -1 to 1, of a tick."""
        hard = np.abs(load)
        self.lasts_s = np.where(hard > STRAINED, self.lasts_s + passed_s, 0.0)
        self.eased = (self.lasts_s > STRAINED_S) | (self.eased & (hard > RELIEVED))
