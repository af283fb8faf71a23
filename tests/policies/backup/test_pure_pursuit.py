"""Pure pursuit: the arc to a point ahead, checked against circles and straights that can be drawn by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.backup.pure_pursuit import goal_in_car, lookahead, pursue

STEER_MAX_RAD, WHEELBASE_M = 0.4189, 0.3302


def circle(radius_m: float, n: int = 720) -> tuple[np.ndarray, float]:
    """A packed circle driven to the left, and its spacing."""
    angle = 2 * np.pi * np.arange(n) / n
    heading = angle + np.pi / 2
    columns = [radius_m * np.cos(angle), radius_m * np.sin(angle), np.cos(heading), np.sin(heading),
               np.full(n, 1 / radius_m), np.ones(n), np.ones(n)]  # fmt: skip
    return np.stack(columns, axis=1), 2 * np.pi * radius_m / n


@given(s=st.floats(0.0, 12.5), radius=st.floats(1.0, 5.0), distance=st.floats(0.3, 1.0))
def test_on_a_circle_it_holds_the_steering_of_that_circle(s, radius, distance):
    course, spacing = circle(radius)
    steer = pursue(course, spacing, s, 0.0, 0.0, distance, 0.0, WHEELBASE_M, STEER_MAX_RAD)
    assert steer == pytest.approx(math.atan(WHEELBASE_M / radius), rel=0.05)


@given(s=st.floats(0.0, 18.0), lateral=st.floats(-0.5, 0.5), error=st.floats(-0.6, 0.6))
def test_the_goal_is_where_the_plane_says_it_is(s, lateral, error):
    """Against coordinates worked out in the map, not along the course."""
    radius, distance, offset = 3.0, 0.9, 0.2
    course, spacing = circle(radius, 6000)
    x, y = goal_in_car(course, spacing, s, lateral, error, distance, offset)
    angle, ahead = s / radius, (s + distance) / radius
    yaw = angle + math.pi / 2 + error
    dx = (radius - offset) * math.cos(ahead) - (radius - lateral) * math.cos(angle)
    dy = (radius - offset) * math.sin(ahead) - (radius - lateral) * math.sin(angle)
    assert x == pytest.approx(dx * math.cos(yaw) + dy * math.sin(yaw), abs=0.01)
    assert y == pytest.approx(dy * math.cos(yaw) - dx * math.sin(yaw), abs=0.01)


def test_it_steers_back_from_either_side_and_never_beyond_the_lock():
    course, spacing = circle(50.0)
    for lateral in (-0.8, 0.8):
        steer = pursue(course, spacing, 3.0, lateral, 0.0, 0.6, 0.0, WHEELBASE_M, STEER_MAX_RAD)
        assert steer * lateral < 0.0
        assert abs(steer) <= STEER_MAX_RAD


@pytest.mark.parametrize("error", [-2.5, 2.5])
def test_facing_backwards_it_turns_at_full_lock_towards_the_course(error):
    course, spacing = circle(50.0)
    steer = pursue(course, spacing, 3.0, 0.0, error, 0.6, 0.0, WHEELBASE_M, STEER_MAX_RAD)
    assert steer == pytest.approx(-math.copysign(STEER_MAX_RAD, error))


def test_it_looks_further_ahead_when_faster():
    assert lookahead(4.0) > lookahead(1.0) > 0.0
    assert lookahead(-1.0) == lookahead(0.0)
