"""The map in the live view of a car's practice: the course, the car, and its trail."""

import math
from collections import deque

import numpy as np
from rich.console import RenderableType

from robot.robots.car.braille_map import BrailleMap
from sim.tracks.track import Course

TRAIL_POINTS, TRAIL_SPACING_M = 120, 0.1
SPEED_MAX_M_S = 6.0  # where the colours end


class CourseScene:
    """A course, seen from above, and the car on it, where it believes to be."""

    def __init__(self, course: Course) -> None:
        self.course, self.title = course, course.name
        self.x = self.y = self.yaw = 0.0
        self.trail: deque[tuple[float, float, float]] = deque(maxlen=TRAIL_POINTS)  # x, y, speed
        self._map: BrailleMap | None = None

    def see(self, outputs: np.ndarray) -> None:
        """Take in a newer OUTPUTS record."""
        estimate = outputs["estimate"]
        self.move(float(estimate["x"]), float(estimate["y"]), float(estimate["yaw"]), float(estimate["v_x"]))

    def move(self, x: float, y: float, yaw: float, speed_m_s: float) -> None:
        """A new place of the car; it becomes part of the trail once it is far enough from the last point."""
        self.x, self.y, self.yaw = x, y, yaw
        if not self.trail or math.dist((x, y), self.trail[-1][:2]) > TRAIL_SPACING_M:
            self.trail.append((x, y, speed_m_s))

    def render(self, columns: int, lines: int) -> RenderableType:
        """The map, in so many characters."""
        if self._map is None or (self._map.columns, self._map.rows) != (columns, lines):
            self._map = BrailleMap(self.course, columns, lines)
        return self._map.render(self.trail, self.x, self.y, self.yaw, speed_max_m_s=SPEED_MAX_M_S)
