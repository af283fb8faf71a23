"""What keeps servos from burning."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from robot.robots.arm.shield import RELIEVED, STRAINED, STRAINED_S, Strain

TICK_S = 0.02


def test_a_servo_that_presses_hard_for_long_is_eased_until_it_no_longer_does():
    strain = Strain(2)
    ticks = 0
    while not strain.eased[0]:
        strain.see(np.array([1.0, 0.1]), TICK_S)
        ticks += 1
    assert STRAINED_S < ticks * TICK_S < 0.3
    assert not strain.eased[1]
    strain.see(np.array([0.5 * (STRAINED + RELIEVED), 0.0]), TICK_S)
    assert strain.eased[0], "not yet relieved"
    strain.see(np.array([0.5 * RELIEVED, 0.0]), TICK_S)
    assert not strain.eased[0]


@given(st.lists(st.floats(-STRAINED, STRAINED), max_size=50))
def test_one_that_does_not_is_never_eased(loads):
    strain = Strain(1)
    for load in loads:
        strain.see(np.array([load]), TICK_S)
        assert not strain.eased[0]
