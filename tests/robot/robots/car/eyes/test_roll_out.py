"""Told to finish in its first lap, a car with a camera slows down by sight before it stops blindly, unless it may not wait, or sees nothing."""

import numpy as np
import pytest

from policies.actor import weight_count
from robot.robots.car.car_file import as_believed
from robot.robots.car.eyes import rehearsal
from robot.robots.car.eyes.mind import ROLLS_OUT_S, SeeingPipeline
from robot.robots.car.eyes.seeing_car import load_seeing_car
from robot.robots.car.eyes.seeing_driver import LAYERS
from robot.robots.car.records import Phase
from robot.robots.car.setup import PipelineSetup
from robot.runtime.records import EMERGENCY_STOP, FINISH
from robot.tasks.race_track.task import SPEED_MIN_M_S, TICK_S

ROBOT = "virtual-camera-car"


class Told(SeeingPipeline):
    """Told to stop in the middle of a phase; `did`: (speed asked for, m/s, brake, A) of the ticks since."""

    order, sees, within = FINISH, True, Phase.DEMONSTRATE
    entered_s = 0.0
    did: tuple[tuple[float, float], ...] = ()

    def tick(self, readings: np.ndarray) -> None:
        now = float(readings["time_s"])
        self.entered_s = self.entered_s if self.phase is self.within else now
        told = self.did or now - self.entered_s > 1.0
        if told:
            readings = readings.copy()
            readings["stop_requested"] = self.order
            readings["camera"]["embedding_age_s"] = 0.05 if self.sees else 1.0
        super().tick(readings)
        if told:
            self.did = (*self.did, (self.command.speed_m_s, self.command.brake_a))


def did(order: int, sees: bool, within: Phase = Phase.DEMONSTRATE) -> np.ndarray:
    """Of a car whose wheels roll on at 2 m/s whatever it is told: (ticks, 2)."""
    believed, weights = as_believed(ROBOT, load_seeing_car(ROBOT)).packed(), np.zeros(weight_count(LAYERS), np.float32)
    setup = PipelineSetup(1, 60.0, 0, False, False, True, False, believed, LAYERS, weights, None, None, encoder=7)
    mind = Told(setup)
    mind.order, mind.sees, mind.within = order, sees, within
    rehearsal.drive_round(mind)
    return np.array(mind.did)


@pytest.fixture(autouse=True)
def long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "LAPS", 2.0)


def test_it_drives_slower_and_slower_and_brakes_when_that_takes_too_long() -> None:
    speed_m_s, brake_a = did(FINISH, sees=True).T
    rolls = round(ROLLS_OUT_S / TICK_S) - 1
    assert not brake_a[:rolls].any() and brake_a[rolls + 1 : rolls + 50].all()
    assert (np.diff(speed_m_s[:rolls]) <= 1e-6).all() and speed_m_s[rolls - 1] == pytest.approx(SPEED_MIN_M_S)


@pytest.mark.parametrize(("order", "sees"), [(EMERGENCY_STOP, True), (FINISH, False)])
def test_it_brakes_at_once_in_an_emergency_or_without_sight(order: int, sees: bool) -> None:
    assert did(order, sees)[:50, 1].all()


def test_it_brakes_at_once_along_a_course_that_it_knows() -> None:
    assert did(FINISH, True, Phase.PRACTISE)[:50, 1].all()
