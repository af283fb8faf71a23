"""How fast the arm's simulator is beside MuJoCo in the same run, and how exact beside Pinocchio, on one core.

The arm is the SO-101 with a peg in its hand. Free, it moves to a goal; in contact, the peg is pressed against a wall of its
hole. MuJoCo has the same links, servos and shapes, its implicit integrator, and the same step of 5 ms.
"""

import time
from typing import Any

import numpy as np

from robot.bench.rates import calls_per_s
from sim.arm.batch import MOVING, STEP_S, ArmAdjoint, ArmBatch
from sim.arm.block import BlockScene
from sim.arm.expressions import Graph
from sim.arm.parameters import Arm, ArmFile, rotation_of, so101, symmetric
from sim.arm.peg import PegScene, peg_axes
from sim.arm.rigid_body import inertia_and_bias, poses
from sim.arm.substep import FreeScene, Scene, defaults_of, gradient, rows_of, substep

try:
    import mujoco
    import pinocchio
except ImportError as error:
    raise ValueError("arm: needs mujoco and pin to compare with; pip install 'robot-practice[dev]'") from error

ARMS = (1, 64, 1024)
SUBSTEPS = 20  # of a decision: ten a second
ROLL_RAD = 0.0486795  # at which the peg's sides are parallel to the world's axes
POINTING_DOWN = np.array([0.0, 0.1, 0.6, np.pi / 2 - 0.7, ROLL_RAD, 0.0])
INSERTED_M, ASIDE_M = 0.005, 0.001  # how deep the peg is in the hole, and how far from its middle it wants to be
PRESSING = POINTING_DOWN + np.array([0.0, 0.03, 0.0, 0.0, 0.0, 0.0])
MUJOCO_STEPS = 50  # a call


def run() -> dict[str, Any]:
    """Sub-steps a second; ratios to MuJoCo's at the largest number of arms; errors; seconds that the kernels took to compile."""
    arm = so101()
    free, contact = {}, {}
    started = time.process_time()
    ArmBatch(arm, FreeScene(), 1)
    compiled = time.process_time()
    pressed(arm, 1)
    compiled_contact = time.process_time()
    for count in ARMS:
        batch = ArmBatch(arm, FreeScene(), count)
        batch.stand(POINTING_DOWN)
        batch.send(PRESSING)
        free[str(count)] = _substeps_per_s(batch)
        contact[str(count)] = _substeps_per_s(pressed(arm, count))
    theirs, theirs_contact = mujoco_steps_per_s(arm, False), mujoco_steps_per_s(arm, True)
    largest = str(ARMS[-1])
    return {
        "steps_per_s": free,
        "steps_per_s_contact": contact,
        "mujoco_steps_per_s": theirs,
        "mujoco_steps_per_s_contact": theirs_contact,
        "ratio_to_mujoco": round(free[largest] / theirs, 1),
        "ratio_to_mujoco_contact": round(contact[largest] / theirs_contact, 1),
        "error": error_against_pinocchio(arm),
        "error_of_single_precision": error_of_single_precision(arm),
        "gradient_error": gradient_error(arm, FreeScene()),
        "gradient_error_contact": gradient_error(arm, PegScene()),
        "adjoint_steps_per_s_contact": _adjoint_steps_per_s(arm),
        "compile_s": round(compiled - started, 2),
        "compile_s_contact": round(compiled_contact - compiled, 2),
    }


def _substeps_per_s(batch: ArmBatch) -> int:
    return round(batch.count * SUBSTEPS * calls_per_s(lambda: batch.advance(SUBSTEPS)))


def _adjoint_steps_per_s(arm: Arm) -> int:
    batch = pressed(arm, ARMS[-1])
    adjoint = ArmAdjoint(batch)
    bars = np.ones((len(batch.memory), sum(adjoint.wanted.values()), batch.memory.shape[2]), np.float32)
    return round(batch.count * calls_per_s(lambda: adjoint.back(batch.memory, bars, SUBSTEPS)))


