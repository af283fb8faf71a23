"""A map from one lap: the drift taken out of the way that was driven, then every beam drawn.

The lap closes where matching with the start's walls says, so the drift is known at its end; along the lap it is taken
to have grown evenly. A cell is solid where enough beams ended, free where they passed; what no beam saw is solid.
"""

import math
from collections.abc import Sequence

import numpy as np
from numba import njit

from robot.robots.car.estimation.growing_field import KNOWN_M, LEARN_M, GrowingField
from robot.robots.car.estimation.mapless import Keyframe
from robot.robots.car.estimation.scan_matching import match
from sim.closed_line import way_along
from sim.distance_field import OccupancyGrid
from sim.portable_math import cos_sin

RESOLUTION_M = 0.05
BORDER_M = 0.5
HITS_MIN = 2
HIT_SHARE = 0.3  # of the beams that reached a cell, for it to be solid
SHORT_OF_WALL_M = 0.03  # a beam proves cells free up to so far before its end
REFINE_SIGMA = (0.03, 0.03, 0.01)  # m, m, rad: how far the second look may move a pose
REFINE_ROBUST_M = 0.1


def distribute_drift(poses: np.ndarray, closing_pose: np.ndarray) -> np.ndarray:
    """The way (n, 3) with its last pose at `closing_pose` (3,): turned, then moved, in proportion to the way so far.

    What the odometry measured from each pose to the next is kept but for that.
    """
    steps = np.diff(poses[:, :2], axis=0)
    travelled = way_along(poses[:, :2])
    share = travelled / travelled[-1]
    turn = math.remainder(closing_pose[2] - poses[-1, 2], 2.0 * math.pi) * share
    out = poses.copy()
    out[:, 2] += turn
    cosines, sines = cos_sin(0.5 * (turn[1:] + turn[:-1]))
    out[1:, 0] = poses[0, 0] + np.cumsum(steps[:, 0] * cosines - steps[:, 1] * sines)
    out[1:, 1] = poses[0, 1] + np.cumsum(steps[:, 0] * sines + steps[:, 1] * cosines)
    out[:, :2] += share[:, None] * (closing_pose[:2] - out[-1, :2])
    return out


def refine(keyframes: Sequence[Keyframe], poses: np.ndarray) -> np.ndarray:
    """Each pose (n, 3) matched once more, now with the walls as the whole lap saw them."""
    field = GrowingField()
    for frame, pose in zip(keyframes, poses, strict=True):
        field.insert(frame.points, len(frame.points), pose)
    prior, information = np.diag(1.0 / np.square(REFINE_SIGMA)), np.empty((3, 3))
    out = poses.copy()
    for frame, pose in zip(keyframes, out, strict=True):
        match(
            frame.points, len(frame.points), pose, prior, field.distance_m, field.frame, REFINE_ROBUST_M,
            KNOWN_M - 0.01, 4, information,
        )  # fmt: skip
    return out


@njit(cache=True)
def draw_beams(points, pose, left, bottom, hits, passes):
    """Count, in cells, where beams of points (k, 3) from `pose` (3,) end and pass; left, bottom: m, grid's corner."""
    cos_yaw, sin_yaw = math.cos(pose[2]), math.sin(pose[2])
    for k in range(points.shape[0]):
        dx = points[k, 0] * cos_yaw - points[k, 1] * sin_yaw
        dy = points[k, 0] * sin_yaw + points[k, 1] * cos_yaw
        length = math.sqrt(dx * dx + dy * dy)
        if length > LEARN_M:
            continue
        row = int((pose[1] + dy - bottom) / RESOLUTION_M)
        column = int((pose[0] + dx - left) / RESOLUTION_M)
        hits[row, column] += 1
        steps = int((length - SHORT_OF_WALL_M) / (0.7 * RESOLUTION_M))
        last_row, last_column = row, column
        for step in range(steps):
            share = step * 0.7 * RESOLUTION_M / length
            row = int((pose[1] + share * dy - bottom) / RESOLUTION_M)
            column = int((pose[0] + share * dx - left) / RESOLUTION_M)
            if row != last_row or column != last_column:
                passes[row, column] += 1
                last_row, last_column = row, column


def draw_map(name: str, keyframes: Sequence[Keyframe], poses: np.ndarray) -> OccupancyGrid:
    """The occupancy grid of what the keyframes saw from `poses` (n, 3)."""
    reach = LEARN_M + BORDER_M
    left, bottom = poses[:, :2].min(axis=0) - reach
    width, height = np.ceil((poses[:, :2].max(axis=0) + reach - (left, bottom)) / RESOLUTION_M).astype(int)
    hits, passes = np.zeros((height, width), np.int32), np.zeros((height, width), np.int32)
    for frame, pose in zip(keyframes, poses, strict=True):
        draw_beams(frame.points, pose, left, bottom, hits, passes)
    solid = (hits >= HITS_MIN) & (hits > HIT_SHARE * (hits + passes))
    return OccupancyGrid(name, solid | (passes == 0), RESOLUTION_M, float(left), float(bottom))


def map_of_lap(name: str, keyframes: Sequence[Keyframe], closing_pose: np.ndarray) -> tuple[OccupancyGrid, np.ndarray]:
    """The map of a closed lap, and the way (n, 3) that was driven in it, its last pose at `closing_pose` (3,).

    Frame: that of the keyframes, whose origin is the start. Raises ValueError if there are no keyframes.
    """
    if not keyframes:
        raise ValueError("lap: found no lidar points, needed a closed lap: is the lidar running?")
    poses = np.array([frame.pose for frame in keyframes])
    poses = refine(keyframes, distribute_drift(poses, closing_pose))
    return draw_map(name, keyframes, poses), poses
