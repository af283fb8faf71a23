"""The arm's mind: it shows how, practises, and comes to rest so that nothing falls."""

import numpy as np
import pytest

from robot.practice.episodic_mind import Phase, Reason
from robot.runtime.records import FINISH, STAND
from robot.safety.supervisor import Mode
from tests.robot.robots.arm.arm_bench import ARM, bench, mind_of, setup

FALLING_M_S = 0.15  # no part of a way home is as fast


def test_a_script_shows_how_and_truth_agrees(tmp_path):
    with bench(tmp_path, setup(demonstrations=3)) as arm:
        transitions = [mind.transition.copy() for mind in arm.ticks(60.0) if mind.transition is not None]
        shown = arm.told("demonstration")
        assert sum(each["succeeded"] for each in shown) == 3
        assert arm.truth.done >= 3
        taught = [each for each in transitions if each["demonstration"]]
        assert sum(bool(each["terminated"]) for each in taught) == 3
        assert [int(each["step"]) for each in transitions] == list(range(len(transitions)))
        assert arm.mind.outputs["figures"]["demonstrations"] == 0


def test_the_time_of_demonstrations_is_none_of_practice(tmp_path):
    with bench(tmp_path, setup(demonstrations=1)) as arm:
        for mind in arm.ticks(16.0):
            if mind.to_show:
                assert mind.practice_s == 0.0 and not arm.told("episode")
        assert 0.0 < arm.mind.practice_s < 16.0


def test_a_demonstration_that_fails_teaches_nothing(tmp_path):
    with bench(tmp_path, setup(demonstrations=2)) as arm:
        mind = arm.mind
        mind.shown = lambda: np.zeros(5, np.float32) if mind.to_show else None  # a script that does nothing
        assert not [None for mind in arm.ticks(18.0) if mind.transition is not None]
        assert arm.told("demonstration") == [{"succeeded": False, "duration_s": pytest.approx(10.0, abs=0.1)}]
        assert mind.decisions.step < 100  # of the attempt that is under way


def test_a_policy_that_knows_nothing_times_out_and_the_script_goes_back(tmp_path):
    with bench(tmp_path) as arm:
        arm.run(31.0)
        episodes, resets = arm.told("episode"), arm.told("reset")
        assert [each["outcome"] for each in episodes] == ["time-out"] * len(episodes) and episodes
        assert all(each["succeeded"] for each in resets) and len(resets) == len(episodes) + 1
        assert max(each["duration_s"] for each in resets[1:]) < 4.0
        assert all("error_m" in each for each in episodes)


def test_told_to_finish_it_goes_home_the_way_it_came_and_lets_go_there(tmp_path):
    with bench(tmp_path, setup(demonstrations=5)) as arm:
        for _mind in arm.ticks(20.0):
            if arm.truth.peg_z_m < -0.006:
                break  # in the hole
        assert arm.truth.peg_z_m < -0.006
        for _mind in arm.ticks(15.0, FINISH):
            assert arm.truth.tip_m_s < FALLING_M_S
        assert arm.mind.phase is Phase.DONE
        assert arm.model.shafts.batch.first("joint_rad")[:5] == pytest.approx(ARM.rest_rad, abs=0.12)
        arm.loop.stop()
        for k in range(100):  # let go, it lies
            arm.sleep_until(arm.time_s + 0.02)
            if k > 2:
                assert all(servo.table[40] == 0 for servo in arm.model.chain.servos)
            assert arm.truth.tip_m_s < 0.15


def test_it_stands_where_it_is_told_to(tmp_path):
    with bench(tmp_path) as arm:
        arm.run(8.0)
        arm.run(0.5, STAND)
        before = arm.mind.posture.joint_rad.copy()
        arm.run(1.0, STAND)
        assert arm.mind.posture.joint_rad == pytest.approx(before, abs=0.01)
        assert (arm.mind.outputs["mode"], arm.mind.outputs["reason"]) == (Mode.STOP, Reason.TOLD)


@pytest.mark.parametrize("what", ["servos", "one servo", "board"])
def test_blind_it_holds_and_goes_on_when_it_sees_again(tmp_path, what):
    def disturb(arm, on):
        if what == "servos":
            arm.model.chain.silent = on
        elif what == "one servo":
            arm.model.chain.servos[2].present = not on
        else:
            arm.model.stage.uart.drop_rate = 1.0 if on else 0.0

    with bench(tmp_path) as arm:
        arm.run(8.0)
        disturb(arm, True)
        arm.run(0.6)
        assert (arm.mind.outputs["mode"], arm.mind.outputs["reason"]) == (Mode.STOP, Reason.BLIND)
        assert arm.told("episode")[-1]["outcome"] == "taken-over"
        goal = arm.mind.outputs["command"]["goal_rad"].copy()
        arm.run(1.0)
        assert arm.mind.outputs["command"]["goal_rad"] == pytest.approx(goal)
        assert arm.mind.outputs["command"]["torque"] == 1 and arm.truth.tip_m_s < 0.02
        disturb(arm, False)
        arm.run(3.0)
        assert arm.mind.outputs["mode"] == Mode.RUN and arm.truth.tip_worst_m_s < 0.5


