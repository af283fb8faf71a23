"""Kernels: the formulas in single precision, servos, the adjoint."""

from dataclasses import replace

import numpy as np
import pytest

from sim.arm.batch import RAD_A_STEP, STEP_S, ArmAdjoint, ArmBatch
from sim.arm.block import BlockScene
from sim.arm.expressions import Graph, absolute, cos, floor, maximum, minimum, sin, sqrt, where
from sim.arm.machine_code import LANES, Kernel
from sim.arm.parameters import arm_of, so101
from sim.arm.peg import PegScene
from sim.arm.substep import Formulas, FreeScene

SO101 = so101()
LEVEL = np.array([0.0, 0.1, 0.6, 0.87, 0.0, 0.0])


@pytest.fixture(scope="module")
def bench():
    pytest.importorskip("pinocchio")
    pytest.importorskip("mujoco")
    from robot.bench import arm

    return arm


def free(count=1, **rows):
    batch = ArmBatch(SO101, FreeScene(), count)
    batch.stand(LEVEL)
    for name, value in rows.items():
        batch.put(name, value)
    return batch


def test_every_operation_of_the_machine_code_is_numpy_s():
    graph, rng = Graph(), np.random.default_rng(0)
    a, b, c = graph.inputs("x", 3)
    formulas = [a + b, a - b, -a, a * b, a / b, sqrt(absolute(a)), sin(a), cos(a), absolute(a), floor(a), maximum(a, b),
                minimum(a, b), where(c, a, b), where(a - b, 1.5, c), maximum(0.25, a), graph.input("tick") * a]  # fmt: skip
    rows = {"x": 3, "y": len(formulas), "z": 1}
    kernel = Kernel(Formulas(graph, {"y": formulas}), Formulas(graph, {"z": [a]}), rows)
    memory = np.zeros((3, sum(rows.values()), LANES), np.float32)
    memory[:, :3] = rng.uniform(-6.0, 6.0, (3, 3, LANES))
    kernel.run(memory, 4, 5)
    values = {"x": memory[:, :3].astype(float).transpose(1, 0, 2), "tick": np.array([4.0])}
    for k, x in enumerate(graph.evaluate(formulas, values)):
        assert memory[:, 3 + k] == pytest.approx(x, rel=1e-6, abs=1e-6), k
    assert np.array_equal(memory[:, -1], memory[:, 0])
    with pytest.raises(ValueError, match="layout"):
        kernel.run(memory[:, ::2], 0, 1)


def test_a_kernel_is_its_formulas_in_single_precision(bench):
    assert bench.error_of_single_precision(SO101) < 2e-6


@pytest.mark.parametrize("scene", [FreeScene(), PegScene()])
def test_the_adjoint_is_what_differences_tell(bench, scene):
    assert bench.gradient_error(SO101, scene) < 1e-6


def test_the_block_s_adjoint_is_what_differences_tell(bench):
    assert bench.gradient_error(SO101, BlockScene()) < 1e-5


def test_the_compiled_adjoint_carries_back_over_a_decision():
    """What a goal of joint 1 does to its angle after a decision, beside the arm itself with another goal."""
    arm = arm_of(replace(SO101.file, servo=replace(SO101.servo, backlash_rad=0.0)))
    substeps = 8
    ends = []
    for aside in (-0.001, 0.001):
        batch = ArmBatch(arm, FreeScene(), 1)
        batch.stand(LEVEL)
        batch.put("goal_rad", LEVEL + [0.0, 0.01 + aside, 0.0, 0.0, 0.0, 0.0])
        batch.advance(substeps)
        ends.append(float(batch.get("joint_rad")[0, 1]))
    batch = ArmBatch(arm, FreeScene(), 1)
    batch.stand(LEVEL)
    batch.put("goal_rad", LEVEL + [0.0, 0.01, 0.0, 0.0, 0.0, 0.0])
    adjoint, tape = ArmAdjoint(batch), []
    for tick in range(substeps):
        tape.append(batch.memory.copy())
        batch.advance(1, tick)
    names = [(name, k) for name, count in adjoint.wanted.items() for k in range(count)]
    bars = np.zeros((1, len(names), LANES), np.float32)
    bars[:, names.index(("joint_rad", 1))] = 1.0
    for tick in reversed(range(substeps)):
        bars = adjoint.back(tape[tick], bars, tick)
    assert bars[0, names.index(("goal_rad", 1)), 0] == pytest.approx((ends[1] - ends[0]) / 0.002, rel=0.02)


