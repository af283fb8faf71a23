"""Random closed courses, for training on many tracks and judging on tracks that nobody trained on.

Two families, half and half: buildings, whose centreline is the outline of a random polyomino (long straights,
right-angled corners, hairpins round one-room arms), and circuits, whose corners lie round a centre at random radii
(sweeps, S-bends). Corners are rounded by a Gaussian along the centreline. Half of the courses run clockwise.
"""

import numpy as np
import scipy

from sim.tracks.track import Course, closed_course, with_room

LENGTH_M = (20.0, 120.0)
HALF_WIDTH_M = (0.5, 1.5)
WALL_M = 0.15  # between two stretches of corridor that run side by side
RADIUS_MIN_M = 0.95  # the tightest centreline; a car with full lock turns on 0.74 m
STEP_M = 0.1


def random_course(seed: int) -> Course:
    """The course of that seed, (n,) arrays every 0.05 m: 20 to 120 m long, 0.5 to 1.5 m of room on either side."""
    rng = np.random.default_rng([seed, 0x7AC5])
    while True:
        corners = _building(rng) if rng.random() < 0.5 else _circuit(rng)
        if rng.random() < 0.5:
            corners = corners[::-1]
        course = _course_round(corners, f"random_{seed}", rng)
        if course is not None:
            return course


def _building(rng: np.random.Generator) -> np.ndarray:
    """Corners (m, 2) of a random polyomino's outline, its rows and columns of random size, a little out of square."""
    while True:
        shape = rng.integers(2, 6, 2)
        rooms = _polyomino(rng, shape, int(shape.prod() * rng.uniform(0.1, 0.8) + 1))
        loop = _outline(rooms)
        if loop is not None:
            break
    columns = np.cumsum(rng.uniform(2.6, 8.0, shape[0] + 1))
    rows = np.cumsum(rng.uniform(2.6, 8.0, shape[1] + 1))
    corners = np.stack([columns[loop[:, 0]], rows[loop[:, 1]]], axis=1)
    return corners + rng.normal(0.0, rng.choice([0.0, 0.1, 0.5]), corners.shape)


def _polyomino(rng: np.random.Generator, shape: np.ndarray, cells: int) -> np.ndarray:
    """A connected set of `cells` rooms, bool `shape` with a border of one."""
    rooms = np.zeros(shape + 2, bool)
    rooms[tuple(1 + rng.integers(0, shape))] = True
    while rooms.sum() < cells:
        i, j = 1 + rng.integers(0, shape)
        rooms[i, j] |= rooms[i - 1, j] | rooms[i + 1, j] | rooms[i, j - 1] | rooms[i, j + 1]
    return rooms


def _outline(rooms: np.ndarray) -> np.ndarray | None:
    """The corners of the rooms' outline, counter-clockwise, (m, 2) int; None if they enclose a court or only touch."""
    follow: dict[tuple[int, int], tuple[int, int]] = {}
    for i, j in np.argwhere(rooms):
        edges = (
            (not rooms[i, j - 1], (i, j), (i + 1, j)),
            (not rooms[i + 1, j], (i + 1, j), (i + 1, j + 1)),
            (not rooms[i, j + 1], (i + 1, j + 1), (i, j + 1)),
            (not rooms[i - 1, j], (i, j + 1), (i, j)),
        )
        for is_wall, start, end in edges:
            if is_wall and start in follow:
                return None
            if is_wall:
                follow[start] = end
    first = next(iter(follow))
    loop = [first]
    while follow[loop[-1]] != first:
        loop.append(follow[loop[-1]])
    if len(loop) != len(follow):
        return None
    points = np.array(loop) - 1
    straight = np.all(np.roll(points, 1, axis=0) + np.roll(points, -1, axis=0) == 2 * points, axis=1)
    return points[~straight]


def _circuit(rng: np.random.Generator) -> np.ndarray:
    """Corners (m, 2) at random radii round a centre, the whole stretched."""
    n = int(rng.integers(6, 17))
    angle = 2 * np.pi * (np.arange(n) + rng.uniform(-0.3, 0.3, n)) / n
    radius = np.exp(rng.uniform(0.0, rng.uniform(0.4, 1.6), n))
    stretch = np.array([rng.uniform(1.0, 2.0), 1.0])
    return rng.uniform(2.0, 6.0) * stretch * np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _course_round(corners: np.ndarray, name: str, rng: np.random.Generator) -> Course | None:
    """The course along rounded corners, or None where no rounding gives it a drivable curvature and length."""
    closed = np.concatenate([corners, corners[:1]])
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    if not LENGTH_M[0] < arc[-1] < 1.3 * LENGTH_M[1]:
        return None
    at = np.arange(0.0, arc[-1], STEP_M)
    polygon = np.stack([np.interp(at, arc, closed[:, 0]), np.interp(at, arc, closed[:, 1])], axis=1)
    left, right = (_widths(rng, len(at)) for _ in range(2))
    start = int(rng.integers(len(at)))
    for rounding_m in rng.uniform(0.5, 2.0) * np.array([1.0, 1.3, 1.7, 2.2]):
        points = np.roll(
            scipy.ndimage.gaussian_filter1d(polygon, rounding_m / STEP_M, axis=0, mode="wrap"), -start, axis=0
        )[::4]
        course = closed_course(name, points, left[::4], right[::4])
        if np.abs(course.curvature).max() < 1 / RADIUS_MIN_M and LENGTH_M[0] < course.length_m < LENGTH_M[1]:
            course = with_room(course, course.width_left, course.width_right, WALL_M)
            return course if min(course.width_left.min(), course.width_right.min()) > HALF_WIDTH_M[0] else None
    return None


def _widths(rng: np.random.Generator, n: int) -> np.ndarray:
    """Room to one side, (n,) m: one value, or one for each stretch of 3 to 15 m, joined smoothly."""
    usual = rng.uniform(0.75, 1.25)
    stretch = rng.uniform(3.0, 15.0) / STEP_M
    change = rng.choice([0.0, 0.1, 0.35])
    values = usual + change * rng.uniform(-1.0, 1.0, max(1, int(n / stretch)))
    widths = values[np.arange(n) * len(values) // n]
    return np.clip(scipy.ndimage.gaussian_filter1d(widths, rng.uniform(0.3, 1.0) / STEP_M, mode="wrap"), *HALF_WIDTH_M)
