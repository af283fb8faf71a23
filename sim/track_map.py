"""The course that a map holds.

It is an elastic band: it starts as the map's best loop (`sim.map_loops`), walls push it away up to ROOM_MAX_M,
and its stiffness smooths it. Its widths are what rays along its normals find free.
"""

import math

import numpy as np
from numba import njit
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from sim.distance_field import OccupancyGrid, distance_at, to_cells
from sim.map_file import load_map
from sim.map_loops import find_loop
from sim.track import Course, closed_course, with_room

__all__ = ["course_along", "find_course", "load_map"]

ROOM_MAX_M = 1.5  # to either side of the centreline; the widest that random courses have, too
ROOM_MIN_M = 0.3  # half a car and as much again
WALL_MARGIN_M = 0.05
BAND_STEP_M = 0.2
BAND_STIFFNESS = 0.4, 0.1, 0.02  # m^3, the first that leaves room: the stiffest smooths away bends of about a metre
BAND_RATE = 0.2
BAND_ITERATIONS = 400
PUSH_STEP_M = 0.15  # walls on both sides of a ridge push together within this, which keeps the band from trembling
STRAIGHT_M = 3.0


def find_course(grid: OccupancyGrid, start: tuple[float, float, float] | None = None) -> Course:
    """The closed course of a map, found without further help, in the map's frame.

    It is the longest loop with enough room (`sim.map_loops.find_loop`), driven counter-clockwise from the middle of its
    straightest stretch. With a `start` pose (x m, y m, yaw rad): the loop nearest to it, from there, in its direction.
    Everything between the course's walls is free in the grid. Raises ValueError if there is no such course.
    """
    place = None
    if start is not None:
        column, row = to_cells(grid.frame, start[0], start[1])
        place = (float(column), float(row))
    return course_along(grid, _to_map(grid, find_loop(grid, place)), start)


def course_along(grid: OccupancyGrid, loop: np.ndarray, start: tuple[float, float, float] | None) -> Course:
    """The course near a closed line `loop` (m, 2), map frame, m, about a cell apart; `start` as in `find_course`.

    Raises ValueError if there is too little room somewhere.
    """
    for stiffness in BAND_STIFFNESS:
        course = _with_widths(grid, _from_start(_elastic_band(grid, loop, stiffness), start))
        least = np.minimum(course.width_left, course.width_right)
        if least.min() >= ROOM_MIN_M:
            return course
    tight = int(np.argmin(least))
    raise ValueError(
        f"map {grid.name}: found {least[tight]:.2f} m of room beside its loop at x {course.x[tight]:.1f}, "
        f"y {course.y[tight]:.1f}, allowed: {ROOM_MIN_M} m or more on either side"
    )


def _from_start(points: np.ndarray, start: tuple[float, float, float] | None) -> np.ndarray:
    """A closed line (n, 2) that begins beside `start`, in its direction; without one, on its straightest stretch."""
    ahead = np.roll(points, -1, axis=0) - points
    if start is None:
        return np.roll(points, -_straightest(ahead), axis=0)
    first = int(np.argmin(np.hypot(points[:, 0] - start[0], points[:, 1] - start[1])))
    if ahead[first] @ (math.cos(start[2]), math.sin(start[2])) < 0:
        points, first = points[::-1], len(points) - 1 - first
    return np.roll(points, -first, axis=0)


def _to_map(grid: OccupancyGrid, cells: np.ndarray) -> np.ndarray:
    """Points (m, 2) from columns and rows to the map frame."""
    x, y = ((cells + 0.5) * grid.resolution_m).T
    origin_x, origin_y, cos_yaw, sin_yaw, _ = grid.frame
    return np.stack([origin_x + x * cos_yaw - y * sin_yaw, origin_y + x * sin_yaw + y * cos_yaw], axis=1)


def _elastic_band(grid: OccupancyGrid, loop: np.ndarray, stiffness: float) -> np.ndarray:
    """A smooth closed line (n, 2) every BAND_STEP_M near a ragged `loop` (m, 2), pushed away from walls; map frame, m.

    Walls push in proportion to what lacks to ROOM_MAX_M. The stiffness acts implicitly, by Fourier series.
    """
    band = _evenly(gaussian_filter1d(loop, 0.3 / grid.resolution_m, axis=0, mode="wrap"))
    for _ in range(BAND_ITERATIONS):
        wave = 2 * np.pi * np.fft.fftfreq(len(band), BAND_STEP_M)
        pushed = (band + BAND_RATE * _push(grid.distance_m, grid.frame, band)) @ (1, 1j)
        relaxed = np.fft.ifft(np.fft.fft(pushed) / (1 + BAND_RATE * stiffness * wave**4))
        band = _evenly(np.stack([relaxed.real, relaxed.imag], axis=1))
    return band


@njit(cache=True)
def _push(distance_m, frame, band):
    """How hard and where the walls push each point (n, 2): 0 at ROOM_MAX_M, 1 at a wall."""
    push = np.empty_like(band)
    for k in range(len(band)):
        for axis in range(2):
            dx, dy = PUSH_STEP_M * (axis == 0), PUSH_STEP_M * (axis == 1)
            ahead = max(0.0, ROOM_MAX_M - distance_at(distance_m, frame, band[k, 0] + dx, band[k, 1] + dy))
            behind = max(0.0, ROOM_MAX_M - distance_at(distance_m, frame, band[k, 0] - dx, band[k, 1] - dy))
            push[k, axis] = (behind * behind - ahead * ahead) / (4.0 * PUSH_STEP_M * ROOM_MAX_M)
    return push


def _evenly(points: np.ndarray) -> np.ndarray:
    """A closed line (m, 2) with points every BAND_STEP_M, or as near to that as divides its length."""
    closed = np.concatenate([points, points[:1]])
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    n = max(8, round(arc[-1] / BAND_STEP_M))
    at = np.arange(n) * arc[-1] / n
    return np.stack([np.interp(at, arc, closed[:, 0]), np.interp(at, arc, closed[:, 1])], axis=1)


def _straightest(ahead: np.ndarray) -> int:
    """Index of the middle of the stretch of STRAIGHT_M that turns least, of steps (n, 2)."""
    heading = np.arctan2(ahead[:, 1], ahead[:, 0])
    turn = np.abs(np.angle(np.exp(1j * (heading - np.roll(heading, 1)))))
    return int(np.argmin(uniform_filter1d(turn, round(STRAIGHT_M / BAND_STEP_M), mode="wrap")))


def _with_widths(grid: OccupancyGrid, points: np.ndarray) -> Course:
    nothing = np.zeros(len(points))
    course = closed_course(grid.name, points, nothing, nothing)
    left, right = (_free_along_normals(grid.distance_m, grid.frame, course.packed(), side) for side in (1.0, -1.0))
    return with_room(course, left, right, apart_m=0.0)


@njit(cache=True)
def _free_along_normals(distance_m, frame, course, side):
    """How far rays to one side of a packed course stay WALL_MARGIN_M clear of walls, up to ROOM_MAX_M; (n,) m.

    The margin is more than half the distance between two rays, so that nothing hides between them.
    """
    room = np.empty(len(course))
    for k in range(len(course)):
        normal_x, normal_y = -side * course[k, 3], side * course[k, 2]
        reach = 0.0
        while reach < ROOM_MAX_M:
            clear = distance_at(distance_m, frame, course[k, 0] + reach * normal_x, course[k, 1] + reach * normal_y)
            if clear < WALL_MARGIN_M:
                break
            reach += max(0.01, clear - WALL_MARGIN_M)
        room[k] = min(reach, ROOM_MAX_M)
    return room
