"""The search of a whole map: the right place anywhere, and no answer where several places look alike."""

import math

import numpy as np
import pytest

from robot.robots.car.estimation.global_localisation import MapSearch, candidates, from_cells, localise
from sim.car.lidar import cast
from sim.distance_field import OccupancyGrid, rasterise, to_cells
from sim.tracks.built_in_tracks import built_in
from sim.tracks.track import place
from sim.tracks.track_map import find_course
from tests.sim.drawn_maps import stadium_in_a_field


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


# Large maps


@pytest.fixture(scope="module")
def race() -> MapSearch:
    """700 m2 of corridor in 20,000 m2 of free area."""
    grid = stadium_in_a_field(280.0, 1.25, (178.0, 112.0))
    assert np.count_nonzero(~grid.occupied) * 0.1**2 > 19_000
    return MapSearch(grid, find_course(grid))


def test_the_corridor_of_a_large_map_is_searched_first(race: MapSearch) -> None:
    course = race.course
    assert course is not None
    rng = np.random.default_rng(1)
    for seed in range(3):
        s, lateral, turn = rng.uniform(0.0, course.length_m), rng.uniform(-0.4, 0.4), rng.uniform(-3.0, 3.0)
        x, y, heading = place(course.packed(), course.spacing_m, s, lateral)
        scan = scan_from(race.grid, (x, y, heading + turn), seed)
        search, steps = race.begin(scan[scan[:, 2] < 12.0], np.random.default_rng(seed)), 1
        while search.step():
            steps += 1
        assert search.found is not None and math.hypot(search.found.x - x, search.found.y - y) < 0.03
        assert 20 < steps < 300  # ticks: a few seconds


def test_a_told_pose_is_looked_at_first_and_only_believed_if_the_lidar_agrees(race: MapSearch) -> None:
    assert race.course is not None
    x, y, yaw = place(race.course.packed(), race.course.spacing_m, 100.0, 0.0)
    scan = scan_from(race.grid, (x, y, yaw), 1)
    near = race.begin(scan, np.random.default_rng(0), (x + 0.3, y - 0.3, yaw + 0.2))
    steps = 1
    while near.step():
        steps += 1
    assert near.found is not None and math.hypot(near.found.x - x, near.found.y - y) < 0.03 and steps < 20
    wrong = race.begin(scan, np.random.default_rng(0), (x + 3.0, y, yaw)).run()
    assert wrong.told_is_wrong and wrong.found is not None and math.hypot(wrong.found.x - x, wrong.found.y - y) < 0.03


def test_a_search_that_finds_nothing_says_why() -> None:
    few = scan_from(rasterise(built_in("ell")), (3.0, 0.0, 0.1), 2)[:40]
    search = MapSearch(rasterise(built_in("oval"))).begin(few, np.random.default_rng(0)).run()
    assert search.found is None and search.reason == "the lidar returns 40 points a revolution, 60 are needed"
    angle, distance = np.linspace(0.0, 6.28, 400), np.random.default_rng(1).uniform(0.5, 8.0, 400)
    chaos = np.stack([distance * np.cos(angle), distance * np.sin(angle), distance], axis=1)
    search = MapSearch(rasterise(built_in("oval"))).begin(chaos, np.random.default_rng(0)).run()
    assert search.found is None and search.reason.startswith("the best place explains")


def test_equal_scans_give_equal_searches() -> None:
    course = built_in("bean")
    grid = rasterise(course)
    scan = scan_from(grid, (course.x[50], course.y[50], 0.3), 1)
    one, two = (MapSearch(grid, course).begin(scan, np.random.default_rng(4)).run() for _ in range(2))
    assert one.candidates == two.candidates
