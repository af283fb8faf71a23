"""What is not on the map and stands in the way: the car waits for it, though not for ever."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from drivers.emulators.people import People
from robot.robots.car import giving_way
from robot.robots.car import mind as pipeline_module
from robot.robots.car.course_place import CoursePlace
from robot.robots.car.fallback import Fallback
from robot.robots.car.in_the_way import InTheWay
from robot.robots.car.records import Phase
from robot.robots.car.safety_drive import start
from robot.robots.car.shield import blind_bends
from robot.robots.car.shield.obstacles import FORGOTTEN_S
from robot.robots.car.shield.predictive_brake import SLIPPERY
from robot.robots.car.shield.rollout import believed_cars
from robot.robots.car.shield.supervision import Reason
from robot.safety.campaign.stops.stops import SPIN_M_S, SPUN_RAD
from robot.safety.supervisor import Mode
from sim.tracks.track import Course
from tests.robot.robots.car.shield.test_obstacles import CAR, COURSE, GRID, NOBODY, ROW, SURE, here, scan, somebody

WAIT_S = 3.0


def row_of_people(course: Course) -> People:
    """Nobody gets past them."""
    people = People(5, course, seed=1)
    people.s[:], people.rate_rad_s[:] = 0.5 * course.length_m, 0.0
    people.sway_rad[:] = np.arcsin(np.linspace(-0.9, 0.9, 5))
    return people


def drive_at_somebody(folder: Path, leaves_after_s: float) -> tuple[list[dict], Phase, list[Mode], People]:
    """Drive for 20 s towards a row of people who stand across the course until the car has waited for a while."""
    drive = start("oval", 3, None, 1.0, True, folder)
    people = drive.emulator.world.people = row_of_people(drive.emulator.world.course)
    failures, modes, waited_s = [], [], 0.0
    while drive.time_s < 20.0 and drive.pipeline.phase is not Phase.DONE:
        drive.tick()
        failures += [fields for kind, fields in drive.pipeline.events if kind == "failure"]
        modes.append(drive.pipeline.mode)
        waited_s += 0.02 * (drive.pipeline.supervisor.reason is Reason.BLOCKED)
        if waited_s > leaves_after_s:
            people.at[:], people.s[:] = 100.0, 1e9
            people.rate_rad_s[:] = 0.0
            people._place = lambda k: (100.0, 100.0)  # type: ignore[method-assign]
    return failures, drive.pipeline.phase, modes, people


@pytest.mark.parametrize("leaves_after_s", [0.5 * WAIT_S, np.inf])
def test_it_is_waited_for_and_not_for_ever(
    leaves_after_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "BLOCKED_MAX_S", WAIT_S)
    failures, phase, modes, people = drive_at_somebody(tmp_path, leaves_after_s)
    assert people.hit == 0
    assert Mode.STOP in modes
    if leaves_after_s < WAIT_S:
        assert failures == []
        assert modes[-1] is Mode.RUN
        return
    assert phase is Phase.DONE
    (failure,) = failures
    assert "has stood in the way for 3 s, ahead of x" in failure["reason"]


def test_a_car_with_its_nose_at_a_wall_does_not_wait_for_ever_for_somebody_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving_way, "AFTER_S", np.inf)  # it may not roll back before them either
    drive = start("oval", 3, None, 1.0, True, tmp_path)
    world = drive.emulator.world
    world.put_on_course(3.3, 0.5, 1.5)  # its nose at the wall
    people = world.people = People(1, world.course, seed=1)
    people.s[:], people.sway_rad[:], people.rate_rad_s[:] = 4.5, -0.9, 0.0
    while drive.time_s < 40.0 and world.place[0] < 7.0:
        drive.tick()
    assert drive.pipeline.tally.recoveries == 1
    assert 7.0 < world.place[0] < 9.0, "on its way"
    assert people.hit == 0 and world.collisions == 0


def estimated(v_x: float = 0.0, yaw_rate: float = 0.0) -> Any:
    x, y, yaw = here(ROW)
    return SimpleNamespace(x=x, y=y, yaw=yaw, v_x=v_x, yaw_rate=yaw_rate, lost=False)


def looked(points: np.ndarray) -> Any:
    """An estimator that has just taken in these points."""
    return SimpleNamespace(points=points, count=len(points), covariance=SURE)


@pytest.mark.parametrize("doubtful", [False, True])
def test_what_is_seen_from_a_doubtful_place_is_not_held_on_to(doubtful: bool) -> None:
    place = CoursePlace()
    place.take(COURSE)
    place.row = ROW
    way = InTheWay(CAR, place, Fallback(place, believed_cars(CAR, (1.0, 1.0), SLIPPERY), 0.06))
    for now_s in (0.0, 0.1):
        points = scan(somebody(2.0, 0.0))
        way.see(now_s, estimated(), looked(points), GRID, doubtful)
    way.see(FORGOTTEN_S + 0.2, estimated(), looked(points[:0]), GRID, False)
    assert len(way._obstacles.believed) == (0 if doubtful else 1)
    assert (way._obstacles._usual_sigmas == 0.0) is doubtful  # how noisy the lidar is, is not learned there


@pytest.mark.parametrize("doubtful", [False, True])
def test_nobody_was_met_from_a_doubtful_place(doubtful: bool) -> None:
    place = CoursePlace()
    place.take(COURSE)
    place.row, place.at[0] = ROW, ROW * COURSE.spacing_m
    way = InTheWay(CAR, place, Fallback(place, believed_cars(CAR, (1.0, 1.0), SLIPPERY), 0.06))
    for now_s in np.arange(0.0, 2.0 * blind_bends.SURE_S, 0.1).tolist():
        way.see(now_s, estimated(), looked(scan(somebody(2.0, 0.0))), GRID, doubtful)
    assert (len(way._blind_bends.believed) > 0) is not doubtful


@pytest.mark.parametrize("turns", [False, True])
def test_what_a_fast_turn_may_have_put_beside_a_wall_is_nobody(turns: bool) -> None:
    """A line and a busy host hand points on by some milliseconds too late, and meanwhile the car has turned."""
    place = CoursePlace()
    place.take(COURSE)
    place.row = ROW
    way = InTheWay(CAR, place, Fallback(place, believed_cars(CAR, (1.0, 1.0), SLIPPERY), 0.06))
    yaw_rate, late_s = 3.0, 0.008
    points = scan(NOBODY)
    cos_t, sin_t = math.cos(yaw_rate * late_s), math.sin(yaw_rate * late_s)
    points[:, :2] = points[:, :2] @ np.array([[cos_t, sin_t], [-sin_t, cos_t]])
    for now_s in (0.0, 0.1):
        way.see(now_s, estimated(v_x=5.0 * turns, yaw_rate=yaw_rate * turns), looked(points), GRID, False)
    assert (len(way.seen) == 0) is turns


@pytest.mark.parametrize(("track", "seed", "grip_share"), [("ell", 307, 0.87), ("ell", 303, 0.53)])
def test_who_may_be_behind_a_bend_all_at_once_makes_a_car_slow_and_does_not_make_it_spin(
    track: str, seed: int, grip_share: float, tmp_path: Path
) -> None:
    drive = start(track, seed, 9000 + seed, grip_share, True, tmp_path)
    turned_rad, next_s, slowest_m_s = 0.0, 9.0, math.inf  # slowest while it reckons with them
    while drive.time_s < 27.0:
        drive.tick()
        if drive.time_s > next_s:  # it races, and from one tick to the next has met somebody, long ago
            drive.pipeline.in_the_way._blind_bends._met_s = drive.time_s - blind_bends.ABOUT_S + 1.0
            next_s += 2.9
        seen = drive.seen()
        if seen.speed_m_s > SPIN_M_S:
            turned_rad = max(turned_rad, seen.turned_rad)
        if len(drive.pipeline.fallback.obstacles) > 0:
            slowest_m_s = min(slowest_m_s, seen.speed_m_s)
    drive.close()
    assert slowest_m_s < 3.0
    assert turned_rad < SPUN_RAD
    assert drive.seen().touches == 0


def drive_at_somebody_behind_a_bend(track: str, row: int, folder: Path) -> People:
    """Let somebody stand flush with the inside of a bend who was not there the lap before, and another about elsewhere."""
    drive = start(track, 3, None, 1.0, True, folder)
    world, place = drive.emulator.world, drive.pipeline.place
    course = world.course
    stood = People(1, course, seed=1)
    stood.s[:], stood.rate_rad_s[:] = row * course.spacing_m, 0.0
    stood.sway_rad[:] = np.copysign(0.5 * np.pi, course.curvature[row])
    at, ahead_m = stood._place(0), 0.0
    while drive.time_s < 14.0 or ahead_m < course.length_m - 8.0:
        drive.tick()
        drive.pipeline.in_the_way._blind_bends._met_s = drive.time_s  # somebody is about
        ahead_m = (stood.s[0] - place.s) % course.length_m
        if world.people is not stood and drive.time_s > 9.0 and 6.5 < ahead_m < 7.5:
            stood.at[:] = at
            world.people = stood
    return stood


@pytest.mark.parametrize(("track", "row"), [("bean", 204), ("chicane", 252)])
@pytest.mark.parametrize("reckons", [True, False])
def test_the_car_can_stop_within_what_it_sees_if_it_reckons_with_people(
    track: str, row: int, reckons: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not reckons:
        monkeypatch.setattr(blind_bends, "ABOUT_S", -1.0)
    assert drive_at_somebody_behind_a_bend(track, row, tmp_path).hit == (0 if reckons else 1)
