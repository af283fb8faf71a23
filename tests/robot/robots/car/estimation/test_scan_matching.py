"""Scan matching: deskewing against rigid motion, gradients against differences, results against moved maps."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.robots.car.estimation.scan_matching import deskew, match, normal_equations, solve3
from sim.car.lidar import cast
from sim.distance_field import OccupancyGrid, rasterise
from sim.tracks.built_in_tracks import built_in

COURSE = built_in("oval")
GRID = rasterise(COURSE)
POSE = np.array([COURSE.x[40] + 0.1, COURSE.y[40] - 0.2, COURSE.heading[40] + 0.2])


def scan_from(grid: OccupancyGrid, pose: np.ndarray, count: int = 120) -> np.ndarray:
    """Noise-free points (count, 3) of a full turn, car frame."""
    angles = np.linspace(-math.pi, math.pi, count, endpoint=False)
    ranges = np.array([cast(grid.distance_m, grid.frame, pose[0], pose[1], pose[2] + a, 15.0) for a in angles])
    return np.stack([ranges * np.cos(angles), ranges * np.sin(angles), ranges], axis=1)


def matched(grid: OccupancyGrid, scan: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, float]:
    """(pose, share of points on walls) after matching without any prior."""
    pose = guess.copy()
    on_wall, judged = match(
        scan, len(scan), pose, 1e-6 * np.eye(3), grid.distance_m, grid.frame, 0.15, math.inf, 20, np.empty((3, 3))
    )
    return pose, on_wall / judged


@given(
    v_x=st.floats(-1.0, 6.0), v_y=st.floats(-1.0, 1.0), yaw_rate=st.floats(-4.0, 4.0), age_s=st.floats(0.0, 0.03),
    bearing=st.floats(-3.1, 3.1), distance=st.floats(0.5, 8.0),
)  # fmt: skip
def test_a_deskewed_point_is_where_the_wall_is_now(
    v_x: float, v_y: float, yaw_rate: float, age_s: float, bearing: float, distance: float
) -> None:
    # The wall's point, seen when the car was at the origin. Then the car drives on, in many small steps.
    wall = np.array([distance * math.cos(bearing), distance * math.sin(bearing)])
    x = y = yaw = 0.0
    steps = 2000
    for _ in range(steps):
        middle = yaw + 0.5 * yaw_rate * age_s / steps
        x += (v_x * math.cos(middle) - v_y * math.sin(middle)) * age_s / steps
        y += (v_x * math.sin(middle) + v_y * math.cos(middle)) * age_s / steps
        yaw += yaw_rate * age_s / steps
    dx, dy = wall - (x, y)
    expected = (dx * math.cos(yaw) + dy * math.sin(yaw), dy * math.cos(yaw) - dx * math.sin(yaw))
    points = np.empty((256, 3))
    reading = (np.array([v], np.float32) for v in (bearing, distance, age_s))
    assert deskew(*reading, v_x, v_y, yaw_rate, points) == 1
    assert points[0, :2] == pytest.approx(expected, abs=2e-4)


def test_points_without_a_return_are_left_out() -> None:
    distance = np.array([0.0, 2.0, np.nan, 0.05, np.inf, 3.0], np.float32)
    nothing = np.zeros(6, np.float32)
    points = np.empty((256, 3))
    assert deskew(nothing, distance, nothing, 0.0, 0.0, 0.0, points) == 2
    assert points[:2, 2] == pytest.approx([2.0, 3.0])


@pytest.mark.parametrize("seed", range(6))
def test_the_gradient_is_that_of_the_cost(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scan = scan_from(GRID, POSE) + np.array([0.02, 0.02, 0.0]) * rng.standard_normal((120, 3))
    pose = POSE + rng.normal(0.0, (0.04, 0.04, 0.01))
    information, slope, ignored = np.empty((3, 3)), np.empty(3), np.empty(3)

    def cost(at: np.ndarray, out: np.ndarray) -> float:
        return normal_equations(
            scan, len(scan), at[0], at[1], at[2], GRID.distance_m, GRID.frame, 0.15, math.inf, information, out
        )[0]

    cost(pose, slope)
    step = 1e-6
    for k in range(3):
        ahead, behind = pose.copy(), pose.copy()
        ahead[k] += step
        behind[k] -= step
        numeric = (cost(ahead, ignored) - cost(behind, ignored)) / (2.0 * step)
        # The field is float32 and creased at the cells' borders: a difference sees a little of both.
        assert numeric == pytest.approx(slope[k], rel=0.02, abs=0.02 * np.abs(slope).max())


@given(dx=st.floats(-0.15, 0.15), dy=st.floats(-0.15, 0.15), turn=st.floats(-0.08, 0.08))
@settings(max_examples=30)
def test_matching_finds_the_pose_from_nearby(dx: float, dy: float, turn: float) -> None:
    found, share = matched(GRID, scan_from(GRID, POSE), POSE + (dx, dy, turn))
    assert share > 0.97
    assert math.hypot(*(found - POSE)[:2]) < 0.02
    assert abs(found[2] - POSE[2]) < 0.005


@given(x=st.floats(-30.0, 30.0), y=st.floats(-30.0, 30.0), turn=st.floats(-3.0, 3.0))
@settings(max_examples=30)
def test_moving_map_and_guess_together_moves_the_result(x: float, y: float, turn: float) -> None:
    def moved(pose: np.ndarray) -> np.ndarray:
        c, s = math.cos(turn), math.sin(turn)
        return np.array([x + pose[0] * c - pose[1] * s, y + pose[0] * s + pose[1] * c, pose[2] + turn])

    corner = moved(np.array([GRID.origin_x_m, GRID.origin_y_m, GRID.origin_yaw_rad]))
    other = replace(GRID, origin_x_m=corner[0], origin_y_m=corner[1], origin_yaw_rad=corner[2])
    scan, guess = scan_from(GRID, POSE), POSE + (0.08, -0.06, 0.03)
    here, share = matched(GRID, scan, guess)
    there, other_share = matched(other, scan, moved(guess))
    assert there == pytest.approx(moved(here), abs=1e-5)
    assert other_share == share


def test_a_sure_prior_holds_against_the_points() -> None:
    scan, guess = scan_from(GRID, POSE), POSE + (0.08, 0.0, 0.0)
    pose = guess.copy()
    match(scan, len(scan), pose, 1e12 * np.eye(3), GRID.distance_m, GRID.frame, 0.15, math.inf, 5, np.empty((3, 3)))
    assert pose == pytest.approx(guess, abs=1e-6)


def test_points_where_nothing_is_known_are_not_judged() -> None:
    scan = scan_from(GRID, POSE)
    _, _, judged = normal_equations(
        scan, len(scan), *POSE, GRID.distance_m, GRID.frame, 0.15, -1.0, np.empty((3, 3)), np.empty(3)
    )
    assert judged == 0


@given(st.lists(st.floats(-2.0, 2.0), min_size=9, max_size=9), st.lists(st.floats(-5, 5), min_size=3, max_size=3))
def test_solve3_solves(entries: list[float], right: list[float]) -> None:
    root = np.array(entries).reshape(3, 3)
    a, b, out = root @ root.T + 0.1 * np.eye(3), np.array(right), np.empty(3)
    solve3(a, b, out)
    assert a @ out == pytest.approx(b, abs=1e-8)
