"""A car with a camera in one process, with all that sees for it and drives it, on lockstep time: what its stops are tried on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from drivers.base import Driver
from drivers.camera import PIPE, CameraSettings
from drivers.declared import make_driver
from drivers.emulators.process import Emulator
from drivers.emulators.virtual_car import VirtualCarConfig
from drivers.vesc import Vesc
from policies.policy_file import load_policy
from robot.perception.encoder import Encoder
from robot.perception.encoder_file import ENCODER_FILE
from robot.perception.own_eyes import OwnEyes, OwnRecord, TornOut, empty_pipe
from robot.perception.perception import Eye, Perception
from robot.robots.car.car_file import as_believed
from robot.robots.car.devices import Motor
from robot.robots.car.eyes.mind import SeeingPipeline
from robot.robots.car.eyes.records import RECORDS
from robot.robots.car.eyes.seeing_car import load_seeing_car
from robot.robots.car.practice import SHIPPED_SEEING_POLICY
from robot.robots.car.records import Phase
from robot.robots.car.safety_drive import CarDrive, hidden
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.unverified import Unverified
from robot.runtime.control_loop import ControlLoop
from robot.runtime.driver_device import DriverDevice
from robot.runtime.robot import Device
from robot.safety.campaign.stops.drive import AdvancingClock, DriveCause
from robot.safety.campaign.trials import Variant
from robot.safety.supervisor import Mode
from robot.tasks.race_track.by_camera import SPEC
from robot.tasks.race_track.task import TICK_S

ROBOT = "virtual-camera-car"
LATE_S = 0.3


class SeeingDrive(CarDrive):
    """One car on its course, from its first lap on: its policy drives that too."""

    def __init__(
        self,
        emulator: Emulator,
        loop: ControlLoop,
        pipeline: SeeingPipeline,
        vesc: Vesc,
        camera: Driver[Any],
        eyes: OwnEyes,
        pipe: Path,
    ) -> None:
        super().__init__(emulator, loop, pipeline, vesc, camera)
        self.eyes, self.pipe = eyes, pipe

    @property
    def practises(self) -> bool:
        return self.pipeline.mode is Mode.RUN and self.pipeline.phase in (Phase.DEMONSTRATE, Phase.PRACTISE)

    def settle(self) -> None:
        super().settle()
        self.eyes.read()  # so that a fork begins between two pictures

    def flush(self) -> None:
        super().flush()
        empty_pipe(self.pipe)


def start_seeing(variant: Variant, seed: int, verified: bool, folder: Path) -> SeeingDrive:
    """Put a car where its camera sees walls; see `LockstepTrials`."""
    changed = hidden(variant["hidden_seed"], variant["grip_share"])
    config = VirtualCarConfig(
        track=variant["track"], seed=seed, car=changed, directory=str(folder), camera_seed=variant["hidden_seed"]
    )
    emulator = Emulator(config, folder)
    clock = AdvancingClock(emulator.advance)
    robot, policy = load_seeing_car(ROBOT), load_policy(SHIPPED_SEEING_POLICY, SPEC.name, SPEC.observation_size)
    encoder = Encoder(SHIPPED_SEEING_POLICY.with_name(ENCODER_FILE))
    pipeline = SeeingPipeline(
        PipelineSetup(
            seed=seed, practice_s=3600.0, laps=0, explore=False, predictive_brake=False, demonstrate=True, keyboard=False,
            car=as_believed(ROBOT, robot).packed(), layers=policy.layers, weights=policy.weights, grid=None, course=None,
            encoder=encoder.version,
        )
    )  # fmt: skip
    if not verified:
        pipeline.fallback = Unverified(pipeline.place, pipeline.fallback.cars, pipeline.setup.latency_s)
    vesc = make_driver(replace(robot.motor, port=str(folder / "vesc")), clock)
    assert isinstance(vesc, Vesc) and isinstance(robot.camera, CameraSettings)
    camera = make_driver(replace(robot.camera, source=f"{PIPE}{folder / 'camera'}"), clock)
    shown = OwnRecord()
    eyes = OwnEyes(Perception(camera, Eye(encoder, None), shown, clock), shown, encoder, clock)
    vesc.open()
    eyes.open()
    devices: dict[str, Device] = {"motor": Motor(vesc, clock), "camera": DriverDevice(eyes)}
    loop = ControlLoop(clock, devices, pipeline, np.zeros((), RECORDS.readings), 1, TICK_S)
    loop.start()
    return SeeingDrive(emulator, loop, pipeline, vesc, camera, eyes, folder / "camera")


def _tear_out(drive: SeeingDrive) -> None:
    drive.eyes.perception.camera = TornOut()


def camera_has(vice: str) -> DriveCause:
    """One of the camera's vices begins."""
    return DriveCause(lambda drive: drive.emulator.faults["camera"](vice, True))


OF_EYES: dict[str, DriveCause] = {
    "camera torn out": DriveCause(_tear_out),
    "camera frozen": camera_has("frozen"),
    "camera black": camera_has("black"),
    "camera covered": camera_has("covered"),
    "camera late": DriveCause(lambda drive: drive.emulator.faults["late_camera"](LATE_S)),
}
