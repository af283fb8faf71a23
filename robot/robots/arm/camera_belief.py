"""What an arm's camera is always wrong by, as every peg that is in has told: it is taken off where the camera shows the hole.

A camera that nobody has calibrated well shows every hole aside by the same millimetres, and turned by the same degrees, and anew by a few
more at each. The first is believed to be the mean of what was found, and a little less while few holes have told. How a hole is tilted is
not learned: a peg that presses leans in it by more than a camera is wrong.
"""

import math
from collections.abc import Mapping

import numpy as np

from robot.tasks.peg_insert import shown_wrongly

WRONG_BY = ("x_m", "y_m", "yaw_rad")  # along the base's axes; about the hole's
HOLES = "holes"
PRIOR_HOLES = 0.5  # for what nobody has told yet: cameras are wrong by about as much always as at each hole anew
REMEMBERED = 20.0  # holes: a camera that was knocked is believed anew


class CameraBelief:
    """Of one arm. found: as `told` had it."""

    def __init__(self, found: Mapping[str, float]) -> None:
        self.holes = found.get(HOLES, 0.0)
        self.mean = np.array([found.get(name, 0.0) for name in WRONG_BY])

    @property
    def told(self) -> dict[str, float]:
        """The mean of what holes have told, and how many they were, at most REMEMBERED."""
        return dict(zip(WRONG_BY, self.mean.tolist(), strict=True)) | {HOLES: self.holes}

    @property
    def wrong_by(self) -> np.ndarray:
        """What is believed, (3,)."""
        return self.mean * (self.holes / (self.holes + PRIOR_HOLES))

    def correct(self, place_m: np.ndarray, frame: np.ndarray) -> None:
        """Change a hole's place (3,) and frame (3, 3), as the camera shows them, into what is believed."""
        x_m, y_m, yaw_rad = self.wrong_by.tolist()
        place_m[0] -= x_m
        place_m[1] -= y_m
        c, s, x = math.cos(yaw_rad), math.sin(yaw_rad), frame[:, 0].copy()
        frame[:, 0], frame[:, 1] = c * x - s * frame[:, 1], s * x + c * frame[:, 1]

    def learn(self, frame: np.ndarray, seen: np.ndarray) -> None:
        """From a peg that is in: the hole's frame (3, 3) as `correct` has left it, and what was seen last (SIZE,)."""
        x_m, y_m, yaw_rad = shown_wrongly(seen)
        moved_m = frame[:2, 0] * x_m + frame[:2, 1] * y_m
        found = self.wrong_by + np.array([moved_m[0], moved_m[1], yaw_rad])
        self.holes = min(self.holes + 1.0, REMEMBERED)
        self.mean = self.mean + (found - self.mean) / self.holes
