"""The places that cameras see: distance fields of maps or courses, one after the other in one array."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.distance_field import OccupancyGrid, rasterise
from sim.tracks.track import Course

CELL_M = 0.04
BORDER_M = 1.5  # of floor beyond a course's edges, which a camera sees over them
FIRST, HEIGHT, WIDTH = range(3)  # columns of `shapes`


class Worlds(NamedTuple):
    """For the kernels. Row 0 of a grid is its lowest y, as in `sim.distance_field`."""

    distance_mm: np.ndarray  # (cells,) int16: to the nearest wall's surface, positive in free space
    shapes: np.ndarray  # (n, 3) int64: first cell, height, width
    frames: np.ndarray  # (n, 5) float64: each grid's `frame`


def worlds_of(grids: Sequence[OccupancyGrid]) -> Worlds:
    """Worlds whose walls stand where grids are occupied."""
    fields = [np.clip(np.round(grid.distance_m * 1000.0), -32767, 32767).astype(np.int16) for grid in grids]
    first = np.cumsum([0, *(field.size for field in fields[:-1])])
    shapes = np.array([[start, *field.shape] for start, field in zip(first, fields, strict=True)], np.int64)
    return Worlds(
        np.concatenate([field.reshape(-1) for field in fields]), shapes, np.stack([grid.frame for grid in grids])
    )


def worlds_of_courses(courses: Sequence[Course]) -> Worlds:
    """Worlds whose walls, or tape, are the edges of courses."""
    return worlds_of([rasterise(course, CELL_M, BORDER_M) for course in courses])
