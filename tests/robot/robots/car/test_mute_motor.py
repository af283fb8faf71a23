"""A motor controller that obeys and cannot be heard (a loose wire): the car stops by what it was told, and does not spin."""

import math
from pathlib import Path

from robot.robots.car.safety_drive import CarDrive, start
from robot.safety.campaign.stops.drive import DriveCause
from robot.safety.campaign.stops.lockstep_stops import forked
from robot.safety.campaign.stops.stops import SPUN_RAD

MUTE = DriveCause(lambda drive: drive.emulator.faults["drop"]("vesc", 1.0))


def fast_in_a_bend(drive: CarDrive) -> bool:
    world = drive.emulator.world
    return drive.practises and drive.seen().speed_m_s > 4.0 and abs(float(world.moving[5])) > 1.0


def test_in_a_fast_bend_it_brakes_along_the_course(tmp_path: Path) -> None:
    drive = start("ell", 1, 7, 1.0, True, tmp_path)
    stops, next_s = [], 6.0
    while len(stops) < 12:
        drive.tick()
        if drive.time_s > next_s and fast_in_a_bend(drive):
            stops.append(forked(drive, {"mute": MUTE}, 0.0))
            next_s = drive.time_s + 0.4
    drive.close()
    assert all(stop["ended"] and stop["impact_m_s"] is None for stop in stops)
    assert max(stop["turned_rad"] for stop in stops) < SPUN_RAD < math.pi
