"""A cube on a table, which fingers push, grasp and lift.

The cube's own velocities are six more unknowns of the same equations, in its own frame: fingers and cube feel each other's
motion within a step, and momentum is kept. Its eight corners touch the table; the arm's pads, small balls, touch the
cube's faces and the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sim.arm.algebra import Vector, add, dot, rotation_of, scale, subtract, times, total, transposed
from sim.arm.around_block import HALF_M
from sim.arm.contact import Push, Wrench, moving
from sim.arm.expressions import Graph, Number, absolute, minimum, sqrt, where
from sim.arm.parameters import Arm, Link, Pad
from sim.arm.peg import surface_of
from sim.arm.rigid_body import GRAVITY_M_S2, Poses


@dataclass(frozen=True)
class BlockScene:
    """What differs from lane to lane are rows: the cube's half side, mass, pose and velocities in the world."""

    @property
    def rows(self) -> dict[str, int]:
        """Numbers of a lane."""
        return {"block_half_m": 1, "block_mass_kg": 1, "block_m": 3, "block_quaternion": 4, "block_m_s": 3,
                "block_rad_s": 3, "surface": 3, "grip_n": 1}  # fmt: skip

    @property
    def unknowns(self) -> int:
        """Velocities beside the joints'."""
        return 6

    def defaults(self) -> dict[str, list[float]]:
        """A cube of 25 mm and 20 g on a table at the height of the arm's base."""
        return {"block_half_m": [HALF_M], "block_mass_kg": [0.02], "block_m": [0.25, 0.0, HALF_M],
                "block_quaternion": [1.0, 0.0, 0.0, 0.0], "block_m_s": [0.0] * 3, "block_rad_s": [0.0] * 3,
                "surface": [4e3, 5.0, 0.8], "grip_n": [0.0]}  # fmt: skip

    def links(self, arm: Arm) -> tuple[Link, ...]:
        """The arm's own."""
        return arm.links

    def pushes(self, graph: Graph, arm: Arm, at: Poses, speeds: Sequence[Number], step_s: float) -> list[Push]:
        """What the cube feels of the table; what each finger feels of cube and table."""
        cube = _Cube(graph)
        standing = [[0.0] * 6 for _ in range(arm.joints)] + _unit(1.0)
        weight: list[Number] = [0.0, 0.0, -GRAVITY_M_S2 * step_s]
        falling = times(cube.into, weight)
        wrench = Wrench(*moving(standing, speeds), step_s, falling)
        upwards = cube.into[0][2], cube.into[1][2], cube.into[2][2]
        surface, table = surface_of(graph), graph.input("table_m")
        for signs in ((a, b, c) for a in (-1.0, 1.0) for b in (-1.0, 1.0) for c in (-1.0, 1.0)):
            corner = [sign * cube.half for sign in signs]
            height = cube.centre[2] + dot(upwards, corner)
            wrench.touch(corner, surface, [(upwards, table - height)])
        found = [Push(standing, wrench)]
        for link in sorted({arm.number(pad.link) for pad in arm.file.pads}):
            pads = [pad for pad in arm.file.pads if arm.number(pad.link) == link]
            found += self._finger(graph, arm, at, speeds, step_s, cube, falling, link, pads)
        return found

    def _finger(
        self, graph: Graph, arm: Arm, at: Poses, speeds: Sequence[Number], step_s: float, cube: "_Cube",
        falling: Vector, link: int, pads: Sequence[Pad],
    ) -> list[Push]:  # fmt: skip
        surface, table = surface_of(graph), graph.input("table_m")
        rest: list[Vector] = [[0.0] * 6 for _ in range(arm.joints - link - 1)]
        points = [at.place(link, arm.turn(pad.link, pad.point_m)) for pad in pads]
        # The cube, in its frame and about its centre: the finger moves with the joints, and the cube the other way.
        columns = [times(cube.into, c[:3]) + times(cube.into, c[3:]) for c in at.jacobian(link, cube.centre)]
        against_cube: list[Vector] = [*columns, *rest, *_unit(-1.0)]
        grasp = Wrench(*moving(against_cube, speeds), step_s, scale(-1.0, falling))
        # The table, in the world and about the first of the pads.
        on_table: list[Vector] = [*at.jacobian(link, points[0]), *rest, *_unit(0.0)]
        standing = Wrench(*moving(on_table, speeds), step_s)
        for pad, point in zip(pads, points, strict=True):
            inside = times(cube.into, subtract(point, cube.centre))
            grasp.touch(inside, surface, [_nearest_face(inside, cube.half + pad.radius_m)])
            standing.touch(subtract(point, points[0]), surface, [([0.0, 0.0, 1.0], table + pad.radius_m - point[2])])
        return [Push(against_cube, grasp), Push(on_table, standing)]

    def told(self, pushes: Sequence[Push]) -> dict[str, list[Number]]:
        """The forces between the fingers and the cube, together."""
        forces = [push.wrench.force for push in pushes[1::2]]
        return {"grip_n": [total([sqrt(dot(force, force)) for force in forces])]}

    def unknown_part(self, graph: Graph) -> tuple[list[Number], list[Number], list[Number]]:
        """The cube's inertia, forces, in its frame, and velocities, each (6,): of mass, weight, and what it does now."""
        cube = _Cube(graph)
        inertia = (2.0 / 3.0) * cube.mass * cube.half * cube.half
        weight: list[Number] = [0.0, 0.0, -GRAVITY_M_S2 * cube.mass]
        forces = [*times(cube.into, weight), 0.0, 0.0, 0.0]
        velocities = times(cube.into, graph.inputs("block_m_s", 3)) + times(cube.into, graph.inputs("block_rad_s", 3))
        return [cube.mass] * 3 + [inertia] * 3, forces, velocities

    def moved(self, graph: Graph, changes: Sequence[Number], step_s: float) -> dict[str, list[Number]]:
        """The cube after a step in which its velocities, in its frame, change so."""
        cube = _Cube(graph)
        velocity = add(graph.inputs("block_m_s", 3), times(cube.rotation, changes[:3]))
        turning = add(graph.inputs("block_rad_s", 3), times(cube.rotation, changes[3:]))
        w, x, y, z = cube.quaternion
        p, q, r = scale(0.5 * step_s, turning)
        turned = [
            w - p * x - q * y - r * z,
            x + p * w + q * z - r * y,
            y + q * w + r * x - p * z,
            z + r * w + p * y - q * x,
        ]
        length = sqrt(dot(turned, turned))
        return {"block_m_s": velocity, "block_rad_s": turning, "block_m": add(cube.centre, scale(step_s, velocity)),
                "block_quaternion": [number / length for number in turned]}  # fmt: skip


class _Cube:
    """The cube as it is at the beginning of a step."""

    def __init__(self, graph: Graph) -> None:
        self.half, self.mass = graph.input("block_half_m"), graph.input("block_mass_kg")
        self.centre, self.quaternion = graph.inputs("block_m", 3), graph.inputs("block_quaternion", 4)
        self.rotation = rotation_of(self.quaternion)
        self.into = transposed(self.rotation)


def _unit(sign: float) -> list[list[Number]]:
    return [[sign if i == j else 0.0 for j in range(6)] for i in range(6)]


def _nearest_face(x: Vector, half: Number) -> tuple[list[Number], Number]:
    """Normal of the face that a point, in the cube's frame, is nearest to, and its depth behind it."""
    depths = [half - absolute(number) for number in x]
    least = minimum(depths[0], minimum(depths[1], depths[2]))
    first = where(depths[0] - least, 0.0, 1.0)
    second = where(depths[1] - least, 0.0, 1.0 - first)
    third = 1.0 - first - second
    outwards = [where(number, 1.0, -1.0) for number in x]
    return [chosen * sign for chosen, sign in zip((first, second, third), outwards, strict=True)], least