def test_arms_that_fill_a_block_up_change_nothing():
    one, many = free(), free(37)
    for batch in (one, many):
        batch.send(LEVEL + 0.1)
        batch.advance(20)
    assert many.get("joint_rad").shape == (37, 6)
    assert np.array_equal(np.tile(one.get("joint_rad"), (37, 1)), many.get("joint_rad"))


def test_goals_are_steps_of_a_turn_within_ranges():
    batch = free()
    batch.send([9.0, -9.0, 0.1, 0.0, 0.0, 0.0])
    goals = batch.get("goal_rad")[0] / RAD_A_STEP
    assert goals == pytest.approx(np.round(goals), abs=1e-3)
    assert batch.get("goal_rad")[0, :2] == pytest.approx([1.92, -1.745], abs=RAD_A_STEP)
    with pytest.raises(ValueError, match="goal_rad"):
        batch.send([np.nan] * 6)


def test_a_goal_counts_once_it_has_come_over_the_bus():
    batch = free()
    batch.advance(200)
    at_rest = batch.get("joint_rad")[0, 0]
    batch.send(LEVEL + [0.5, 0.0, 0.0, 0.0, 0.0, 0.0])
    batch.advance(round(SO101.servo.latency_s / STEP_S))
    assert batch.get("joint_rad")[0, 0] == pytest.approx(at_rest, abs=1e-6)
    batch.put("previous_goal_rad", batch.get("goal_rad"))
    batch.advance(10)
    assert batch.get("joint_rad")[0, 0] > at_rest + 0.01


def test_a_servo_is_no_faster_than_its_goal_is_let_move_nor_than_its_motor():
    slow, quick = free(speed_max_rad_s=0.5), free(speed_max_rad_s=100.0)
    for batch in (slow, quick):
        batch.send(LEVEL + [1.5, 0.0, 0.0, 0.0, 0.0, 0.0])
        batch.advance(60)
    assert slow.get("joint_rad_s")[0, 0] == pytest.approx(0.5, abs=0.02)
    assert 2.0 < quick.get("joint_rad_s")[0, 0] < SO101.servo.no_load_rad_s


def test_backlash_is_where_no_torque_is():
    loose = free(backlash_rad=0.02, friction_n_m=0.0)
    loose.put("goal_rad", LEVEL)
    loose.advance(400)
    fallen = loose.get("joint_rad")[0] - LEVEL
    tight = free(backlash_rad=0.0, friction_n_m=0.0)
    tight.advance(400)
    assert np.abs(fallen[1:3]) - np.abs(tight.get("joint_rad")[0] - LEVEL)[1:3] == pytest.approx(0.02, abs=0.002)


def test_torque_limit_and_a_low_supply_let_an_arm_sink():
    def sunk(**rows):
        batch = free(**rows)
        batch.stand([0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
        batch.advance(400)
        return float(np.abs(batch.get("joint_rad")).max())

    assert sunk() < 0.06
    assert sunk(torque_limit=[0.05] * 6) > 0.5
    assert sunk(supply_v=1.0, bus_v=1.0) > 0.5


def test_the_supply_sags_with_what_motors_draw():
    idle, working = free(), free(supply_ohm=1.0, speed_max_rad_s=20.0)
    working.send(LEVEL + [1.0, 1.0, 0.0, -1.0, 1.0, 0.0])
    working.advance(10)
    idle.advance(10)
    assert idle.get("bus_v")[0, 0] > 11.9
    assert working.get("bus_v")[0, 0] < 10.0


def test_joints_stop_at_the_ends_of_their_ranges():
    batch = free(torque_limit=[0.0] * 6, friction_n_m=0.0)
    batch.put("joint_rad_s", [3.0, 3.0, 3.0, 3.0, 3.0, 3.0])
    batch.advance(400)
    high = [table.range_rad[1] for table in SO101.file.links]
    assert np.all(batch.get("joint_rad")[0] < np.array(high) + 0.05)
