"""How far the way is free, course by course: as far as a body that is moved on the map itself stays between the walls."""

import numpy as np
import pytest

from robot.robots.car.eyes.free_way import STEP_M, FreeWay
from robot.tasks.race_track.by_camera import PATHS_PER_M, SEEN_MAX_M
from robot.tasks.race_track.task import RUNNING, ends
from sim.car.model import load_parameters
from sim.tracks.built_in_tracks import built_in
from sim.tracks.track import Course, place, project

CAR = load_parameters()
COURSES = [built_in("oval"), built_in("chicane")]


def on_the_map(course: Course, s: float, lateral: float, error: float, bend: float) -> float:
    """The same by poses, m."""
    packed, fine_m = course.packed(), 0.02
    x, y, heading = place(packed, course.spacing_m, s, lateral)
    yaw, way, row = heading + error, 0.0, round(s / course.spacing_m) % len(packed)
    while way < SEEN_MAX_M:
        row, _, aside, turned = project(packed, course.spacing_m, x, y, yaw, row, 5, 5)
        if ends(aside, turned, packed[row, 5], packed[row, 6], CAR.half_length_m, CAR.half_width_m) != RUNNING:
            break
        x, y, yaw = x + fine_m * np.cos(yaw), y + fine_m * np.sin(yaw), yaw + fine_m * bend
        way += fine_m
    return min(way, SEEN_MAX_M)


@pytest.mark.parametrize("number", [0, 1])
def test_it_is_as_far_as_on_the_map(number: int) -> None:
    rng, course = np.random.default_rng(number), COURSES[number]
    s = rng.uniform(0.0, course.length_m, 6)
    lateral, error = rng.uniform(-0.3, 0.3, (2, 6))
    free = FreeWay(COURSES, CAR).along(np.full(6, number), s, lateral, error)
    wanted = [
        [on_the_map(course, *at, bend) for bend in PATHS_PER_M.tolist()] for at in zip(s, lateral, error, strict=True)
    ]
    off = np.abs(free - np.array(wanted))
    assert np.quantile(off, 0.9) < 2.0 * STEP_M and off.max() < 0.8 and free.std() > 0.5
