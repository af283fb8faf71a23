"""One sub-step of an arm in a scene, as formulas: servos, rigid bodies and contact, solved together.

Semi-implicit Euler: velocities change by (M + h D) dv = h (torques), where D is all that resists motion, of servos, friction
and contact, and positions follow the new velocities. What is stiff is thus stable in steps of several milliseconds.

    joint_rad, joint_rad_s       where the joints are, and their speeds
    goal_rad, previous_goal_rad  what the servos were told last and before: a goal counts once it has come over the bus
    reference_rad                the goal that moves inside a servo
    duty, bus_v                  of each motor; the voltage that its supply still has
    torque_limit                 of each servo, as a share of its full duty
    clearance_m                  of the arm from itself and from the table, after the last sub-step
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from sim.arm.algebra import add, scale, solve_symmetric, total
from sim.arm.contact import Push
from sim.arm.expressions import Graph, Number, maximum
from sim.arm.parameters import Arm, Link
from sim.arm.rigid_body import Poses, inertia_and_bias, poses
from sim.arm.self_collision import clearance
from sim.arm.servo import SHARED, drive

STATE = ("joint_rad", "joint_rad_s", "reference_rad", "bus_v")  # what a sub-step makes of itself
BAR = "bar "  # before the name of a row: what matters of it
FALLEN_V = 0.3  # of the supply's voltage: lower it is not let sag


class Scene(Protocol):
    """What an arm works in; a frozen value."""

    def __hash__(self) -> int: ...
    @property
    def rows(self) -> dict[str, int]:
        """Names of a lane's numbers, and how many of each."""
        ...

    @property
    def unknowns(self) -> int:
        """Velocities beside the joints'."""
        ...

    def defaults(self) -> dict[str, list[float]]:
        """Of each row."""
        ...

    def links(self, arm: Arm) -> tuple[Link, ...]:
        """The arm's links, with what it holds."""
        ...

    def pushes(self, graph: Graph, arm: Arm, at: Poses, speeds: Sequence[Number], step_s: float) -> list[Push]:
        """All contact; `speeds` of the joints and of the other unknowns."""
        ...

    def told(self, pushes: Sequence[Push]) -> dict[str, list[Number]]:
        """Rows that tell of contact."""
        ...

    def unknown_part(self, graph: Graph) -> tuple[list[Number], list[Number], list[Number]]:
        """Inertia, forces and velocities of the other unknowns, (unknowns,) each."""
        ...

    def moved(self, graph: Graph, changes: Sequence[Number], step_s: float) -> dict[str, list[Number]]:
        """Rows after their velocities have changed so."""
        ...


@dataclass(frozen=True)
class FreeScene:
    """Nothing but the arm."""

    @property
    def rows(self) -> dict[str, int]:
        """None."""
        return {}

    @property
    def unknowns(self) -> int:
        """None."""
        return 0

    def defaults(self) -> dict[str, list[float]]:
        """None."""
        return {}

    def links(self, arm: Arm) -> tuple[Link, ...]:
        """The arm's own."""
        return arm.links

    def pushes(self, graph: Graph, arm: Arm, at: Poses, speeds: Sequence[Number], step_s: float) -> list[Push]:
        """None."""
        return []

    def told(self, pushes: Sequence[Push]) -> dict[str, list[Number]]:
        """Nothing."""
        return {}

    def unknown_part(self, graph: Graph) -> tuple[list[Number], list[Number], list[Number]]:
        """None."""
        return [], [], []

    def moved(self, graph: Graph, changes: Sequence[Number], step_s: float) -> dict[str, list[Number]]:
        """Nothing."""
        return {}


def rows_of(arm: Arm, scene: Scene) -> dict[str, int]:
    """Names of a lane's numbers in order, and how many of each."""
    each = ("joint_rad", "joint_rad_s", "reference_rad", "goal_rad", "previous_goal_rad", "duty", "torque_limit")
    return dict.fromkeys(each, arm.joints) | SHARED | {"bus_v": 1, "table_m": 1, "clearance_m": 1} | scene.rows


