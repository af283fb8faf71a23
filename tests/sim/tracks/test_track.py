"""Courses and course coordinates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.tracks.built_in_tracks import BUILT_IN, built_in
from sim.tracks.track import WIDTH_TIMES_CURVATURE_MAX, Course, closed_course, place, project

COURSES = {name: built_in(name) for name in BUILT_IN}


def circle(radius_m: float, width_m: float = 1.0) -> Course:
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    points = radius_m * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return closed_course("circle", points, np.full(90, width_m), np.full(90, width_m))


def nearest_of_whole(course: Course, x: float, y: float, yaw: float) -> tuple[int, float, float, float]:
    return project(course.packed(), course.spacing_m, x, y, yaw, 0, 0, len(course.x) - 1)


@given(radius_m=st.floats(2.0, 30.0))
@settings(max_examples=20, deadline=None)
def test_a_circle_has_the_curvature_and_length_of_a_circle(radius_m: float) -> None:
    course = circle(radius_m)
    assert course.length_m == pytest.approx(2 * np.pi * radius_m, rel=1e-4)
    np.testing.assert_allclose(course.curvature, 1 / radius_m, rtol=2e-3)
    np.testing.assert_allclose(np.hypot(course.x, course.y), radius_m, rtol=1e-4)


@given(radius_m=st.floats(2.0, 30.0), angle=st.floats(0, 6.28), offset_m=st.floats(-0.9, 0.9), error=st.floats(-3, 3))
@settings(max_examples=100, deadline=None)
def test_on_a_circle_course_coordinates_are_polar_coordinates(
    radius_m: float, angle: float, offset_m: float, error: float
) -> None:
    x, y = (radius_m - offset_m) * np.cos(angle), (radius_m - offset_m) * np.sin(angle)
    _, s, lateral, heading_error = nearest_of_whole(circle(radius_m), x, y, angle + np.pi / 2 + error)
    assert lateral == pytest.approx(offset_m, abs=2e-4 * radius_m)
    assert abs(np.sin((s / radius_m - angle) / 2)) < 2e-4
    assert heading_error == pytest.approx(error, abs=2e-3)


@given(
    name=st.sampled_from(BUILT_IN), part=st.floats(0, 1), side=st.floats(-0.95, 0.95), error=st.floats(-3.1, 3.1),
    turns=st.integers(-2, 2),
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_project_undoes_place(name: str, part: float, side: float, error: float, turns: int) -> None:
    course = COURSES[name]
    s = part * course.length_m
    row = int(s / course.spacing_m) % len(course.x)
    lateral = side * (course.width_left if side > 0 else course.width_right)[row]
    x, y, heading = place(course.packed(), course.spacing_m, s, lateral)
    _, found_s, found_lateral, found_error = nearest_of_whole(course, x, y, heading + error + 2 * np.pi * turns)
    around = (found_s - s + course.length_m / 2) % course.length_m - course.length_m / 2
    # Two neighbouring samples tie half way between them: then their arcs differ by the change of curvature.
    assert around == pytest.approx(0, abs=2e-3)
    assert found_lateral == pytest.approx(lateral, abs=1e-4)
    assert found_error == pytest.approx(error, abs=3e-3)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_window_of_rows_finds_the_same_place_as_the_whole_course(name: str) -> None:
    course = COURSES[name]
    packed = course.packed()
    for s in np.arange(0, course.length_m, 0.37):
        x, y, heading = place(packed, course.spacing_m, s, 0.3)
        row = int(s / course.spacing_m)
        assert project(packed, course.spacing_m, x, y, heading, row, 8, 12) == nearest_of_whole(course, x, y, heading)


@pytest.mark.parametrize("name", BUILT_IN)
def test_course_coordinates_move_smoothly_along_the_course(name: str) -> None:
    course = COURSES[name]
    packed = course.packed()
    steps = np.arange(0.1, course.length_m - 0.1, 0.003)
    place_of = np.array([project(packed, course.spacing_m, *place(packed, course.spacing_m, s, 0.4), 0, 0,
                                 len(course.x) - 1)[1:] for s in steps])  # fmt: skip
    assert np.abs(np.diff(place_of[:, 0]) - 0.003).max() < 0.003  # no jumps where the nearest sample changes
    assert np.abs(np.diff(place_of[:, 1])).max() < 2e-4


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_course_is_closed_counter_clockwise_and_its_normals_never_cross(name: str) -> None:
    course = COURSES[name]
    assert course.spacing_m == pytest.approx(0.05, rel=0.01)
    steps = np.hypot(*np.diff(np.stack([course.x, course.y]), axis=1, append=[[course.x[0]], [course.y[0]]]))
    np.testing.assert_allclose(steps, course.spacing_m, rtol=2e-3)
    assert course.curvature.sum() * course.spacing_m == pytest.approx(2 * np.pi, rel=1e-3)
    assert (course.width_left * course.curvature).max() <= WIDTH_TIMES_CURVATURE_MAX
    assert (-course.width_right * course.curvature).max() <= WIDTH_TIMES_CURVATURE_MAX
    assert min(course.width_left.min(), course.width_right.min()) > 0.7


def test_one_built_in_course_narrows_and_bends_both_ways() -> None:
    course = COURSES["chicane"]
    width = course.width_left + course.width_right
    assert width.min() < 0.75 * width.max()
    assert course.curvature.min() < -0.4 and course.curvature.max() > 0.4


def test_an_unknown_track_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"found 'ovall', allowed: oval, ell"):
        built_in("ovall")
