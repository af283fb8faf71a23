"""What the encoder of an arm's wrist camera tells of a picture: where the hole is, how sure that is, and features for a judge of success.

The hand's frame: origin in the middle of the end of what it holds, z against the way that it points, y along its jaw's axis. Six numbers
tell the hole: where the camera, mounted as it should be, would see it (to the right and down, as slopes of a ray), how far away along its axis, m;
and, in the hand's frame, x and y of the hole's axis and y of the hole's own x, unit vectors. Of these errors are about independent.
"""

import math
from dataclasses import dataclass

import numpy as np

from sim.arm.kinematics import ACROSS, APPROACH

WIDTH, HEIGHT = 64, 48  # grey
FEATURES = 16  # numbers of the picture besides what is told, each in [-1, 1]


@dataclass(frozen=True)
class Told:
    """The numbers that an embedding tells, (count,) each. middle, most: of a told number, and what 1 is above that; unsure: the standard
    deviation that 1 means; least_sure: nothing is told better."""

    middle: np.ndarray
    most: np.ndarray
    unsure: np.ndarray
    least_sure: np.ndarray

    @property
    def count(self) -> int:
        return len(self.middle)

    @property
    def size(self) -> int:
        """Of an embedding: what is told, the features, and how sure each of the told numbers is, from 0 to 1."""
        return self.count + FEATURES + self.count

    def of(self, embedding: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The told numbers, and their standard deviations, of embeddings (..., size): (..., count) each."""
        numbers = np.asarray(embedding, np.float64)
        deviation = np.maximum(numbers[..., self.count + FEATURES :] * self.unsure, self.least_sure)
        return self.middle + numbers[..., : self.count] * self.most, deviation


HOLE = Told(
    middle=np.array([0.0, 0.0, 0.13, 0.0, 0.0, 0.0]),
    most=np.array([0.8, 0.8, 0.1, 0.8, 0.8, 0.8]),
    unsure=np.array([0.2, 0.2, 0.03, 0.3, 0.3, 0.3]),
    least_sure=np.array([0.002, 0.002, 0.0005, 0.002, 0.002, 0.002]),
)
TOLD, SIZE = HOLE.count, HOLE.size
# The camera's mount in the hand's frame: the middle of `sim/camera/data/wrist.toml`, and columns right, down, forward.
CAMERA_M, AHEAD_M = np.array([0.0, -0.055, 0.078]), 0.016


def _mounted() -> np.ndarray:
    across, up = -CAMERA_M[1], CAMERA_M[2] + AHEAD_M
    length = math.sqrt(across * across + up * up)
    c, s = across / length, up / length
    return np.array([[1.0, 0.0, 0.0], [0.0, -s, c], [0.0, -c, -s]])


VIEW = _mounted()


told_of = HOLE.of


def hand_frame(pose: np.ndarray) -> np.ndarray:
    """Axes (3, 3), columns x, y, z, of the hand's frame of a pose (9,), in the base's."""
    up, across = -pose[APPROACH], pose[ACROSS]
    return np.stack([np.array([across[1] * up[2] - across[2] * up[1], across[2] * up[0] - across[0] * up[2],
                               across[0] * up[1] - across[1] * up[0]]), across, up], 1)  # fmt: skip


def place_of(pose: np.ndarray, told: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place (3,), m, of the hole in the base's frame, and how it changes with the first three told numbers, (3, 3), columns."""
    hand = hand_frame(pose)
    view = np.stack([(hand * VIEW[:, k]).sum(1) for k in range(3)], 1)
    slope_x, slope_y, depth = float(told[0]), float(told[1]), float(told[2])
    ray = view[:, 0] * slope_x + view[:, 1] * slope_y + view[:, 2]
    place = pose[:3] + (hand * CAMERA_M).sum(1) + depth * ray
    return place, np.stack([depth * view[:, 0], depth * view[:, 1], ray], 1)


def slopes_of(pose: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Where the camera of a hand at a pose (9,) sees a place (3,), m: to the right and down, (2,), as slopes of a ray; inf behind it."""
    hand, away = hand_frame(pose), place - pose[:3]
    from_camera = (hand * away[:, None]).sum(0) - CAMERA_M
    right, down, ahead = ((VIEW[:, k] * from_camera).sum() for k in range(3))
    return np.array([right, down]) / ahead if ahead > 0.0 else np.full(2, np.inf)


def frame_of_hole(pose: np.ndarray, told: np.ndarray) -> np.ndarray:
    """The hole's frame (3, 3), columns, in the base's."""
    hand = hand_frame(pose)
    axis = _unit([float(told[3]), float(told[4]), math.sqrt(max(0.04, 1.0 - told[3] * told[3] - told[4] * told[4]))])
    y = float(told[5])
    x = math.sqrt(max(0.04, 1.0 - y * y))
    along = _unit([x, y, -(axis[0] * x + axis[1] * y) / axis[2]])  # level in the hole
    across = [axis[1] * along[2] - axis[2] * along[1], axis[2] * along[0] - axis[0] * along[2],
              axis[0] * along[1] - axis[1] * along[0]]  # fmt: skip
    seen = np.array([along, across, axis]).T
    return np.stack([(hand * seen[:, k]).sum(1) for k in range(3)], 1)


def _unit(vector: list[float]) -> list[float]:
    length = math.sqrt(sum(part * part for part in vector))
    return [part / length for part in vector]
