"""Everything that the first tick needs, compiled and touched before it: a short drive in thought."""

import math
from dataclasses import replace

import numpy as np

from robot.robots.car.demonstration import first_metres
from robot.robots.car.estimation.estimator import START_SIGMA
from robot.robots.car.mind import Pipeline
from robot.robots.car.records import READINGS, Phase
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.shield.monitors import Flag
from robot.tasks.race_track.task import TICK_S
from sim.car.lidar import cast
from sim.distance_field import OccupancyGrid, rasterise
from sim.tracks.built_in_tracks import DEFAULT_TRACK, built_in

POINTS = 80
RANGE_M = 8.0
TICKS_EACH = 12


def rehearse(setup: PipelineSetup) -> None:
    """Run throwaway pipelines through every phase and the recovery, on made-up readings."""
    first_metres.rehearse()
    if setup.course is None:
        drive(Pipeline(setup), (Phase.LOCALISE, Phase.DEMONSTRATE))
        course = built_in(DEFAULT_TRACK)
        setup = replace(setup, course=course, grid=rasterise(course))
    pipeline = Pipeline(replace(setup, baseline_laps=0))
    drive(pipeline, (Phase.LOCALISE, Phase.DEMONSTRATE, Phase.PRACTISE, Phase.PRACTISE, Phase.FINISH), setup.grid)
    pipeline.recovered = Flag.COLLISION
    drive(pipeline, (Phase.PRACTISE,), setup.grid)
    pipeline.look_for_place(pipeline.last_time_s or 0.0)


def look_around(grid: OccupancyGrid, pose: tuple[float, ...], angles: np.ndarray, step: int) -> np.ndarray:
    """What a lidar sees of the map from a pose, m, with a noise of its own in every step."""
    x, y, yaw = pose
    seen = [cast(grid.distance_m, grid.frame, x, y, yaw + float(angle), RANGE_M) for angle in angles]
    return np.array(seen) + 0.002 * (step % 3)


def drive(pipeline: Pipeline, phases: tuple[Phase, ...], grid: OccupancyGrid | None = None) -> None:
    """Some ticks in each phase, beginning at the course's first point; the lidar sees the map, where there is one: a car
    that is lost, or whose lidar is frozen, would stand, and rehearse no decision.
    """
    readings = np.zeros((), READINGS)
    vesc, lidar = readings["motor"], readings["lidar"]
    vesc["up"] = lidar["up"] = 1
    lidar["points"] = POINTS
    vesc["input_voltage_v"] = 12.0
    course = pipeline.place.course
    pose = (0.0, 0.0, 0.0) if course is None else (float(course.x[0]), float(course.y[0]), float(course.heading[0]))
    start_s = pipeline.last_time_s or 0.0
    for step in range(len(phases) * TICKS_EACH):
        readings["tick"], readings["time_s"] = step + 1, start_s + (step + 1) * TICK_S
        vesc["erpm_speed_m_s"] = 1.0 + 0.001 * step
        if pipeline.lidar_speed is not None:
            vesc["sent_speed_m_s"] = vesc["erpm_speed_m_s"]
        if step % TICKS_EACH == 0:
            pipeline.estimator.put(pose, START_SIGMA)
            pipeline.phase = phases[step // TICKS_EACH]
        believed = pipeline.outputs["estimate"]
        at = pose if step % TICKS_EACH == 0 else tuple(float(believed[name]) for name in ("x", "y", "yaw"))
        angles = np.linspace(-math.pi, math.pi, POINTS) + 0.001 * step
        lidar["angle_rad"][:POINTS] = angles
        lidar["distance_m"][:POINTS] = 2.0 + 0.01 * (step % 3) if grid is None else look_around(grid, at, angles, step)
        pipeline.tick(readings)
