"""The car's state on a map: a tracker on the map's distance field, and a search of the whole map when it is lost."""

import math

import numpy as np

from robot.estimation.global_localisation import localise
from robot.estimation.tracker import Estimate, Pose, Tracker
from sim.distance_field import OccupancyGrid

__all__ = ["Estimate", "Estimator", "Pose"]

ROBUST_M = 0.15
START_SIGMA = (0.3, 0.3, 0.15)  # m, m, rad: how well a person puts a car on its mark
FOUND_SIGMA = (0.05, 0.05, 0.02)


class Estimator(Tracker):
    """Tracks one car on one map. Feed `update` once a tick; `relocalise` when it stands and is lost.

    start: where the car was put; None if unknown, then it is lost until `relocalise` succeeds. seed: of the lattices
    that `relocalise` searches, another one each time, so that a second try may find what the first has missed.
    """

    def __init__(self, grid: OccupancyGrid, start: Pose | None, seed: int, car: np.ndarray | None = None) -> None:
        super().__init__(grid.distance_m, grid.frame, known_m=math.inf, robust_m=ROBUST_M, car=car)
        self.grid = grid
        self.rng = np.random.default_rng([seed, 0x10C])
        if start is not None:
            self.put(start, START_SIGMA)

    def relocalise(self) -> bool:
        """Search the whole map for the place of the last revolution's scan; True if exactly one place explains it.

        Takes up to 0.2 s: call it while the car stands. When it fails, nothing has changed.
        """
        if self.time_s is None:
            return False
        found = localise(self.grid, self.recent.scan(self.time_s), self.rng)
        if found is None:
            return False
        self.put((found.x, found.y, found.yaw), FOUND_SIGMA)
        self.share, self.bad_s, self.lost, self.confirmed_s = found.agreement, 0.0, False, self.time_s
        return True
