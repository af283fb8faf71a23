"""A guardian's stop: hold, the way that control left, down, and let go there."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from drivers.feetech import feetech
from robot.practice.crew import STOP_S, Crew
from robot.robots.arm.rest import ArmRest, passed
from robot.robots.arm.way_home import WAY_HOME_S, WAY_MAX, WayHome, points_of, way_home
from robot.runtime.robot import find_robot
from tests.robot.robots.arm.arm_bench import ARM, bench, setup

NAME = "test-way-home"
FALLING_M_S = 0.15


@pytest.fixture
def plan():
    made = WayHome.create(NAME)
    yield made
    made.close()


def test_a_way_with_a_point_to_go_to_is_a_plan(plan):
    plan.write(way_home(True, np.zeros(5), []), 1)
    assert plan.read() is None
    plan.write(way_home(True, np.full(5, 0.2), [np.full(6, 0.1), np.array([*ARM.rest_rad, 2.0])]), 2)
    written_ns, told = plan.read()
    holds, goal_rad, points = points_of(told)
    assert (
        written_ns == 2
        and holds
        and goal_rad == pytest.approx(0.2)
        and len(points) == 2
        and points[-1] == pytest.approx([*ARM.rest_rad, 2.0])
    )


def test_a_way_has_room_for_all_its_points():
    plan = way_home(True, np.zeros(5), [np.full(6, float(k)) for k in range(WAY_MAX)])
    assert [point[0] for point in points_of(plan)[2]] == list(range(WAY_MAX))


def relieving(arm, plan):
    """A guardian that has just opened the arm's port."""
    rest = ArmRest(arm.follower.bus, plan)
    rest._connected = True
    return rest


def stopped(arm, plan, seconds):
    """The guardian's acts, in the arm's own time; where it says that the arm lies."""
    rest = relieving(arm, plan)
    for k in range(round(seconds / 0.02)):
        assert abs(rest.act()) == pytest.approx(0.02)
        arm.sleep_until(arm.time_s + 0.02)
        if rest.at_rest:
            return rest, 0.02 * k
        assert arm.truth.tip_m_s < FALLING_M_S
    return rest, None


def test_from_in_the_hole_the_arm_is_brought_home_and_let_go(tmp_path, plan):
    with bench(tmp_path, setup(demonstrations=5)) as arm:
        for mind in arm.inserts(0.006):
            plan.write(mind.stop_plan, 1)
        rest, after_s = stopped(arm, plan, 10.0)
        assert after_s is not None and after_s < WAY_HOME_S - 2.0
        rest.release()
        for _ in range(100):
            arm.sleep_until(arm.time_s + 0.02)
            assert arm.truth.tip_m_s < FALLING_M_S
        assert all(servo.table[40] == 0 for servo in arm.model.chain.servos)


def test_a_guardian_that_takes_over_from_another_goes_on_from_where_that_one_has_led_the_arm(tmp_path, plan):
    with bench(tmp_path, setup(demonstrations=5)) as arm:
        for mind in arm.inserts(0.006):
            plan.write(mind.stop_plan, 1)
        began_s = arm.time_s
        for led_s in (1.0, 1.5, 1.5):  # each is relieved
            assert stopped(arm, plan, led_s)[1] is None
        _, after_s = stopped(arm, plan, 10.0)
        assert after_s is not None and arm.time_s - began_s < WAY_HOME_S


@pytest.mark.parametrize("lives_s", [0.02, 0.06])
def test_killed_in_an_insertion_and_again_soon_after_its_peg_is_led_along_the_hole(tmp_path, plan, lives_s):
    with bench(tmp_path, setup(demonstrations=5), seed=3) as arm:
        for mind in arm.inserts(0.0085):
            plan.write(mind.stop_plan, 1)
        assert stopped(arm, plan, 0.1)[1] is None  # a guardian, until there is another life
        assert arm.truth.peg_z_m < -0.006
        arm.live(setup(seed=[0, 2]))
        for mind in arm.ticks(lives_s):
            plan.write(mind.stop_plan, 2)
        rest, asides_m = relieving(arm, plan), []
        for k in range(round(WAY_HOME_S / 0.02)):
            rest.act()
            arm.sleep_until(arm.time_s + 0.02)
            if rest.at_rest:
                break
            assert arm.truth.tip_m_s < FALLING_M_S or k * 0.02 < 0.3
            if arm.goal_m[2] < 0.008 and k == len(asides_m):  # it has not been out
                asides_m.append(np.abs(arm.goal_m[:2]).max())
        assert rest.at_rest and len(asides_m) > 5 and asides_m[-1] < 0.004, asides_m


