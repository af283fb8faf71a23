"""Rigid bodies: against Pinocchio, and by what no arm may do: gain energy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.arm.batch import ArmBatch
from sim.arm.expressions import Graph
from sim.arm.parameters import ArmFile, LinkTable, arm_of, so101
from sim.arm.rigid_body import GRAVITY_M_S2, inertia_and_bias, poses
from sim.arm.substep import FreeScene

SO101 = so101()


def unit(values):
    return tuple((np.array(values) / np.linalg.norm(values)).tolist())


@st.composite
def arm_files(draw):
    """Chains of one to seven links with axes in any direction."""
    number, rng = draw(st.integers(1, 7)), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    links = []
    for k in range(number):
        square = rng.uniform(-0.03, 0.03, (3, 3))
        inertia = 0.1 * (np.trace(square @ square.T) * np.eye(3) - square @ square.T)
        six = tuple(inertia[i, j].item() for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)))
        axis = unit(rng.standard_normal(3)) if rng.random() < 0.5 else tuple(np.eye(3)[rng.integers(3)].tolist())
        links.append(LinkTable(f"link {k}", tuple(rng.uniform(-0.2, 0.2, 3).tolist()), unit(rng.standard_normal(4)), axis,
                               rng.uniform(0.05, 1.0), tuple(rng.uniform(-0.1, 0.1, 3).tolist()), six, (-3.0, 3.0)))  # fmt: skip
    return ArmFile("any", tuple(links))


@settings(max_examples=15, deadline=None)
@given(arm_files())
def test_any_serial_arm_has_pinocchio_s_inertia_and_bias(file):
    pytest.importorskip("pinocchio")
    pytest.importorskip("mujoco")
    from robot.bench.arm import error_against_pinocchio

    assert error_against_pinocchio(arm_of(file), states=5) < 1e-10


def test_the_so_101_has_pinocchio_s_inertia_and_bias():
    pytest.importorskip("pinocchio")
    pytest.importorskip("mujoco")
    from robot.bench.arm import error_against_pinocchio

    assert error_against_pinocchio(SO101, states=200) < 1e-10


def test_the_so_101_s_tool_is_where_its_makers_model_has_it():
    graph = Graph()
    at = poses(SO101.links, graph.inputs("q", 6))
    tool = SO101.tool
    place = graph.evaluate(at.place(4, SO101.turn(tool.link, tool.point_m)), {"q": np.zeros(6)})
    assert np.array(place, float) == pytest.approx([0.3914, 0.0, 0.2265], abs=1e-4)


def test_the_jacobian_is_how_a_point_moves():
    graph, rng = Graph(), np.random.default_rng(0)
    at = poses(SO101.links, graph.inputs("q", 6))
    point = at.place(5, [0.01, -0.05, 0.02])
    columns = at.jacobian(5, point)
    q, v = rng.uniform(-1.0, 1.0, 6), rng.uniform(-1.0, 1.0, 6)

    def place(angles):
        return np.array([float(x) for x in graph.evaluate(point, {"q": angles})])

    told = np.array([[float(x) for x in graph.evaluate(column[:3], {"q": q})] for column in columns])
    assert v @ told == pytest.approx((place(q + 1e-6 * v) - place(q - 1e-6 * v)) / 2e-6, abs=1e-9)


def energy_j(q, v):
    """Kinetic, with the servos' rotors, and potential, of lanes (n, lanes)."""
    graph = Graph()
    symbols = graph.inputs("q", 6)
    M, _ = inertia_and_bias(SO101.links, symbols, graph.inputs("v", 6))
    at, height = poses(SO101.links, symbols), 0.0
    for k, link in enumerate(SO101.links):
        height = height + link.mass * at.place(k, [x / link.mass for x in link.first_moment])[2]
    values = {"q": q, "v": v}
    inertia = np.array([[np.broadcast_to(x, q.shape[1]) for x in graph.evaluate(row, values)] for row in M])
    inertia += SO101.servo.armature_kg_m2 * np.eye(6)[:, :, None]
    return 0.5 * np.einsum("il,ijl,jl->l", v, inertia, v) + GRAVITY_M_S2 * graph.evaluate([height], values)[0]


def drift(step_s):
    """Largest change of energy, J, of an arm without motors that falls for a quarter of a second."""
    batch = ArmBatch(SO101, FreeScene(), 16, step_s)
    rng = np.random.default_rng(1)
    batch.stand(rng.uniform(-0.5, 0.5, (16, 6)) + [0.0, 0.0, 0.0, 0.0, 0.0, 0.9])
    batch.put("joint_rad_s", rng.uniform(-2.0, 2.0, (16, 6)))
    for name, nothing in (("stall_n_m", 1e-9), ("friction_n_m", 0.0), ("torque_limit", [0.0] * 6)):
        batch.put(name, nothing)
    before = energy_j(batch.get("joint_rad").T.astype(float), batch.get("joint_rad_s").T.astype(float))
    batch.advance(round(0.25 / step_s))
    after = energy_j(batch.get("joint_rad").T.astype(float), batch.get("joint_rad_s").T.astype(float))
    return float(np.abs(after - before).max())


def test_energy_is_kept_to_the_order_of_the_step():
    coarse, fine = drift(1e-3), drift(2.5e-4)
    assert fine < 0.002
    assert coarse / fine == pytest.approx(4.0, rel=0.3)
