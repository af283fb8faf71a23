"""Where a virtual car is put on a map: at a place of its course that the lidar can tell from every other.

Whoever carries a car to a hall puts it where it can find itself; in a hall with many alike corners that is not just
anywhere.
"""

import math

import numpy as np

from robot.robots.car.estimation.global_localisation import MapSearch
from sim.car.lidar import cast
from sim.distance_field import OccupancyGrid
from sim.tracks.track import Course, place

PLACES = 24  # of a course that are tried, from its beginning on
BEAMS, RANGE_M = 400, 12.0  # of a revolution
NOISE_M, NOISE_SHARE = 0.01, 0.003  # of a range: standard deviation, and what the distance adds to it
LOOKS = 2  # that must both find the place: what is found by a hair is not found the next time
NEAR_M, NEAR_RAD = 0.2, 0.1


def starting_place(grid: OccupancyGrid, course: Course, seed: int, view_rad: float = 2.0 * math.pi) -> float:
    """How far along the course, m, the first place is that a search of the map finds; 0 if it finds none.

    view_rad: how far around the lidar looks, half of it to either side of ahead.
    """
    search, packed, rng = MapSearch(grid, course), course.packed(), np.random.default_rng([seed, 0x57A7])
    for s in np.arange(PLACES) * course.length_m / PLACES:
        pose = place(packed, course.spacing_m, s, 0.0)
        if all(_finds(search, pose, rng, view_rad) for _ in range(LOOKS)):
            return float(s)
    return 0.0


def _finds(search: MapSearch, pose: tuple[float, float, float], rng: np.random.Generator, view_rad: float) -> bool:
    """Whether a search of the map for what the lidar sees from a pose ends there."""
    found = search.begin(_scan(search.grid, pose, rng, view_rad), rng).run().found
    if found is None:
        return False
    turned = math.remainder(found.yaw - pose[2], 2.0 * math.pi)
    return math.dist((found.x, found.y), pose[:2]) < NEAR_M and abs(turned) < NEAR_RAD


def _scan(
    grid: OccupancyGrid, pose: tuple[float, float, float], rng: np.random.Generator, view_rad: float
) -> np.ndarray:
    """Points (k, 3) of a revolution from a pose: x, y in the car's frame, distance, m."""
    points = []
    for angle in np.linspace(math.pi, -math.pi, BEAMS, endpoint=False):
        if abs(angle) > 0.5 * view_rad:
            continue
        met = cast(grid.distance_m, grid.frame, pose[0], pose[1], pose[2] + angle, RANGE_M)
        if met < RANGE_M:
            met += (NOISE_M + NOISE_SHARE * met) * rng.standard_normal()
            points.append((met * math.cos(angle), met * math.sin(angle), met))
    return np.array(points).reshape(-1, 3)
