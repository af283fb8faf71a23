"""The car's state on a map: a tracker on the map's distance field, and a search of the whole map when it is lost."""

import math

import numpy as np

from robot.robots.car.estimation.global_localisation import CAST_BEAMS, CONFIDENT, MapSearch, Search, agreement
from robot.robots.car.estimation.tracker import Estimate, Pose, Tracker
from sim.distance_field import OccupancyGrid
from sim.tracks.track import Course

__all__ = ["Estimate", "Estimator", "Pose"]

ROBUST_M = 0.15
START_SIGMA = (0.3, 0.3, 0.15)  # m, m, rad: how well a person puts a car on its mark
FOUND_SIGMA = (0.05, 0.05, 0.02)


class Estimator(Tracker):
    """Tracks one car on one map. Feed `update` once a tick; `look` or `relocalise` when it stands and is lost.

    start: where the car was put; None if unknown, then it is lost until a search succeeds. seed: of the lattices that
    are searched, other ones each time, so that a second try may find what the first has missed. course: whose corridor
    is searched before all else. told: where the first search begins.
    """

    def __init__(
        self,
        grid: OccupancyGrid,
        start: Pose | None,
        seed: int,
        car: np.ndarray | None = None,
        course: Course | None = None,
        told: Pose | None = None,
    ) -> None:
        super().__init__(grid.distance_m, grid.frame, known_m=math.inf, robust_m=ROBUST_M, car=car)
        self.grid = grid
        self.map_search = MapSearch(grid, course)
        self.rng = np.random.default_rng([seed, 0x10C])
        self.told = told
        self.search: Search | None = None
        if start is not None:
            self.put(start, START_SIGMA)

    def look(self) -> Search | None:
        """Begin a search for the place of the last revolution's scan, or go on with it by a few milliseconds.

        Returns the search when it has ended, None until then. If it has found the one place that explains the scan, the
        car is there now. If not, or if the car was moved meanwhile, nothing has changed but `told`, which is not
        believed twice.
        """
        if self.time_s is None:
            return None
        if self.search is None:
            self.search = self.map_search.begin(self.recent.scan(self.time_s), self.rng, self.told)
        if self.search.step():
            return None
        ended, self.search = self.search, None
        self.told = None if ended.told_is_wrong else self.told
        if ended.found is not None and not self._still_there(ended):
            ended.found, ended.moved = None, True
        if ended.found is not None:
            found = ended.found
            self.put((found.x, found.y, found.yaw), FOUND_SIGMA)
            self.share, self.bad_s, self.lost, self.confirmed_s = found.agreement, 0.0, False, self.time_s
            self.told = None
        return ended

    def stop_looking(self) -> None:
        """The car moves: what the search has begun with no longer holds."""
        self.search = None

    def relocalise(self) -> bool:
        """A whole search at once; True if it has found the place. For judges and tests: a large map takes seconds."""
        self.search = None
        while self.time_s is not None:
            ended = self.look()
            if ended is not None:
                return ended.found is not None
        return False

    def _still_there(self, search: Search) -> bool:
        """Whether what the lidar sees by now agrees with the pose that was found."""
        if search.found is None or self.time_s is None:
            return False
        scan, pose = self.recent.scan(self.time_s), np.array([search.found.x, search.found.y, search.found.yaw])
        every = max(1, len(scan) // CAST_BEAMS)
        return len(scan) > 0 and agreement(scan, pose, self.field_m, self.frame, every) > 0.9 * CONFIDENT
