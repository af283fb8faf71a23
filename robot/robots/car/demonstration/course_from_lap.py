"""The course from a demonstration lap: the way that was driven, moved to the corridor's middle, with gates across it.

A course is kept in a run's folder as one file of arrays with a checksum, beside the map that it lies in.
"""

import math
from pathlib import Path

import numpy as np

from policies.array_file import array_bytes, read_arrays
from sim.closed_line import way_along
from sim.distance_field import OccupancyGrid
from sim.input_files import shown, wrong
from sim.tracks.track import Course
from sim.tracks.track_map import course_along

GATE_EVERY_M = 1.0
HEADING_OVER_M = 0.5  # of the way, from its start
POINT_EVERY_M = 0.05
LAP_MIN_M = 5.0
OPEN_MAX_M = 3.0  # between the ends of a way that is taken for closed
COURSE_ARRAYS = ("x", "y", "heading", "curvature", "width_left", "width_right")
GRID_NUMBERS = ("resolution_m", "origin_x_m", "origin_y_m", "origin_yaw_rad")


def course_from_lap(grid: OccupancyGrid, way: np.ndarray) -> Course:
    """The course along the way (n, 2 or more: x, y, m, map frame) of one lap, beginning where the lap began.

    Raises ValueError if the way is no closed lap, or leaves too little room somewhere.
    """
    points = without_overlap(way[:, :2])
    closed = np.concatenate([points, points[:1]])
    arc = way_along(closed)
    gap = arc[-1] - arc[-2]
    if arc[-1] < LAP_MIN_M or gap > OPEN_MAX_M:
        raise ValueError(
            f"lap: found {arc[-1] - gap:.1f} m driven, {gap:.1f} m from its start, "
            f"allowed: {LAP_MIN_M} m or more, at most {OPEN_MAX_M} m"
        )
    kept = np.concatenate([[True], np.diff(arc) > 1e-9])
    at = np.arange(0.0, arc[-1], POINT_EVERY_M)
    loop = np.stack([np.interp(at, arc[kept], closed[kept, 0]), np.interp(at, arc[kept], closed[kept, 1])], axis=1)
    ahead = loop[int(HEADING_OVER_M / POINT_EVERY_M)] - loop[0]
    return course_along(grid, loop, (float(loop[0, 0]), float(loop[0, 1]), math.atan2(ahead[1], ahead[0])))


def without_overlap(points: np.ndarray) -> np.ndarray:
    """The way (n, 2) without what was driven past its own start at the end."""
    arc = way_along(points)
    second_half = int(np.searchsorted(arc, 0.5 * arc[-1]))
    away = points[second_half:] - points[0]
    return points[: second_half + int(np.argmin(away[:, 0] ** 2 + away[:, 1] ** 2)) + 1]


def gates(course: Course) -> np.ndarray:
    """Gates about every GATE_EVERY_M, (n, 5): s, left post's x, y, right post's x, y, m; the first lies at s = 0."""
    count = max(1, round(course.length_m / GATE_EVERY_M))
    rows = np.round(np.arange(count) * len(course.x) / count).astype(int)
    left, right = course.walls()
    return np.column_stack([rows * course.spacing_m, left[rows], right[rows]])


def course_bytes(course: Course, grid: OccupancyGrid) -> bytes:
    """Course, gates and map as a .npz file."""
    arrays = {name: getattr(course, name) for name in COURSE_ARRAYS}
    arrays |= {
        "name": np.array(course.name),
        "spacing_m": np.array(course.spacing_m),
        "gates": gates(course),
        "grid_occupied": np.packbits(grid.occupied),
        "grid_shape": np.array(grid.occupied.shape),
        "grid_numbers": np.array([getattr(grid, name) for name in GRID_NUMBERS]),
    }
    return array_bytes(arrays)


COURSE_FILE = "course.npz"  # in a run's folder: map and course that the demonstration lap made
WORDS = {"f": "numbers", "U": "one text", "u": "bytes", "iu": "whole numbers"}
SHAPES: dict[str, tuple[str, tuple[int, ...] | None]] = {  # kinds of dtype; None: any shape here, checked below
    **dict.fromkeys(COURSE_ARRAYS, ("f", None)),
    "name": ("U", ()),
    "spacing_m": ("f", ()),
    "grid_occupied": ("u", None),
    "grid_shape": ("iu", (2,)),
    "grid_numbers": ("f", (len(GRID_NUMBERS),)),
}


def load_course(path: Path) -> tuple[Course, OccupancyGrid]:
    """Read what `course_bytes` made. Raises ValueError, naming file and field, if anything is missing or impossible."""
    if not path.is_file():
        raise ValueError(f"{path}: found no file, needed a course from a demonstration lap")
    arrays = read_arrays(path)
    needed = (*COURSE_ARRAYS, "name", "spacing_m", "grid_occupied", "grid_shape", "grid_numbers")
    missing = [name for name in needed if name not in arrays]
    if missing:
        raise ValueError(f"{path}: {missing[0]}: found nothing, needed an array")
    for name, (kinds, shape) in SHAPES.items():
        if arrays[name].dtype.kind not in kinds or (shape is not None and arrays[name].shape != shape):
            raise wrong(
                path,
                name,
                f"{arrays[name].dtype} of shape {arrays[name].shape}",
                f"{WORDS[kinds]}{f' {shape}' if shape else ''}",
            )
    n = arrays["x"].size
    for name in COURSE_ARRAYS:
        if arrays[name].shape != (n,) or n < 8:
            raise ValueError(f"{path}: {name}: found shape {arrays[name].shape}, allowed: as x, 8 points or more")
        if not np.all(np.isfinite(arrays[name])):
            raise ValueError(f"{path}: {name}: found a value that is not finite, allowed: finite numbers")
    for name in ("width_left", "width_right"):
        if arrays[name].min() <= 0.0:
            raise ValueError(f"{path}: {name}: found {arrays[name].min():.3f} m, allowed: more than 0")
    spacing = float(arrays["spacing_m"])
    points = np.stack([arrays["x"], arrays["y"]], axis=1)
    steps = np.diff(way_along(np.concatenate([points, points[:1]])))
    if not (spacing > 0.0 and np.all(np.abs(steps - spacing) < 0.2 * spacing)):
        raise ValueError(
            f"{path}: x, y: found steps of {steps.min():.3f} to {steps.max():.3f} m, allowed: {spacing:.3f} m, closed"
        )
    course = Course(str(arrays["name"]), spacing, **{name: arrays[name] for name in COURSE_ARRAYS})
    height, width = (int(size) for size in arrays["grid_shape"])
    if height < 3 or width < 3 or arrays["grid_occupied"].size != -(-height * width // 8):
        raise ValueError(f"{path}: grid_shape: found {height} x {width}, allowed: what grid_occupied holds")
    occupied = np.unpackbits(arrays["grid_occupied"], count=height * width).reshape(height, width).astype(bool)
    numbers = dict(zip(GRID_NUMBERS, (float(value) for value in arrays["grid_numbers"]), strict=True))
    if not (numbers["resolution_m"] > 0.0 and np.all(np.isfinite(arrays["grid_numbers"]))):
        raise wrong(
            path, "grid_numbers", shown(arrays["grid_numbers"].tolist()), "finite numbers, a cell of more than 0 m"
        )
    return course, OccupancyGrid(course.name, occupied, **numbers)
