"""A mind of a car with a camera, and made-up readings of a car that does what it is told."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from robot.robots.car.car_file import as_believed
from robot.robots.car.estimation import fusion
from robot.robots.car.eyes.mind import SeeingPipeline
from robot.robots.car.eyes.seeing_car import load_seeing_car
from robot.robots.car.eyes.seeing_driver import LAYERS
from robot.robots.car.eyes.sight import WHEELBASE_M
from robot.robots.car.records import Phase
from robot.robots.car.setup import PipelineSetup
from robot.tasks.race_track import task
from robot.tasks.race_track.by_camera import EMBEDDING, PATHS_PER_M, SEEN
from tests.robot.robots.car.eyes.seeing_rig import always

ROBOT = "virtual-camera-car"
CIRCLE, STRAIGHT = int(np.argmax(PATHS_PER_M == 0.5)), int(np.argmax(PATHS_PER_M == 0.0))  # of 2 m


class GoesRound:
    """A mind, and a car that does what it is told at once: between walls that leave it one way, a circle."""

    def __init__(self, practice_s: float = 60.0) -> None:
        believed = as_believed(ROBOT, load_seeing_car(ROBOT)).packed()
        weights = always(math.atan(WHEELBASE_M * PATHS_PER_M[CIRCLE]), 1.5)
        self.mind = SeeingPipeline(
            PipelineSetup(1, practice_s, 0, False, False, True, False, believed, LAYERS, weights, None, None, encoder=7)
        )
        self.readings, self.ticks, self.told = np.zeros((), self.mind.records.readings), 0, 0
        self.readings["motor"]["up"] = self.readings["camera"]["up"] = 1
        self.readings["motor"]["input_voltage_v"] = 12.0
        self.readings["camera"]["points"], self.readings["camera"]["encoder"] = SEEN, 7
        self.readings["camera"]["embedding"][[EMBEDDING + CIRCLE, EMBEDDING + STRAIGHT]] = (
            1.0  # the middle turns twice the mean
        )
        self.courses, self.held = 0, False
        self.lost: list[dict[str, Any]] = []
        self.failures: list[str] = []

    def tick(self) -> None:
        self.ticks += 1
        command, motor = self.mind.command, self.readings["motor"]
        speed = 0.0 if command.brake_a > 0.0 else command.speed_m_s
        rate = speed * math.tan(command.steer_rad) / WHEELBASE_M
        self.readings["tick"], self.readings["time_s"] = self.ticks, self.ticks * task.TICK_S
        self.readings["stop_requested"] = self.told
        motor["erpm_speed_m_s"] = 1e-4 * (self.ticks % 3) + (0.0 if self.held else speed)
        motor["tachometer_m"] += speed * task.TICK_S
        motor["yaw_rate_rad_s"], motor["accel_y_m_s2"] = rate, speed * rate
        self.mind.tick(self.readings)
        self.courses += sum(kind == "course" for kind, _ in self.mind.events)
        self.lost += [fields for kind, fields in self.mind.events if kind == "place_lost"]
        self.failures += [fields["reason"] for kind, fields in self.mind.events if kind == "failure"]

    def hits(self) -> None:
        """Something stops it dead, and holds it."""
        self.held = True

    def until(self, happened: Callable[[SeeingPipeline], bool]) -> None:
        end = self.ticks + round(60.0 / task.TICK_S)
        while not happened(self.mind):
            self.tick()
            assert self.ticks < end, "it never happened"

    def practise(self, practice_s: float) -> None:
        """Until it has practised for so long."""
        self.until(lambda mind: mind.phase is Phase.PRACTISE and mind.tally.practice_s > practice_s)

    def set_off(self, aside_m: float, turned_rad: float) -> None:
        """From now on it reckons itself so far from where it was."""
        place, state = self.mind.place, self.mind.tracker.state
        left = -place.packed[place.row, 3], place.packed[place.row, 2]
        state[: fusion.YAW + 1] += aside_m * left[0], aside_m * left[1], turned_rad
