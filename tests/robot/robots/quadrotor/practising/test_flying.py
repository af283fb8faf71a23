"""What of a flight a policy is judged by."""

import numpy as np

from robot.robots.quadrotor.practising.flying import ticks_judged

BESIDE_M = np.array([[0.5, 0.0, 0.0], [0.01, 0.0, 0.0], [np.nan, 0.0, 0.0]])


def test_a_policy_is_judged_while_its_goal_rests_and_over_all_of_a_flight_in_which_it_never_did() -> None:
    assert ticks_judged(BESIDE_M[:2], np.array([False, True])).tolist() == [False, True]
    assert ticks_judged(BESIDE_M[:2], np.array([False, False])).tolist() == [True, True]


def test_what_the_estimator_lost_is_not_judged() -> None:
    assert ticks_judged(BESIDE_M, np.array([False, True, True])).tolist() == [False, True, False]
    assert not ticks_judged(BESIDE_M, np.array([False, False, True])).any()
    assert ticks_judged(np.zeros((0, 3)), np.zeros(0, bool)).tolist() == []
