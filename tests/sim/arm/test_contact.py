"""Contact: against MuJoCo, the rim that must not suck, a cube that is pushed, grasped and lifted."""

from functools import cache

import numpy as np
import pytest

from sim.arm.batch import ArmBatch
from sim.arm.block import BlockScene
from sim.arm.expressions import Graph
from sim.arm.parameters import so101
from sim.arm.peg import PegScene
from sim.arm.rigid_body import poses
from sim.arm.self_collision import distance

SO101 = so101()
DOWN = np.array([0.0, 0.1, 0.6, np.pi / 2 - 0.7, 0.0, 0.0])


@cache
def _hand(beyond):
    graph = Graph()
    at, tool = poses(SO101.links, graph.inputs("q", 6)), SO101.tool
    approach = np.array(SO101.turn(tool.link, tool.approach))
    point = at.place(4, (np.array(SO101.turn(tool.link, tool.point_m)) + beyond * approach).tolist())
    pointing = [sum(row[j] * approach[j] for j in range(3)) for row in at.rotations[4]]
    return graph, point + pointing + [x for column in at.jacobian(4, point) for x in column]


def hand(q, beyond=0.0):
    """Where the tool's point is, or one ahead of it, where it points, and its Jacobian (6, 5)."""
    graph, outputs = _hand(beyond)
    told = np.array([float(x) for x in graph.evaluate(outputs, {"q": q})])
    return told[:3], told[3:6], told[6:].reshape(5, 6).T


def pointing_down(place, jaw, beyond=0.0):
    """Joint angles that put the tool there."""
    q = DOWN.copy()
    q[5] = jaw
    for _ in range(40):
        at, pointing, jacobian = hand(q, beyond)
        jacobian[3:] *= 0.1
        wanted = np.concatenate([place - at, 0.1 * np.cross(pointing, [0.0, 0.0, -1.0])])
        change = np.linalg.solve(jacobian.T @ jacobian + 1e-7 * np.eye(5), jacobian.T @ wanted)
        q[:5] += np.clip(change, -0.2, 0.2)
    return q


def lead(batch, q, seconds):
    """Move goals to joint angles at an even pace."""
    begin = batch.get("goal_rad")[0].astype(float)
    for k in range(round(50 * seconds)):
        batch.send(begin + (q - begin) * min(1.0, (k + 1) / (40 * seconds)))
        batch.advance(4)


def stand_at(batch, q):
    """Bring an arm to rest at joint angles; what its goals must be more than those, because it sags."""
    batch.stand(q)
    for _ in range(4):
        batch.put("goal_rad", batch.get("goal_rad")[0] + 0.9 * (q - batch.get("joint_rad")[0]))
        batch.put("previous_goal_rad", batch.get("goal_rad"))
        batch.advance(100)
    return batch.get("goal_rad")[0].astype(float) - q


def with_peg(hole_m, **rows):
    batch = ArmBatch(SO101, PegScene(), 1)
    batch.put("hole_m", hole_m)
    for name, value in rows.items():
        batch.put(name, value)
    return batch


def test_a_peg_pressed_against_a_wall_comes_to_rest_where_mujoco_s_does():
    """Without friction, which would keep what happened before: within 0.5 mrad of every joint and 3 % of the force.

    MuJoCo's contact is made as stiff as its own rules allow.
    """
    mujoco = pytest.importorskip("mujoco")
    pytest.importorskip("pinocchio")
    from robot.bench import arm as bench

    hole = bench.hole_below(SO101) - [bench.ASIDE_M, 0.0, 0.0]
    batch = with_peg(hole, surface=[2e4, 20.0, 0.0], friction_n_m=0.0, backlash_rad=0.0, supply_ohm=0.0)
    batch.stand(bench.POINTING_DOWN)
    for name in ("goal_rad", "previous_goal_rad"):
        batch.put(name, bench.PRESSING)
    batch.advance(600)
    text = bench.mujoco_text(SO101, True, servo_friction=False, hole=hole)
    model = mujoco.MjModel.from_xml_string(text.replace('type="box"', 'type="box" solref="0.002 1" condim="1"'))
    model.opt.timestep = 0.001
    data = mujoco.MjData(model)
    data.qpos[:], data.ctrl[:] = bench.POINTING_DOWN, bench.PRESSING
    mujoco.mj_step(model, data, 3000)
    force, one = np.zeros(3), np.zeros(6)
    for k in range(data.ncon):
        mujoco.mj_contactForce(model, data, k, one)
        force += data.contact[k].frame.reshape(3, 3).T @ one[:3]
    assert np.linalg.norm(force) > 1.0
    assert batch.get("joint_rad")[0] == pytest.approx(data.qpos, abs=5e-4)
    assert batch.get("force_n")[0] == pytest.approx(force, abs=0.03 * np.linalg.norm(force))


