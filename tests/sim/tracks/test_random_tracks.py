"""Random courses: drivable, varied, reproducible, and never crossing themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.distance_field import distance_at, rasterise
from sim.tracks.random_tracks import HALF_WIDTH_M, LENGTH_M, RADIUS_MIN_M, random_course
from sim.tracks.track import WIDTH_TIMES_CURVATURE_MAX, Course

SAMPLE = [random_course(seed) for seed in range(40)]


def turning(course: Course) -> float:
    return float(course.curvature.sum() * course.spacing_m)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_every_seed_gives_a_drivable_course(seed: int) -> None:
    course = random_course(seed)
    assert LENGTH_M[0] < course.length_m < LENGTH_M[1]
    assert np.abs(course.curvature).max() <= 1 / RADIUS_MIN_M
    for width in (course.width_left, course.width_right):
        assert width.min() >= HALF_WIDTH_M[0] and width.max() <= HALF_WIDTH_M[1] + 1e-9
        assert np.abs(np.diff(width)).max() < course.spacing_m
    assert (course.width_left * course.curvature).max() <= WIDTH_TIMES_CURVATURE_MAX
    assert (-course.width_right * course.curvature).max() <= WIDTH_TIMES_CURVATURE_MAX
    assert abs(turning(course)) == pytest.approx(2 * np.pi, rel=5e-3)  # once round: it does not cross itself


@pytest.mark.parametrize("course", SAMPLE[:12], ids=lambda course: course.name)
def test_no_stretch_of_corridor_runs_into_another(course: Course) -> None:
    # If two stretches overlapped, a point on one's wall would lie free inside the other.
    grid = rasterise(course)
    clearance = [distance_at(grid.distance_m, grid.frame, x, y) for wall in course.walls() for x, y in wall]
    assert max(clearance) < 2 * grid.resolution_m


def test_the_same_seed_gives_the_same_course_and_another_seed_another() -> None:
    np.testing.assert_array_equal(random_course(3).x, SAMPLE[3].x)
    assert len({round(course.length_m, 3) for course in SAMPLE}) == len(SAMPLE)


def test_the_family_is_varied() -> None:
    directions = [turning(course) > 0 for course in SAMPLE]
    assert 0.25 < np.mean(directions) < 0.75
    bends_both_ways = [course.curvature.min() < -0.3 and course.curvature.max() > 0.3 for course in SAMPLE]
    assert np.mean(bends_both_ways) > 0.4
    lengths = [course.length_m for course in SAMPLE]
    assert max(lengths) > 80 and min(lengths) < 30
    widths = np.concatenate([course.width_left + course.width_right for course in SAMPLE])
    assert np.percentile(widths, 2) < 1.5 and np.percentile(widths, 98) > 2.4
    straights = [np.mean(np.abs(course.curvature) < 0.02) for course in SAMPLE]
    assert np.mean(np.array(straights) > 0.3) > 0.3
