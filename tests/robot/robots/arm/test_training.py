"""Insertion in the simulator: many arms at once, a teacher who sees, and a policy that is fitted to what he says."""

import numpy as np
import pytest

from robot.robots.arm.hidden_arm import BACKLASH_RAD, CLEARANCE_M, OFFSET_M, hidden_arm, hidden_arms
from robot.robots.arm.judging import judged, policy
from robot.robots.arm.training import dagger
from robot.robots.arm.training.dagger import Dagger, teacher
from robot.robots.arm.training.insertions import RUNNING, TIMED_OUT, WON, Insertions
from robot.tasks.peg_insert import ELAPSED, INSERTED_M, SCALES
from sim.arm.peg import PegScene


def test_who_sees_the_hole_inserts_every_peg_and_truth_agrees():
    arms, deepest, won = Insertions(16, 0), [], 0
    for _ in range(45):
        before = arms.peg_m()[:, 2]
        ended, _ = arms.step(teacher(arms))
        assert not (ended == TIMED_OUT).any()
        won += int((ended == WON).sum())
        deepest += before[ended == WON].tolist()
    assert won > 24 and max(deepest) < -0.004, "a decision before it is in, it is on its way in"


def test_an_episode_that_ends_begins_anew_and_what_was_seen_at_its_end_is_told():
    arms = Insertions(4, 1)
    holes = [hole.place_m.copy() for hole in arms.holes]
    for _ in range(99):
        ended, last = arms.step(np.zeros((4, 5)))
        assert (ended == RUNNING).all()
    ended, last = arms.step(np.zeros((4, 5)))
    assert (ended == TIMED_OUT).all() and (arms.age == 0).all()
    assert all((old != hole.place_m).any() for old, hole in zip(holes, arms.holes, strict=True))
    assert last[:, ELAPSED] == pytest.approx(np.full(4, (10.0 - 5.0) * SCALES[ELAPSED]), abs=1e-5)
    assert arms.seen[:, ELAPSED] == pytest.approx(np.full(4, -5.0 * SCALES[ELAPSED]), abs=1e-5)


def test_the_peg_stands_on_the_board_where_there_is_no_hole():
    arms = Insertions(8, 2)
    for hole in arms.holes:
        hole.place_m[:2] += 0.03 * hole.frame[:2, 1]
    arms.batch.put("hole_m", [hole.place_m for hole in arms.holes])
    for _ in range(40):
        arms.step(np.tile([0.0, 0.0, -0.5, 0.0, 0.0], (8, 1)))
        assert arms.peg_m()[:, 2].min() > -INSERTED_M / 2.0


def test_hidden_arms_are_drawn_within_their_ranges_and_alike_by_seed():
    rows, offset_m = hidden_arms(500, np.random.default_rng(0))
    clearance = 2.0 * (rows["hole_half_m"] - PegScene().half_width)
    assert CLEARANCE_M[0] <= clearance.min() and clearance.max() <= CLEARANCE_M[1]
    assert BACKLASH_RAD[0] <= rows["backlash_rad"].min() and rows["backlash_rad"].max() <= BACKLASH_RAD[1]
    assert np.abs(offset_m).max() <= OFFSET_M and (offset_m[:, 2] == 0.0).all()
    assert hidden_arm(3) == hidden_arm(3) != hidden_arm(4)


def test_a_policy_learns_from_what_it_is_told(monkeypatch):
    monkeypatch.setattr(dagger, "DECISIONS", 30)
    learner = Dagger(seed=0, rounds=3, arms=32)
    before = judged(policy(learner.weights, learner.layers), 32, 0, hidden=False)
    for _ in range(3):
        learner.iterate()
    after = judged(policy(learner.weights, learner.layers), 32, 0, hidden=False)
    assert np.isfinite(learner.loss) and before.success == 0.0
    assert after.success > 0.5, after