@pytest.mark.parametrize("aside", [(0.002, 0.0), (0.0, -0.003), (0.0015, 0.0015), (-0.006, 0.002)])
def test_the_rim_does_not_suck_in_a_peg_that_stands_on_the_plate(aside):
    peg = PegScene()
    hole = np.array([0.22, 0.0, 0.05])
    above = pointing_down(hole + [*aside, 0.004], 0.0, peg.beyond)
    pressing = pointing_down(hole + [*aside, -0.006], 0.0, peg.beyond)
    batch = with_peg(hole)
    sagging = stand_at(batch, above)
    lead(batch, pressing + sagging, 1.5)
    lead(batch, pressing + sagging, 1.5)
    end, _, _ = hand(batch.get("joint_rad")[0].astype(float), peg.beyond)
    assert end[2] > hole[2] - 0.0015, "it went in"
    assert batch.get("force_n")[0, 2] > 1.0
    assert np.linalg.norm(end[:2] - hole[:2]) > 0.0008


@pytest.mark.parametrize("clearance_m", [0.0001, 0.00025])
def test_a_peg_over_its_hole_goes_in_and_stands_on_the_floor(clearance_m):
    """Also at a tenth of a millimetre to each side."""
    peg = PegScene()
    hole = np.array([0.22, 0.0, 0.05])
    batch = with_peg(hole, hole_half_m=peg.half_width + clearance_m)
    sagging = stand_at(batch, pointing_down(hole + [0.0002, 0.0, 0.004], 0.0, peg.beyond))
    lead(batch, pointing_down(hole + [0.0, 0.0, -0.02], 0.0, peg.beyond) + sagging, 3.0)
    lead(batch, pointing_down(hole + [0.0, 0.0, -0.02], 0.0, peg.beyond) + sagging, 1.0)
    end, _, _ = hand(batch.get("joint_rad")[0].astype(float), peg.beyond)
    assert end[2] == pytest.approx(hole[2] - peg.depth, abs=0.001)


def centre_between_fingers(q):
    graph = Graph()
    at = poses(SO101.links, graph.inputs("q", 6))
    places = [at.place(SO101.number(pad.link), SO101.turn(pad.link, pad.point_m)) for pad in SO101.file.pads]
    told = [np.array([float(x) for x in graph.evaluate(place, {"q": q})]) for place in places]
    fixed, moving = np.mean(told[:3], axis=0), np.mean(told[3:], axis=0)
    across = moving - fixed
    return 0.5 * (fixed + moving), float(np.arctan2(across[1], across[0]))


def with_cube(reached):
    """An arm above a cube that lies between its fingers where it reaches."""
    batch = ArmBatch(SO101, BlockScene(), 1)
    batch.stand(pointing_down(np.array([0.22, 0.0, 0.06]), 0.5))
    middle, yaw = centre_between_fingers(reached)
    batch.put("block_m", [middle[0], middle[1], 0.0125])
    batch.put("block_quaternion", [np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])
    return batch


def test_a_cube_lies_still_on_the_table():
    reached = pointing_down(np.array([0.22, 0.0, 0.012]), 0.5)
    batch = with_cube(reached)
    before = batch.get("block_m")[0]
    batch.advance(400)
    assert batch.get("block_m")[0] == pytest.approx(before, abs=2e-4)
    assert np.abs(batch.get("block_m_s")).max() < 1e-4


def test_a_cube_slides_as_far_as_friction_lets_it():
    batch = with_cube(pointing_down(np.array([0.22, 0.0, 0.012]), 0.5))
    batch.put("block_m", [0.6, 0.2, 0.01249])
    batch.put("block_quaternion", [1.0, 0.0, 0.0, 0.0])
    batch.put("surface", [4e3, 5.0, 0.3])
    batch.put("block_m_s", [0.0, 0.6, 0.0])
    batch.advance(200)
    travelled = batch.get("block_m")[0, 1] - 0.2
    assert travelled == pytest.approx(0.6**2 / (2 * 0.3 * 9.81), rel=0.1)


