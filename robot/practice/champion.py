"""Champion and challenger: which policy drives, while the learner looks for a faster one.

Learning online makes a policy that fits its car slower before it may make it faster, so what the learner has is not what
drives. The champion drives, its weights unchanged. After every `LAPS` of its laps the learner's policy, as it then is,
challenges it: it gets the wheel, and becomes the champion if it is faster than the median of the champion's last laps in
as many laps in a row. Its first slower lap ends the challenge, so of any five laps in a row most are the champion's, or
faster. Of two policies that are equally fast the challenger wins once in twelve times.

The wheel changes hands within a lap, a second or so after its beginning. Only laps that began and ended with the same
weights count.
"""

import math
from collections import deque

import numpy as np

LAPS = 5  # by which a policy is measured; the champion drives as many between two challenges
KNOWN_LAPS = 3  # a champion of fewer laps is nobody to compare with
CLEARLY_SLOWER = 0.02  # a lap in which the wheel changed hands ends a challenge where it is slower by this share


class Champion:
    """Takes in laps in order. `weights`: the champion's; `driving`: those to drive the next lap with."""

    def __init__(self, weights: np.ndarray) -> None:
        self.begin(weights)
        self.driver = np.zeros_like(weights)  # at the end of the newest lap

    def begin(self, weights: np.ndarray) -> None:
        """From now on these weights are the champion's, of which no lap is known."""
        self.weights = weights
        self.laps_s: deque[float] = deque(maxlen=LAPS)  # infinite where not clean
        self.rested = 0  # laps since the last challenge or collision
        self.challenger: np.ndarray | None = None
        self.faster = 0  # laps of the challenger

    @property
    def driving(self) -> np.ndarray:
        return self.weights if self.challenger is None else self.challenger

    @property
    def median_lap_s(self) -> float:
        """Of the champion's last laps, of which there must be some."""
        return float(np.median(self.laps_s))

    @property
    def may_be_challenged(self) -> bool:
        """Whether it is time for the learner's policy to show what it can."""
        return self.challenger is None and self.rested >= LAPS

    def challenge(self, weights: np.ndarray) -> None:
        """Let these weights drive until they have won or lost; a champion of which little is known gives way at once."""
        if len(self.laps_s) < KNOWN_LAPS:
            self.begin(weights)
        else:
            self.challenger, self.faster = weights, 0

    def add(self, lap: np.ndarray) -> bool:
        """The next lap, a record of `episode_dtype`. Returns whether a challenge ended with it: `weights` has won."""
        whole = np.array_equal(lap["weights"], self.driver)
        self.driver = lap["weights"].copy()
        lap_s = float(lap["merit"]) if lap["clean"] else math.inf
        if self.challenger is not None and np.array_equal(self.driver, self.challenger):
            return self.judge(lap_s, whole)
        if whole and np.array_equal(self.driver, self.weights):
            self.laps_s.append(lap_s)
            self.rested += 1
        return False

    def judge(self, lap_s: float, whole: bool) -> bool:
        """A lap that ended with the challenger at the wheel. Returns whether its challenge ended, too."""
        assert self.challenger is not None
        if not lap_s < self.median_lap_s * (1.0 if whole else 1.0 + CLEARLY_SLOWER):
            return self.reject()
        self.faster += whole
        if self.faster == LAPS:
            self.begin(self.challenger)
            return True
        return False

    def reject(self) -> bool:
        """End a challenge, if there is one, in favour of the champion. Returns whether there was one."""
        challenged = self.challenger is not None
        self.challenger, self.rested = None, 0
        return challenged
