"""The lidar's last revolution as one scan, seen from where the car is now: what a search of the whole map needs."""

import math

import numpy as np
from numba import njit

from robot.robots.car.estimation.lidar_period import LidarPeriod

KEPT_S = 0.11  # at least, and KEPT_PERIODS of the lidar: a revolution and a little more
KEPT_PERIODS = 1.08
SCAN_POINTS = 512  # of what is kept, a scan has evenly so many at most
CAPACITY = 4096


@njit(cache=True)
def move_on(origin, rolled_m, sideways_m, turned_rad):
    """Move a pose (3,), in place, by what odometry measured in a tick."""
    middle = origin[2] + 0.5 * turned_rad
    origin[0] += rolled_m * math.cos(middle) - sideways_m * math.sin(middle)
    origin[1] += rolled_m * math.sin(middle) + sideways_m * math.cos(middle)
    origin[2] += turned_rad


@njit(cache=True)
def append(ring, first, points, count, origin, time_s):
    """Write `count` car-frame points to the ring (CAPACITY, 4) from slot `first`, in odometry's frame."""
    cos_o, sin_o = math.cos(origin[2]), math.sin(origin[2])
    for k in range(count):
        slot = (first + k) % ring.shape[0]
        ring[slot, 0] = origin[0] + points[k, 0] * cos_o - points[k, 1] * sin_o
        ring[slot, 1] = origin[1] + points[k, 0] * sin_o + points[k, 1] * cos_o
        ring[slot, 2] = points[k, 2]
        ring[slot, 3] = time_s
    return (first + count) % ring.shape[0]


class RecentPoints:
    """A ring of lidar points in the frame of dead reckoning, which is good enough for a revolution."""

    def __init__(self) -> None:
        self.ring = np.full((CAPACITY, 4), -math.inf)
        self.origin = np.zeros(3)
        self.next_slot = 0
        self.period = LidarPeriod()

    def add(
        self, time_s: float, rolled_m: float, sideways_m: float, turned_rad: float, points: np.ndarray, count: int,
        revolution: int = 0,
    ) -> None:  # fmt: skip
        """Move on by a tick's odometry, then keep its points (count, 3): x, y in the car's frame, distance, m.

        revolution: the lidar's number of it.
        """
        self.period.update(time_s, revolution)
        move_on(self.origin, rolled_m, sideways_m, turned_rad)
        self.next_slot = append(self.ring, self.next_slot, points, count, self.origin, time_s)

    def scan(self, now_s: float) -> np.ndarray:
        """The points of the last revolution in the car's frame of now, (k, 3): x, y, distance, m; the oldest first."""
        ordered = np.roll(self.ring, -self.next_slot, axis=0)
        kept = ordered[ordered[:, 3] > now_s - max(KEPT_S, KEPT_PERIODS * self.period.seconds)]
        kept = kept[:: max(1, -(-len(kept) // SCAN_POINTS))]
        dx, dy = kept[:, 0] - self.origin[0], kept[:, 1] - self.origin[1]
        cos_o, sin_o = math.cos(self.origin[2]), math.sin(self.origin[2])
        return np.stack([dx * cos_o + dy * sin_o, dy * cos_o - dx * sin_o, kept[:, 2]], axis=1)
