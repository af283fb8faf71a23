"""The lidar: against straight lines cut with the walls themselves, from every place, at rest and in motion."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.car.lidar import cast, cast_beams
from sim.distance_field import OccupancyGrid, rasterise
from sim.tracks.built_in_tracks import BUILT_IN, built_in
from sim.tracks.track import Course

ANGLES = np.linspace(-math.pi, math.pi, 360, endpoint=False).astype(np.float32)
RANGE_MAX_M = 25.0


def scan(
    grid: OccupancyGrid, pose: np.ndarray, to: np.ndarray | None = None, range_max_m: float = RANGE_MAX_M
) -> np.ndarray:
    range_m = np.empty(len(ANGLES), dtype=np.float32)
    cast_beams(grid.distance_m, grid.frame, pose, pose if to is None else to, ANGLES, range_max_m, range_m)
    return range_m


def march(grid: OccupancyGrid, x: float, y: float, angle: float) -> float:
    """Range found by walking in millimetres until the cell underfoot is occupied."""
    travelled = np.arange(0.0, RANGE_MAX_M, 0.001)
    column = ((x + travelled * math.cos(angle) - grid.origin_x_m) / grid.resolution_m).astype(int)
    row = ((y + travelled * math.sin(angle) - grid.origin_y_m) / grid.resolution_m).astype(int)
    inside = (row >= 0) & (row < grid.occupied.shape[0]) & (column >= 0) & (column < grid.occupied.shape[1])
    return float(travelled[inside][np.argmax(grid.occupied[row[inside], column[inside]])])


def cut(course: Course, x: float, y: float, angle: float) -> float:
    """Range found by cutting the ray with every piece of both walls."""
    nearest = RANGE_MAX_M
    for wall in course.walls():
        start, along = wall, np.roll(wall, -1, axis=0) - wall
        ray = np.array([math.cos(angle), math.sin(angle)])
        offset = start - [x, y]
        cross = ray[0] * along[:, 1] - ray[1] * along[:, 0]
        distance = (offset[:, 0] * along[:, 1] - offset[:, 1] * along[:, 0]) / cross
        share = (offset[:, 0] * ray[1] - offset[:, 1] * ray[0]) / cross
        hits = distance[(share >= 0) & (share < 1) & (distance > 0)]
        nearest = min(nearest, hits.min(initial=RANGE_MAX_M))
    return nearest


def centreline_pose(course: Course, place: float) -> np.ndarray:
    k = int(place * len(course.x))
    return np.array([course.x[k], course.y[k], course.heading[k]])


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("place", [0.0, 0.37, 0.81])
def test_ranges_are_where_the_walls_are(name: str, place: float) -> None:
    course = built_in(name)
    grid, pose = rasterise(course), centreline_pose(course, place)
    found = scan(grid, pose)
    walls = np.array([cut(course, pose[0], pose[1], pose[2] + angle) for angle in ANGLES])
    cells = np.array([march(grid, pose[0], pose[1], pose[2] + angle) for angle in ANGLES])
    assert np.median(np.abs(found - walls)) < 0.025
    assert np.quantile(np.abs(found - walls), 0.9) < 0.06  # a cell is 0.05 m, and many beams graze
    assert np.median(np.abs(found - cells)) < 0.02
    assert np.quantile(np.abs(found - cells), 0.9) < 0.08


def test_one_beam_measures_as_many_do() -> None:
    course = built_in("ell")
    grid, pose = rasterise(course), centreline_pose(course, 0.2)
    alone = [cast(grid.distance_m, grid.frame, pose[0], pose[1], pose[2] + angle, RANGE_MAX_M) for angle in ANGLES]
    difference = np.abs(scan(grid, pose) - alone)
    assert np.quantile(difference, 0.98) < 1e-3
    assert difference.max() < 0.05


@given(yaw_rad=st.floats(-10.0, 10.0), place=st.floats(0.0, 0.99))
@settings(max_examples=20, deadline=None)
def test_turning_map_and_car_together_changes_nothing(yaw_rad: float, place: float) -> None:
    course = built_in("bean")
    grid, pose = rasterise(course), centreline_pose(course, place)
    cos_yaw, sin_yaw = math.cos(yaw_rad), math.sin(yaw_rad)

    def turned(x: float, y: float) -> tuple[float, float]:
        return x * cos_yaw - y * sin_yaw, x * sin_yaw + y * cos_yaw

    turned_grid = OccupancyGrid(
        "turned", grid.occupied, grid.resolution_m, *turned(grid.origin_x_m, grid.origin_y_m), yaw_rad
    )
    difference = np.abs(scan(turned_grid, np.array([*turned(pose[0], pose[1]), pose[2] + yaw_rad])) - scan(grid, pose))
    assert np.quantile(difference, 0.97) < 2e-3


def test_in_motion_each_beam_is_fired_from_its_own_pose() -> None:
    course = built_in("oval")
    grid = rasterise(course)
    start, end = centreline_pose(course, 0.1), centreline_pose(course, 0.12)
    found = scan(grid, start, end)
    share = (np.arange(len(ANGLES)) + 1) / len(ANGLES)
    poses = start + share[:, None] * (end - start)
    alone = [cast(grid.distance_m, grid.frame, x, y, yaw + angle, RANGE_MAX_M)
             for (x, y, yaw), angle in zip(poses, ANGLES, strict=True)]  # fmt: skip
    assert np.quantile(np.abs(found - alone), 0.98) < 5e-3
    assert np.median(np.abs(found - scan(grid, start))) > 0.03


def test_who_moves_up_to_a_wall_does_not_look_through_it() -> None:
    course = built_in("oval")
    grid, (x, y, heading) = rasterise(course), centreline_pose(course, 0.1)
    left = heading + math.pi / 2
    way = cast(grid.distance_m, grid.frame, x, y, left, RANGE_MAX_M) - 0.15
    start = np.array([x, y, heading - math.pi / 2])  # the wall behind it, where the last beams go
    found = scan(grid, start, start + way * np.array([math.cos(left), math.sin(left), 0.0]))
    assert found[-1] == pytest.approx(0.15, abs=0.05)


def test_beams_that_meet_nothing_in_range_return_zero() -> None:
    course = built_in("oval")
    grid, pose = rasterise(course), centreline_pose(course, 0.0)
    far, near = scan(grid, pose), scan(grid, pose, range_max_m=1.5)
    np.testing.assert_allclose(near, np.where(far < 1.5, far, 0.0), atol=1e-6)
    assert np.count_nonzero(near == 0.0) > 20


def test_a_lidar_inside_a_wall_measures_next_to_nothing() -> None:
    course = built_in("oval")
    assert scan(rasterise(course), np.array([course.x.mean(), course.y.mean(), 0.0])).max() < 0.1 * RANGE_MAX_M
