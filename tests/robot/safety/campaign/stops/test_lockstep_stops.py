"""Stops of the whole stack in one process: verified they touch nothing, unverified they do, and the drive never notices."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot.robots.car import safety_trials
from robot.robots.car.records import Phase
from robot.robots.car.safety_drive import CAUSES, start
from robot.robots.car.safety_trials import MOVING_M_S, STOPS
from robot.safety.campaign.stops import lockstep_stops as module
from robot.safety.campaign.stops.drive import DriveCause
from robot.safety.campaign.stops.lockstep_stops import forked, lockstep_stops, stop
from robot.safety.supervisor import Mode


@pytest.fixture
def drive(tmp_path: Path):
    """A car of the data sheet on the oval, fast."""
    one = start("oval", 12, None, 1.0, True, tmp_path)
    while one.time_s < 5.5:
        one.tick()
    assert one.emulator.world.moving[3] > 3.0
    yield one
    one.close()


def test_every_cause_stops_the_car_where_it_touches_nothing_and_the_drive_goes_on(drive):
    for cause in CAUSES:
        told = forked(drive, {cause: CAUSES[cause]}, 0.0)
        assert told["impact_m_s"] is None and told["ended"], cause
    before, laps = drive.time_s, drive.emulator.world.laps
    while drive.time_s < before + 6.0:
        drive.tick()
    assert drive.pipeline.mode is Mode.RUN and drive.pipeline.phase is Phase.PRACTISE
    assert drive.emulator.world.laps > laps and drive.emulator.world.collisions == 0


def test_a_stop_in_a_fork_is_the_stop_itself(drive):
    causes = {name: CAUSES[name] for name in ("Ctrl-C", "lidar frozen")}
    told = forked(drive, causes, 0.1)
    assert stop(drive, causes, 0.1) == told
    assert drive.emulator.world.moving[3] == pytest.approx(0.0, abs=0.05)


def test_a_control_that_is_dead_does_not_die_again(drive):
    """Its guardian would begin its plan anew, in the middle of it."""
    CAUSES["control killed"].do(drive)
    for _ in range(12):
        drive.tick()
    guardian, ticks = drive.follower, drive.dead_ticks
    CAUSES["control hangs"].do(drive)
    drive.tick()
    assert guardian is not None and drive.follower is guardian and drive.dead_ticks == ticks + 1


def test_a_lidar_that_freezes_on_the_way_is_followed_by_dead_reckoning(drive):
    drive.emulator.faults["freeze_lidar"](True)
    lost = 0
    while drive.emulator.world.moving[3] > 0.5:
        drive.tick()
        if drive.pipeline.mode is Mode.STOP:
            lost += 1
            s, lateral, _ = drive.emulator.world.place
            assert drive.pipeline.place.known
            assert drive.pipeline.place.lateral == pytest.approx(lateral, abs=0.1)
            assert drive.pipeline.place.s == pytest.approx(s, abs=0.3)
    assert lost > 10


def test_a_few_stops_on_every_floor_touch_nothing_and_do_not_depend_on_the_machine(monkeypatch):
    monkeypatch.setattr(module, "STOPS_EACH", 3)
    first, second = [], []
    stops = lockstep_stops(STOPS, MOVING_M_S, 6, 5, first.append)
    assert stops == first and len(stops) == 6
    assert len({one.variant["track"] for one in stops}) == 2
    assert not any(one.spun or one.impact_m_s is not None for one in stops)
    assert all(one.ended for one in stops)
    lockstep_stops(STOPS, MOVING_M_S, 2, 5, second.append)
    assert second == first[:2]


def test_with_the_repaired_parts_switched_off_cars_spin_or_touch(monkeypatch):
    monkeypatch.setattr(safety_trials, "GRIP_SHARES", (0.9, 1.0))
    monkeypatch.setattr(module, "STOPS_EACH", 6)
    stops = lockstep_stops(STOPS, MOVING_M_S, 18, 2, lambda one: None, verified=False)
    assert sum(one.spun or one.impact_m_s is not None for one in stops) >= 2


def test_a_stop_that_breaks_off_in_its_fork_is_an_error(drive):
    with pytest.raises(RuntimeError, match="a stop for broken broke off"):
        forked(drive, {"broken": DriveCause(lambda one: np.zeros(1)[5])}, 0.0)


def test_a_robot_that_is_not_driven_in_lockstep_is_not_stopped_there():
    assert lockstep_stops(replace(STOPS, lockstep=None), MOVING_M_S, 6, 5, lambda one: None) == []
