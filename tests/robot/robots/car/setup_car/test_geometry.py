"""Where the lidar sits and how far the wheels go, from legs that a car of any build would drive."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.commissioning.steps import SetupError
from robot.robots.car.setup_car.geometry import fit_geometry, values_of
from robot.robots.car.setup_car.legs import Leg


def legs_of(
    gain: float,
    yaw: float,
    ahead: float,
    aside: float,
    left: float,
    over: float,
    noise_m: float = 0.0,
    turns: bool = True,
) -> list[Leg]:
    """By plane geometry alone: the car's pose along each arc, and the lidar's seen from its own earlier one."""
    rng = np.random.default_rng(1)
    made = []
    for curvature, way in product((-1.0, -0.5, 0.0, 0.5, 1.0), (0.3, -0.3)):
        theta = curvature * way if turns else 0.0
        x = math.sin(theta) / curvature if theta else way
        y = (1.0 - math.cos(theta)) / curvature if theta else 0.0
        seen_x = x + math.cos(theta) * ahead - math.sin(theta) * aside - ahead
        seen_y = y + math.sin(theta) * ahead + math.cos(theta) * aside - aside
        own_x = math.cos(yaw) * seen_x + math.sin(yaw) * seen_y
        own_y = math.cos(yaw) * seen_y - math.sin(yaw) * seen_x
        dx, dy, dyaw = noise_m * rng.standard_normal(3)
        made.append(Leg(0.5, way / gain, over * theta, (own_x + dx, left * own_y + dy, left * theta + dyaw), []))
    return made


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.6, 1.6), st.sampled_from([-1.0, 1.0]), st.floats(-3.1, 3.1), st.floats(0.06, 0.4), st.floats(-0.1, 0.1),
    st.sampled_from([-1.0, 1.0]), st.sampled_from([-1.0, 1.0]),
)  # fmt: skip
def test_any_car_is_found_out(
    size: float, sign: float, yaw: float, ahead: float, aside: float, left: float, over: float
) -> None:
    found = fit_geometry(legs_of(sign * size, yaw, ahead, aside, left, over), over)
    assert found.gain == pytest.approx(sign * size, rel=1e-3)
    assert found.left == left
    assert math.remainder(found.yaw_rad - yaw, math.tau) == pytest.approx(0.0, abs=1e-3)
    assert (found.ahead_m, found.aside_m) == pytest.approx((ahead, aside), abs=1e-3)


def test_the_intervals_grow_with_the_noise_and_hold_the_truth() -> None:
    widths = []
    for noise_m in (0.0, 0.003):
        found = fit_geometry(legs_of(-0.8, 2.0, 0.3, -0.04, -1.0, 1.0, noise_m), 1.0)
        values = {value.name: value for value in values_of(found, 4614.0, 0.17)}
        truth = {
            "erpm_per_m_s": -4614.0 / 0.8,
            "mount_yaw_rad": 2.0,
            "mirrored": True,
            "mount_x_m": 0.13,
            "mount_y_m": -0.04,
        }
        for name, true in truth.items():
            assert values[name].low <= true <= values[name].high
            assert not values[name].refused
        widths.append(values["mount_x_m"].high - values["mount_x_m"].low)
    assert widths[0] < widths[1]


def test_a_lidar_above_the_rear_axle_does_not_tell_which_end_is_the_front() -> None:
    with pytest.raises(SetupError, match="front is not identifiable"):
        fit_geometry(legs_of(1.0, 0.5, 0.0, 0.02, 1.0, 1.0, 0.001), 1.0)


def test_a_car_that_never_turns_has_no_servo() -> None:
    with pytest.raises(SetupError, match="enable the servo output"):
        fit_geometry(legs_of(1.0, 0.5, 0.2, 0.0, 1.0, 1.0, turns=False), 1.0)


def test_a_gyro_that_measures_something_else_is_not_believed() -> None:
    legs = [
        Leg(leg.servo, leg.rolled_m, 0.5 * leg.turned_rad, leg.moved, [])
        for leg in legs_of(1.0, 0.5, 0.2, 0.0, 1.0, 1.0)
    ]
    with pytest.raises(SetupError, match=r"gyro tells 0\.50 times"):
        fit_geometry(legs, 1.0)
