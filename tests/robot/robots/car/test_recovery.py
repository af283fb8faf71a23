"""The automatic reset: a car that crashed anywhere, at any angle, frees itself; one that cannot asks for help."""

import math

import numpy as np
import pytest

from drivers.base import LidarReading
from robot.robots.car.recovery import (
    BLIND_S,
    LEG_SPEED_M_S,
    LEGS_MAX,
    LOOK_S,
    TIME_MAX_S,
    WEDGED_SPEED_M_S,
    WEDGED_STALLS,
    Phase,
    Place,
    Recovery,
    ScanMemory,
    free_distance,
)
from robot.robots.car.shield.supervision import Command, execute
from robot.safety.supervisor import Mode
from robot.tasks.race_track.task import TICK_S
from sim.car.model import (
    P_DELAY,
    P_HALF_LENGTH,
    P_HALF_WIDTH,
    P_REAR,
    PHYSICS_STEP_S,
    drive_acceleration,
    load_parameters,
    steering_rate,
    step_pose,
)
from sim.distance_field import distance_at, footprint_clearance, rasterise
from sim.tracks.built_in_tracks import BUILT_IN, built_in
from sim.tracks.track import project

CAR = load_parameters().packed()
HALF_LENGTH_M, HALF_WIDTH_M = CAR[P_HALF_LENGTH], CAR[P_HALF_WIDTH]
POINTS_A_TICK = 80


class SmallWorld:
    """A car among the walls of a course: it stops dead where it would enter one. Sees by marching along beams."""

    def __init__(self, name: str, seed: int) -> None:
        self.course = built_in(name)
        self.packed = self.course.packed()
        self.grid = rasterise(self.course, 0.025)
        self.rng = np.random.default_rng(seed)
        self.delay = round(CAR[P_DELAY] / PHYSICS_STEP_S)
        self.state = np.zeros(7)
        self.angle = 0.0

    def clearance(self, state: np.ndarray) -> float:
        grid = self.grid
        return footprint_clearance(grid.distance_m, grid.frame, *state[:3], HALF_LENGTH_M, HALF_WIDTH_M)

    def crash(self) -> None:
        """Put the car against a wall, after a straight way from the middle of the course in a random direction."""
        self.state[:] = 0.0
        self.line = [Command(0.0, 0.0, 40.0)] * (self.delay + 1)
        while True:
            k, heading = self.rng.integers(len(self.course.x)), self.rng.uniform(-math.pi, math.pi)
            yaw = heading + self.rng.uniform(-0.5, 0.5)
            self.state[:3] = self.course.x[k], self.course.y[k], yaw
            if self.clearance(self.state) <= 0.0:
                continue
            while self.clearance(self.state) > 0.0:
                self.state[:2] += 0.005 * math.cos(heading), 0.005 * math.sin(heading)
            self.state[:2] -= 0.005 * math.cos(heading), 0.005 * math.sin(heading)
            return

    def lidar(self) -> LidarReading:
        angles = (self.angle + 2 * math.pi * np.arange(POINTS_A_TICK) / 400) % (2 * math.pi) - math.pi
        self.angle += 2 * math.pi * POINTS_A_TICK / 400
        ranges = np.empty(POINTS_A_TICK)
        for i, angle in enumerate(angles):
            x, y, yaw = self.state[:3]
            travelled = 0.0
            while travelled < 10.0:
                ahead = distance_at(self.grid.distance_m, self.grid.frame, x + travelled * math.cos(yaw + angle),
                                    y + travelled * math.sin(yaw + angle))  # fmt: skip
                if ahead < 0.005:
                    break
                travelled += ahead
            ranges[i] = travelled + 0.01 * self.rng.standard_normal()
        ranges[ranges < 0.15] = 0.0
        ranges[self.rng.random(POINTS_A_TICK) < 0.02] = 0.0
        return LidarReading(
            angles.astype(np.float32), ranges.astype(np.float32), np.zeros(POINTS_A_TICK, np.float32), 0.0, 0
        )

    def place(self) -> Place:
        x, y, yaw = self.state[:3] + (0.02, 0.02, 0.02) * self.rng.standard_normal(3)
        row, s, lateral, error = project(self.packed, self.course.spacing_m, x, y, yaw, 0, 0, len(self.packed) - 1)
        return Place(s, lateral, error, self.packed[row, 5], self.packed[row, 6])

    def drive(self, command: Command) -> None:
        for _ in range(2):
            self.line = [*self.line[1:], command]
            now = self.line[0]
            accel = drive_acceleration(self.state[3], now.speed_m_s, CAR)
            before = self.state.copy()
            step_pose(
                self.state, steering_rate(self.state[6], now.steer_rad, CAR, PHYSICS_STEP_S), accel, CAR, PHYSICS_STEP_S
            )
            if self.clearance(self.state) <= 0.0:
                self.state[:3], self.state[3:6] = before[:3], 0.0


