"""A square peg that the hand holds, and a square hole with a chamfer in a plate: the scene of insertion.

The hole's frame has its origin in the middle of the hole on the plate's surface, z out of the plate. The four corners of the
peg's end touch walls, chamfer, plate and the hole's floor; the four long edges touch the hole's rim where they pass it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim.arm.algebra import Vector, add, scale, subtract, times, transposed
from sim.arm.around_block import PEG_BEYOND_M
from sim.arm.contact import Push, Surface, Wrench, moving
from sim.arm.expressions import Graph, Number, absolute, maximum, minimum, where
from sim.arm.parameters import Arm, Link
from sim.arm.rigid_body import Poses

DIAGONAL = 0.5**0.5
LEAST_SLOPE = 0.3  # cosine of the peg's tilt, below which a rim is no longer looked for


@dataclass(frozen=True)
class PegScene:
    """The peg's size, m and kg, the hole's, and how far the plate goes from its middle. What differs from lane to lane are rows."""

    half_width: float = 0.008
    length: float = 0.05
    beyond: float = PEG_BEYOND_M  # of its end from the tool's point
    mass: float = 0.02
    chamfer: float = 0.0005
    depth: float = 0.015
    plate_half_width: float = 0.06

    @property
    def rows(self) -> dict[str, int]:
        """Numbers of a lane."""
        return {"hole_m": 3, "hole_frame": 9, "hole_half_m": 1, "surface": 3, "force_n": 3}  # surface: as `Surface`

    @property
    def unknowns(self) -> int:
        """Velocities beside the joints'."""
        return 0

    def defaults(self) -> dict[str, list[float]]:
        """A hole far away; half a millimetre of clearance."""
        return {
            "hole_m": [0.0, 0.0, -10.0],
            "hole_frame": np.eye(3).ravel().tolist(),
            "hole_half_m": [self.half_width + 0.00025],
            "surface": [2e4, 20.0, 0.4],
            "force_n": [0.0] * 3,
        }

    def links(self, arm: Arm) -> tuple[Link, ...]:
        """The arm's links, with the peg as part of the one that holds it; thin beside its length."""
        approach, _, _ = peg_axes(arm)
        number = arm.number(arm.tool.link)
        held = arm.links[number]
        centre = np.array(self.end(arm)) - 0.5 * self.length * np.array(approach)
        across = np.eye(3) - np.outer(approach, approach)
        own = self.mass * (centre @ centre * np.eye(3) - np.outer(centre, centre) + self.length**2 / 12 * across)
        with_peg = replace(
            held,
            mass=held.mass + self.mass,
            first_moment=(np.array(held.first_moment) + self.mass * centre).tolist(),
            inertia=(np.array(held.inertia) + own).tolist(),
        )
        return (*arm.links[:number], with_peg, *arm.links[number + 1 :])

    def end(self, arm: Arm) -> list[float]:
        """The middle of the peg's end in the frame of the link that holds it, m."""
        tool = arm.tool
        approach = arm.turn(tool.link, tool.approach)
        return [x + self.beyond * a for x, a in zip(arm.turn(tool.link, tool.point_m), approach, strict=True)]

    def pushes(self, graph: Graph, arm: Arm, at: Poses, speeds: Sequence[Number], step_s: float) -> list[Push]:
        """What the peg feels, in the hole's frame, about the middle of its end."""
        number = arm.number(arm.tool.link)
        frame = [[graph.input("hole_frame", 3 * i + j) for j in range(3)] for i in range(3)]
        into = transposed(frame)
        end = at.place(number, self.end(arm))
        columns = [times(into, c[:3]) + times(into, c[3:]) for c in at.jacobian(number, end)]
        columns += [[0.0] * 6 for _ in range(len(speeds) - len(columns))]
        wrench = Wrench(*moving(columns, speeds), step_s)
        centre = times(into, subtract(end, graph.inputs("hole_m", 3)))
        axes = [times(into, times(at.rotations[number], axis)) for axis in peg_axes(arm)]
        self._touch(wrench, centre, axes, graph.input("hole_half_m"), surface_of(graph))
        return [Push(columns, wrench)]

    def told(self, pushes: Sequence[Push]) -> dict[str, list[Number]]:
        """What the peg feels, N, in the hole's frame."""
        return {"force_n": pushes[0].wrench.force}

    def unknown_part(self, graph: Graph) -> tuple[list[Number], list[Number], list[Number]]:
        """Nothing moves but the arm."""
        return [], [], []

    def moved(self, graph: Graph, changes: Sequence[Number], step_s: float) -> dict[str, list[Number]]:
        """Nothing else."""
        return {}

    def _touch(self, wrench: Wrench, centre: Vector, axes: Sequence[Vector], half: Number, surface: Surface) -> None:
        approach, one, other = axes
        for a in (-self.half_width, self.half_width):
            for b in (-self.half_width, self.half_width):
                corner = add(scale(a, one), scale(b, other))
                x = add(centre, corner)
                wrench.touch(corner, surface, self._end_hits(x, half))
                ahead = (-self.chamfer - x[2]) / minimum(approach[2], -LEAST_SLOPE)  # from the corner to the rim
                edge = add(corner, scale(ahead, approach))
                wrench.touch(edge, surface, self._rim_hits(add(centre, edge), half, -1.0 * ahead))

    def _end_hits(self, x: Vector, half: Number) -> list[tuple[Vector, Number]]:
        """Of a corner at x: two walls, each with its chamfer, or the plate where its surface is nearest; the floor."""
        below = -1.0 * x[2]
        hits: list[tuple[Vector, Number]] = []
        on_plate: list[Number] = []
        for k in (0, 1):
            behind_wall = absolute(x[k]) - half
            behind_chamfer = DIAGONAL * (behind_wall + below - self.chamfer)
            nearest = minimum(behind_wall, behind_chamfer)
            plate = where(nearest - below, 1.0, 0.0)
            inwards = where(x[k], -1.0, 1.0)
            slanted = behind_wall - behind_chamfer
            normal: list[Number] = [0.0, 0.0, where(nearest - below, 1.0, where(slanted, DIAGONAL, 0.0))]
            normal[k] = where(nearest - below, 0.0, where(slanted, DIAGONAL * inwards, inwards))
            hits.append((normal, minimum(nearest, below)))
            on_plate.append(plate)
        hits[1] = (hits[1][0], where(on_plate[0] * on_plate[1], -1.0, hits[1][1]))  # one plate, not two
        hits.append(([0.0, 0.0, 1.0], -self.depth - x[2]))
        return self._of_plate(x, hits)

    def _rim_hits(self, x: Vector, half: Number, up: Number) -> list[tuple[Vector, Number]]:
        """Of a long edge at x, where it passes the rim, `up` from its corner.

        A corner that is less below the rim than the edge is behind it stands on the plate: pushed by the rim as well, it would
        be sucked into the hole.
        """
        hits: list[tuple[Vector, Number]] = []
        for k in (0, 1):
            normal: list[Number] = [0.0] * 3
            normal[k] = where(x[k], -1.0, 1.0)
            depth = absolute(x[k]) - half
            within = where(up - depth, where(self.length - up, 1.0, 0.0), 0.0)
            hits.append((normal, where(within, depth, -1.0)))
        return self._of_plate(x, hits)

    def _of_plate(self, x: Vector, hits: list[tuple[Vector, Number]]) -> list[tuple[Vector, Number]]:
        """None of these beyond the plate's edges."""
        inside = self.plate_half_width - maximum(absolute(x[0]), absolute(x[1]))
        return [(normal, where(inside, depth, -1.0)) for normal, depth in hits]


def peg_axes(arm: Arm) -> tuple[list[float], list[float], list[float]]:
    """The way it points and two sides of the peg, in the frame of the link that holds it."""
    tool = arm.tool
    approach, across = arm.turn(tool.link, tool.approach), arm.turn(tool.link, tool.across)
    return approach, across, np.cross(approach, across).tolist()


def surface_of(graph: Graph) -> Surface:
    """From the row of that name."""
    return Surface(*graph.inputs("surface", 3))
