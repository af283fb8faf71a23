"""The car, as the runtime is told of it."""

from pathlib import Path

import numpy as np

from robot.robots.car.devices import devices as lidar_devices
from robot.robots.car.eyes.devices import devices as seeing_devices
from robot.robots.car.eyes.mind import SeeingPipeline
from robot.robots.car.eyes.records import RECORDS as SEEING_RECORDS
from robot.robots.car.eyes.rehearsal import rehearse as rehearse_seeing
from robot.robots.car.mind import Pipeline
from robot.robots.car.records import RECORDS
from robot.robots.car.rehearsal import rehearse as rehearse_lidar
from robot.robots.car.setup import KIND, PipelineSetup
from robot.robots.car.shield.stop_plan import StopPlan
from robot.runtime.clock import Clock
from robot.runtime.records import Records
from robot.runtime.robot import Device, Robot
from robot.runtime.session_file import SessionFile
from robot.tasks.race_track import by_camera
from robot.tasks.race_track.task import STEER_MAX_RAD, TICK_S
from sim.car.model import N_PARAMETERS

BY_CAMERA = by_camera.SPEC.name
HAND_SPEED_M_S = 2.5  # with the stick fully ahead


def mind(setup: bytes, path: Path) -> Pipeline | SeeingPipeline:
    """The mind of a car, by what it senses. Raises ValueError if its setup is damaged or of another version."""
    whole = PipelineSetup.from_bytes(setup, path)
    if whole.car.shape != (N_PARAMETERS,) or whole.car.dtype != np.float64:
        raise ValueError(f"car has {whole.car.size} parameters, this version's has {N_PARAMETERS}")
    return Pipeline(whole) if whole.encoder is None else SeeingPipeline(whole)


def records(task: str) -> Records:
    """The records of a car with a lidar, or of one with a camera."""
    return SEEING_RECORDS if task == BY_CAMERA else RECORDS


def devices(session: SessionFile, clock: Clock) -> dict[str, Device]:
    """Those of a session."""
    return (seeing_devices if session.task == BY_CAMERA else lidar_devices)(session, clock)


def rehearse(setup: bytes) -> None:
    """Compile and touch all that the first tick needs."""
    whole = PipelineSetup.from_bytes(setup)
    (rehearse_lidar if whole.encoder is None else rehearse_seeing)(whole)


ROBOT = Robot(
    kind=KIND,
    tick_s=TICK_S,
    records=records,
    devices=devices,
    mind=mind,
    rehearse=rehearse,
    plan=StopPlan,
    by_hand=lambda steer, throttle: (STEER_MAX_RAD * steer, HAND_SPEED_M_S * max(0.0, throttle)),
)
