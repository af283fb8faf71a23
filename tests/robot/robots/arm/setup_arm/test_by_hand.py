"""What hands tell of a joint: its servo, its direction, its zero and its range, also where its servo's turn begins within it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.commissioning.steps import SetupError
from robot.robots.arm.setup_arm import by_hand
from robot.robots.arm.setup_arm.joints import JOINTS
from sim.arm.batch import RAD_A_STEP, STEPS_A_TURN

joints = st.sampled_from(JOINTS)
short = st.floats(0.0, 0.03)


def told(joint, home: int, backwards: bool, angle_rad: float) -> int:
    """What a Feetech servo tells."""
    return (home + (-1 if backwards else 1) * round(angle_rad / RAD_A_STEP)) % STEPS_A_TURN


@given(joints, st.integers(0, 4095), st.booleans(), short, short)
def test_direction_zero_and_range_hold_the_truth_wherever_the_horn_sits(joint, home, backwards, below, above):
    low = told(joint, home, backwards, joint.range_rad[0] + below)
    high = told(joint, home, backwards, joint.range_rad[1] - above)
    _, direction, whole, zero = by_hand.values_of(joint, 3, low, high)
    assert direction.value is backwards
    assert whole.low <= joint.whole_rad <= whole.high
    off = (home - zero.value + STEPS_A_TURN // 2) % STEPS_A_TURN - STEPS_A_TURN // 2
    assert zero.low - zero.value <= off <= zero.high - zero.value
    assert not zero.refused


@given(joints, st.integers(0, 4095), st.booleans())
def test_a_shift_brings_a_range_into_one_turn(joint, home, backwards):
    low = told(joint, home, backwards, joint.range_rad[0])
    way = by_hand.moved_steps(low, told(joint, home, backwards, joint.range_rad[1]), joint)
    shift, moved = by_hand.shift_for(low, low + way, 0, 2047, True)
    assert abs(shift) <= 2047
    assert min(low, low + way) + moved >= 1
    assert max(low, low + way) + moved <= STEPS_A_TURN - 2
    assert (moved - shift) % STEPS_A_TURN == 0


def test_what_fits_is_left_alone_and_what_no_shift_mends_is_refused():
    assert by_hand.shift_for(500, 3000, -40, 2047, True) == (-40, 0)
    assert by_hand.shift_for(-200, 2300, 0, 1024, False) == (201, 201)
    with pytest.raises(SetupError, match=r"-1500 to 1000 steps, allowed: within 0 to 4095; turn its horn"):
        by_hand.shift_for(1000, -1500, 0, 1024, False)


def test_the_servo_that_moved_is_the_joint_s():
    low = {1: 100, 2: 2000, 3: 4000}
    assert by_hand.servo_of(JOINTS[2], low, {1: 110, 2: 1990, 3: 1700}, [1]) == 3


@pytest.mark.parametrize(
    ("high", "taken", "words"),
    [
        ({1: 100, 2: 2010}, [], "elbow_flex: no servo has moved"),
        ({1: 1300, 2: 3000}, [], "elbow_flex: servos 1, 2 have moved. Hold the other joints still"),
        ({1: 100, 2: 200}, [2], "elbow_flex: servo 2 has moved, which turns another joint already"),
    ],
)
def test_what_hands_cannot_have_meant_is_refused(high, taken, words):
    with pytest.raises(SetupError, match=words):
        by_hand.servo_of(JOINTS[2], {1: 100, 2: 2000}, high, taken)


def test_a_joint_that_stops_early_or_turns_too_far_is_not_believed():
    lift = JOINTS[1]
    steps = round(lift.whole_rad / RAD_A_STEP)
    assert "not plausible" in by_hand.values_of(lift, 2, 300, 300 + steps - 200)[2].refused
    assert "not plausible" in by_hand.values_of(lift, 2, 300, 300 + steps + 60)[2].refused
    assert not by_hand.values_of(lift, 2, 300, 300 + steps - 40)[2].refused


def test_goals_stay_within_what_was_reached():
    lift = JOINTS[1]
    low, high = by_hand.range_rad(lift, 300, 300 + round(lift.whole_rad / RAD_A_STEP) - 20)
    assert math.isclose(high, lift.range_rad[1] - 10 * RAD_A_STEP - by_hand.INSIDE_RAD, abs_tol=0.002)
    assert math.isclose(low, lift.range_rad[0] + 10 * RAD_A_STEP + by_hand.INSIDE_RAD, abs_tol=0.002)
