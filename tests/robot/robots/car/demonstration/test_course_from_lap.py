"""The course of a lap: in the corridor's middle, closed, with gates; and a file that is checked when read."""

import math
from pathlib import Path

import numpy as np
import pytest

from policies.array_file import read_arrays, write_arrays, write_bytes_atomically
from robot.robots.car.demonstration.course_from_lap import (
    course_bytes,
    course_from_lap,
    gates,
    load_course,
    without_overlap,
)
from robot.robots.car.demonstration.mapping import map_of_lap
from robot.robots.car.estimation.evaluate import standing_start
from sim.distance_field import rasterise
from sim.tracks.built_in_tracks import built_in
from sim.tracks.track import project


def test_the_course_of_a_lap_is_the_corridors_middle(lap) -> None:
    grid, way = map_of_lap("lap", lap.estimator.keyframes, lap.estimator.closing_pose)
    course = course_from_lap(grid, way)
    x0, y0, yaw0 = standing_start(lap.course)
    packed = lap.course.packed()
    for k in range(0, len(course.x), 10):
        x = x0 + course.x[k] * math.cos(yaw0) - course.y[k] * math.sin(yaw0)
        y = y0 + course.x[k] * math.sin(yaw0) + course.y[k] * math.cos(yaw0)
        row, _, lateral, error = project(
            packed, lap.course.spacing_m, x, y, course.heading[k] + yaw0, 0, 0, len(packed) - 1
        )
        assert abs(lateral) < 0.15 and abs(error) < 0.15
        # Never wider than the world is.
        assert course.width_left[k] < lap.course.width_left[row] - lateral + 0.03
        assert course.width_right[k] < lap.course.width_right[row] + lateral + 0.03
        assert course.width_left[k] + course.width_right[k] > 1.5
    assert course.length_m == pytest.approx(lap.course.length_m, rel=0.03)
    assert course.spacing_m == pytest.approx(0.05, abs=0.001)
    assert math.hypot(course.x[0], course.y[0]) < 0.3 and abs(course.heading[0]) < 0.2


@pytest.mark.parametrize("radius_m", [0.9, 2.0, 10.0])
def test_the_way_past_its_own_start_is_left_out(radius_m: float) -> None:
    angle = np.linspace(0.0, 2.2 * math.pi, 500)  # a tenth of a lap too much
    circle = radius_m * np.stack([np.sin(angle), 1.0 - np.cos(angle)], axis=1)
    kept = without_overlap(circle)
    assert angle[len(kept) - 1] == pytest.approx(2.0 * math.pi, abs=0.03)


def test_a_way_that_ends_before_its_start_is_kept_whole() -> None:
    angle = np.linspace(0.0, 1.95 * math.pi, 500)
    circle = 2.0 * np.stack([np.sin(angle), 1.0 - np.cos(angle)], axis=1)
    assert len(without_overlap(circle)) == 500


def test_half_a_lap_is_refused() -> None:
    course = built_in("oval")
    way = np.stack([course.x, course.y], axis=1)[: len(course.x) // 2]
    with pytest.raises(ValueError, match="from its start, allowed"):
        course_from_lap(rasterise(course), way)


def test_gates_stand_across_the_course_a_metre_apart() -> None:
    course = built_in("bean")
    posts = gates(course)
    assert posts[0, 0] == 0.0
    assert np.diff(posts[:, 0]) == pytest.approx(1.0, abs=0.06)
    across = posts[:, 1:3] - posts[:, 3:5]
    rows = np.round(posts[:, 0] / course.spacing_m).astype(int)
    assert np.hypot(*across.T) == pytest.approx(course.width_left[rows] + course.width_right[rows])
    along = across[:, 0] * np.cos(course.heading[rows]) + across[:, 1] * np.sin(course.heading[rows])
    assert along == pytest.approx(0.0, abs=1e-9)


def test_a_saved_course_comes_back(tmp_path: Path) -> None:
    course = built_in("ell")
    grid = rasterise(course)
    write_bytes_atomically(tmp_path / "course.npz", [course_bytes(course, grid)])
    again, its_grid = load_course(tmp_path / "course.npz")
    assert again.name == "ell" and again.spacing_m == course.spacing_m
    assert np.array_equal(again.packed(), course.packed())
    assert np.array_equal(its_grid.occupied, grid.occupied) and np.array_equal(its_grid.frame, grid.frame)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("curvature", lambda a: a[:-1], "curvature: found shape"),
        ("x", lambda a: np.where(np.arange(len(a)) == 5, np.nan, a), "x: found a value that is not finite"),
        ("width_left", lambda a: a - 2.0, "width_left: found -1.000 m, allowed: more than 0"),
        ("y", lambda a: a * 1.5, "x, y: found steps"),
        ("grid_shape", lambda a: a * 4, "grid_shape: found"),
    ],
)
def test_an_impossible_course_is_named(tmp_path: Path, name: str, change, message: str) -> None:
    course, path = built_in("oval"), tmp_path / "course.npz"
    write_bytes_atomically(path, [course_bytes(course, rasterise(course))])
    arrays = read_arrays(path)
    arrays[name] = change(arrays[name])
    write_arrays(path, arrays)
    with pytest.raises(ValueError, match=message) as raised:
        load_course(path)
    assert str(path) in str(raised.value)


def test_missing_files_and_fields_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="found no file"):
        load_course(tmp_path / "course.npz")
    write_arrays(tmp_path / "course.npz", {"x": np.zeros(10)})
    with pytest.raises(ValueError, match="y: found nothing"):
        load_course(tmp_path / "course.npz")
