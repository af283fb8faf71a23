"""Everything that the first tick needs, compiled and touched before it: a short drive in thought."""

import math
from dataclasses import replace

import numpy as np

from robot.estimation.estimator import START_SIGMA
from robot.logs.records import READINGS
from robot.pipeline import Phase, Pipeline
from robot.pipeline_setup import PipelineSetup
from robot.safety.monitors import Flag
from robot.tasks.race_track import TICK_S

POINTS = 80
TICKS_EACH = 12


def rehearse(setup: PipelineSetup) -> None:
    """Run a throwaway pipeline through every phase and the recovery, on made-up readings."""
    pipeline = Pipeline(replace(setup, baseline_laps=0))
    readings = np.zeros((), READINGS)
    readings["vesc_up"] = readings["lidar_up"] = 1
    readings["points"] = POINTS
    readings["distance_m"] = 2.0
    readings["input_voltage_v"] = 12.0
    course = pipeline.course
    pose = (float(course.x[0]), float(course.y[0]), float(course.heading[0]))
    for step in range(6 * TICKS_EACH):
        readings["tick"], readings["time_s"] = step + 1, (step + 1) * TICK_S
        readings["angle_rad"][:POINTS] = np.linspace(-math.pi, math.pi, POINTS) + 0.001 * step
        readings["wheel_speed_m_s"] = 1.0 + 0.001 * step
        if step % TICKS_EACH == 0:
            pipeline.estimator.put(pose, START_SIGMA)
            pipeline.phase = (Phase.LOCALISE, Phase.DEMONSTRATE, Phase.PRACTISE, Phase.PRACTISE, Phase.FINISH,
                              Phase.PRACTISE)[step // TICKS_EACH]  # fmt: skip
        if step == 5 * TICKS_EACH:
            pipeline.recovered = Flag.COLLISION
        pipeline.tick(readings)
    pipeline.estimator.relocalise()
