"""A car that measures nothing but by its lidar: how well its speed and yaw rate are known, and what happens without walls."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivers.base import NEVER_S, LidarReading, VescReading
from drivers.declared import make_driver
from drivers.emulators.process import Emulator
from drivers.emulators.virtual_car import VirtualCarConfig
from drivers.emulators.world import V_X, YAW_RATE
from drivers.pca9685 import Pca9685
from robot.robots.car.car_file import believed_car, load_car
from robot.robots.car.estimation.lidar_speed import LidarSpeed
from robot.robots.car.shield.monitors import VESC_STALE_S

TICK_S = 0.02
NOTHING = LidarReading(*(np.empty(0, np.float32) for _ in range(3)), NEVER_S, 0)
LINK = VescReading(values_age_s=0.0)
ROBOT = "virtual-donkeycar-lidar"


class Drive:
    """The virtual Donkeycar, its drivers, and what its lidar tells of its speed."""

    def __init__(self, folder: Path, **changes: object) -> None:
        robot = load_car(ROBOT)
        config = VirtualCarConfig(track="oval", motor_model="pca9685", lidar_model="ld19", **changes)  # type: ignore[arg-type]
        self.emulator = Emulator(config, folder)
        self.motor: Pca9685 = make_driver(replace(robot.motor, port=str(folder / "vesc")), self)
        self.lidar = make_driver(replace(robot.lidar, port=self.emulator.lidar_pty.name), self)
        self.speed = LidarSpeed(believed_car(ROBOT).packed())
        self.sent = (0.0, 0.0, 0.0)
        self.errors: list[tuple[float, float]] = []
        self.blind = False
        self.motor.open()
        self.lidar.open()

    def now(self) -> float:
        return self.emulator.time_s

    def go(self, steer_rad: float, speed_m_s: float, seconds: float) -> VescReading:
        reading = LINK
        for _ in range(round(seconds / TICK_S)):
            self.emulator.advance(self.emulator.time_s + TICK_S)
            self.motor.read()
            seen = self.lidar.read()
            reading = self.speed.update(self.now(), LINK, self.sent, 0.05, NOTHING if self.blind else seen)
            truth = self.emulator.world.moving
            self.errors.append((reading.erpm_speed_m_s - truth[V_X], reading.yaw_rate_rad_s - truth[YAW_RATE]))
            told = self.motor.write(steer_rad, speed_m_s) if speed_m_s else self.motor.brake(40.0, steer_rad)
            self.sent = told.speed_m_s, told.brake_current_a, told.steer_rad
        return reading


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Drive]:
    one = Drive(tmp_path, esc={"full_speed_m_s": 6.4})  # a fifth slower than its file says
    yield one
    one.motor.close()
    one.lidar.close()
    one.emulator.vesc_pty.unplug()
    one.emulator.lidar_pty.unplug()


def test_speed_and_yaw_rate_are_those_of_the_car_though_its_throttle_is_not_as_told(drive: Drive) -> None:
    standing = drive.go(0.0, 0.0, 2.5)
    assert (standing.erpm_speed_m_s, standing.yaw_rate_rad_s) == (0.0, 0.0)
    drive.errors.clear()
    for steer_rad in (0.0, 0.1, 0.25, 0.1):
        drive.go(steer_rad, 1.5, 0.6)
    errors = np.array(drive.errors)
    assert np.sqrt(np.mean(errors**2, axis=0)) == pytest.approx([0.0, 0.0], abs=0.12)
    assert np.mean(np.abs(errors[:, 0]) < drive.speed.margin_m_s) > 0.9
    assert drive.emulator.world.collisions == 0
    stopped = drive.go(0.1, 0.0, 1.2)
    assert stopped.erpm_speed_m_s == 0.0
    assert abs(drive.emulator.world.moving[V_X]) < 0.02


def test_without_walls_the_speed_gets_old_and_unsure(drive: Drive) -> None:
    drive.go(0.0, 0.0, 2.5)
    drive.go(0.0, 1.0, 0.6)
    sure = drive.speed.margin_m_s
    drive.blind = True
    reading = drive.go(0.0, 1.0, 0.4)
    assert min(reading.values_age_s, reading.imu_age_s) > VESC_STALE_S
    assert drive.speed.margin_m_s > sure


def test_a_chip_that_does_not_obey_makes_the_speed_as_old() -> None:
    speed = LidarSpeed(believed_car(ROBOT).packed())
    assert speed.update(0.0, replace(LINK, values_age_s=0.7), (0.0, 0.0, 0.0), 0.05, NOTHING).values_age_s >= 0.7


@pytest.mark.parametrize(
    ("asked", "told"),
    [((0.0, 20.0), (0.0, 20.0)), ((2.0, 0.0), (2.0, 0.0)), ((-1.0, 0.0), (-1.0, 0.0)), ((0.0, 0.0), (0.0, 0.0))],
)
def test_a_standing_car_is_told_what_is_asked_for(asked: tuple[float, float], told: tuple[float, float]) -> None:
    assert LidarSpeed(believed_car(ROBOT).packed()).throttle(*asked) == pytest.approx(told)


def test_a_car_that_is_too_fast_is_braked_as_a_speed_loop_would() -> None:
    speed = LidarSpeed(believed_car(ROBOT).packed())
    speed._state[3] = 3.0
    told = speed.throttle(2.5, 0.0)
    assert told == pytest.approx((0.0, 0.5 / 0.12 / 0.2))
    assert all(map(math.isfinite, told))
