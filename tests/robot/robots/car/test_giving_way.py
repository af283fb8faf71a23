"""A car that has waited for somebody rolls back a little, only where the lidar sees room behind it."""

import math
from pathlib import Path

import numpy as np
import pytest

from drivers.base import LidarReading
from drivers.emulators.people import People
from robot.robots.car.giving_way import AFTER_S, BACK_M, BACK_M_S, FARTHEST_M, ONWARDS_M, GivingWay
from robot.robots.car.mind import Phase
from robot.robots.car.safety_drive import start
from robot.robots.car.shield.supervision import Command
from sim.car.model import load_parameters

TICK_S = 0.02
CAR = load_parameters()


def scan(behind_m: float = 3.0, blind: tuple[float, float] = (0.0, 0.0)) -> LidarReading:
    """A revolution that meets a wall `behind_m` behind, others 3 m away, and nothing between two angles (rad)."""
    angle = np.linspace(-math.pi, math.pi, 360, endpoint=False)
    distance = np.full(360, 3.0)
    back = np.cos(angle) < -0.5
    distance[back] = np.minimum(3.0, -behind_m / np.cos(angle[back]))
    distance[(angle >= blind[0]) & (angle < blind[1])] = 0.0
    return LidarReading(angle.astype(np.float32), distance.astype(np.float32), np.zeros(360, np.float32), 0.0, 0)


class Waiting:
    """A car that waits, and does what it is told at once."""

    def __init__(self) -> None:
        self.giving_way = GivingWay(CAR.packed())
        self.v_x = self.way_m = 0.0

    def tick(self, seen: LidarReading, waits: bool = True, may: bool = True, nobody: bool = True) -> Command | None:
        self.giving_way.watch(TICK_S, waits, may, TICK_S * self.v_x, self.v_x, 0.0, seen, nobody, 0.0)
        command = self.giving_way.command if self.giving_way.active else None
        self.v_x = command.speed_m_s if command is not None else 0.0
        self.way_m += TICK_S * self.v_x
        return command

    def run(self, seconds: float, seen: LidarReading, **told: bool) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.tick(seen, **told)


def test_it_rolls_back_once_after_a_while_and_no_faster_than_it_may() -> None:
    car = Waiting()
    car.run(AFTER_S - 0.1, scan())
    assert car.way_m == 0.0
    car.run(3.5, scan())
    assert car.giving_way.times == 1 and not car.giving_way.active
    assert -BACK_M < car.way_m < -0.5 * BACK_M
    assert car.giving_way.command.speed_m_s in (0.0, -BACK_M_S)


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (scan(behind_m=0.45), {}),  # a wall a hand's breadth behind the car
        (scan(blind=(math.pi - 0.15, math.pi - 0.02)), {}),  # no echo from straight behind, which is not the same as room
        (scan(), {"nobody": False}),
        (scan(), {"may": False}),
        (scan(), {"waits": False}),
    ],
)  # fmt: skip
def test_it_stands_where_it_does_not_see_that_it_may(seen: LidarReading, told: dict[str, bool]) -> None:
    car = Waiting()
    car.run(20.0, seen, **told)
    assert car.way_m == 0.0 and car.giving_way.times == 0


def test_it_stands_where_its_lidar_no_longer_looks_whatever_it_recalls() -> None:
    car, whole = Waiting(), scan()
    for tick in range(round((AFTER_S + 2.0) / TICK_S)):
        looks = np.roll(np.arange(360), -tick)  # other ones come first, so that all directions are recalled
        if tick * TICK_S > AFTER_S - 1.0:
            looks = looks[np.abs(whole.angle_rad[looks]) < math.radians(135.0)]
        car.tick(LidarReading(whole.angle_rad[looks], whole.distance_m[looks], whole.age_s[looks], 0.0, 0))
    assert car.way_m == 0.0 and car.giving_way.times == 0


@pytest.mark.parametrize("changes", [{"behind_m": 0.4}, {"blind": (-3.1, -2.98)}])
def test_it_stands_at_once_when_that_no_longer_holds(changes: dict) -> None:
    car = Waiting()
    while car.way_m > -0.1:
        car.tick(scan())
    for _ in range(10):  # a revolution of the lidar
        car.tick(scan(**changes))
    before_m = car.way_m
    car.run(1.0, scan(**changes))
    assert car.way_m == before_m and not car.giving_way.active


def test_it_goes_only_so_far_back_and_begins_anew_further_on() -> None:
    car = Waiting()
    car.run(20.0 * AFTER_S, scan())
    assert -FARTHEST_M - BACK_M < car.way_m <= -FARTHEST_M
    car.giving_way.watch(TICK_S, False, True, 1.01 * ONWARDS_M - car.way_m, 1.0, 0.0, scan(), True, 0.0)
    assert car.giving_way.times == 0 and car.giving_way.waited_s == 0.0


def test_it_gives_way_as_often_as_it_has_come_nearer_again() -> None:
    car = Waiting()
    for times in range(1, 20):
        while car.giving_way.times < times or car.giving_way.active:
            car.tick(scan())
        car.giving_way.watch(TICK_S, False, True, -car.way_m, 0.5, 0.0, scan(), True, 0.0)
        car.way_m = 0.0


def test_before_somebody_who_stands_it_backs_off_without_touching_anything(tmp_path: Path) -> None:
    drive = start("oval", 3, None, 1.0, True, tmp_path)
    world = drive.emulator.world
    people = world.people = People(5, world.course, seed=1)
    people.s[:], people.rate_rad_s[:] = 0.5 * world.course.length_m, 0.0
    people.sway_rad[:] = np.arcsin(np.linspace(-0.9, 0.9, 5))  # a row across the course
    least_m_s = 0.0
    while drive.time_s < 22.0 and drive.pipeline.phase is not Phase.DONE:
        drive.tick()
        least_m_s = min(least_m_s, float(world.moving[3]))
    assert drive.pipeline.in_the_way.giving_way.times >= 1
    assert -1.3 * BACK_M_S < least_m_s < -0.5 * BACK_M_S
    assert world.collisions == 0 and people.hit == 0


def test_between_people_and_a_wall_it_waits_instead_of_creeping_on(tmp_path: Path) -> None:
    drive = start("oval", 11, None, 1.0, True, tmp_path)
    world = drive.emulator.world
    world.people = People(6, world.course, seed=11)
    while drive.time_s < 26.0:
        drive.tick()
    assert world.collisions == 0 and world.people.hit == 0
