"""The course that a map holds.

It is an elastic band: it starts as the map's best loop (`sim.tracks.map_loops`), walls push it away up to ROOM_MAX_M,
and its stiffness smooths it. Its widths are what rays along its normals find free.
"""

import math
from collections.abc import Callable

import numpy as np
from numba import njit

from sim.closed_line import gaussian, smoothed, turns, way_along
from sim.distance_field import OccupancyGrid, distance_at, to_cells
from sim.tracks.map_file import load_map
from sim.tracks.map_loops import Loop, crossing_of, find_loops, outline, rough_outline
from sim.tracks.track import Course, closed_course, with_room

__all__ = ["course_along", "find_course", "load_map"]

ROOM_MAX_M = 1.5  # to either side of the centreline; the widest that random courses have, too
ROOM_WANTED_M = 0.3  # half a car and as much again
ROOM_MIN_M = 0.17  # half a car and a little: a lane 0.6 m wide has 0.25 m on straights, less in bends
WALL_MARGIN_M = 0.05
OUTLINE_SIGMA_M = 0.3  # of the smoothing of a loop's cells
BAND_STEP_M = 0.2
# m^3, the first that leaves room: the stiffest smooths away bends of about a metre
BAND_STIFFNESS = (0.4, 0.1, 0.02, 0.2, 0.05, 0.005)
BAND_RATE = 0.2
BAND_ITERATIONS = 400
BAND_REACH, BAND_WAVES = 64, 256  # points to either side that a displacement spreads to, and waves that say how
PUSH_STEP_M = 0.15  # walls on both sides of a ridge push together within this, which keeps the band from trembling
STRAIGHT_M = 3.0
TURN_MIN_M = 0.74  # radius of the middle of the rear axle at full lock
HALF_WIDTH_M = 0.155  # of the car
HAIRPIN_RAD = 2.0  # a bend of less is cut from one side of the lane to the other
LISTED, LISTED_IN_ERROR = 4, 9  # loops named at most


def find_course(
    grid: OccupancyGrid,
    start: tuple[float, float, float] | None = None,
    number: int = 0,
    tell: Callable[[str], None] = lambda step: None,
) -> Course:
    """The closed course of a map, found without further help, in the map's frame.

    It is the best loop (`sim.tracks.map_loops.find_loops`), or the one of this `number` from 1, driven counter-clockwise from
    the middle of its straightest stretch. With a `start` pose (x m, y m, yaw rad): the best loop through the place of
    any loop that is nearest to it, from there, in its direction. Everything between the course's walls is free in the
    grid. `tell` hears of every step. Raises ValueError if there is no such course, or if the map is a figure-eight and
    no loop of it was chosen.
    """
    return find_course_and_loops(grid, start, number, tell)[0]


def find_course_and_loops(
    grid: OccupancyGrid,
    start: tuple[float, float, float] | None = None,
    number: int = 0,
    tell: Callable[[str], None] = lambda step: None,
) -> tuple[Course, str]:
    """`find_course`, and all of the map's loops in words, by which one can be chosen; empty if there is one alone."""
    all_loops = loops = find_loops(grid, tell=tell)
    if start is not None and number == 0:
        column, row = to_cells(grid.frame, start[0], start[1])
        loops = find_loops(grid, (float(column), float(row)), tell)
    if not 0 <= number <= len(loops):
        raise ValueError(f"map {grid.name}: loop: found {number}, allowed: {in_words(grid, loops, LISTED_IN_ERROR)}")
    crossing = crossing_of(grid, loops[0].region) if number == 0 else None
    if crossing is not None:
        x, y = _to_map(grid, np.array([crossing]))[0]
        raise ValueError(
            f"map {grid.name}: found a figure-eight, whose lanes cross at x {x:.1f}, y {y:.1f}, which cannot be driven; "
            f"allowed: one of its loops: {in_words(grid, all_loops, LISTED_IN_ERROR)}"
        )
    tell("the course along the best of them")
    course = course_along(grid, _to_map(grid, outline(grid, loops[max(0, number - 1)])), start)
    return course, in_words(grid, all_loops, LISTED) if len(all_loops) > 1 else ""


def in_words(grid: OccupancyGrid, loops: list[Loop], count: int) -> str:
    """The first `count` loops by number, length and place."""
    told = []
    for number, loop in enumerate(loops[:count], start=1):
        corners = _to_map(grid, rough_outline(loop))
        line = smoothed(corners, gaussian(OUTLINE_SIGMA_M / grid.resolution_m))
        x, y = line.mean(axis=0)
        told.append(f"{number} (about {way_along(line)[-1]:.0f} m round x {x:.1f}, y {y:.1f})")
    more = f", and {len(loops) - count} more" if len(loops) > count else ""
    return ", ".join(told) + more


def course_along(grid: OccupancyGrid, loop: np.ndarray, start: tuple[float, float, float] | None) -> Course:
    """The course near a closed line `loop` (m, 2), map frame, m, about a cell apart; `start` as in `find_course`.

    Raises ValueError if there is too little room somewhere.
    """
    courses = []
    for stiffness in BAND_STIFFNESS:
        band = _elastic_band(grid, loop, stiffness)
        if not _is_simple(band):
            continue
        course = _with_widths(grid, _from_start(band, start))
        if _least_room(course).min() >= ROOM_WANTED_M:
            _refuse_hairpins(course)
            return course
        courses.append(course)
    if not courses:
        x, y = loop.mean(axis=0)
        raise ValueError(
            f"map {grid.name}: found a loop round x {x:.1f}, y {y:.1f} that folds onto itself, allowed: one round walls "
            "that a car can turn about"
        )
    course = max(courses, key=lambda course: float(_least_room(course).min()))
    least = _least_room(course)
    tight = int(np.argmin(least))
    if least[tight] < ROOM_MIN_M:
        raise ValueError(
            f"map {grid.name}: found {least[tight]:.2f} m of room beside its loop at x {course.x[tight]:.1f}, "
            f"y {course.y[tight]:.1f}, allowed: {ROOM_MIN_M} m or more on either side"
        )
    _refuse_hairpins(course)
    return course


