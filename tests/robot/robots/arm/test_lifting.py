"""Lifting: shown by a script, then by the policy; the arm puts the block down elsewhere itself."""

from itertools import pairwise

import numpy as np
import pytest

from robot.practice.episodic_mind import Reason
from robot.robots.arm import mind as mind_module
from robot.robots.arm.lifting import HELD_UP_M, IN_REACH_M
from robot.robots.arm.mind import TICK_S
from robot.robots.arm.safety_drive import BRAKES_S, FALLING_M_S
from robot.robots.arm.way_home import WAY_HOME_S
from robot.tasks.lift import HELD_M, lifted
from tests.robot.robots.arm.arm_bench import bench, setup

AWAY_M = [0.33, 0.12, -0.02]


def test_what_is_shown_lifts_truly_and_is_put_down_elsewhere(tmp_path):
    places = []
    with bench(tmp_path, setup("lift", demonstrations=3)) as arm:
        taught = []
        for mind in arm.ticks(26.0):
            if mind.transition is not None and mind.transition["demonstration"]:
                taught.append(mind.transition.copy())
            if mind.age == 1 and mind.outputs["is_decision"]:
                places.append(arm.model.world.goal.place_m[:2].copy())
            if mind.to_show == 0 and not mind.waiting:
                break
        last = [each["next_observation"] for each in taught if each["terminated"]]
        assert len(last) == 3 and all(map(lifted, last))
        assert arm.truth.done == 3 and arm.truth.moves == 0, "nobody helped"
        assert min(np.linalg.norm(after - before) for before, after in pairwise(places)) > 0.003
        assert arm.truth.load_worst < 0.6 and arm.truth.tip_worst_m_s < 0.6


def test_the_way_to_the_block_is_seen_outwards_across_and_up(tmp_path):
    with bench(tmp_path, setup("lift", demonstrations=3)) as arm:
        mind = next(
            mind for mind in arm.ticks(26.0) if abs(mind.posture.pose[1]) > 0.01
        )  # else a turn the wrong way would not show
        mind.observe()
        hand_m, block_m = mind.posture.pose[:3], mind.board.place_m
        base_m = np.array([mind.posture.kinematics.hand.origins[0, 0], 0.0])
        outwards = (hand_m[:2] - base_m) / np.linalg.norm(hand_m[:2] - base_m)
        apart_m = hand_m - block_m
        across = np.array([-outwards[1], outwards[0]])
        assert mind.aside_m == pytest.approx([outwards @ apart_m[:2], across @ apart_m[:2], apart_m[2]], abs=1e-9)


def test_a_block_out_of_reach_is_left_to_the_stage(tmp_path):
    with bench(tmp_path, setup("lift", demonstrations=1)) as arm:
        arm.model.shafts.batch.put("block_m", AWAY_M)
        arm.run(9.0)
        x, y, _ = arm.model.world.goal.place_m
        assert arm.truth.moves == 1 and np.hypot(x, y) < IN_REACH_M[1] + 0.05
        assert not arm.told("help")


def test_stopped_with_a_block_in_its_hand_it_lies_down_with_it(tmp_path):
    with bench(tmp_path, setup("lift", demonstrations=1)) as arm:
        for _ in arm.ticks(12.0):
            if arm.truth.done:
                break
        assert arm.truth.done == 1
        worst_m_s = 0.0
        for tick, _ in enumerate(arm.ticks(WAY_HOME_S, order=1)):
            truth = arm.truth
            assert np.linalg.norm([truth.peg_x_m, truth.peg_y_m, truth.peg_z_m]) < HELD_M, "it has dropped it"
            worst_m_s = max(worst_m_s, truth.tip_m_s if tick * TICK_S > BRAKES_S else 0.0)
        assert arm.mind.outputs["finished"] and worst_m_s < FALLING_M_S


def test_without_its_camera_it_stands_and_keeps_what_it_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(mind_module, "BOARD_FRESH_S", 0.1)  # before it acts on where the block was
    with bench(tmp_path, setup("lift", demonstrations=1)) as arm:
        for mind in arm.ticks(12.0):
            if mind.raised_m > HELD_UP_M:
                break
        arm.model.stage.uart.drop_rate = 1.0
        arm.run(2.0)
        assert arm.mind.outputs["reason"] == Reason.BLIND
        high_m = arm.model.world.goal.place_m[2]
        arm.run(1.0)
        assert arm.model.world.goal.place_m[2] == pytest.approx(high_m, abs=0.002) and high_m > -0.015
