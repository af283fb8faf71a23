"""What keeps servos from burning, and an arm from itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.robots.arm.mind import ArmMind
from robot.robots.arm.shield import GAP_RAD, HELD, RELIEVED, STRAINED, STRAINED_S, Stall, Strain
from robot.runtime.skills import Learned
from tests.robot.robots.arm.arm_bench import bench, setup

TICK_S = 0.02


def test_a_servo_that_presses_hard_for_long_is_eased_until_it_no_longer_does():
    strain = Strain(2)
    ticks = 0
    while not strain.eased[0]:
        strain.see(np.array([1.0, 0.1]), TICK_S)
        ticks += 1
    assert STRAINED_S < ticks * TICK_S < 0.3
    assert not strain.eased[1]
    strain.see(np.array([0.5 * (STRAINED + RELIEVED), 0.0]), TICK_S)
    assert strain.eased[0], "not yet relieved"
    strain.see(np.array([0.5 * RELIEVED, 0.0]), TICK_S)
    assert not strain.eased[0]


@given(st.lists(st.floats(-STRAINED, STRAINED), max_size=50))
def test_one_that_does_not_is_never_eased(loads):
    strain = Strain(1)
    for load in loads:
        strain.see(np.array([load]), TICK_S)
        assert not strain.eased[0]


def test_no_goal_asks_more_of_a_servo_than_it_may_give_for_ever():
    """Nobody says that it is the last one."""
    strain = Strain(3)
    strain.see(np.array([0.5, -1.0, 0.9]), TICK_S)
    ahead_rad = np.array([0.05, -0.06, 0.03])
    assert strain.gap_rad(ahead_rad) == pytest.approx([GAP_RAD, HELD * 0.06, HELD / 0.9 * 0.03])


def test_a_jaw_that_presses_in_vain_stays_eased_until_it_is_told_to_open():
    stall = Stall()
    stall.see(False, 0.0, 0.2)
    assert stall.way == 0.0
    stall.see(True, 0.0, 0.2)
    for _ in range(3):
        stall.see(False, 0.0, 0.2)  # relieved, and still told to close
        assert stall.way == -1.0
    stall.see(False, 0.4, 0.2)
    assert stall.way == 0.0


def test_a_grip_that_is_too_strong_is_found_within_300_ms_and_latched(tmp_path):
    with bench(tmp_path, setup("lift", demonstrations=1)) as arm:
        for mind in arm.ticks(12.0):
            if mind.raised_m > 0.02:
                break
        arm.model.shafts.batch.put("gain_n_m_rad", 2.5 * arm.model.shafts.batch.first("gain_n_m_rad")[0])
        told = []
        for mind in arm.ticks(2.0):
            if mind.jaw > 0.0:
                break  # it is told to open
            told.append((abs(mind.posture.load[-1]), mind.posture.stall.way != 0.0))
        loads, latched = np.array([load for load, _ in told]), [is_latched for _, is_latched in told]
        found = latched.index(True)
        began = int(np.flatnonzero(loads[:found] <= STRAINED)[-1]) + 1  # since when it has pressed hard
        assert 0.2 < (found - began) * TICK_S < 0.3
        assert all(latched[found:]) and loads[-20:].mean() < STRAINED


@pytest.mark.parametrize("shielded", [True, False])
def test_what_would_lead_an_arm_into_itself_is_not_done(tmp_path, monkeypatch, shielded):
    if not shielded:
        monkeypatch.setattr(ArmMind, "allowed", lambda mind, action: action)
    wide = setup("reach", box_low_m=(-1.0, -1.0, -1.0), box_high_m=(1.0, 1.0, 1.0), table_m=-1.0)
    with bench(tmp_path, wide) as arm:
        arm.mind.actor.weights[-10:-5] = [-3.0, 0.0, 0.5, 0.0, 0.0]  # the means' biases: its hand is drawn to its base
        least_m = 1.0
        for mind in arm.ticks(12.0):
            if isinstance(mind.order.skill, Learned) and mind.age > 2:
                least_m = min(least_m, mind.posture.roll_out.clearance.at(mind.posture.joint_rad))
        assert (least_m > 0.0) == shielded, least_m


def test_what_leads_nowhere_near_is_done_as_it_is(tmp_path):
    with bench(tmp_path, setup("push", demonstrations=2)) as arm:
        changed = sum(
            bool(np.abs(mind.decisions.executed - mind.decisions.proposed).max() > 0.0)
            for mind in arm.ticks(12.0)
            if mind.outputs["is_decision"]
        )
        assert changed == 0