def recover(world: SmallWorld) -> Recovery:
    recovery, last = Recovery(CAR), Command(0.0, 0.0)
    recovery.begin()
    while not recovery.finished:
        wheels, gyro = world.state[3] + 0.01 * world.rng.standard_normal(), world.state[5]
        recovery.watch(TICK_S, wheels, gyro, world.lidar())
        proposed = recovery.step(TICK_S, wheels, world.place(), world.packed, world.course.spacing_m)
        last = execute(Mode.RECOVER, proposed, last)
        world.drive(last)
    return recovery


def test_from_any_crash_on_any_track_the_car_frees_itself_within_seconds():
    durations = []
    for name in BUILT_IN:
        world = SmallWorld(name, seed=1)
        for _ in range(7):
            world.crash()
            recovery = recover(world)
            assert recovery.phase is Phase.DONE
            assert abs(world.place().heading_error) < 0.45
            durations.append(recovery.elapsed_s)
    assert np.median(durations) <= 4.0


def test_its_way_ends_in_done_only_when_it_drives_along_the_course_well_inside():
    world = SmallWorld("oval", seed=5)
    world.crash()
    recover(world)
    place = world.place()
    room = place.room_left_m if place.lateral > 0.0 else place.room_right_m
    assert abs(place.lateral) < 0.6 * room
    assert world.state[3] > 0.3


def all_round(distance_m: float) -> LidarReading:
    angles = np.linspace(-math.pi, math.pi, POINTS_A_TICK, endpoint=False).astype(np.float32)
    return LidarReading(angles, np.full_like(angles, distance_m), np.zeros_like(angles), 0.0, 0)


class Box:
    """A car that cannot move at all: every leg ends against something."""

    def __init__(self) -> None:
        self.recovery = Recovery(CAR)
        self.recovery.begin()
        self.scan = all_round(0.33)
        self.course = built_in("oval")

    def step(self) -> Command:
        place = Place(3.0, 0.1, 2.0, 1.0, 1.0)
        self.recovery.watch(TICK_S, 0.0, 0.0, self.scan)
        return self.recovery.step(TICK_S, 0.0, place, self.course.packed(), self.course.spacing_m)


def test_boxed_in_it_tries_every_way_asks_to_be_found_anew_and_gives_up_with_the_brakes_on():
    box, commands, relocalised = Box(), [], 0
    while not box.recovery.finished:
        commands.append(box.step())
        relocalised += box.recovery.relocalise
    assert box.recovery.phase is Phase.FAILED
    assert box.recovery.elapsed_s <= TIME_MAX_S + TICK_S
    assert box.recovery.legs <= LEGS_MAX + 1
    assert relocalised == 1
    driven = [command for command in commands if command.speed_m_s != 0.0]
    assert len({(command.speed_m_s > 0.0, round(command.steer_rad, 2)) for command in driven}) >= 6
    assert box.step().brake_a > 0.0


def test_before_it_is_found_anew_it_stands_and_looks_around():
    box = Box()
    while not box.recovery.relocalise:
        box.step()
    for _ in range(round(LOOK_S / TICK_S) - 1):
        assert box.step().brake_a > 0.0
        assert box.recovery.phase is Phase.HALT


def test_it_stands_before_it_does_anything():
    box = Box()
    assert all(box.step().brake_a > 0.0 for _ in range(10))


def test_begin_forgets_an_earlier_failure():
    box = Box()
    while not box.recovery.finished:
        box.step()
    box.recovery.begin()
    assert not box.recovery.finished and box.recovery.legs == 0 and box.recovery.elapsed_s == 0.0


