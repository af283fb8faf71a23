"""A control that comes too late knows it: the commands that are on their way, and when a decision is over, go by the clock."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robot.robots.car.safety_drive import CarDrive, start
from robot.tasks.race_track.task import DECISION_S, TICK_S

DRIVES_S = 6.0


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[CarDrive]:
    """A car that has begun to race, right after a decision."""
    car = start("oval", 3, None, 1.0, True, tmp_path)
    while car.time_s < DRIVES_S or not car.pipeline.is_decision:
        car.tick()
    yield car
    car.close()


@pytest.mark.parametrize("missed", [1, 2, 3])
def test_the_last_command_went_on_while_ticks_were_missed(drive: CarDrive, missed: int) -> None:
    drive.tick()
    before = drive.pipeline.sent.copy()
    drive.loop.clock.sleep_until(drive.time_s + (missed + 1.5) * TICK_S)
    drive.tick()
    assert drive.loop.missed_ticks == missed
    sent = drive.pipeline.sent
    assert np.array_equal(sent[: -missed - 1], before[missed + 1 :])
    assert np.array_equal(sent[-missed - 1 : -1], np.tile(before[-1], (missed, 1)))


@pytest.mark.parametrize("missed", [1, 2, 3, 8])
def test_a_decision_lasts_no_longer_for_ticks_that_were_missed(drive: CarDrive, missed: int) -> None:
    decided_s = drive.time_s
    drive.loop.clock.sleep_until(drive.time_s + (missed + 1.5) * TICK_S)
    drive.tick()
    while not drive.pipeline.is_decision:
        drive.tick()
    assert drive.time_s - decided_s == pytest.approx(max(DECISION_S, (missed + 1) * TICK_S), abs=0.51 * TICK_S)
