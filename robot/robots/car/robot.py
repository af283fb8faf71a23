"""The car, as the runtime is told of it."""

from pathlib import Path

import numpy as np

from robot.robots.car.devices import devices
from robot.robots.car.mind import Pipeline
from robot.robots.car.records import RECORDS
from robot.robots.car.rehearsal import rehearse
from robot.robots.car.setup import KIND, PipelineSetup
from robot.robots.car.shield.stop_plan import StopPlan
from robot.runtime.robot import Robot
from robot.tasks.race_track.task import STEER_MAX_RAD, TICK_S
from sim.car.model import N_PARAMETERS

HAND_SPEED_M_S = 2.5  # with the stick fully ahead


def mind(setup: bytes, path: Path) -> Pipeline:
    """The mind of a car. Raises ValueError if its setup is damaged or of another version."""
    whole = PipelineSetup.from_bytes(setup, path)
    if whole.car.shape != (N_PARAMETERS,) or whole.car.dtype != np.float64:
        raise ValueError(f"car has {whole.car.size} parameters, this version's has {N_PARAMETERS}")
    return Pipeline(whole)


ROBOT = Robot(
    kind=KIND,
    tick_s=TICK_S,
    records=lambda task: RECORDS,
    devices=devices,
    mind=mind,
    rehearse=lambda setup: rehearse(PipelineSetup.from_bytes(setup)),
    plan=StopPlan,
    by_hand=lambda steer, throttle: (STEER_MAX_RAD * steer, HAND_SPEED_M_S * max(0.0, throttle)),
)
