"""Insertion as an order of skills: the policy's own way back, with the script where it fails."""

import numpy as np
import pytest

from drivers.board_stage import BoardReading
from robot.practice.episodic_mind import Phase
from robot.robots.arm.insertion import BEGINS_ASIDE_M, BEGINS_M, NEAR_M, SCRIPT_AHEAD_M
from robot.robots.arm.mind import TICK_S
from robot.robots.arm.way_home import points_of
from robot.runtime.records import FINISH, STAND
from robot.runtime.skills import Learned
from sim.arm.kinematics import PLACE, Kinematics
from tests.robot.robots.arm.arm_bench import bench, mind_of, setup


def test_the_script_begins_episodes_over_the_hole_as_it_is_seen(tmp_path):
    with bench(tmp_path, setup(demonstrations=50)) as arm:
        begins, resets = [], 0
        for mind in arm.ticks(40.0):
            if len(arm.told("reset")) > resets:
                resets = len(arm.told("reset"))
                begins.append(mind.aside_m.copy())
        begins = np.array(begins)
        assert len(begins) > 4
        assert (np.abs(begins[:, :2]) < BEGINS_ASIDE_M + 0.02).all()  # the board is tilted, and how near is near enough
        assert (begins[:, 2] > BEGINS_M[0] - 0.012).all() and (begins[:, 2] < BEGINS_M[1] + 0.012).all()
        assert np.ptp(begins[:, 0]) > 0.005 and np.ptp(begins[:, 1]) > 0.005


def test_the_board_is_moved_only_while_the_peg_is_out(tmp_path):
    with bench(tmp_path, setup(demonstrations=50)) as arm:
        moves = 0
        for _mind in arm.ticks(30.0):
            if arm.mind.moves > moves:
                moves = arm.mind.moves
                assert arm.mind.aside_m[2] > 0.0 or np.abs(arm.mind.aside_m[:2]).max() > NEAR_M
        assert moves > 3 and arm.truth.moves >= moves - 1


def test_what_a_peg_that_is_in_tells_of_the_camera_is_taken_off_at_the_next_hole_and_in_the_next_life(tmp_path):
    def shown_aside_m(mind):
        return np.array(mind.board.place_m) - mind.place

    with bench(tmp_path, setup(demonstrations=50)) as arm:
        for mind in arm.ticks(60.0):
            if told := arm.told("camera"):
                break
            assert not mind.place.any() or (shown_aside_m(mind) == 0.0).all()
        arm.run(0.1)
        found = told[0]["wrong_by"]
        assert found["holes"] == 1.0 and (found["x_m"], found["y_m"]) != (0.0, 0.0)
        assert shown_aside_m(arm.mind)[:2] == pytest.approx(arm.mind.camera.wrong_by[:2])
        again = mind_of(setup(belief=found))
        assert again.camera.told == found


def test_a_peg_that_is_seen_on_the_board_tells_nothing_whoever_says_that_it_is_in():
    mind = mind_of(setup())
    mind.seen[:] = 0.0
    mind.learn_where_it_was()
    assert mind.camera.told["holes"] == 0.0 and not mind.events


@pytest.mark.parametrize("hole", ["seen", "not told"])
@pytest.mark.parametrize("works_s", [0.0, 0.1])
def test_a_life_that_begins_with_its_peg_in_and_is_stopped_leads_it_along_the_hole(tmp_path, works_s, hole):
    with bench(tmp_path, setup(demonstrations=50), seed=3) as arm:
        for _mind in arm.inserts(0.0085):
            pass
        if hole == "not told":
            arm.model.stage.uart.drop_rate = 1.0
            arm.run(0.5, STAND)
        arm.live(setup(seed=[0, 2]))
        arm.run(works_s)
        arm.run(0.06, FINISH)  # what the life before has told is still on its way
        asides_m = []
        for mind in arm.ticks(12.0, FINISH):
            if arm.goal_m[2] > 0.008:  # out
                break
            asides_m.append(np.abs(arm.goal_m[:2]).max())
            assert (hole == "seen") == (mind.board != BoardReading())
        assert len(asides_m) > 3 and asides_m[-1] < 0.004, asides_m
        for k, _mind in enumerate(arm.ticks(12.0, FINISH)):
            assert arm.truth.tip_m_s < 0.15 or k * TICK_S + works_s < 0.3
        assert arm.mind.phase is Phase.DONE


def test_wherever_the_peg_touches_its_way_home_begins_along_the_holes_axis_and_goals_are_near(tmp_path):
    """Led back as it came, it would be dragged over the board and over the hole's rim; what presses far ahead jumps where that gives way."""
    with bench(tmp_path, setup(demonstrations=50), seed=2) as arm:
        touched = 0
        for mind in arm.ticks(20.0):
            if mind.aside_m[2] > 0.002 or not isinstance(mind.order.skill, Learned):
                continue
            touched += 1
            posture, kinematics = mind.posture, Kinematics(mind.posture.kinematics.hand)
            ahead_m = (posture.kinematics.jacobian[:3] * (posture.goal_rad - posture.joint_rad)[:-1]).sum(1)
            assert np.linalg.norm(ahead_m) < SCRIPT_AHEAD_M + 1e-6
            first = points_of(mind.stop_plan)[2][0][:-1]
            away_m = mind.frame.T @ (kinematics.look(first)[PLACE] - posture.pose[PLACE])
            assert np.abs(away_m[:2]).max() < 0.002 < 0.01 < away_m[2], away_m
        assert touched > 100


def test_shown_how_to_undo_what_it_did_no_script_has_to_help(tmp_path):
    with bench(tmp_path, setup(demonstrations=2, resets="learned")) as arm:
        taught = [mind.transition.copy() for mind in arm.ticks(40.0) if mind.transition is not None]
        names = [each["skill"] for each in arm.told("reset")]
        assert names.count("pull") >= 2 and "board" in names
        wanted = {
            float(each["observation"][arm.mind.task.seen["wanted"]][0]) for each in taught if each["demonstration"]
        }
        assert wanted == {-1.0, 1.0}
        assert not arm.told("help")


def test_a_policy_that_knows_nothing_is_helped_by_the_script(tmp_path):
    with bench(tmp_path, setup(resets="learned")) as arm:
        arm.run(34.0)
        back = [(each["skill"], each["succeeded"]) for each in arm.told("reset") if each["skill"] in ("pull", "raise")]
        failed = back.index(("pull", False))
        assert back[failed + 1] == ("raise", True) and arm.told("episode")
