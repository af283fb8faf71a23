"""How fast a line is, against what can be worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.car.command_limits import CommandLimits
from sim.car.model import GRAVITY_M_S2, load_parameters
from sim.car.racing_line import CRASH_COST, driven_lap, line_points, overlap, steady_state_lap
from sim.tracks.built_in_tracks import built_in
from sim.tracks.track import Course, closed_course, place, project

CAR = load_parameters()
CALM = np.array([0.4, 0.1, 0.15, 0.02, 0.0])  # gains for driving well within the limits


def circle(radius_m: float, width_m: float = 1.0) -> Course:
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    points = radius_m * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return closed_course("circle", points, np.full(90, width_m), np.full(90, width_m))


def stadium(radius_m: float, straight_m: float) -> np.ndarray:
    """Points every 5 cm along two straights joined by half circles."""
    turn = np.pi * radius_m
    s = np.arange(0, 2 * (straight_m + turn), 0.05)
    points = np.empty((len(s), 2))
    for k, at in enumerate(s):
        half, along = divmod(at, straight_m + turn)
        angle = max(0.0, along - straight_m) / radius_m
        x = min(along, straight_m) + radius_m * math.sin(angle)
        y = -radius_m * math.cos(angle)
        points[k] = (x, y) if half == 0 else (straight_m - x, -y)
    return points


def lap(course: Course, speed_m_s: float, offset_m: float = 0.0, car=CAR) -> float:
    points = np.empty((len(course.x), 2))
    line_points(course.packed(), np.full(len(points), offset_m), points)
    speed = np.full(len(points), speed_m_s)
    return driven_lap(
        course.packed(), course.spacing_m, points, speed, CALM, CommandLimits().packed(), car.packed()
    )  # fmt: skip


@given(radius_m=st.floats(2, 6), grip=st.floats(0.5, 1.2))
@settings(max_examples=20, deadline=None)
def test_a_steady_lap_of_a_circle_is_as_fast_as_grip_allows(radius_m: float, grip: float) -> None:
    course = circle(radius_m)
    points = np.stack([course.x, course.y], axis=1)
    speed = np.empty(len(points))
    seconds = steady_state_lap(points, grip, 9.0, 9.0, 50.0, speed)
    assert seconds == pytest.approx(2 * np.pi * math.sqrt(radius_m / (grip * GRAVITY_M_S2)), rel=5e-3)


def test_a_steady_lap_brakes_for_corners_and_accelerates_out_of_them() -> None:
    radius, straight, drive, brake = 2.0, 12.0, 4.0, 8.0
    points = stadium(radius, straight)
    speed = np.empty(len(points))
    seconds = steady_state_lap(points, 1.0, drive, brake, 50.0, speed)
    corner = math.sqrt(GRAVITY_M_S2 * radius)
    # Accelerating at 4 over x, braking at 8 over the rest: v^2 = corner^2 + 2 * 4 * x = corner^2 + 2 * 8 * (12 - x).
    top = math.sqrt(corner**2 + 2 * drive * straight * brake / (drive + brake))
    by_hand = 2 * ((top - corner) / drive + (top - corner) / brake + np.pi * radius / corner)
    assert seconds == pytest.approx(by_hand, rel=0.02)
    assert speed.max() == pytest.approx(top, rel=0.02) and speed.min() == pytest.approx(corner, rel=0.02)


@pytest.mark.parametrize("offset_m", [-0.5, 0.0, 0.5])
def test_a_driven_lap_well_within_the_limits_takes_length_over_speed(offset_m: float) -> None:
    # The speed loop is proportional: it stays behind by what rolling resistance and drag need.
    behind = CAR.speed_loop_time_constant_s * (CAR.rolling_resistance_m_s2 + CAR.drag_per_m * 2.0**2)
    assert lap(circle(5.0), 2.0, offset_m) == pytest.approx(2 * np.pi * (5.0 - offset_m) / (2.0 - behind), rel=0.01)


def test_a_lap_into_the_wall_costs_the_more_the_sooner_it_ends() -> None:
    course = circle(3.0)
    early, late = lap(course, 6.0), lap(course, 5.4)
    assert CRASH_COST / 2 < late <= early <= CRASH_COST


def test_trim_and_delay_of_the_car_are_known_to_the_driver() -> None:
    course = built_in("oval")
    plain = lap(course, 2.5)
    assert lap(course, 2.5, car=replace(CAR, steer_trim_rad=0.05)) == pytest.approx(plain, rel=0.01)
    assert lap(course, 2.5, car=replace(CAR, actuation_s=0.06)) == pytest.approx(plain, rel=0.01)


@given(
    name=st.sampled_from(["oval", "chicane"]), part=st.floats(0, 0.999), lateral=st.floats(-0.7, 0.7),
    error=st.floats(-1.2, 1.2),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_overlap_is_that_of_the_body_placed_on_the_map(name: str, part: float, lateral: float, error: float) -> None:
    course = built_in(name)
    packed, n = course.packed(), len(course.x)
    x, y, heading = place(packed, course.spacing_m, part * course.length_m, lateral)
    yaw = heading + error
    most = -1e9
    for ahead in (-CAR.half_length_m, 0.0, CAR.half_length_m):
        for left in (-CAR.half_width_m, CAR.half_width_m):
            px = x + ahead * math.cos(yaw) - left * math.sin(yaw)
            py = y + ahead * math.sin(yaw) + left * math.cos(yaw)
            row, _, out, _ = project(packed, course.spacing_m, px, py, 0.0, 0, 0, n - 1)
            most = max(most, out - course.width_left[row], -out - course.width_right[row])
    row, _, lateral, error = project(packed, course.spacing_m, x, y, yaw, 0, 0, n - 1)
    assert overlap(packed, course.spacing_m, row, lateral, error, CAR.packed()) == pytest.approx(most, abs=0.03)
