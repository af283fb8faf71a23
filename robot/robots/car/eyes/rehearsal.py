"""Everything that the first tick of a car with a camera needs, compiled and touched before it: a short drive in thought."""

import math
from dataclasses import replace

import numpy as np

from robot.robots.car.eyes.mind import LOOK_S, SeeingPipeline
from robot.robots.car.eyes.records import RECORDS
from robot.robots.car.setup import PipelineSetup
from robot.tasks.race_track.by_camera import EMBEDDING, SEEN
from robot.tasks.race_track.task import TICK_S

RADIUS_M, SPEED_M_S = 2.0, 2.0
LAPS = 1.6  # with what leads into the first one


def rehearse(setup: PipelineSetup) -> None:
    """A throwaway mind stands, drives a lap in a circle and a part of the next, and hits something."""
    drive_round(SeeingPipeline(replace(setup, baseline_laps=0)))


def drive_round(mind: SeeingPipeline) -> None:
    """Made-up readings of a car that goes round, whatever it is told; in the end it is stopped dead."""
    readings = np.zeros((), RECORDS.readings)
    motor, camera = readings["motor"], readings["camera"]
    motor["up"] = camera["up"] = 1
    motor["input_voltage_v"] = 12.0
    camera["points"], camera["encoder"] = SEEN, mind.setup.encoder
    standing = math.ceil((LOOK_S + 0.5) / TICK_S)
    ticks = standing + math.ceil(LAPS * 2.0 * math.pi * RADIUS_M / SPEED_M_S / TICK_S)
    for tick in range(ticks + 20):
        moves = standing < tick < ticks
        readings["tick"], readings["time_s"] = tick + 1, (tick + 1) * TICK_S
        motor["erpm_speed_m_s"] = (SPEED_M_S if moves else 0.0) + 1e-4 * (tick % 3)
        motor["tachometer_m"] += SPEED_M_S * TICK_S * moves
        motor["yaw_rate_rad_s"] = SPEED_M_S / RADIUS_M if moves else 0.0
        motor["accel_y_m_s2"] = SPEED_M_S * SPEED_M_S / RADIUS_M if moves else 0.0
        camera["embedding"][:EMBEDDING] = np.float32(0.01 * (tick % 7))
        camera["embedding"][EMBEDDING:SEEN] = 1.0  # free as far as it sees
        mind.tick(readings)
