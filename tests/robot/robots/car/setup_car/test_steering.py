"""Gain, centre and end stops of a servo, from the angles that it gave."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.commissioning.steps import SetupError
from robot.robots.car.setup_car.steering import fit_steering, stopped, values_of


def angles(
    positions: np.ndarray, gain: float, offset: float, low: float, high: float, noise: float = 0.0
) -> np.ndarray:
    return (np.clip(positions, low, high) - offset) / gain + noise * np.random.default_rng(2).standard_normal(
        len(positions)
    )


@settings(max_examples=60, deadline=None)
@given(st.floats(0.8, 1.8), st.sampled_from([-1.0, 1.0]), st.floats(0.4, 0.6), st.floats(0.2, 0.3), st.floats(0.7, 0.8))
def test_any_servo_is_found_out(size: float, sign: float, offset: float, low: float, high: float) -> None:
    positions = np.repeat(np.arange(0.03, 1.0, 0.07), 2)
    found = fit_steering(positions, angles(positions, sign * size, offset, low, high, 0.002))
    truth = {"servo_gain": sign * size, "servo_offset": offset, "servo_min": low, "servo_max": high}
    for value in values_of(found):
        assert value.low <= truth[value.name] <= value.high
        assert not value.refused


def test_a_stop_that_was_not_met_lies_beyond_what_was_tried() -> None:
    positions = np.arange(0.25, 1.0, 0.07)
    found = fit_steering(positions, angles(positions, 1.2, 0.5, 0.1, 0.8))
    assert found.met == (False, True)
    assert found.low == 0.25
    assert found.high == pytest.approx(0.8, abs=0.005)


def test_a_servo_that_does_not_move_is_named() -> None:
    with pytest.raises(SetupError, match="enable the servo output"):
        fit_steering(np.linspace(0.1, 0.9, 9), 0.01 * np.ones(9))


def test_probing_outwards_ends_where_the_wheels_do_not_follow_any_more() -> None:
    positions = [0.5, 0.57, 0.64, 0.71, 0.78]
    reached = list(angles(np.array(positions), -1.2, 0.5, 0.2, 0.7))
    assert not stopped(positions[:4], reached[:4])
    assert stopped(positions, reached)