class Plain:
    """A car on a wide plain, which moves as the test says, whatever it is told."""

    def __init__(self, heading_error: float) -> None:
        self.recovery, self.course = Recovery(CAR), built_in("oval")
        self.recovery.begin()
        self.place = Place(3.0, 0.1, heading_error, 1.0, 1.0)
        self.phases = [self.recovery.phase]

    def step(self, v_x: float = 0.0, lidar: LidarReading = all_round(5.0)) -> Command:
        self.recovery.watch(TICK_S, v_x, 0.0, lidar)
        command = self.recovery.step(TICK_S, v_x, self.place, self.course.packed(), self.course.spacing_m)
        if self.recovery.phase is not self.phases[-1]:
            self.phases.append(self.recovery.phase)
        return command

    def stand_until(self, phase: Phase) -> None:
        while self.recovery.phase is not phase:
            self.step()


def test_what_comes_into_the_way_of_a_leg_ends_it():
    plain = Plain(heading_error=2.0)
    plain.stand_until(Phase.LEG)
    direction = math.copysign(1.0, plain.step().speed_m_s)
    for _ in range(6):
        assert plain.step(0.5 * direction).brake_a == 0.0
    assert plain.step(0.5 * direction, all_round(HALF_LENGTH_M + 0.05)).brake_a > 0.0
    assert plain.recovery.phase is Phase.HALT


def test_what_comes_into_the_way_back_to_the_course_ends_it():
    plain = Plain(heading_error=0.1)
    plain.stand_until(Phase.REJOIN)
    for _ in range(6):
        assert plain.step(0.9).speed_m_s > 0.0
    assert plain.step(0.9, all_round(HALF_LENGTH_M + 0.05)).brake_a > 0.0
    assert plain.recovery.phase is Phase.HALT


def test_pursuit_that_did_not_move_the_car_is_not_tried_again_from_there():
    plain = Plain(heading_error=0.1)
    for _ in range(100):
        plain.step()
    assert plain.phases[:6] == [Phase.HALT, Phase.AIM, Phase.REJOIN, Phase.HALT, Phase.AIM, Phase.LEG]


def test_an_arc_on_which_the_car_did_not_move_is_not_the_next_one():
    plain, legs = Plain(heading_error=2.0), []
    for _ in range(2):
        plain.stand_until(Phase.LEG)
        command = plain.step()
        legs.append((command.speed_m_s > 0.0, command.steer_rad))
        plain.stand_until(Phase.HALT)
    assert legs[0] != legs[1]


def legs_speed(moving: list[bool]) -> list[float]:
    """How fast each leg of a car on a plain is to be, whose legs move it to their end or not at all."""
    plain, speeds = Plain(heading_error=2.0), []
    for moves in moving:
        plain.stand_until(Phase.LEG)
        speed = plain.step().speed_m_s
        speeds.append(abs(speed))
        while plain.recovery.phase is Phase.LEG:
            plain.step(speed if moves else 0.0)
    return speeds


def test_when_legs_in_a_row_do_not_move_the_car_it_goes_slowly_where_the_lidar_sees_no_room():
    in_a_row = [False] * WEDGED_STALLS
    assert legs_speed([*in_a_row, False]) == [LEG_SPEED_M_S] * WEDGED_STALLS + [WEDGED_SPEED_M_S]
    assert legs_speed([*in_a_row[1:], True, *in_a_row]) == [LEG_SPEED_M_S] * 2 * WEDGED_STALLS


def test_a_car_that_never_comes_to_rest_fails_after_its_time():
    plain = Plain(heading_error=2.0)
    for _ in range(round(TIME_MAX_S / TICK_S) + 2):
        assert plain.step(v_x=0.5).brake_a > 0.0
    assert plain.recovery.phase is Phase.FAILED and plain.recovery.legs == 0


def free(points: list[tuple[float, float]], direction: float, curvature: float = 0.0, reach: float = 1.0) -> float:
    array = np.array(points, dtype=np.float64).reshape(-1, 2)
    return free_distance(array, len(array), curvature, direction, reach, HALF_LENGTH_M, HALF_WIDTH_M, CAR[P_REAR], 0.05)


def test_the_rear_is_free_up_to_the_point_behind_it():
    assert free([(-1.0, 0.0)], -1.0) == pytest.approx(1.0 - HALF_LENGTH_M - 0.05, abs=0.07)
    assert free([(-1.0, 0.0)], 1.0) == 1.0
    assert free([], -1.0) == 1.0


