"""The search of a whole map: the right place anywhere, and no answer where several places look alike."""

import math

import numpy as np
import pytest

from robot.estimation.global_localisation import candidates, from_cells, localise
from sim.built_in_tracks import built_in
from sim.distance_field import OccupancyGrid, rasterise, to_cells
from sim.lidar import cast
from sim.track import place


def scan_from(grid: OccupancyGrid, pose: tuple[float, float, float], seed: int) -> np.ndarray:
    """A noisy revolution (k, 3) with drop-outs, car frame."""
    rng = np.random.default_rng(seed)
    angles = np.linspace(-math.pi, math.pi, 400, endpoint=False)
    angles = angles[rng.random(400) > 0.05]
    ranges = np.array([cast(grid.distance_m, grid.frame, pose[0], pose[1], pose[2] + a, 16.0) for a in angles])
    ranges += (0.01 + 0.003 * ranges) * rng.standard_normal(len(ranges))
    return np.stack([ranges * np.cos(angles), ranges * np.sin(angles), ranges], axis=1)


@pytest.mark.parametrize("track", ["ell", "bean", "chicane"])
def test_the_right_place_is_found(track: str) -> None:
    course = built_in(track)
    grid, rng = rasterise(course), np.random.default_rng(7)
    for seed in range(6):
        s, lateral, turn = rng.uniform(0.0, course.length_m), rng.uniform(-0.4, 0.4), rng.uniform(-3.0, 3.0)
        x, y, heading = place(course.packed(), course.spacing_m, s, lateral)
        found = localise(grid, scan_from(grid, (x, y, heading + turn), seed), np.random.default_rng(seed))
        assert found is not None and found.agreement > 0.8
        assert math.hypot(found.x - x, found.y - y) < 0.03
        assert abs(math.remainder(found.yaw - heading - turn, 2.0 * math.pi)) < 0.01


def test_places_that_look_alike_are_not_told_apart() -> None:
    occupied = np.ones((100, 140), bool)
    occupied[10:90, 10:130] = False  # a bare room of 6 m x 4 m looks the same when turned by half a turn
    room = OccupancyGrid("room", occupied.copy(), 0.05, 0.0, 0.0)
    scan = scan_from(room, (2.0, 1.7, 0.4), 1)
    assert localise(room, scan, np.random.default_rng(0)) is None
    first, second = candidates(room, scan, np.random.default_rng(0))[:2]
    assert abs(math.remainder(first.yaw - second.yaw, 2.0 * math.pi)) == pytest.approx(math.pi, abs=0.05)
    occupied[10:20, 10:40] = True  # a cupboard in one corner tells
    furnished = OccupancyGrid("room", occupied, 0.05, 0.0, 0.0)
    assert localise(furnished, scan_from(furnished, (2.0, 1.7, 0.4), 1), np.random.default_rng(0)) is not None


def test_a_scan_from_elsewhere_is_refused() -> None:
    scan = scan_from(rasterise(built_in("ell")), (3.0, 0.0, 0.1), 2)
    assert localise(rasterise(built_in("oval")), scan, np.random.default_rng(0)) is None
    assert localise(rasterise(built_in("ell")), scan[:40], np.random.default_rng(0)) is None


def test_from_cells_is_the_inverse_of_to_cells() -> None:
    grid = OccupancyGrid("turned", np.zeros((20, 30), bool), 0.05, 1.0, -2.0, 0.7)
    assert to_cells(grid.frame, *from_cells(grid, 12.0, 7.0)) == pytest.approx((12.0, 7.0))
