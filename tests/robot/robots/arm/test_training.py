"""Insertion in the simulator: many arms at once, a script that shows, and a policy that practises there."""

from unittest.mock import patch

import numpy as np
import pytest

from robot.robots.arm.hidden_arm import BACKLASH_RAD, CLEARANCE_M, hidden_arm, hidden_arms
from robot.robots.arm.judging import insertions, policy, reaches
from robot.robots.arm.trainer import TRAINER
from robot.robots.arm.training import practising
from robot.robots.arm.training.insertions import RUNNING, TIMED_OUT, WON, Insertions
from robot.robots.arm.training.practising import ARMS, Practised, simulated
from robot.robots.arm.training.reaching_gradient import Descent
from robot.tasks.peg_insert import CAMERA_OFFSET_M, ELAPSED, IN, INSERTED_M, OTHERWISE, OUT, SCALES
from robot.training.trainer import TrainConfig
from sim.arm.peg import PegScene


def test_what_is_shown_are_pegs_that_are_brought_in_and_out_again_and_truth_agrees():
    learner, brought_in, drawn_out = Practised(seed=0, iterations=1), [], []
    step = Insertions.step

    def watched(arms, actions):
        wanted = arms.wanted.copy()
        before = arms.peg_m()[:, 2]
        ended, last = step(arms, actions)
        for of, told in ((IN, brought_in), (OUT, drawn_out)):
            told.extend(before[(ended == WON) & (wanted == of)])
        return ended, last

    with patch.object(Insertions, "step", watched), patch.object(practising, "SHOWN", 30):
        learner.show()
    assert len(brought_in) + len(drawn_out) >= 30 and len(drawn_out) > 5
    assert max(brought_in) < -0.001, "a decision before it is in, it is on its way in"
    assert min(drawn_out) > 0.02
    memory = learner.learner.prior
    seen_otherwise = OTHERWISE * len(brought_in)
    assert learner.learner.practice.size == 0
    assert memory.terminated[: memory.size].sum() == len(brought_in) + len(drawn_out) + seen_otherwise


def test_from_where_it_was_drawn_out_every_second_peg_goes_on():
    arms = Insertions(64, 3, undo=True)
    arms.wanted[:] = OUT
    before = arms.goal_rad.copy()
    with patch("robot.robots.arm.training.insertions.drawn_out", lambda seen: True):
        ended, _ = arms.step(np.zeros((64, 5)))
    stayed = (np.abs(arms.goal_rad - before) < 0.02).all(1)
    assert (ended == WON).all() and (arms.wanted == IN).all() and 20 < stayed.sum() < 44


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


def test_only_what_is_simulated_is_trained():
    with pytest.raises(
        ValueError, match="--task: found lift, allowed: peg_insert, reach; an arm learns the others by practice"
    ):
        TRAINER.begin(TrainConfig(task="lift"))


def test_hidden_arms_are_drawn_within_their_ranges_and_alike_by_seed():
    rows, offset_m = hidden_arms(500, np.random.default_rng(0))
    clearance = 2.0 * (rows["hole_half_m"] - PegScene().half_width)
    assert CLEARANCE_M[0] <= clearance.min() and clearance.max() <= CLEARANCE_M[1]
    assert BACKLASH_RAD[0] <= rows["backlash_rad"].min() and rows["backlash_rad"].max() <= BACKLASH_RAD[1]
    assert np.abs(offset_m).max() <= CAMERA_OFFSET_M and (offset_m[:, 2] == 0.0).all()
    assert hidden_arm(3) == hidden_arm(3) != hidden_arm(4)


def test_a_policy_learns_from_practice_that_nobody_watches():
    learner = Practised(seed=0, iterations=1, decisions=120)
    before = insertions(policy(learner.weights, learner.layers), 64, 0, hidden=False)
    learner.iterate()
    after = insertions(policy(learner.weights, learner.layers), 64, 0, hidden=False)
    assert learner.learner.practice.size > 600 and before.success == 0.0
    assert after.success > 0.1, after


def test_what_practice_begins_with_are_whole_episodes_of_hidden_arms():
    learner = Practised(seed=0, iterations=1)
    with patch.object(practising, "SIMULATED", 110):
        told = simulated(learner.weights, learner.layers, 3, {})
    ends = np.flatnonzero(told["terminated"] | told["truncated"])
    assert len(ends) >= ARMS and ends[-1] == len(told) - 1 and told["demonstration"].all()


@pytest.mark.parametrize("decisions", [2, 6])
def test_what_reaching_costs_falls_along_its_gradient(decisions):
    def cost(weights: np.ndarray | None = None) -> tuple[float, Descent]:
        learner = Descent(seed=1, iterations=1, arms=32, decisions=decisions)
        if weights is not None:
            learner.descent.weights[:] = weights
        return learner.window(), learner

    _, learner = cost()
    slope = float(np.linalg.norm(learner.gradient))
    step = 2e-3 * learner.gradient / slope
    found = (cost(learner.weights + step)[0] - cost(learner.weights - step)[0]) / 4e-3
    assert found == pytest.approx(slope, rel=0.15)


def test_a_policy_learns_to_reach_from_gradients():
    learner = Descent(seed=0, iterations=12, arms=64, decisions=20)
    for _ in range(12):
        learner.iterate()
    found = reaches(policy(learner.weights, learner.layers), 32, 0, hidden=True)
    assert found.success > 0.5 and found.took_s < 3.0, found