def test_a_point_beside_the_straight_way_may_lie_on_the_arc():
    beside = [(-0.6, -0.25)]
    assert free(beside, -1.0) == 1.0
    assert free(beside, -1.0, curvature=-1.3) < 0.6


def test_what_touches_at_the_start_blocks_only_the_way_towards_it():
    touching = [(HALF_LENGTH_M + 0.01, 0.0)]
    assert free(touching, -1.0) == 1.0
    assert free(touching, 1.0) < 0.1


def test_the_scan_stays_with_the_world_while_the_car_moves():
    memory = ScanMemory()
    wall = LidarReading(np.zeros(1, np.float32), np.ones(1, np.float32), np.zeros(1, np.float32), 0.0, 0)
    nothing = LidarReading(*(np.zeros(0, np.float32),) * 3, 0.0, 0)
    memory.add(TICK_S, 0.0, 0.0, wall)
    for _ in range(5):
        memory.add(TICK_S, -1.0, 0.0, nothing)
    assert memory.points() == pytest.approx(np.array([[1.1, 0.0]]), abs=1e-6)
    for _ in range(10):
        memory.add(TICK_S, 0.0, 0.0, nothing)
    assert len(memory.points()) == 0  # too old to be trusted


def test_the_scan_turns_the_other_way_when_the_car_turns():
    memory = ScanMemory()
    wall = LidarReading(np.zeros(1, np.float32), np.ones(1, np.float32), np.zeros(1, np.float32), 0.0, 0)
    nothing = LidarReading(*(np.zeros(0, np.float32),) * 3, 0.0, 0)
    memory.add(TICK_S, 0.0, 0.0, wall)
    for _ in range(5):
        memory.add(TICK_S, 0.0, 1.0, nothing)
    assert memory.points() == pytest.approx(np.array([[math.cos(0.1), -math.sin(0.1)]]), abs=1e-6)


def test_the_same_inputs_give_the_same_commands():
    def commands() -> list[Command]:
        box = Box()
        return [box.step() for _ in range(400)]

    assert commands() == commands()


def looking_ahead(distance_m: float, points: int = 216) -> LidarReading:
    """A scan of 270 degrees; the walls are so far away on all sides."""
    angle = np.linspace(-0.75 * math.pi, 0.75 * math.pi, points).astype(np.float32)
    return LidarReading(angle, np.full(points, distance_m, np.float32), np.zeros(points, np.float32), 0.0, 0)


def test_what_is_behind_a_lidar_of_270_degrees_is_remembered_from_when_it_was_seen():
    memory = ScanMemory()
    for _ in range(10):
        memory.add(TICK_S, 0.0, 0.0, looking_ahead(1.0))
    for _ in range(60):  # ahead by 1.2 m: what was ahead and beside lies behind now
        memory.add(TICK_S, 1.0, 0.0, looking_ahead(9.0))
    known = memory.points()
    bearing = np.arctan2(known[:, 1], known[:, 0])
    behind = np.abs(bearing) > 0.745 * math.pi
    away = np.sqrt((known**2).sum(axis=1))
    assert np.count_nonzero(behind & (away < 2.6)) > 10
    assert np.all(away[~behind] > 2.6)  # where it looks now, what it saw before is gone
    for _ in range(round(BLIND_S / TICK_S)):
        memory.add(TICK_S, 0.0, 0.0, looking_ahead(9.0))
    assert np.sqrt((memory.points() ** 2).sum(axis=1)).min() > 2.6  # nor is it remembered for ever


def test_a_lidar_that_looks_all_around_forgets_after_a_revolution_and_a_half():
    for turn_ticks in (5, 9):  # 10 turns a second, and 5.5
        memory = ScanMemory()
        for tick in range(300):
            far = 1.0 if tick < 200 else 3.0
            begin = 2.0 * math.pi * tick / turn_ticks
            angle = (
                (begin + np.linspace(0.0, 2.0 * math.pi / turn_ticks, 80, endpoint=False)) % (2.0 * math.pi)
            ) - math.pi
            reading = LidarReading(
                angle.astype(np.float32),
                np.full(80, far, np.float32),
                np.zeros(80, np.float32),
                0.0,
                tick // turn_ticks,
            )
            memory.add(TICK_S, 0.0, 0.0, reading)
        away = np.sqrt((memory.points() ** 2).sum(axis=1))
        assert away.min() > 2.9
        assert len(away) >= 80 * turn_ticks  # a whole revolution