def test_an_arm_is_neither_let_sink_nor_jerked_while_a_guardian_finds_out_where_it_is(tmp_path, plan):
    with bench(tmp_path, setup(demonstrations=5)) as arm:
        for mind in arm.ticks(6.5):
            plan.write(mind.stop_plan, 1)
        arm.follower.bus.close()  # control is dead, and its bus with it
        arm.sleep_until(arm.time_s + 0.1)
        rest = ArmRest(feetech(replace(ARM.follower, port=str(tmp_path / "follower")), arm), plan)
        speeds = []
        for _ in range(60):
            rest.act()
            arm.sleep_until(arm.time_s + 0.02)
            assert not rest.at_rest
            speeds.append(arm.truth.tip_m_s)
        rest.close()
        assert max(speeds[5:12]) < 0.01  # it stands, while servos are asked one after the other who they are
        assert max(speeds) < 0.095 and speeds[-1] > 0.02


def test_a_guardian_says_which_servo_is_silent_and_not_that_it_has_spoken(tmp_path, plan):
    with bench(tmp_path, setup()) as arm:
        arm.run(3.0)
        plan.write(arm.mind.stop_plan, 1)
        arm.follower.bus.close()
        arm.model.chain.servos[2].present = False
        rest = ArmRest(feetech(replace(ARM.follower, port=str(tmp_path / "follower")), arm), plan)
        spoke = []
        for _ in range(40):
            spoke.append(rest.act() > 0.0)
            arm.sleep_until(arm.time_s + 0.02)
            assert not rest.at_rest
        assert not any(spoke) and "servo 3: no answer" in rest.trouble
        rest.close()


def test_what_an_arm_has_behind_it_of_a_way():
    way = [np.array([at, 0.0, 0.0, 0.0, 0.0, 1.0]) for at in (1.0, 2.0, 3.0)]
    here = [passed(way, np.zeros(5), np.array([at, 0.01, 0.0, 0.0, 0.0])) for at in (-0.5, 0.5, 1.5, 2.9, 4.0)]
    assert here == [0, 0, 1, 2, 2]


def test_without_a_plan_it_holds_and_does_not_let_go(tmp_path, plan):
    with bench(tmp_path) as arm:
        arm.run(6.0)
        before = arm.model.shafts.batch.get("joint_rad")[0]
        rest, after_s = stopped(arm, plan, 2.0)
        assert after_s is None
        rest.release()
        arm.sleep_until(arm.time_s + 1.0)
        assert arm.model.shafts.batch.get("joint_rad")[0] == pytest.approx(before, abs=0.05)
        assert all(servo.table[40] == 1 for servo in arm.model.chain.servos)


def test_in_lockstep_the_next_thing_that_servos_hear_is_to_hold():
    heard = []
    bus = SimpleNamespace(reconnect=lambda: True, stop=lambda: heard.append("stop"), close=lambda: None)
    assert "hold" in ArmRest(bus, None).act_in_lockstep() and heard == ["stop"]


@pytest.mark.parametrize("stop_level", [0, 1, 2])
def test_a_session_that_is_asked_to_end_waits_until_an_arm_can_be_home(stop_level):
    from_in_the_hole_s = 6.7  # docs/experiments/arm.md
    asked_s = Crew.stop_s(SimpleNamespace(rests_within_s=WAY_HOME_S), stop_level)
    assert asked_s >= from_in_the_hole_s
    assert (
        Crew.stop_s(SimpleNamespace(rests_within_s=find_robot("car").rests_within_s), stop_level) == STOP_S[stop_level]
    )
