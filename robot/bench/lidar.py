"""How fast the simulated lidar is: scans of 1080 beams over 270 degrees along the default track."""

import time
from typing import Any

import numpy as np

from sim.car.lidar import cast_beams
from sim.distance_field import rasterise
from sim.tracks.built_in_tracks import BUILT_IN, built_in

BEAMS = 1080
RANGE_MAX_M = 25.0
PLACES = 24
REPEATS = 30


def run() -> dict[str, Any]:
    """Microseconds for a scan on one core: at each place the best of 30, as other programs only ever slow one down."""
    course = built_in(BUILT_IN[0])
    grid = rasterise(course)
    distance_m, frame = grid.distance_m, grid.frame
    angle_rad = np.linspace(-0.75 * np.pi, 0.75 * np.pi, BEAMS).astype(np.float32)
    range_m = np.empty(BEAMS, dtype=np.float32)
    times_us = []
    for place in range(0, len(course.x), len(course.x) // PLACES):
        pose = np.array([course.x[place], course.y[place], course.heading[place]])
        repeats = []
        for _ in range(REPEATS):
            started = time.perf_counter_ns()
            cast_beams(distance_m, frame, pose, pose, angle_rad, RANGE_MAX_M, range_m)
            repeats.append(time.perf_counter_ns() - started)
        times_us.append(min(repeats) / 1000.0)
    return {
        "us_per_1080_beams": round(float(np.mean(times_us)), 1),
        "us_at_the_worst_place": round(max(times_us), 1),
        "beams": BEAMS,
        "grid_cells": list(distance_m.shape),
    }
