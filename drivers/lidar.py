"""What the drivers of lidars share: how one is mounted on the car, and how many of its points a read brings."""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from drivers.base import LIDAR_POINTS_MAX

MOUNT_MAX_M = 1.0
ITSELF_M = 0.1  # what is nearer to the lidar is a part of it, or of the car


@dataclass(frozen=True, kw_only=True)
class LidarSettings:
    """How a lidar is mounted on the car, whichever it is. `port` is each driver's own."""

    mount_yaw_rad: float = 0.0  # direction of the lidar's own zero in the car's frame, counter-clockwise positive
    mirrored: bool = False  # mounted upside down: it turns the other way, seen from above
    mount_x_m: float = 0.0  # of the lidar's axis, ahead of the car's origin and to the left of it
    mount_y_m: float = 0.0

    def __post_init__(self) -> None:
        for name, most in (("mount_yaw_rad", 2.0 * math.pi), ("mount_x_m", MOUNT_MAX_M), ("mount_y_m", MOUNT_MAX_M)):
            if not abs(getattr(self, name)) <= most:
                raise ValueError(f"{name}: found {getattr(self, name)}, allowed: {-most:.3g} to {most:.3g}")

    def to_car(self, angle_rad: np.ndarray, distance_m: np.ndarray) -> None:
        """Turn points (k,) float32, in place, from the lidar's frame (counter-clockwise positive) into the car's."""
        turn_to_car(angle_rad, self.mount_yaw_rad, -1.0 if self.mirrored else 1.0)
        if self.mount_x_m != 0.0 or self.mount_y_m != 0.0:
            seen_from_car(angle_rad, distance_m, self.mount_x_m, self.mount_y_m)


@njit(cache=True)
def turn_to_car(angle_rad, mount_yaw_rad, sign):
    """Angles (k,) as the lidar tells them, into the car's, in [-pi, pi), in place. sign: -1 where it is mirrored."""
    for k in range(angle_rad.shape[0]):
        angle = mount_yaw_rad + sign * float(angle_rad[k])
        angle_rad[k] = angle - 2.0 * math.pi * math.floor((angle + math.pi) / (2.0 * math.pi))


@njit(cache=True)
def seen_from_car(angle_rad, distance_m, mount_x_m, mount_y_m):
    """Turn points (k,), in place, as the lidar sees them, into points as seen from the car's origin.

    What the lidar sees of itself becomes a sample without a return.
    """
    for k in range(angle_rad.shape[0]):
        distance = float(distance_m[k])
        if distance < ITSELF_M:
            distance_m[k] = 0.0
            continue
        x = mount_x_m + distance * math.cos(angle_rad[k])
        y = mount_y_m + distance * math.sin(angle_rad[k])
        distance_m[k] = math.sqrt(x * x + y * y)
        angle_rad[k] = math.atan2(y, x)


def thinned(points: int, turn: int) -> slice:
    """Which of so many points, oldest first, a read keeps: all, or evenly as many as it may bring.

    turn: a number that goes up, so that other ones are kept the next time and nothing thin is always missed.
    """
    stride = max(1, -(-points // LIDAR_POINTS_MAX))
    return slice(turn % stride if points else 0, points, stride)