def hole_below(arm: Arm) -> np.ndarray:
    """Where the hole is in which the peg is to be pressed aside, m."""
    graph = Graph()
    scene, number = PegScene(), arm.number(arm.tool.link)
    end = poses(arm.links, graph.inputs("joint_rad", arm.joints)).place(number, scene.end(arm))
    x = np.array([float(number) for number in graph.evaluate(end, {"joint_rad": POINTING_DOWN})])
    return np.asarray(x + [ASIDE_M, 0.0, INSERTED_M])


def pressed(arm: Arm, count: int) -> ArmBatch:
    """Arms whose peg is pressed against a wall of the hole."""
    batch = ArmBatch(arm, PegScene(), count)
    batch.put("hole_m", hole_below(arm))
    batch.stand(POINTING_DOWN)
    batch.send(PRESSING)
    batch.advance(10 * SUBSTEPS)
    if not np.abs(batch.get("force_n")).max(axis=1).min() > 0.1:
        raise ValueError("arm: the peg touches nothing")
    return batch


def error_against_pinocchio(arm: Arm, states: int = 1000) -> float:
    """Largest difference of inertia, kg m2, and bias torques, N m, at random angles and speeds."""
    model = pinocchio_model(arm.file)
    data, n = model.createData(), arm.joints
    rng = np.random.default_rng(0)
    q, v = rng.uniform(-2.0, 2.0, (n, states)), rng.uniform(-5.0, 5.0, (n, states))
    graph = Graph()
    M, bias = inertia_and_bias(arm.links, graph.inputs("q", n), graph.inputs("v", n))
    found = graph.evaluate([x for row in M for x in row] + bias, {"q": q, "v": v})
    ours = np.array([np.broadcast_to(x, states) for x in found])
    worst = 0.0
    for k in range(states):
        pinocchio.crba(model, data, q[:, k])
        theirs = np.triu(data.M) + np.triu(data.M, 1).T
        their_bias = pinocchio.rnea(model, data, q[:, k], v[:, k], np.zeros(n))
        worst = max(
            worst, np.abs(ours[: n * n, k].reshape(n, n) - theirs).max(), np.abs(ours[n * n :, k] - their_bias).max()
        )
    return float(worst)


def pinocchio_model(file: ArmFile) -> Any:
    """The same links in Pinocchio, from the file's own frames."""
    model, parent = pinocchio.Model(), 0
    for table in file.links:
        turn = np.array(rotation_of(np.array(table.quaternion) / np.linalg.norm(table.quaternion)), float)
        axis = np.array(table.axis) / np.linalg.norm(table.axis)
        place = pinocchio.SE3(turn, np.array(table.origin_m))
        parent = model.addJoint(parent, pinocchio.JointModelRevoluteUnaligned(axis), place, table.name)
        inertia = pinocchio.Inertia(table.mass_kg, np.array(table.centre_m), symmetric(table.inertia_kg_m2))
        model.appendBodyToJoint(parent, inertia, pinocchio.SE3.Identity())
    model.gravity.linear = np.array([0.0, 0.0, -9.81])
    return model


def numbers_of(arm: Arm, scene: Scene, lanes: int = 1) -> dict[str, np.ndarray]:
    """Every row of a scene by default, (numbers, lanes), in double precision, and the tick."""
    defaults = defaults_of(arm, scene, STEP_S)
    return {name: np.tile(np.array(told, float)[:, None], (1, lanes)) for name, told in defaults.items()} | {
        "tick": np.array([float(SUBSTEPS)])
    }


def disturbed(arm: Arm, scene: Scene, lanes: int = 1) -> dict[str, np.ndarray]:
    """Arms in motion near the pressed one; with a peg, in touch with the hole."""
    rng = np.random.default_rng(0)
    values = numbers_of(arm, scene, lanes)
    values["joint_rad"] = POINTING_DOWN[:, None] + rng.uniform(-0.002, 0.002, (arm.joints, lanes))
    values["joint_rad_s"] = rng.uniform(-0.3, 0.3, (arm.joints, lanes))
    values["reference_rad"] = values["joint_rad"] + rng.uniform(0.006, 0.02, (arm.joints, lanes))
    values["goal_rad"] = values["reference_rad"] + rng.uniform(-0.01, 0.01, (arm.joints, lanes))
    values["previous_goal_rad"] = values["goal_rad"].copy()
    if "hole_m" in values:
        values["hole_m"] = np.tile(hole_below(arm)[:, None], (1, lanes))
    if "block_m" in values:
        values["block_m"] = np.tile(_in_reach_of_a_pad(arm)[:, None], (1, lanes))
        values["block_quaternion"] = np.tile(np.array([[0.9998], [0.01], [0.005], [0.0166]]), (1, lanes))
        values["table_m"] = values["block_m"][2:] - values["block_half_m"] + 2e-4
        values["block_m_s"], values["block_rad_s"] = rng.uniform(-0.05, 0.05, (2, 3, lanes))
    return values