def test_a_damaged_packet_costs_nothing(tmp_path):
    with bench(tmp_path, setup(demonstrations=10)) as arm:
        arm.run(8.0)
        arm.model.chain.uart.corrupt_rate = 0.001  # one packet in seven
        arm.run(20.0)
        assert any(each["succeeded"] for each in arm.told("demonstration"))
        assert not any(each["outcome"] == "taken-over" for each in arm.told("episode"))


def test_the_same_readings_are_the_same_decisions(tmp_path):
    told = setup(demonstrations=1)
    with bench(tmp_path, told) as arm:
        records = [(arm.loop.readings.copy(), mind.outputs.tobytes()) for mind in arm.ticks(12.0)]
    again = mind_of(told)
    for readings, outputs in records:
        again.tick(readings)
        assert again.outputs.tobytes() == outputs


def test_without_power_it_does_not_begin(tmp_path):
    with bench(tmp_path) as arm:
        for servo in arm.model.chain.servos:
            servo.present = False
        arm.run(1.0)
        assert arm.mind.outputs["command"]["torque"] == 0 and arm.mind.outputs["reason"] == Reason.BLIND


def test_pressed_against_the_board_for_long_no_servo_lets_go(tmp_path):
    with bench(tmp_path) as arm:
        mind = arm.mind
        mind.actor.mean = lambda seen: np.array([0.0, 0.0, -1.0, 0.0, 0.0], np.float32)
        mind.actor.sample = lambda seen, noise: mind.actor.mean(seen)
        for _mind in arm.ticks(30.0):
            assert not any(servo.faults for servo in arm.model.chain.servos)
        assert arm.told("episode") and mind.rearmed == 0


def test_a_servo_that_has_let_go_holds_again_where_it_is(tmp_path):
    with bench(tmp_path) as arm:
        arm.run(8.0)
        servo = arm.model.chain.servos[1]
        servo.faults = 1 << 5  # overload
        assert Mode.STOP in {int(mind.outputs["mode"]) for mind in arm.ticks(0.2)}
        arm.run(1.0)
        assert not servo.faults and arm.mind.outputs["mode"] == Mode.RUN
        assert arm.mind.rearmed == 1 and arm.truth.tip_worst_m_s < 0.5


def test_a_servo_that_had_let_go_before_this_life_holds_again_and_nothing_jumps(tmp_path):
    with bench(tmp_path) as arm:
        servo, lay_rad = arm.model.chain.servos[1], None
        servo.faults = 1 << 5
        for mind in arm.ticks(2.0):
            lay_rad = mind.posture.joint_rad.copy() if lay_rad is None and mind.posture.faulty else lay_rad
            if servo.faults and lay_rad is not None:
                assert np.abs(mind.posture.joint_rad - lay_rad).max() < 0.02
        assert not servo.faults and arm.mind.rearmed == 1 and arm.mind.outputs["mode"] == Mode.RUN
        assert arm.truth.tip_worst_m_s < 0.5


def test_a_servo_that_is_too_hot_is_left_alone(tmp_path):
    with bench(tmp_path) as arm:
        arm.run(8.0)
        arm.model.chain.servos[1].temperature_c = 75.0
        arm.run(3.0)
        assert arm.mind.outputs["mode"] == Mode.STOP and arm.mind.rearmed == 0
        assert arm.model.chain.servos[1].faults


@pytest.mark.parametrize("what", ["hot", "short of power"])
def test_unwell_it_lies_down_before_servos_let_go_and_gets_up_when_it_is_well_again(tmp_path, what):
    def fare(arm, well):
        if what == "hot":
            arm.model.chain.servos[2].temperature_c = 40.0 if well else 64.0
        else:
            arm.model.shafts.set_supply(12.0 if well else 9.9)

    with bench(tmp_path) as arm:
        arm.run(8.0)
        fare(arm, well=False)
        arm.run(0.5)
        for mind in arm.ticks(9.0):
            assert arm.truth.tip_m_s < FALLING_M_S and not any(servo.faults for servo in arm.model.chain.servos)
            assert (mind.outputs["mode"], mind.outputs["reason"]) == (Mode.STOP, Reason.UNWELL)
        assert all(servo.table[40] == 0 for servo in arm.model.chain.servos)
        fare(arm, well=True)
        arm.run(9.0)
        assert arm.mind.outputs["mode"] == Mode.RUN and arm.mind.outputs["is_decision"] + arm.mind.age > 0
        assert arm.truth.tip_m_s < 0.5
