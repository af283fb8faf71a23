"""Where the hole is, of all that pictures have told since the board stood still, and of what is known before: in which range boards stand.

Pictures from about the same place are wrong in about the same way, so each counts as a tenth of one, and what they said is forgotten
within a second: nearer ones tell more. Plain sums of scalars, so that a replay gives the same bytes.
"""

import math

import numpy as np

from robot.robots.arm.eyes.wrist_view import frame_of_hole, place_of
from sim.arm.insertion import PAN_M, Spread

COUNTS, KEPT = 0.1, 0.97  # of a picture; of what was told before it, from picture to picture
KNOWN_M = (0.02, 0.02, 0.004)  # standard deviations, before anything is seen
KNOWN_RAD = (0.1, 0.01, 0.1)  # of the tilt outwards, the tilt aside, and the turn


class HoleEstimate:
    """place (3,), m, frame (3, 3): of the hole in the base's frame. off_m: the standard deviation along the board; pictures: that told of it."""

    def __init__(self) -> None:
        spread = Spread()
        self.middle = np.array([PAN_M + spread.distance_m, 0.0, spread.height_m])
        self.place, self.frame = np.zeros(3), np.zeros((3, 3))
        self.begin()

    def begin(self) -> None:
        """The board has been moved: nothing is seen of where it is now."""
        self.pictures, self.off_m = 0, math.sqrt(KNOWN_M[0] * KNOWN_M[0] + KNOWN_M[1] * KNOWN_M[1])
        self._weights, self._sums = np.zeros((3, 3)), np.zeros(3)  # of places, from the middle
        self._turn_weights, self._turn_sums = [0.0] * 3, [0.0] * 3
        self._solve()

    def see(self, pose: np.ndarray, told: np.ndarray, deviation: np.ndarray) -> None:
        """A picture that was taken at a pose (9,) of the hand; told, deviation (6,): `wrist_view`."""
        place, along = place_of(pose, told)
        self._weights *= KEPT
        self._sums *= KEPT
        away = place - self.middle
        rows = inverse_of(along)
        for row, sigma in zip(rows, deviation[:3].tolist(), strict=True):
            weight = COUNTS / (sigma * sigma)
            self._weights += weight * (row[:, None] * row[None, :])
            self._sums += weight * float((row * away).sum()) * row
        frame, bearing = frame_of_hole(pose, told), self._bearing()
        c, s = math.cos(bearing), math.sin(bearing)
        heading = math.atan2(float(frame[1, 0]), float(frame[0, 0])) - bearing
        turns = (
            c * float(frame[0, 2]) + s * float(frame[1, 2]),
            c * float(frame[1, 2]) - s * float(frame[0, 2]),
            heading,
        )
        for k, (turn, sigma) in enumerate(zip(turns, deviation[3:].tolist(), strict=True)):
            weight = COUNTS / (sigma * sigma)
            self._turn_weights[k] = KEPT * self._turn_weights[k] + weight
            self._turn_sums[k] = KEPT * self._turn_sums[k] + weight * turn
        self.pictures += 1
        self._solve()

    def _bearing(self) -> float:
        return math.atan2(float(self.place[1]), float(self.place[0]) - PAN_M)

    def _solve(self) -> None:
        """What is most likely."""
        whole = self._weights + np.diag([1.0 / (sigma * sigma) for sigma in KNOWN_M])
        inverse = inverse_of(whole)
        self.place[:] = self.middle + (inverse * self._sums).sum(1)
        self.off_m = math.sqrt(max(0.0, float(inverse[0, 0] + inverse[1, 1])))
        tilt, aside, turn = (
            total / (weight + 1.0 / (sigma * sigma))
            for total, weight, sigma in zip(self._turn_sums, self._turn_weights, KNOWN_RAD, strict=True)
        )
        bearing = self._bearing()
        c, s = math.cos(bearing), math.sin(bearing)
        up = math.sqrt(max(0.04, 1.0 - tilt * tilt - aside * aside))
        axis = np.array([c * tilt - s * aside, s * tilt + c * aside, up])
        ahead, left = math.cos(bearing + turn), math.sin(bearing + turn)
        along = np.array([ahead, left, -(axis[0] * ahead + axis[1] * left) / axis[2]])
        along = along / math.sqrt(float((along * along).sum()))
        self.frame[:, 0], self.frame[:, 1], self.frame[:, 2] = along, _cross(axis, along), axis


def inverse_of(matrix: np.ndarray) -> np.ndarray:
    """Of (3, 3), by cross products of its columns."""
    a, b, c = (matrix[:, k] for k in range(3))
    rows = np.array([_cross(b, c), _cross(c, a), _cross(a, b)])
    return np.asarray(rows / float((a * rows[0]).sum()))


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
