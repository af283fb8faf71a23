"""The automatic reset: a car that crashed anywhere, at any angle, frees itself; one that cannot asks for help."""

import math

import numpy as np
import pytest

from drivers.base import LidarReading
from robot.recovery import Phase, Place, Recovery
from robot.safety.supervisor import Command, Mode, execute
from robot.tasks.race_track import TICK_S
from sim.built_in_tracks import BUILT_IN, built_in
from sim.car import (
    P_DELAY,
    P_HALF_LENGTH,
    P_HALF_WIDTH,
    PHYSICS_STEP_S,
    drive_acceleration,
    load_parameters,
    steering_rate,
    step_pose,
)
from sim.distance_field import distance_at, footprint_clearance, rasterise
from sim.track import project

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
        proposed = recovery.step(
            TICK_S, wheels, gyro, world.lidar(), world.place(), world.packed, world.course.spacing_m
        )
        last = execute(Mode.RECOVER, proposed, last)
        world.drive(last)
    return recovery


@pytest.mark.parametrize("name", BUILT_IN)
def test_from_any_crash_the_car_frees_itself(name):
    world, durations = SmallWorld(name, seed=1), []
    for _ in range(12):
        world.crash()
        recovery = recover(world)
        assert recovery.phase is Phase.DONE
        place = world.place()
        assert abs(place.heading_error) < 0.45
        durations.append(recovery.elapsed_s)
    assert np.median(durations) <= 4.0
