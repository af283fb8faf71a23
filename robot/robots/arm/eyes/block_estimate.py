"""Where a block is, of all that pictures have told since it was brought, and of what is known before: where blocks lie.

Pictures from about the same place are wrong in about the same way, so each counts as a tenth of one, and what they said is forgotten. What
lies stays where it is; what a hand grips moves with it, until pictures tell otherwise: several in a row that place it elsewhere, or do not see
it where they should, and all that was seen before is forgotten. Plain sums of scalars, so that a replay gives the same bytes.
"""

import math

import numpy as np

from robot.robots.arm.eyes.hole_estimate import inverse_of
from robot.robots.arm.eyes.wrist_view import place_of, slopes_of

COUNTS = 0.1  # of a picture
KEPT, KEPT_GRIPPED = 0.97, 0.9  # of what was told before it, from picture to picture
KNOWN_M = (0.04, 0.06, 0.002)  # standard deviations, before anything is seen; of how high it lies
SEEN_SLOPE = 0.1  # who is less sure of where it is in the picture does not see it
ELSEWHERE_M, SIGMAS, IN_A_ROW = 0.015, 3.0, 4  # so far off, pictures place it elsewhere
IN_SIGHT, MISSED = (
    np.array([0.4, 0.28]),
    12,
)  # slopes, to either side, where it cannot be overlooked; pictures in a row without it


class BlockEstimate:
    """place (3,), m, of its middle; frame (3, 3): as it lies, both in the base's frame. off_m: the standard deviation along the table; pictures: that
    told of it. gripped: whether it is in the hand, and moves with that."""

    def __init__(self) -> None:
        self.middle, self.place, self.frame = np.zeros(3), np.zeros(3), np.eye(3)
        self.begin(self.middle)

    def begin(self, middle: np.ndarray) -> None:
        """It has been brought to where nobody has seen it: about a place (3,), at its height."""
        self.middle, self.gripped = np.array(middle, np.float64), False
        self._forget()
        self._solve()

    def _forget(self) -> None:
        self.pictures = self._strays = self._missed = 0
        self._weights, self._sums = np.zeros((3, 3)), np.zeros(3)  # of places, from the middle
        self._cos = self._sin = 0.0  # of four times the bearing of a side

    def carry(self, way_m: np.ndarray, turn_rad: float) -> None:
        """The hand that grips it has moved by (3,), and turned about the vertical."""
        self._sums += (self._weights * way_m).sum(1)
        c, s = math.cos(4.0 * turn_rad), math.sin(4.0 * turn_rad)
        self._cos, self._sin = c * self._cos - s * self._sin, s * self._cos + c * self._sin
        self._solve()

    def see(self, pose: np.ndarray, told: np.ndarray, deviation: np.ndarray) -> None:
        """A picture that was taken where the end of a peg would be at a pose (9,); told, deviation (5,): `block_view`."""
        if max(float(deviation[0]), float(deviation[1])) > SEEN_SLOPE:
            self._missed += bool((np.abs(slopes_of(pose, self.place)) < IN_SIGHT).all())
            if self._missed >= MISSED:
                self._forget()
                self._solve()
            return
        self._missed = 0
        place, along = place_of(pose, told)
        off, depth = place - self.place, float(told[2])
        sigma_m = depth * max(float(deviation[0]), float(deviation[1])) + float(deviation[2])
        elsewhere = math.sqrt(float((off * off).sum())) > ELSEWHERE_M + SIGMAS * sigma_m
        self._strays = self._strays + 1 if elsewhere and self.pictures else 0
        if self._strays >= IN_A_ROW:
            self._forget()
        kept = KEPT_GRIPPED if self.gripped else KEPT
        self._weights *= kept
        self._sums *= kept
        for row, sigma in zip(inverse_of(along), deviation[:3].tolist(), strict=True):
            weight = COUNTS / (sigma * sigma)
            self._weights += weight * (row[:, None] * row[None, :])
            self._sums += weight * float((row * (place - self.middle)).sum()) * row
        bearing = 4.0 * math.atan2(float(pose[7]), float(pose[6])) + math.atan2(float(told[4]), float(told[3]))
        weight = COUNTS / max(float(deviation[3]) * float(deviation[4]), 1e-6)
        self._cos = kept * self._cos + weight * math.cos(bearing)
        self._sin = kept * self._sin + weight * math.sin(bearing)
        self.pictures += 1
        self._solve()

    def _solve(self) -> None:
        """What is most likely."""
        known = [1.0 / (sigma * sigma) for sigma in KNOWN_M]
        if self.gripped and self.pictures:
            known[2] = 0.0
        inverse = inverse_of(self._weights + np.diag(known))
        self.place[:] = self.middle + (inverse * self._sums).sum(1)
        self.off_m = math.sqrt(max(0.0, float(inverse[0, 0] + inverse[1, 1])))
        bearing = 0.25 * math.atan2(self._sin, self._cos)
        c, s = math.cos(bearing), math.sin(bearing)
        self.frame[:2, :2] = [[c, -s], [s, c]]
