"""The map in the live view: course, car and trail, at any size."""

import io

import numpy as np
from rich.console import Console

from robot.robots.car.records import OUTPUTS
from robot.robots.car.scene import CourseScene
from sim.tracks.built_in_tracks import built_in


def test_the_trail_is_as_long_however_often_the_car_is_seen() -> None:
    seen_often, seen_seldom = CourseScene(built_in("oval")), CourseScene(built_in("oval"))
    for k in range(10_000):
        seen_often.move(0.002 * k, 0.0, 0.0, 1.0)
        if k % 60 == 0:
            seen_seldom.move(0.002 * k, 0.0, 0.0, 1.0)
    for scene in (seen_often, seen_seldom):
        assert scene.trail[-1][0] - scene.trail[0][0] > 11.0


def test_the_car_is_where_it_believes_to_be_at_any_size() -> None:
    course = built_in("oval")
    scene, seen = CourseScene(course), np.zeros((), OUTPUTS)
    seen["estimate"]["x"], seen["estimate"]["y"], seen["estimate"]["yaw"] = course.x[5], course.y[5], course.heading[5]
    scene.see(seen)
    for columns, lines in ((80, 20), (30, 10), (80, 20)):
        out = io.StringIO()
        Console(file=out, width=columns, force_terminal=True, color_system=None).print(scene.render(columns, lines))
        assert any(arrow in out.getvalue() for arrow in "→↗↑↖←↙↓↘") and len(out.getvalue().splitlines()) >= lines
