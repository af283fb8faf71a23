"""Pushing: shown by a script, then by the policy; a block that has been pushed lies where the next push begins."""

import numpy as np
import pytest

from robot.robots.arm.pushing import IN_REACH_M, LEAST_M
from robot.tasks.push import WITHIN_M, left_m, pushed
from tests.robot.robots.arm.arm_bench import bench, setup

PAN_M = 0.0388353
AWAY_M = [0.33, 0.12, -0.0275]


def test_what_is_shown_brings_the_block_truly_to_its_place_and_nobody_brings_it_back(tmp_path):
    ways_m = []
    with bench(tmp_path, setup("push", demonstrations=3)) as arm:
        taught, off_m, place = [], [], np.zeros(2)
        for mind in arm.ticks(30.0):
            if mind.transition is not None and mind.transition["demonstration"]:
                taught.append(mind.transition.copy())
            if mind.age == 1 and mind.outputs["is_decision"]:
                ways_m.append(mind.left_m)
            if any(kind == "demonstration" and told["succeeded"] for kind, told in mind.events):
                off_m.append(np.linalg.norm(arm.model.world.goal.place_m[:2] - place))
            place = mind.place.copy()
            if mind.to_show == 0 and not mind.waiting:
                break
        last = [each["next_observation"] for each in taught if each["terminated"]]
        assert len(last) == 3 and all(map(pushed, last)) and max(map(left_m, last)) < WITHIN_M
        assert max(off_m) < WITHIN_M + 0.002 and arm.truth.moves == 0
        assert min(ways_m) > LEAST_M - 0.003
        assert arm.truth.load_worst < 0.6 and arm.truth.tip_worst_m_s < 0.5


def test_the_way_to_where_a_push_begins_is_seen_along_the_blocks_way_across_and_up(tmp_path):
    with bench(tmp_path, setup("push", demonstrations=1)) as arm:
        mind = next(mind for mind in arm.ticks(26.0) if mind.age == 3)
        mind.observe()
        way = mind.place - mind.board.place_m[:2]
        along = way / np.linalg.norm(way)
        apart_m = mind.posture.pose[:3] - mind.board.place_m
        across = np.array([-along[1], along[0]])
        assert mind.left_m == pytest.approx(np.linalg.norm(way))
        assert mind.aside_m == pytest.approx([along @ apart_m[:2], across @ apart_m[:2], apart_m[2]], abs=1e-9)
        moved = mind.motion_of(np.array([1.0, 0.0, 0.0, 0.0, 0.0]))
        assert moved[:2] / np.linalg.norm(moved[:2]) == pytest.approx(along, abs=1e-9)


def test_a_block_out_of_reach_is_left_to_the_stage(tmp_path):
    with bench(tmp_path, setup("push", demonstrations=1)) as arm:
        arm.model.shafts.batch.put("block_m", AWAY_M)
        arm.run(9.0)
        x, y, _ = arm.model.world.goal.place_m
        assert arm.truth.moves == 1 and np.hypot(x - PAN_M, y) < IN_REACH_M[1] + 0.05
        assert not arm.told("help")