def _in_reach_of_a_pad(arm: Arm) -> np.ndarray:
    """Where a cube's centre is, m, whose far face a pad is pressed into by 2 mm."""
    graph, pad = Graph(), arm.file.pads[0]
    place = poses(arm.links, graph.inputs("joint_rad", arm.joints)).place(
        arm.number(pad.link), arm.turn(pad.link, pad.point_m)
    )
    x = np.array([float(number) for number in graph.evaluate(place, {"joint_rad": POINTING_DOWN})])
    half = BlockScene().defaults()["block_half_m"][0]
    return np.asarray(x - [half + pad.radius_m - 0.002, 0.001, 0.002])


def gradient_error(arm: Arm, scene: Scene) -> float:
    """The adjoint of a sub-step beside central differences in double precision, relative to the largest number."""
    step = 1e-7
    rows = rows_of(arm, scene)
    wanted = {name: rows[name] for name in (*MOVING, "goal_rad", "gain_n_m_rad", "friction_n_m") if name in rows}
    formulas, values = substep(arm, scene, STEP_S), disturbed(arm, scene)
    weights = np.random.default_rng(1)
    after = [(name, k, x) for name, k, x in formulas.flat() if name in wanted]
    seeds = weights.standard_normal(len(after))
    bars = {f"bar {name}": np.zeros((count, 1)) for name, count in rows.items()}
    for (name, k, _), seed in zip(after, seeds, strict=True):
        bars[f"bar {name}"][k] = seed
    adjoint = gradient(substep(arm, scene, STEP_S), wanted)
    found = [float(np.ravel(x)[0]) for x in adjoint.graph.evaluate([x for _, _, x in adjoint.flat()], values | bars)]
    inputs = [(name, k) for name, count in wanted.items() for k in range(count)]
    aside = {name: np.tile(told, (1, 2 * len(inputs))) for name, told in values.items() if name != "tick"}
    for column, (name, k) in enumerate(inputs):
        aside[name][k, 2 * column] += step
        aside[name][k, 2 * column + 1] -= step
    outputs = formulas.graph.evaluate([x for _, _, x in after], aside | {"tick": values["tick"]})
    told = np.array([np.broadcast_to(x, 2 * len(inputs)) for x in outputs])
    differences = seeds @ (told[:, 0::2] - told[:, 1::2]) / (2.0 * step)
    return float(np.abs(found - differences).max() / np.abs(differences).max())


def error_of_single_precision(arm: Arm, substeps: int = SUBSTEPS) -> float:
    """Largest difference of joint angles, rad, after a decision in contact, between the kernel and its formulas in double."""
    scene, lanes = PegScene(), 16
    formulas, values = substep(arm, scene, STEP_S), disturbed(arm, scene, lanes)
    batch = ArmBatch(arm, scene, lanes)
    for name in batch.rows:
        batch.put(name, values[name].T)
    for tick in range(substeps):
        found = formulas.graph.evaluate([x for _, _, x in formulas.flat()], values | {"tick": np.array([float(tick)])})
        for (name, k, _), x in zip(formulas.flat(), found, strict=True):
            values[name] = values[name].copy()
            values[name][k] = x
    batch.advance(substeps)
    return float(np.abs(batch.get("joint_rad").T - values["joint_rad"]).max())


def mujoco_steps_per_s(arm: Arm, contact: bool) -> int:
    """Of one arm in MuJoCo, in the state that it comes to."""
    model = mujoco.MjModel.from_xml_string(mujoco_text(arm, contact))
    data = mujoco.MjData(model)
    data.qpos[:], data.ctrl[:] = POINTING_DOWN, PRESSING
    mujoco.mj_step(model, data, 1000)
    if contact and data.ncon == 0:
        raise ValueError("arm: the peg touches nothing in MuJoCo")
    return round(MUJOCO_STEPS * calls_per_s(lambda: mujoco.mj_step(model, data, MUJOCO_STEPS)))


