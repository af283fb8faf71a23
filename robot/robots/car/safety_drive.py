"""A car on its course in one process, with all that drives it, on lockstep time: what stops are tried on by the hundred."""

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from drivers.base import Driver
from drivers.declared import make_driver
from drivers.emulators.process import Emulator
from drivers.emulators.virtual_car import VirtualCarConfig
from drivers.vesc import Vesc, VescSettings
from policies.policy_file import load_policy
from robot.robots.car.car_file import believed_car, load_car
from robot.robots.car.car_mind import CarMind
from robot.robots.car.devices import Motor
from robot.robots.car.mind import Pipeline
from robot.robots.car.practice import SHIPPED_POLICY
from robot.robots.car.records import RECORDS, Phase
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.shield.monitors import Flag
from robot.robots.car.shield.stop_follower import StopFollower
from robot.robots.car.shield.stop_plan import NOTICED_TICKS
from robot.robots.car.unverified import Unverified
from robot.robots.car.world import load_world
from robot.runtime.control_loop import ControlLoop
from robot.runtime.driver_device import DriverDevice
from robot.runtime.robot import Device
from robot.safety.campaign.stops.drive import AdvancingClock, Drive, DriveCause, ask, die, miss_deadlines
from robot.safety.campaign.trials import Variant
from robot.safety.campaign.truth import Seen
from robot.safety.supervisor import Mode
from robot.tasks.race_track.task import OBSERVATION_SIZE, TICK_S
from sim.car.model import CarParameters, hidden_car, load_parameters

WALKING_M_S = 1.3
WIRED = "f1tenth"  # whose servo has end stops; its lidar is the emulated car's
TRIM_SIGMA_RAD, LATENCY_SIGMA_S = 0.004, 0.003  # what a demonstration leaves open


def hidden(seed: int | None, grip_share: float) -> dict[str, float]:
    """The parameters in which a hidden car (None: that of the data sheet) on a floor of this share of the nominal grip
    differs from the data sheet.
    """
    nominal = load_parameters()
    car = asdict(car_of(seed)) | {"grip": grip_share * nominal.grip}
    return {name: float(value) for name, value in car.items() if value != getattr(nominal, name)}


def demonstrated(seed: int | None, rng: np.random.Generator) -> dict[str, float]:
    """What a demonstration lap would have told of it."""
    car = car_of(seed)
    return {
        "trim_rad": float(car.steer_trim_rad + TRIM_SIGMA_RAD * rng.standard_normal()),
        "latency_s": float(car.actuation_s + LATENCY_SIGMA_S * rng.standard_normal()),
    }


def car_of(seed: int | None) -> CarParameters:
    return load_parameters() if seed is None else hidden_car(seed)


class CarDrive(Drive):
    """One car on its course. Where control has died, the guardian plays its plan."""

    def __init__(
        self, emulator: Emulator, loop: ControlLoop, pipeline: CarMind, vesc: Vesc, lidar: Driver[Any]
    ) -> None:
        super().__init__(loop)
        self.emulator, self.pipeline, self.vesc, self.lidar = emulator, pipeline, vesc, lidar
        self.follower: StopFollower | None = None

    def without_control(self) -> None:
        if self.dead_ticks > max(self.noticed_ticks, NOTICED_TICKS):  # before, the plan has not begun
            reading = self.vesc.read() if self.follower is not None else None
            self.follower = self.follower or StopFollower(self.pipeline.stop_plan, self.dead_ticks)
            servo_rad, brake_a = self.follower.command(self.dead_ticks, reading)
            self.vesc.brake(brake_a, servo_rad)

    @property
    def practises(self) -> bool:
        return self.pipeline.mode is Mode.RUN and self.pipeline.phase is Phase.PRACTISE

    def seen(self) -> Seen:
        world = self.emulator.world
        v_x, v_y = float(world.moving[3]), float(world.moving[4])
        return Seen(math.sqrt(v_x * v_x + v_y * v_y), True, world.collisions, abs(float(world.place[2])))

    def forget_touches(self) -> None:
        self.emulator.world.impact_m_s = 0.0

    @property
    def worst_touch_m_s(self) -> float:
        return float(self.emulator.world.impact_m_s)

    def settle(self) -> None:
        self.emulator.advance(self.time_s)

    def flush(self) -> None:
        for line in (self.emulator.vesc_pty, self.emulator.lidar_pty):
            line.flush()


def start_drive(variant: Variant, seed: int, verified: bool, folder: Path) -> CarDrive:
    """Put a car on its course, after a demonstration that was driven before; verified: see `LockstepTrials`."""
    return start(variant["track"], seed, variant["hidden_seed"], variant["grip_share"], verified, folder)


def start(track: str, seed: int, hidden_seed: int | None, grip_share: float, verified: bool, folder: Path) -> CarDrive:
    """The same by track, seed of the hidden car (None: the car of the data sheet) and share of the nominal grip."""
    changed = hidden(hidden_seed, grip_share)
    emulator = Emulator(VirtualCarConfig(track=track, seed=seed, car=changed, directory=str(folder)), folder)
    clock = AdvancingClock(emulator.advance)
    world, policy = load_world(track, ""), load_policy(SHIPPED_POLICY, "race_track", OBSERVATION_SIZE)
    told = demonstrated(hidden_seed, np.random.default_rng([seed, 0x57A]))
    pipeline = Pipeline(
        PipelineSetup(
            seed=seed, practice_s=3600.0, laps=0, explore=False, predictive_brake=True, demonstrate=False,
            keyboard=False, car=believed_car(WIRED).packed(), layers=policy.layers, weights=policy.weights, grid=world.grid,
            course=world.course, demo_lap_s=30.0,
            trim_rad=told["trim_rad"], latency_s=told["latency_s"],
        )
    )  # fmt: skip
    if not verified:
        pipeline.fallback = Unverified(pipeline.place, pipeline.fallback.cars, pipeline.latency_s)
    motor, lidar_settings = load_car(WIRED).motor, load_car("virtual-car").lidar
    assert isinstance(motor, VescSettings)
    vesc = Vesc(replace(motor, port=str(folder / "vesc")), clock)
    lidar = make_driver(replace(lidar_settings, port=emulator.lidar_pty.name), clock)
    vesc.open()
    lidar.open()
    devices: dict[str, Device] = {"motor": Motor(vesc, clock), "lidar": DriverDevice(lidar)}
    loop = ControlLoop(clock, devices, pipeline, np.zeros((), RECORDS.readings), 1, TICK_S)
    loop.start()
    return CarDrive(emulator, loop, pipeline, vesc, lidar)


def _end_of_time(drive: CarDrive) -> None:
    drive.pipeline.tally.practice_s = math.inf


def _recovery_fails(drive: CarDrive) -> None:
    drive.pipeline.recovered |= Flag.RECOVERY_FAILED


CAUSES: dict[str, DriveCause] = {
    "Ctrl-C": ask(1),
    "Ctrl-C twice": ask(2),
    "end of time": DriveCause(_end_of_time),
    "recovery failed": DriveCause(_recovery_fails),
    "deadlines missed": miss_deadlines(rest_m_s=WALKING_M_S),
    "lidar cable": DriveCause(lambda drive: drive.lidar.close()),
    "lidar frozen": DriveCause(lambda drive: drive.emulator.faults["freeze_lidar"](True)),
    "control killed": die(1),
    "control hangs": die(NOTICED_TICKS + 1),
}
