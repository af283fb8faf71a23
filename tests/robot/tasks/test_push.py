"""What is seen of a block on its way, and what counts as pushed."""

import numpy as np
import pytest

from robot.tasks import find_task
from robot.tasks.push import SCALES, SPEC, WITHIN_M, left_m, observe, pushed, reward

Q = np.array([0.0, 0.2, 0.1, 1.2, 0.05])


def seen(left, behind=(0.0, 0.0, 0.0)):
    return observe(Q, np.zeros(5), Q, np.zeros(5), np.array([1.0, 0.0]), np.array(behind), left, 0.0, 0.0, 0.0, 0.5)


def test_at_its_place_is_pushed_and_what_is_left_costs():
    assert pushed(seen(WITHIN_M - 0.001)) and not pushed(seen(WITHIN_M + 0.001))
    assert left_m(seen(0.037)) == pytest.approx(0.037, abs=1e-6)
    assert reward(seen(0.011)) == pytest.approx(0.98 - 0.0022, abs=1e-5)
    assert reward(seen(0.06)) < reward(seen(0.05)) < 0.0


def test_what_is_far_is_seen_no_further_than_it_matters():
    near = SPEC.seen["behind_near"]
    assert seen(0.1, (0.1, -0.1, 0.01))[near] / SCALES[near] == pytest.approx([0.03, -0.03, 0.01])


def test_people_are_told_of_pushes_and_of_laps():
    assert SPEC.episodes == "pushes"
    assert find_task("race_track").episodes == "laps"
