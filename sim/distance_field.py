"""Occupancy grids and their distance fields: how far the nearest wall is from any point of a map.

Grids follow the ROS `map_server` convention: square cells, the origin is the outer corner of the lower-left cell, the
grid may be turned by `origin_yaw_rad`. Row 0 of the array is the lowest y (an image's last row).
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from sim.tracks.track import Course


@dataclass(frozen=True)
class OccupancyGrid:
    """A map of what is solid. Frame: the map's, metres and radians."""

    name: str
    occupied: np.ndarray  # (h, w) bool, row 0 = lowest y
    resolution_m: float  # edge of a cell
    origin_x_m: float  # outer corner of cell (0, 0)
    origin_y_m: float
    origin_yaw_rad: float = 0.0

    @cached_property
    def distance_m(self) -> np.ndarray:
        """Signed distance to the nearest wall's surface, float32 (h, w), m; see `signed_distance`."""
        return signed_distance(self.occupied, self.resolution_m)

    @cached_property
    def frame(self) -> np.ndarray:
        """Map frame to cells, float64 (5,): origin x, origin y (m), cos yaw, sin yaw, cells per metre."""
        yaw = self.origin_yaw_rad
        return np.array([self.origin_x_m, self.origin_y_m, math.cos(yaw), math.sin(yaw), 1.0 / self.resolution_m])


def signed_distance(occupied: np.ndarray, resolution_m: float) -> np.ndarray:
    """Exact Euclidean distance transform of a grid (h, w) bool, as float32 (h, w), m: positive in free space.

    Distances between centres of cells, less half a cell: zero falls on the edge between a free and an occupied cell, so
    that bilinear interpolation finds straight walls to a small part of a cell. The outermost cells count as solid: no
    ray leaves the grid, and a point beyond it is inside a wall.
    """
    solid = _with_solid_frame(occupied)
    to_free, to_solid = np.sqrt(_squared_distance(~solid)), np.sqrt(_squared_distance(solid))
    return (np.where(solid, 0.5 - to_free, to_solid - 0.5) * resolution_m).astype(np.float32)


def distance_to_solid(occupied: np.ndarray, resolution_m: float) -> np.ndarray:
    """`signed_distance` in half the time, where it only matters that solid cells are below zero."""
    return ((np.sqrt(_squared_distance(_with_solid_frame(occupied))) - 0.5) * resolution_m).astype(np.float32)


def _with_solid_frame(occupied: np.ndarray) -> np.ndarray:
    solid = np.ones_like(occupied, dtype=np.bool_)
    solid[1:-1, 1:-1] = occupied[1:-1, 1:-1]
    return solid


@njit(cache=True)
def _squared_distance(seed):
    """Squared distance between centres, in cells, to the nearest `seed` cell: (h, w) int64, exact.

    Meijster, Roerdink, Hesselink 2000: down and up the columns, then the lower envelope of each row's parabolas.
    """
    height, width = seed.shape
    along = np.empty((height, width), np.int64)  # in the column; more than any distance where it has no seed
    for i in range(height):
        for j in range(width):
            along[i, j] = 0 if seed[i, j] else (along[i - 1, j] + 1 if i > 0 else height + width)
    for i in range(height - 2, -1, -1):
        for j in range(width):
            along[i, j] = min(along[i, j], along[i + 1, j] + 1)
    lowest, since = np.empty(width, np.int64), np.empty(width, np.int64)  # the envelope's columns, and from where on
    squared = np.empty(width, np.int64)
    for i in range(height):
        for j in range(width):
            squared[j] = along[i, j] * along[i, j]
        last = 0
        lowest[0] = since[0] = 0
        for j in range(1, width):
            while last >= 0:
                k, at = lowest[last], since[last]
                if (at - k) * (at - k) + squared[k] <= (at - j) * (at - j) + squared[j]:
                    break
                last -= 1
            if last < 0:
                last, lowest[0], since[0] = 0, j, 0
                continue
            k = lowest[last]
            meets = 1 + (j * j - k * k + squared[j] - squared[k]) // (2 * (j - k))
            if meets < width:
                last += 1
                lowest[last], since[last] = j, meets
        for j in range(width - 1, -1, -1):
            k = lowest[last]
            along[i, j] = (j - k) * (j - k) + squared[k]
            if j == since[last]:
                last -= 1
    return along