def mujoco_text(arm: Arm, contact: bool, servo_friction: bool = True, hole: np.ndarray | None = None) -> str:
    """The same arm with its peg as MuJoCo is told it: servos with the same gain and back-EMF, a hole of boxes where wanted."""
    scene, servo, file = PegScene(), arm.servo, arm.file
    words, closing = [], ""
    friction = servo.friction_n_m if servo_friction else 0.0
    for k, table in enumerate(file.links):
        words.append(
            f'<body name="{table.name}" pos="{_told(table.origin_m)}" quat="{_told(table.quaternion)}">'
            f'<joint name="j{k}" type="hinge" axis="{_told(table.axis)}" armature="{servo.armature_kg_m2}" frictionloss="{friction}"/>'
            f'<inertial pos="{_told(table.centre_m)}" mass="{table.mass_kg}" fullinertia="{_told(table.inertia_kg_m2)}"/>'
        )
        if table.name == arm.tool.link:
            words.append(_mujoco_peg(arm, scene))
        closing += "</body>"
    fixture = _mujoco_hole(scene, hole_below(arm) if hole is None else hole) if contact else ""
    servos = "".join(
        f'<position joint="j{k}" kp="{servo.gain_n_m_rad}" kv="{servo.stall_n_m / servo.no_load_rad_s}" '
        f'forcerange="{-servo.stall_n_m} {servo.stall_n_m}"/>'
        for k in range(arm.joints)
    )
    return (
        '<mujoco><compiler angle="radian" balanceinertia="false" boundmass="0" boundinertia="0"/>'
        f'<option gravity="0 0 -9.81" timestep="{STEP_S}" integrator="implicitfast" cone="elliptic"/>'
        f"<worldbody>{fixture}{''.join(words)}{closing}</worldbody><actuator>{servos}</actuator></mujoco>"
    )


def _mujoco_peg(arm: Arm, scene: PegScene) -> str:
    number = arm.number(arm.tool.link)
    back = arm.turned[number].T
    approach, one, other = (back @ np.array(axis) for axis in peg_axes(arm))
    centre = back @ np.array(scene.end(arm)) - 0.5 * scene.length * approach
    inertia = scene.mass * scene.length**2 / 12 * (np.eye(3) - np.outer(approach, approach)) + 1e-12 * np.eye(3)
    six = (inertia[0, 0], inertia[1, 1], inertia[2, 2], inertia[0, 1], inertia[0, 2], inertia[1, 2])
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, np.column_stack([one, other, np.cross(one, other)]).ravel())
    return (
        f'<body name="peg" pos="{_told(centre)}"><inertial pos="0 0 0" mass="{scene.mass}" fullinertia="{_told(six)}"/>'
        f'<geom type="box" size="{scene.half_width} {scene.half_width} {scene.length / 2}" quat="{_told(quaternion)}" '
        f'mass="0" friction="{scene.defaults()["surface"][2]}"/></body>'
    )


def _mujoco_hole(scene: PegScene, at: np.ndarray) -> str:
    half, deep, thick = scene.defaults()["hole_half_m"][0], scene.depth / 2, 0.02
    boxes = [((half + thick, 0.0, -deep), (thick, 2 * thick, deep)), ((-half - thick, 0.0, -deep), (thick, 2 * thick, deep)),
             ((0.0, half + thick, -deep), (half, thick, deep)), ((0.0, -half - thick, -deep), (half, thick, deep)),
             ((0.0, 0.0, -scene.depth - 0.005), (0.05, 0.05, 0.005))]  # fmt: skip
    friction = scene.defaults()["surface"][2]
    geoms = "".join(
        f'<geom type="box" pos="{_told(place)}" size="{_told(size)}" friction="{friction}"/>' for place, size in boxes
    )
    return f'<body name="hole" pos="{_told(at)}">{geoms}</body>'


def _told(numbers: Any) -> str:
    return " ".join(repr(float(x)) for x in numbers)
