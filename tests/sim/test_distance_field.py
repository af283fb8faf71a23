"""Occupancy grids: distances against brute force, the map's frame, courses as grids, a car's footprint."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sim.distance_field import OccupancyGrid, distance_at, footprint_clearance, rasterise, signed_distance
from sim.tracks.built_in_tracks import BUILT_IN, built_in


def brute_force(occupied: np.ndarray) -> np.ndarray:
    """Distance in cells from each cell's centre to the nearest centre of the other kind, the border being solid."""
    solid = occupied.copy()
    solid[[0, -1]] = solid[:, [0, -1]] = True
    places = np.argwhere(np.ones_like(solid))
    out = np.zeros(solid.shape)
    for place in places:
        others = places[solid[tuple(places.T)] != solid[tuple(place)]]
        if len(others):
            out[tuple(place)] = np.hypot(*(others - place).T).min() - 0.5
    return np.where(solid, -out, out)


def room(yaw_rad: float = 0.0) -> OccupancyGrid:
    """A room of 4 m by 2 m, its inner corner at the map's origin, turned about that corner."""
    occupied = np.ones((44, 84), dtype=bool)
    occupied[2:-2, 2:-2] = False
    corner = -0.1 * np.array([math.cos(yaw_rad) - math.sin(yaw_rad), math.sin(yaw_rad) + math.cos(yaw_rad)])
    return OccupancyGrid("room", occupied, 0.05, float(corner[0]), float(corner[1]), yaw_rad)


def in_map(x: float, y: float, yaw_rad: float) -> tuple[float, float]:
    return x * math.cos(yaw_rad) - y * math.sin(yaw_rad), x * math.sin(yaw_rad) + y * math.cos(yaw_rad)


@given(
    occupied=arrays(np.bool_, st.tuples(st.integers(4, 14), st.integers(4, 14)), elements=st.booleans()),
    resolution_m=st.floats(0.01, 0.2),
)
@settings(max_examples=40, deadline=None)
def test_distances_are_exact(occupied: np.ndarray, resolution_m: float) -> None:
    solid = occupied.copy()
    solid[[0, -1]] = solid[:, [0, -1]] = True
    if solid.all():
        return
    np.testing.assert_allclose(signed_distance(occupied, resolution_m) / resolution_m, brute_force(occupied), atol=1e-5)


@given(x=st.floats(-0.08, 4.08), y=st.floats(-0.08, 2.08), yaw_rad=st.floats(-3.2, 3.2))
@example(x=-0.0625, y=-0.0625, yaw_rad=0.0)
@settings(max_examples=100, deadline=None)
def test_in_a_room_the_distance_is_to_its_nearest_wall(x: float, y: float, yaw_rad: float) -> None:
    grid = room(yaw_rad)
    behind_a_wall = math.hypot(max(-x, x - 4.0, 0.0), max(-y, y - 2.0, 0.0))  # beyond a corner: behind two
    expected = -behind_a_wall or min(x, 4.0 - x, y, 2.0 - y)
    found = distance_at(grid.distance_m, grid.frame, *in_map(x, y, yaw_rad))
    assert found == pytest.approx(expected, abs=0.03)  # half a cell is lost where two walls are equally near


def test_beyond_the_grid_all_is_solid() -> None:
    grid = room()
    for x, y in ((-5.0, 1.0), (9.0, 1.0), (2.0, -5.0), (2.0, 9.0), (1e6, 1e6)):
        assert distance_at(grid.distance_m, grid.frame, x, y) < 0


@given(x=st.floats(0.4, 3.6), y=st.floats(0.4, 1.6), heading=st.floats(-3.2, 3.2), yaw_rad=st.floats(-3.2, 3.2))
@settings(max_examples=100, deadline=None)
def test_clearance_is_that_of_the_body_s_corners_in_a_room(x: float, y: float, heading: float, yaw_rad: float) -> None:
    grid = room(yaw_rad)
    along = 0.29 * abs(math.cos(heading)) + 0.155 * abs(math.sin(heading))
    across = 0.29 * abs(math.sin(heading)) + 0.155 * abs(math.cos(heading))
    expected = min(x - along, 4.0 - x - along, y - across, 2.0 - y - across)
    pose = (*in_map(x, y, yaw_rad), heading + yaw_rad)
    found = footprint_clearance(grid.distance_m, grid.frame, *pose, 0.29, 0.155)
    if expected > -0.05:
        assert found == pytest.approx(expected, abs=0.025)
    else:
        assert found < 0


def test_a_post_at_the_side_of_the_body_is_a_collision() -> None:
    grid = room()
    occupied = grid.occupied.copy()
    occupied[22:25, 40:43] = True  # 15 cm wide, at x 1.9 to 2.05 m, y 1.0 to 1.15 m
    post = OccupancyGrid("post", occupied, 0.05, grid.origin_x_m, grid.origin_y_m)
    clear, hit = ((2.0, 0.82), (2.0, 0.9))
    assert footprint_clearance(post.distance_m, post.frame, *clear, 0.0, 0.29, 0.155) > 0
    assert footprint_clearance(post.distance_m, post.frame, *hit, 0.0, 0.29, 0.155) < 0


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_course_as_a_grid_is_free_between_its_walls(name: str) -> None:
    course = built_in(name)
    grid = rasterise(course)
    width = course.width_left + course.width_right
    area = np.sum(width * course.spacing_m * (1 - course.curvature * (course.width_left - course.width_right) / 2))
    assert np.count_nonzero(~grid.occupied) * grid.resolution_m**2 == pytest.approx(area, rel=0.01)
    for walls, side in zip(course.walls(), (1, -1), strict=True):
        normal = side * np.stack([-np.sin(course.heading), np.cos(course.heading)], axis=1)
        for inside, sign in ((-0.1, 1), (0.1, -1)):
            points = walls + inside * normal
            found = [distance_at(grid.distance_m, grid.frame, *point) for point in points]
            np.testing.assert_allclose(found, 0.1 * sign, atol=0.045)