@njit(cache=True, inline="always")
def to_cells(frame, x, y):
    """(column, row) of a point in the map frame, as real numbers; cell (0, 0) has its centre at (0, 0)."""
    dx, dy = x - frame[0], y - frame[1]
    column = (dx * frame[2] + dy * frame[3]) * frame[4] - 0.5
    row = (dy * frame[2] - dx * frame[3]) * frame[4] - 0.5
    return column, row


@njit(cache=True, inline="always")
def distance_at_cell(distance_m, column, row):
    """Bilinear signed distance, m, at real-valued cell coordinates; beyond the grid that of its nearest border cell."""
    height, width = distance_m.shape
    column, row = min(max(column, 0.0), width - 1.001), min(max(row, 0.0), height - 1.001)
    i, j = int(row), int(column)
    v, u = np.float32(row - i), np.float32(column - j)
    low = distance_m[i, j] + u * (distance_m[i, j + 1] - distance_m[i, j])
    high = distance_m[i + 1, j] + u * (distance_m[i + 1, j + 1] - distance_m[i + 1, j])
    return low + v * (high - low)


@njit(cache=True)
def distance_at(distance_m, frame, x, y):
    """Bilinear signed distance, m, from a point in the map frame to the nearest wall."""
    column, row = to_cells(frame, x, y)
    return distance_at_cell(distance_m, column, row)


@njit(cache=True)
def footprint_clearance(distance_m, frame, x, y, yaw, half_length_m, half_width_m):
    """Least signed distance, m, over corners and edges of a car's box at a pose: zero or less is a collision.

    The edges are looked at every half width or closer, so a post thinner than that may enter a side unseen by less than
    a quarter of the width.
    """
    cos_yaw, sin_yaw = math.cos(yaw), math.sin(yaw)
    along = math.ceil(2.0 * half_length_m / half_width_m)
    least = np.float32(1e9)
    for k in range(along + 1):
        forward = half_length_m * (2.0 * k / along - 1.0)
        for side in range(-1, 2):
            if side == 0 and 0 < k < along:
                continue
            left = half_width_m * side
            px = x + forward * cos_yaw - left * sin_yaw
            py = y + forward * sin_yaw + left * cos_yaw
            least = min(least, distance_at(distance_m, frame, px, py))
    return least


def rasterise(course: "Course", resolution_m: float = 0.05, border_m: float = 0.5) -> OccupancyGrid:
    """The occupancy grid of a course: free between its walls, solid everywhere else."""
    left, right = course.walls()
    corner = np.minimum(left.min(axis=0), right.min(axis=0)) - border_m
    extent = np.maximum(left.max(axis=0), right.max(axis=0)) + border_m - corner
    width, height = np.ceil(extent / resolution_m).astype(int)
    occupied = np.ones((height, width), dtype=np.bool_)
    _carve(occupied, (left - corner) / resolution_m - 0.5, (right - corner) / resolution_m - 0.5)
    return OccupancyGrid(course.name, occupied, resolution_m, float(corner[0]), float(corner[1]))


@njit(cache=True)
def _carve(occupied, left, right):
    """Free the cells whose centres lie between two closed walls, each (n, 2) in cells."""
    n = left.shape[0]
    for k in range(n):
        ahead = (k + 1) % n
        _free_triangle(occupied, left[k], right[k], right[ahead])
        _free_triangle(occupied, left[k], right[ahead], left[ahead])


@njit(cache=True)
def _free_triangle(occupied, a, b, c):
    for row in range(math.ceil(min(a[1], b[1], c[1])), math.floor(max(a[1], b[1], c[1])) + 1):
        for column in range(math.ceil(min(a[0], b[0], c[0])), math.floor(max(a[0], b[0], c[0])) + 1):
            side_a = (b[0] - a[0]) * (row - a[1]) - (b[1] - a[1]) * (column - a[0])
            side_b = (c[0] - b[0]) * (row - b[1]) - (c[1] - b[1]) * (column - b[0])
            side_c = (a[0] - c[0]) * (row - c[1]) - (a[1] - c[1]) * (column - c[0])
            least, most = min(side_a, side_b, side_c), max(side_a, side_b, side_c)
            if least >= -1e-9 or most <= 1e-9:  # either winding: an edge shared by two triangles leaves no crack
                occupied[row, column] = False
