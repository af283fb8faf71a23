"""Kinematics: against Pinocchio, by differences, and what limits do to the differential inverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.arm.hand import hand_of
from sim.arm.kinematics import ACROSS, APPROACH, PLACE, TURN_M, Kinematics
from sim.arm.parameters import so101
from sim.arm.peg import PegScene

SO101 = so101()
BEYOND_M = PegScene().beyond
DOWN = np.array([0.0, 0.195, 0.163, 1.213, 0.047])

angles = st.lists(st.floats(-1.6, 1.6), min_size=5, max_size=5).map(np.array)


def hand(beyond_m=BEYOND_M):
    return Kinematics(hand_of(SO101, beyond_m))


def test_the_hand_is_where_pinocchio_has_it_and_moves_as_there():
    pinocchio = pytest.importorskip("pinocchio")
    pytest.importorskip("mujoco")
    from robot.bench.arm import pinocchio_model

    model = pinocchio_model(SO101.file)
    data, tool, kinematics, rng = model.createData(), SO101.tool, hand(0.0), np.random.default_rng(0)
    joint = SO101.number(tool.link) + 1
    for q in rng.uniform(-1.6, 1.6, (50, 6)):
        pinocchio.forwardKinematics(model, data, q)
        pinocchio.computeJointJacobians(model, data, q)
        frame = data.oMi[joint]
        pose = kinematics.look(q)
        assert pose[PLACE] == pytest.approx(frame.act(np.array(tool.point_m)), abs=1e-12)
        assert pose[APPROACH] == pytest.approx(frame.rotation @ np.array(tool.approach), abs=1e-12)
        assert pose[ACROSS] == pytest.approx(frame.rotation @ np.array(tool.across), abs=1e-12)
        theirs = pinocchio.getJointJacobian(model, data, joint, pinocchio.LOCAL_WORLD_ALIGNED)[:, :5]
        lever = pose[PLACE] - frame.translation
        theirs[:3] += np.cross(theirs[3:].T, lever).T
        assert kinematics.jacobian == pytest.approx(theirs, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(angles, st.integers(0, 4))
def test_the_jacobian_is_the_derivative(q, joint):
    kinematics, step = hand(), 1e-6
    kinematics.look(q)
    column = kinematics.jacobian[:3, joint].copy()
    ahead, behind = q.copy(), q.copy()
    ahead[joint] += step
    behind[joint] -= step
    moved = (kinematics.look(ahead)[PLACE].copy() - kinematics.look(behind)[PLACE]) / (2.0 * step)
    assert moved == pytest.approx(column, abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(angles, st.lists(st.floats(-0.05, 0.05), min_size=5, max_size=5).map(np.array))
def test_changes_never_leave_a_range_and_are_never_larger_than_asked(q, motion):
    kinematics = hand()
    low, high = kinematics.hand.low, kinematics.hand.high
    q = np.clip(q, low, high)
    kinematics.look(q)
    change = kinematics.change(q, motion, 0.1)
    assert (np.abs(change) <= 0.1 + 1e-12).all()
    assert (q + change >= low - 1e-12).all() and (q + change <= high + 1e-12).all()


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.03, 0.03), st.floats(-0.06, 0.06), st.floats(-0.04, 0.04), st.floats(-0.15, 0.15))
def test_it_reaches_what_is_within_reach(x, y, z, turn):
    kinematics = hand()
    c, s = np.cos(turn), np.sin(turn)
    frame = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    place = np.array([0.24 + x, y, -0.02 + z])
    q = kinematics.reach(DOWN, place, frame)
    pose = kinematics.look(q)
    assert pose[PLACE] == pytest.approx(place, abs=1e-4)
    assert pose[APPROACH] == pytest.approx([0.0, 0.0, -1.0], abs=0.05)


def test_where_a_joint_is_held_the_others_make_up_for_it():
    kinematics, q = hand(), DOWN.copy()
    motion = np.array([0.0, 0.004, 0.0, 0.0, 0.0])
    kinematics.look(q)
    free = kinematics.change(q, motion, 1.0).copy()
    kinematics.hand.high[0] = q[0] + 0.2 * free[0] if free[0] > 0.0 else kinematics.hand.high[0]
    kinematics.hand.low[0] = q[0] + 0.2 * free[0] if free[0] < 0.0 else kinematics.hand.low[0]
    held = kinematics.change(q, motion, 1.0)
    assert held[0] == pytest.approx(0.2 * free[0])

    def missed(change):
        rows = np.vstack([kinematics.jacobian[:3],
                          TURN_M * kinematics.jacobian[3:, 1] @ kinematics.jacobian[3:],
                          TURN_M * kinematics.pose[APPROACH] @ kinematics.jacobian[3:]])  # fmt: skip
        return np.linalg.norm(rows @ change - motion * np.array([1.0, 1.0, 1.0, TURN_M, TURN_M]))

    cut = free.copy()
    cut[0] = held[0]
    assert missed(held) < missed(cut)