def _refuse_hairpins(course: Course) -> None:
    """Raise ValueError if the car cannot get round a bend even on the outside of the corridor."""
    bends = np.abs(course.curvature) > 1.0 / TURN_MIN_M
    if bends.all() or not bends.any():
        return
    first = int(np.argmin(bends))  # in no bend
    starts = np.flatnonzero(np.diff(np.roll(bends, -first).astype(int), prepend=0) == 1) + first
    for start in starts:
        rows = start + np.arange(int(np.argmin(np.roll(bends, -(start % len(bends))))))
        rows %= len(bends)
        turn = float(course.curvature[rows].sum()) * course.spacing_m
        outside = course.width_right if turn > 0 else course.width_left
        widest = len(rows) * course.spacing_m / max(abs(turn), 1e-9) + float(np.median(outside[rows])) - HALF_WIDTH_M
        if abs(turn) > HAIRPIN_RAD and widest < TURN_MIN_M:
            k = rows[len(rows) // 2]
            raise ValueError(
                f"map {course.name}: the bend at x {course.x[k]:.1f}, y {course.y[k]:.1f} is tighter than a car turns: "
                f"found a radius of {widest:.2f} m on its outside, allowed: {TURN_MIN_M} m or more"
            )


def _least_room(course: Course) -> np.ndarray:
    return np.minimum(course.width_left, course.width_right)


def _is_simple(band: np.ndarray) -> bool:
    """Whether a closed line (n, 2) turns once in all, and nowhere back onto itself: no knot, no collapsed loop."""
    step_m = np.diff(way_along(np.concatenate([band, band[:1]])))
    if len(band) <= 8 or not step_m.min() > 0.25 * BAND_STEP_M:
        return False
    turn = turns(band)
    return bool(abs(abs(turn.sum()) - 2.0 * np.pi) < 0.1 and np.abs(turn).max() < 2.0)


def _from_start(points: np.ndarray, start: tuple[float, float, float] | None) -> np.ndarray:
    """A closed line (n, 2) that begins beside `start`, in its direction; without one, on its straightest stretch."""
    if start is None:
        return np.roll(points, -_straightest(points), axis=0)
    away = points - start[:2]
    first = int(np.argmin(away[:, 0] ** 2 + away[:, 1] ** 2))
    ahead = points[(first + 1) % len(points)] - points[first]
    if ahead[0] * math.cos(start[2]) + ahead[1] * math.sin(start[2]) < 0:
        points, first = points[::-1], len(points) - 1 - first
    return np.roll(points, -first, axis=0)


def _to_map(grid: OccupancyGrid, cells: np.ndarray) -> np.ndarray:
    """Points (m, 2) from columns and rows to the map frame."""
    x, y = ((cells + 0.5) * grid.resolution_m).T
    origin_x, origin_y, cos_yaw, sin_yaw, _ = grid.frame
    return np.stack([origin_x + x * cos_yaw - y * sin_yaw, origin_y + x * sin_yaw + y * cos_yaw], axis=1)


def _elastic_band(grid: OccupancyGrid, loop: np.ndarray, stiffness: float) -> np.ndarray:
    """A smooth closed line (n, 2) every BAND_STEP_M near a ragged `loop` (m, 2), pushed away from walls; map frame, m.

    Walls push in proportion to what lacks to ROOM_MAX_M. The stiffness acts implicitly.
    """
    band = _evenly(smoothed(loop, gaussian(OUTLINE_SIGMA_M / grid.resolution_m)))
    weights = _stiff_weights(stiffness)
    for _ in range(BAND_ITERATIONS):
        band = _evenly(smoothed(band + BAND_RATE * _push(grid.distance_m, grid.frame, band), weights))
    return band


def _stiff_weights(stiffness: float) -> np.ndarray:
    """How an implicit step of a band of this stiffness, m^3, spreads a displacement: weights for `smoothed`.

    The inverse Fourier transform of 1 / (1 + BAND_RATE stiffness k^4) over the wave numbers k that the band can have.
    """
    weights = np.zeros(BAND_REACH + 1)
    for number in range(BAND_WAVES):
        angle = math.pi * (number + 0.5) / BAND_WAVES  # from a point to the next
        square = (angle / BAND_STEP_M) * (angle / BAND_STEP_M)
        spread = 1.0 / (1.0 + BAND_RATE * stiffness * square * square)
        weights += spread * np.array([math.cos(angle * away) for away in range(BAND_REACH + 1)])
    return weights / (weights[0] + 2.0 * weights[1:].sum())


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
    arc = way_along(closed)
    n = max(8, round(arc[-1] / BAND_STEP_M))
    at = np.arange(n) * arc[-1] / n
    return np.stack([np.interp(at, arc, closed[:, 0]), np.interp(at, arc, closed[:, 1])], axis=1)


def _straightest(points: np.ndarray) -> int:
    """Index of the middle of the stretch of STRAIGHT_M that turns least, of a closed line (n, 2)."""
    side = round(0.5 * STRAIGHT_M / BAND_STEP_M)
    return int(np.argmin(smoothed(np.abs(turns(points))[:, None], np.ones(side))))


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
