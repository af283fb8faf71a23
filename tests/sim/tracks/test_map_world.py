"""The course of a map is found once, and again only when map, choice or program change."""

from pathlib import Path

import numpy as np
import pytest

import sim.tracks.map_world
from sim.cache_folder import cache_folder
from sim.tracks.map_world import map_world
from sim.tracks.track import Course
from tests.sim.drawn_maps import FREE, WALL, write_map


def hall(folder: Path) -> Path:
    pixels = np.full((160, 240), WALL, np.uint8)
    pixels[10:-10, 10:-10] = FREE
    pixels[50:-50, 50:-50] = WALL
    return write_map(folder, pixels)


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple]:
    """The searches for a course that were made, with a cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made: list[tuple] = []
    find = sim.tracks.map_world.find_course_and_loops

    def counting(*arguments: object) -> tuple[Course, str]:
        made.append(arguments[1:])
        return find(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sim.tracks.map_world, "find_course_and_loops", counting)
    return made


def test_a_course_is_found_once_and_stays_the_same_to_the_last_bit(tmp_path: Path, searches: list[tuple]) -> None:
    path = hall(tmp_path)
    first, second = map_world(path), map_world(path)
    assert len(searches) == 1
    assert first.course.packed().tobytes() == second.course.packed().tobytes()
    assert first.course.spacing_m == second.course.spacing_m and second.loops == ""
    map_world(path, (0.0, 0.0, 1.0))
    map_world(path, None, 1)
    path.write_text(path.read_text().replace("resolution: 0.05", "resolution: 0.06"))
    assert map_world(path).course.length_m > 1.1 * first.course.length_m
    assert len(searches) == 4


def test_a_spoilt_or_forbidden_cache_costs_time_and_nothing_else(tmp_path: Path, searches: list[tuple]) -> None:
    path = hall(tmp_path)
    course = map_world(path).course
    (kept,) = cache_folder("courses").iterdir()
    for spoilt in (b"", kept.read_bytes()[:1000], kept.read_bytes().replace(b"spacing_m", b"spacing_n")):
        kept.write_bytes(spoilt)
        assert map_world(path).course.packed().tobytes() == course.packed().tobytes()
    assert len(searches) == 4
    kept.unlink()
    cache_folder("courses").rmdir()
    cache_folder("courses").write_text("a file in the folder's place")
    assert map_world(path).course.packed().tobytes() == course.packed().tobytes()
