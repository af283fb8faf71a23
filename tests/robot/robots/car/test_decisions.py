"""Transitions: what was seen, done, paid and seen next, and where an episode ends."""

import numpy as np
import pytest

from robot.robots.car.decisions import Decisions
from robot.tasks.race_track import task

HERE, THERE = np.full(50, 0.25, np.float32), np.full(50, 0.5, np.float32)
PROPOSED, EXECUTED = np.array([0.5, 1.0], np.float32), np.array([0.5, -1.0], np.float32)


def decided(demonstration: bool = False) -> Decisions:
    decisions = Decisions(step=7, episode=3)
    decisions.decide(1.0, HERE, PROPOSED, EXECUTED, demonstration)
    decisions.moved(0.2)
    decisions.moved(0.1)
    return decisions


def test_a_transition_holds_the_executed_action_and_pays_for_progress_and_override() -> None:
    t = decided().complete(1.1, THERE, collided=False, taken_over=False)
    assert (t["step"], t["episode"], t["terminated"], t["truncated"], t["overridden"]) == (7, 3, 0, 0, 1)
    np.testing.assert_array_equal(t["action"], EXECUTED)
    np.testing.assert_array_equal(t["proposed"], PROPOSED)
    np.testing.assert_array_equal(t["observation"], HERE)
    np.testing.assert_array_equal(t["next_observation"], THERE)
    assert t["reward"] == pytest.approx(task.reward(0.3, False, 2.0))
    assert t["duration_s"] == pytest.approx(0.1)


def test_a_collision_terminates_and_begins_a_new_episode() -> None:
    decisions = decided()
    t = decisions.complete(1.05, THERE, collided=True, taken_over=True)
    assert (t["terminated"], t["truncated"]) == (1, 0)
    assert t["reward"] == pytest.approx(task.reward(0.3, True, 2.0))
    assert (decisions.step, decisions.episode) == (8, 4)


def test_a_take_over_truncates() -> None:
    t = decided().complete(1.05, THERE, collided=False, taken_over=True)
    assert (t["terminated"], t["truncated"]) == (0, 1)


def test_a_completed_decision_is_no_longer_pending() -> None:
    decisions = decided()
    assert decisions.pending
    decisions.complete(1.1, THERE, collided=False, taken_over=False)
    assert not decisions.pending


def test_the_last_two_executed_actions_are_remembered_newest_first() -> None:
    decisions = decided()
    decisions.complete(1.1, THERE, collided=False, taken_over=False)
    decisions.decide(1.1, THERE, EXECUTED, PROPOSED, False)
    np.testing.assert_array_equal(decisions.earlier, [PROPOSED, EXECUTED])
    decisions.restart(0.1, -0.2)
    np.testing.assert_allclose(decisions.earlier, [[0.1, -0.2]] * 2)