def defaults_of(arm: Arm, scene: Scene, step_s: float) -> dict[str, list[float]]:
    """Of each row: an arm at rest in the middle of its ranges, as its file tells it, on a table at the height of its base."""
    servo = arm.servo
    rows = {name: [0.0] * count for name, count in rows_of(arm, scene).items()}
    for name, value in asdict(servo).items():
        if name in rows:
            rows[name] = [value]
    rows["torque_limit"] = [1.0] * arm.joints
    rows["supply_v"] = rows["bus_v"] = [servo.nominal_v]
    rows["latency_substeps"] = [float(round(servo.latency_s / step_s))]
    return rows | scene.defaults()


@dataclass(frozen=True)
class Formulas:
    """Of a graph, by the rows that they are for."""

    graph: Graph
    outputs: dict[str, list[Number]]

    def flat(self) -> list[tuple[str, int, Number]]:
        """Row, which of its numbers, formula."""
        return [(name, k, x) for name, numbers in self.outputs.items() for k, x in enumerate(numbers)]


def substep(arm: Arm, scene: Scene, step_s: float) -> Formulas:
    """Rows after a sub-step, of rows before, and of `tick`: sub-steps since the last goals were sent."""
    graph, n = Graph(), arm.joints
    q, v = graph.inputs("joint_rad", n), graph.inputs("joint_rad_s", n)
    M, bias = inertia_and_bias(scene.links(arm), q, v)
    drives = [drive(graph, arm.servo, k, step_s, table.range_rad) for k, table in enumerate(arm.file.links)]
    torques: list[Number] = [drives[k].torque - bias[k] for k in range(n)]
    for k in range(n):
        M[k][k] = M[k][k] + arm.servo.armature_kg_m2 + step_s * drives[k].resists
    inertia, forces, velocities = scene.unknown_part(graph)
    M = [[*row, *([0.0] * scene.unknowns)] for row in M]
    M += [[inertia[i] if j == n + i else 0.0 for j in range(n + scene.unknowns)] for i in range(scene.unknowns)]
    torques += forces
    pushes = scene.pushes(graph, arm, poses(arm.links, q), [*v, *velocities], step_s)
    for push in pushes:
        push.apply(M, torques)
    changes = solve_symmetric(M, scale(step_s, torques))
    v = add(v, changes[:n])
    sagged = graph.input("supply_v") - graph.input("supply_ohm") * total([d.current_a for d in drives])
    return Formulas(graph, {
        "joint_rad": add(q, scale(step_s, v)),
        "joint_rad_s": v,
        "reference_rad": [d.reference_rad for d in drives],
        "duty": [d.duty for d in drives],
        "bus_v": [maximum(sagged, FALLEN_V * graph.input("supply_v"))],
        **scene.told(pushes),
        **scene.moved(graph, changes[n:], step_s),
    })  # fmt: skip


def look(arm: Arm) -> Formulas:
    """Rows that are only looked at, after the last sub-step."""
    graph = Graph()
    q = graph.inputs("joint_rad", arm.joints)
    return Formulas(graph, {"clearance_m": [clearance(arm, q, graph.input("table_m"))]} if arm.file.capsules else {})


def gradient(formulas: Formulas, wanted: dict[str, int]) -> Formulas:
    """The adjoint: what the rows before have to do with a sum of the rows after, whose weights are inputs `bar NAME`."""
    graph = formulas.graph
    seeds = [
        (x, graph.input(f"{BAR}{name}", k))
        for name, k, x in formulas.flat()
        if name not in ("duty", "grip_n", "force_n")
    ]
    inputs = [(name, k, graph.input(name, k)) for name, count in wanted.items() for k in range(count)]
    found = graph.gradient(seeds, [x for _, _, x in inputs])
    outputs: dict[str, list[Number]] = {f"{BAR}{name}": [] for name in wanted}
    for (name, _, _), x in zip(inputs, found, strict=True):
        outputs[f"{BAR}{name}"].append(x)
    return Formulas(graph, outputs)