def test_a_cube_is_grasped_lifted_and_held():
    reached = pointing_down(np.array([0.22, 0.0, 0.012]), 0.5)
    batch = with_cube(reached)
    lead(batch, reached, 1.0)
    closed = reached.copy()
    closed[5] = 0.0
    lead(batch, closed, 1.0)
    assert batch.get("grip_n")[0, 0] > 5.0
    lifted = pointing_down(np.array([0.22, 0.0, 0.08]), 0.0)
    lead(batch, lifted, 1.0)
    held = batch.get("block_m")[0]
    assert held[2] > 0.06
    lead(batch, lifted, 2.0)
    assert batch.get("block_m")[0] == pytest.approx(held, abs=0.002)
    opened = lifted.copy()
    opened[5] = 1.0
    lead(batch, opened, 1.5)
    assert batch.get("block_m")[0, 2] < 0.03


def test_a_cube_is_pushed():
    reached = pointing_down(np.array([0.20, 0.0, 0.015]), -0.1)
    batch = ArmBatch(SO101, BlockScene(), 1)
    batch.stand(reached)
    batch.put("block_m", [0.245, 0.0, 0.0125])
    lead(batch, pointing_down(np.array([0.25, 0.0, 0.015]), -0.1), 1.5)
    assert batch.get("block_m")[0, 0] > 0.26


def test_what_pushes_a_cube_is_pushed_back():
    """Without a table and without weight, momentum goes from the cube to the finger and none is made: the cube is stopped."""
    batch = with_cube(pointing_down(np.array([0.22, 0.0, 0.012]), 0.5))
    before = batch.get("joint_rad")[0]
    batch.put("block_mass_kg", 0.5)
    batch.put("block_m_s", [-0.5, 0.0, 0.0])
    batch.put("block_m", [float(batch.get("block_m")[0, 0]), 0.0, 0.065])
    batch.put("table_m", -5.0)
    batch.put("torque_limit", [0.0] * 6)
    batch.put("friction_n_m", 0.0)
    still = ArmBatch(SO101, BlockScene(), 1)
    still.memory[:] = batch.memory
    still.put("block_m", [5.0, 0.0, 0.065])
    for one in (batch, still):
        one.advance(16)
    assert batch.get("block_m_s")[0, 0] > -0.45
    pushed = batch.get("joint_rad")[0] - still.get("joint_rad")[0]
    assert np.abs(pushed).max() > 1e-4
    assert np.abs(before).max() > 0.0


def test_distances_of_capsules_are_those_of_their_nearest_points():
    graph, rng = Graph(), np.random.default_rng(0)
    ends = [graph.inputs(name, 3) for name in "abcd"]
    formula = distance(*ends)
    values = {name: rng.uniform(-1.0, 1.0, (3, 100)) for name in "abcd"}
    values["d"][:, :20] = values["c"][:, :20] + 0.7 * (values["b"] - values["a"])[:, :20]  # parallel
    told = graph.evaluate([formula], values)[0]
    share = np.linspace(0.0, 1.0, 61)
    one = values["a"][:, None, :] + share[None, :, None] * (values["b"] - values["a"])[:, None, :]
    other = values["c"][:, None, :] + share[None, :, None] * (values["d"] - values["c"])[:, None, :]
    nearest = np.min(np.linalg.norm(one[:, :, None, :] - other[:, None, :, :], axis=0), axis=(0, 1))
    assert np.all(told < nearest + 1e-9)
    assert np.all(told > nearest - 0.05)


def test_an_arm_folded_into_itself_or_into_the_table_has_no_clearance_left():
    batch = ArmBatch(SO101, BlockScene(), 3)
    batch.stand([[0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, -1.74, 1.69, 1.6, 0.0, 0.0], [0.0, 1.6, 0.6, 0.0, 0.0, 0.0]])
    batch.advance(0)
    raised, folded, low = batch.get("clearance_m")[:, 0]
    assert raised > 0.03
    assert folded < 0.02
    assert low < 0.0
