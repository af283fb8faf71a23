"""The world of a map's file: its grid and the course that it holds, found once and kept in the user's cache folder.

Every process of a session needs the same course, and so does the next session. What is kept is found again by the grid's
contents, by what was chosen and by the program that found it: a map or program that changes gives a new course.
"""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from sim.cache_folder import cache_folder
from sim.distance_field import OccupancyGrid
from sim.tracks.map_file import load_map
from sim.tracks.track import Course
from sim.tracks.track_map import find_course_and_loops

COLUMNS = ("x", "y", "heading", "curvature", "width_left", "width_right")
PROGRAM = (
    "closed_line.py", "distance_field.py", "portable_math.py",
    "tracks/island_sets.py", "tracks/map_loops.py", "tracks/map_world.py", "tracks/track.py", "tracks/track_map.py",
)  # fmt: skip


@dataclass(frozen=True)
class MapWorld:
    """A map and its course."""

    grid: OccupancyGrid
    course: Course
    loops: str  # all loops that the map has, in words, if there are several


def map_world(
    path: Path,
    start: tuple[float, float, float] | None = None,
    loop: int = 0,
    tell: Callable[[str], None] = lambda step: None,
) -> MapWorld:
    """The world of a map_server YAML file; start, loop and tell as `sim.tracks.track_map.find_course` takes them.

    Raises ValueError, naming file and field, or place and limit.
    """
    grid = load_map(path)
    kept = cache_folder("courses") / f"{_key(grid, start, loop)}.npz"
    found = _read(kept, grid)
    if found is None:
        found = MapWorld(grid, *find_course_and_loops(grid, start, loop, tell))
        _write(kept, found)
    return found


@cache
def _program() -> bytes:
    """A digest of the files that find courses."""
    digest = hashlib.sha256()
    for name in PROGRAM:
        digest.update((Path(__file__).parents[1] / name).read_bytes())
    return digest.digest()


def _key(grid: OccupancyGrid, start: tuple[float, float, float] | None, loop: int) -> str:
    digest = hashlib.sha256(_program())
    digest.update(f"{grid.name} {grid.occupied.shape} {grid.resolution_m} {start} {loop}".encode())
    digest.update(grid.frame.tobytes())
    digest.update(np.packbits(grid.occupied).tobytes())
    return digest.hexdigest()[:32]


def _read(file: Path, grid: OccupancyGrid) -> MapWorld | None:
    """What was kept; None if nothing was, or if it is not whole: each array in the file has its own checksum."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            columns = {name: stored[name] for name in COLUMNS}
            return MapWorld(grid, Course(grid.name, float(stored["spacing_m"]), **columns), str(stored["loops"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def _write(file: Path, found: MapWorld) -> None:
    """Keep it: written beside and renamed. A cache folder that cannot be written costs time, nothing else."""
    course, beside = found.course, file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as stored:
            np.savez(stored, spacing_m=course.spacing_m, loops=found.loops, **{n: getattr(course, n) for n in COLUMNS})
        beside.replace(file)
    except OSError:
        return
    finally:
        with suppress(OSError):
            beside.unlink()  # gone, unless writing failed or was interrupted
