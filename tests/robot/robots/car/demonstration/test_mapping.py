"""From a lap to a map: the loop closes, the drift is taken out, and the car can be tracked on what was drawn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.robots.car.demonstration.mapping import distribute_drift, draw_map, map_of_lap
from robot.robots.car.estimation.evaluate import standing_start
from robot.robots.car.estimation.global_localisation import localise
from robot.robots.car.estimation.mapless import Keyframe
from sim.distance_field import distance_at, rasterise


def test_the_lap_closes_where_it_began(lap, other_lap) -> None:
    for driven in (lap, other_lap):
        estimator = driven.estimator
        assert estimator.closed and driven.collisions == 0
        assert estimator.travelled_m == pytest.approx(driven.course.length_m, rel=0.05)
        off = estimator.closing_pose - driven.truth[-1]
        assert math.hypot(off[0], off[1]) < 0.05
        assert abs(math.remainder(off[2], 2.0 * math.pi)) < 0.01


def test_the_map_agrees_with_the_world(lap) -> None:
    grid, way = map_of_lap("lap", lap.estimator.keyframes, lap.estimator.closing_pose)
    assert np.hypot(*(way - lap.truth)[:, :2].T).max() < 0.08
    world = rasterise(lap.course)
    x0, y0, yaw0 = standing_start(lap.course)
    rng = np.random.default_rng(0)
    errors = []
    for x, y, _ in way[rng.integers(0, len(way), 300)]:
        px, py = x + rng.uniform(-0.5, 0.5), y + rng.uniform(-0.5, 0.5)
        wx, wy = x0 + px * math.cos(yaw0) - py * math.sin(yaw0), y0 + px * math.sin(yaw0) + py * math.cos(yaw0)
        errors.append(
            distance_at(grid.distance_m, grid.frame, px, py) - distance_at(world.distance_m, world.frame, wx, wy)
        )
    # Noise thickens walls a little: to the safe side.
    assert -0.1 < np.mean(errors) < 0.02
    assert np.percentile(np.abs(errors), 95) < 0.12


def test_the_car_is_found_on_the_map_of_its_lap(lap) -> None:
    grid, way = map_of_lap("lap", lap.estimator.keyframes, lap.estimator.closing_pose)
    scan = lap.estimator.recent.scan(lap.estimator.time_s)
    found = localise(grid, scan, np.random.default_rng(0))
    assert found is not None
    assert math.hypot(found.x - way[-1, 0], found.y - way[-1, 1]) < 0.08


@given(
    x=st.floats(-0.5, 0.5), y=st.floats(-0.5, 0.5), turn=st.floats(-0.1, 0.1), start=st.floats(-2.0, 2.0)
)  # fmt: skip
@settings(max_examples=40)
def test_distributed_drift_ends_where_it_must_and_keeps_the_start(
    x: float, y: float, turn: float, start: float
) -> None:
    angle = np.linspace(0.0, 2.0 * math.pi, 200)
    way = np.stack([3.0 * np.sin(angle), 3.0 - 3.0 * np.cos(angle), angle + start], axis=1)
    closing = way[-1] + (x, y, turn)
    out = distribute_drift(way, closing)
    assert out[0] == pytest.approx(way[0])
    assert out[-1] == pytest.approx(closing, abs=1e-9)
    moved = np.diff(out[:, :2], axis=0) - np.diff(way[:, :2], axis=0)
    assert np.hypot(moved[:, 0], moved[:, 1]).max() < 0.02  # no step is changed much: no tear


def test_beams_draw_walls_and_free_space() -> None:
    bearings = np.linspace(-math.pi, math.pi, 400, endpoint=False)
    distance = 1.5 / np.maximum(np.abs(np.cos(bearings)), np.abs(np.sin(bearings)))
    points = np.stack([distance * np.cos(bearings), distance * np.sin(bearings), distance], axis=1)
    poses = np.zeros((5, 3))
    grid = draw_map("box", [Keyframe(0.0, 0.0, pose, points) for pose in poses], poses)
    assert distance_at(grid.distance_m, grid.frame, 0.0, 0.0) == pytest.approx(1.5, abs=0.08)
    assert distance_at(grid.distance_m, grid.frame, 1.3, 0.0) == pytest.approx(0.2, abs=0.08)
    assert distance_at(grid.distance_m, grid.frame, 1.7, 0.0) < 0.0  # what no beam saw is solid


def test_a_lap_without_points_is_refused() -> None:
    with pytest.raises(ValueError, match="no lidar points"):
        map_of_lap("lap", [], np.zeros(3))
