"""A car that measures nothing but by its camera: what it believes of its speed, and when it says that it does not know it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from drivers.base import VescReading
from robot.robots.car.car_file import as_believed
from robot.robots.car.estimation.floor_speed import BLIND_S, FloorSpeed
from robot.robots.car.eyes.seeing_car import load_seeing_car
from robot.robots.car.shield.monitors import VESC_STALE_S
from sim.car.model import P_FRONT, P_REAR, P_SPEED_TAU

ROBOT, TICK_S, LATENCY_S, SEEN_LATE_S = "virtual-camera-donkeycar", 0.02, 0.05, 0.06
LINK = VescReading(values_age_s=0.0)
UNKNOWN = np.array([0.0, 0.0, 1e3, 1e3], np.float32)


class Drive:
    """A car whose throttle gives `gain` of what it is to give, and whose wheels point `trim_rad` beside; what its floor tells has noise."""

    def __init__(self, gain: float = 0.8, trim_rad: float = 0.03) -> None:
        self.car = as_believed(ROBOT, load_seeing_car(ROBOT)).packed()
        self.floor = FloorSpeed(self.car)
        self.gain, self.trim_rad, self.rng = gain, trim_rad, np.random.default_rng(0)
        self.v = self.now_s = 0.0
        self.frame = 0
        self.past: list[tuple[float, float]] = []
        self.reading = LINK

    @property
    def rate(self) -> float:
        return self.v * math.tan(self.trim_rad) / float(self.car[P_FRONT] + self.car[P_REAR])

    def go(self, speed_m_s: float, seconds: float, motion: np.ndarray | None = None) -> None:
        """motion: what is told of the floor, instead of how the car moves."""
        for _ in range(round(seconds / TICK_S)):
            self.now_s += TICK_S
            self.v += (self.gain * speed_m_s - self.v) / float(self.car[P_SPEED_TAU]) * TICK_S
            self.past.append((self.v, self.rate))
            self.frame += 1
            v, rate = self.past[-min(5, len(self.past))]
            seen = np.array([v + 0.2 * self.rng.normal(), rate + 0.2 * self.rng.normal(), 0.25, 0.25], np.float32)
            told = (speed_m_s, 0.0 if speed_m_s else 40.0, 0.0)
            self.reading = self.floor.update(
                self.now_s, LINK, told, LATENCY_S, self.frame, seen if motion is None else motion, SEEN_LATE_S
            )


def test_speed_gain_and_trim_are_learned_from_the_floor() -> None:
    drive = Drive()
    drive.go(2.5, 4.0)
    assert drive.reading.erpm_speed_m_s == pytest.approx(2.0, abs=drive.floor.margin_m_s)
    assert drive.reading.yaw_rate_rad_s == pytest.approx(drive.rate, abs=0.1)
    assert drive.floor.motor.gain == pytest.approx(0.8, abs=0.05)
    assert drive.floor.trim_rad == pytest.approx(0.03, abs=0.01)
    assert drive.reading.values_age_s == drive.reading.imu_age_s == 0.0


@pytest.mark.parametrize(
    "motion", [UNKNOWN, np.full(4, np.nan, np.float32), np.array([0.0, 0.0, 0.0, 0.1], np.float32)]
)
def test_without_the_floor_the_speed_gets_unsure_and_then_old(motion: np.ndarray) -> None:
    drive = Drive()
    drive.go(2.5, 4.0)
    sure = drive.floor.margin_m_s
    drive.go(2.5, 0.4, motion)
    assert drive.floor.margin_m_s > sure
    assert drive.reading.values_age_s == 0.0
    drive.go(2.5, BLIND_S + VESC_STALE_S, motion)
    assert min(drive.reading.values_age_s, drive.reading.imu_age_s) > VESC_STALE_S
    assert math.isfinite(drive.reading.erpm_speed_m_s)


def test_a_car_that_stands_where_it_should_drive_is_soon_known_to_stand() -> None:
    drive = Drive()
    drive.go(2.5, 3.0)
    drive.go(2.5, 1.5, np.array([0.0, 0.0, 0.2, 0.2], np.float32))
    assert abs(drive.reading.erpm_speed_m_s) < 1.2


def test_who_is_told_to_stand_stands_and_knows_it_without_the_floor() -> None:
    drive = Drive()
    drive.go(2.0, 2.0)
    drive.go(0.0, 1.5, UNKNOWN)
    assert (drive.reading.erpm_speed_m_s, drive.reading.yaw_rate_rad_s, drive.reading.values_age_s) == (0.0, 0.0, 0.0)


def test_a_chip_that_does_not_obey_makes_the_speed_as_old() -> None:
    floor = Drive().floor
    assert floor.update(0.0, replace(LINK, values_age_s=0.7), (0.0, 0.0, 0.0), 0.05, 1, None, 0.1).values_age_s >= 0.7
