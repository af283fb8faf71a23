"""The place on the course: the way is counted over the finish line, and only where there was one."""

import math
from dataclasses import replace

import pytest

from robot.robots.car.course_place import CoursePlace
from robot.robots.car.estimation.estimator import Estimate
from sim.car.model import load_parameters
from sim.tracks.built_in_tracks import built_in
from sim.tracks.track import Course, place

CAR = load_parameters().packed()


@pytest.fixture(scope="module")
def course() -> Course:
    return built_in("oval")


def estimate_at(course: Course, s: float, lateral: float = 0.0) -> Estimate:
    x, y, yaw = place(course.packed(), course.spacing_m, s % course.length_m, lateral)
    return Estimate(0.0, x, y, yaw, 0.0, 0.0, 0.0, quality=1.0, lost=False, pose_age_s=0.0)


def test_the_way_goes_on_over_the_finish_line(course: Course) -> None:
    here = CoursePlace()
    here.take(course)
    ways = [here.update(estimate_at(course, course.length_m + d), CAR) for d in (-0.15, -0.05, 0.05, 0.15)]
    assert ways[0] == 0.0
    assert ways[1:] == pytest.approx([0.1] * 3, abs=0.01)
    assert here.s == pytest.approx(0.15, abs=0.02)


def test_a_jump_of_the_estimate_is_no_way(course: Course) -> None:
    here = CoursePlace()
    here.take(course)
    here.update(estimate_at(course, 2.0), CAR)
    assert here.update(estimate_at(course, 4.5), CAR) == 0.0
    assert here.update(estimate_at(course, 4.6), CAR) == pytest.approx(0.1, abs=0.01)


def test_off_the_centreline_the_room_is_less(course: Course) -> None:
    here = CoursePlace()
    here.take(course)
    here.update(estimate_at(course, 2.0), CAR)
    middle = here.room_m
    here.update(estimate_at(course, 2.0, lateral=0.3), CAR)
    assert here.lateral == pytest.approx(0.3, abs=0.01)
    assert here.room_m == pytest.approx(middle - 0.3, abs=0.05)


def test_a_lost_car_has_no_place(course: Course) -> None:
    here = CoursePlace()
    here.take(course)
    here.update(estimate_at(course, 2.0), CAR)
    assert here.update(replace(estimate_at(course, 2.1), lost=True), CAR) == 0.0
    assert not here.known
    assert here.room_m == math.inf
    assert here.update(estimate_at(course, 2.2), CAR) == 0.0
