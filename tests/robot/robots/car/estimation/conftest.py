"""A simulated car with noisy sensors on the oval, for everything that estimates."""

from collections.abc import Callable

import pytest

from drivers.emulators.world import World
from robot.robots.car.estimation.evaluate import Pursuit, standing_start
from robot.robots.car.estimation.sensed_car import SensedCar
from sim.car.model import hidden_car
from sim.distance_field import OccupancyGrid, rasterise
from sim.tracks.built_in_tracks import built_in
from sim.tracks.track import Course


@pytest.fixture(scope="session")
def course() -> Course:
    return built_in("oval")


@pytest.fixture(scope="session")
def grid(course: Course) -> OccupancyGrid:
    return rasterise(course)


@pytest.fixture
def make_car(course: Course, grid: OccupancyGrid) -> Callable[..., tuple[SensedCar, Pursuit]]:
    """make_car(seed, top_m_s): a car at the start, and its driver."""

    def make(seed: int = 1, top_m_s: float = 4.0) -> tuple[SensedCar, Pursuit]:
        world = World(hidden_car(seed), course, grid, standing_start(course))
        return SensedCar(world, seed), Pursuit(world, top_m_s)

    return make
