"""What the beams of any emulated lidar meet: walls and people, each beam at the pose of its own moment."""

import math

import numpy as np
from numba import njit

from drivers.emulators.people import nearer
from sim.car.lidar import cast_beams
from sim.car.model import PHYSICS_STEP_S


@njit(cache=True)
def lidar_poses(begin_s, end_s, before, after, after_s, mount, pose_from, pose_to):
    """Where the lidar is at two times: x, y (m), yaw (rad) of the car, with the lidar's axis, into (3,) float64 each.

    before, after: rows whose first three entries are x, y, yaw, one physics step apart, `after` at after_s.
    """
    share_from = 1.0 - (after_s - begin_s) / PHYSICS_STEP_S
    share_to = 1.0 - (after_s - end_s) / PHYSICS_STEP_S
    for k in range(3):
        pose_from[k] = before[k] + share_from * (after[k] - before[k])
        pose_to[k] = before[k] + share_to * (after[k] - before[k])
    for pose in (pose_from, pose_to):
        cos_yaw, sin_yaw = math.cos(pose[2]), math.sin(pose[2])
        pose[0] += mount[0] * cos_yaw - mount[1] * sin_yaw
        pose[1] += mount[0] * sin_yaw + mount[1] * cos_yaw


@njit(cache=True)
def look(angles, pose_from, pose_to, distance_m, frame, people, range_m, metres):
    """Distances (n,) float32, m, of beams at angles (n,) float32 in the car's frame, fired one after the other while the
    lidar moves between two poses (just before the first beam, at the last one); 0 where one meets nothing.

    people (k, 2): where they stand.
    """
    count = angles.shape[0]
    cast_beams(distance_m, frame, pose_from, pose_to, angles, range_m, metres)
    for k in range(count if people.shape[0] > 0 else 0):
        share = (k + 1.0) / count
        x = pose_from[0] + share * (pose_to[0] - pose_from[0])
        y = pose_from[1] + share * (pose_to[1] - pose_from[1])
        yaw = pose_from[2] + share * (pose_to[2] - pose_from[2])
        metres[k] = nearer(people, x, y, yaw + angles[k], metres[k])


@njit(cache=True)
def in_millimetres(metres, noise, lost, error_m, error_rel, nearest_m, millimetres):
    """What a lidar tells of true distances (n,), into (n,) float64, mm: 0 where nothing comes back.

    noise (n,) standard normal; lost (n,) bool: beams that do not return.
    """
    for k in range(metres.shape[0]):
        millimetres[k] = 0.0
        if not lost[k] and metres[k] > nearest_m:
            millimetres[k] = max(0.0, 1000.0 * (metres[k] + noise[k] * (error_m + error_rel * metres[k])))


def mounted(wiring: object) -> np.ndarray:
    """(4,) float64 of a lidar's wiring: x, y (m), yaw (rad), and -1 where it is mirrored."""
    told = vars(wiring)
    return np.array(
        [told["mount_x_m"], told["mount_y_m"], told["mount_yaw_rad"], -1.0 if told["mirrored"] else 1.0], np.float64
    )
