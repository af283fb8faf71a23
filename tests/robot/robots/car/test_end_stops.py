"""A servo turns the wheels no further than its end stops: whoever drives commands, and reckons with, no more than comes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robot.robots.car.car_file import load_car
from robot.robots.car.safety_drive import WIRED, CarDrive, start
from robot.tasks.race_track.task import STEER_MAX_RAD

REACH_RAD = load_car(WIRED).motor.steer_reach_rad
ICE, SEED, LASTS_S = 0.42, 3, 12.0
HIDDEN = 108  # whose wheels, told to point ahead, point to one side


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[CarDrive]:
    """On ice, where the front slides and the policy turns the wheel as far as it goes."""
    car = start("chicane", SEED, HIDDEN, ICE, True, tmp_path)
    yield car
    car.close()


def test_what_is_commanded_is_what_the_wheels_do(drive: CarDrive) -> None:
    told, sent, wishes = [], [], []
    while drive.time_s < LASTS_S:
        drive.tick()
        told.append(float(drive.pipeline.outputs["command"]["servo_rad"]))
        sent.append(drive.loop.devices["motor"].sent.steer_rad)
        wishes.append(abs(drive.pipeline.goal[0]))
    assert REACH_RAD < 0.7 * STEER_MAX_RAD and abs(drive.pipeline.trim_rad) > 0.02
    assert max(wishes) > 1.2 * REACH_RAD  # it would turn further
    assert np.allclose(told, sent, atol=0.001)  # the servo's thousandths
    assert max(map(abs, told)) == pytest.approx(REACH_RAD, abs=0.001)


def test_who_frees_the_car_or_gives_way_reckons_with_what_the_trim_leaves(drive: CarDrive) -> None:
    pipeline = drive.pipeline
    assert pipeline.recovery.steer_max_rad == pytest.approx(REACH_RAD - abs(pipeline.trim_rad))
    pipeline.take_trim(-0.05)
    for who in (pipeline.recovery, pipeline.in_the_way.giving_way):
        assert who.steer_max_rad == pytest.approx(REACH_RAD - 0.05)
