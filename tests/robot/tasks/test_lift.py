"""What is seen of a block in a hand, and what counts as lifted."""

import math

import numpy as np
import pytest

from robot.tasks.lift import LIFTED_M, SCALES, SPEC, from_nearest_side, lifted, observe, reward

Q = np.array([0.0, 0.2, 0.1, 1.2, 0.05, 0.15])


def seen(away_m=(0.0, 0.0, 0.0), raised_m=0.0):
    return observe(Q, np.zeros(6), -0.3, Q, np.zeros(6), np.array(away_m), raised_m, 0.0, 0.0, 0.5)


def test_up_and_in_the_hand_is_lifted():
    assert lifted(seen(raised_m=LIFTED_M + 0.002)) and reward(seen(raised_m=LIFTED_M + 0.002)) == pytest.approx(0.98)
    assert not lifted(seen(raised_m=LIFTED_M - 0.002)) and reward(seen()) == pytest.approx(-0.02)
    assert not lifted(seen((0.0, 0.03, 0.0), LIFTED_M + 0.002)), "thrown is not lifted"


def test_what_is_far_is_seen_no_further_than_it_matters():
    near = SPEC.seen["away_near"]
    assert seen((0.1, -0.1, 0.01))[near] / SCALES[near] == pytest.approx([0.03, -0.03, 0.01])


@pytest.mark.parametrize("quarters", range(-3, 4))
def test_a_cube_has_four_sides(quarters):
    assert from_nearest_side(0.3 + quarters * math.pi / 2) == pytest.approx(0.3)
    assert from_nearest_side(-0.7 + quarters * math.pi / 2) == pytest.approx(-0.7)
