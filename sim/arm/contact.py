"""Compliant contact with friction: what points of a body feel, and how their feeling resists the body's motion.

A point that is `depth` inside something is pushed out along a normal, by stiffness and damping; friction opposes its sliding,
Coulomb's above `SLIP_M_S` and viscous below. Forces are taken at the end of the step as far as they depend on velocity: the
damping of all points, as one matrix of a body's six velocities, goes into the equations of motion, and stiff contact stays
stable in steps of milliseconds. A point touches if it would be inside at the end of the step: what lies on a table does not
hop.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sim.arm.algebra import Vector, add, cross, crossing, dot, product, scale, times
from sim.arm.expressions import Number, maximum, sqrt, where

SLIP_M_S = 0.002  # at which friction reaches seven tenths of its full strength


@dataclass(frozen=True)
class Surface:
    """Of what touches what. Stiffness N/m, damping N s/m, of each point."""

    stiffness: Number
    damping: Number
    friction: Number


def _nothing() -> list[list[Number]]:
    return [[0.0] * 6 for _ in range(6)]


@dataclass
class Wrench:
    """Of all points of a body, in one frame and about one point of it, which moves with `velocity` and `turning`."""

    velocity: Vector  # m/s, relative to what is touched
    turning: Vector  # rad/s
    step_s: float
    falling: Vector = (0.0, 0.0, 0.0)  # by how much the velocity changes in a step by weight alone
    force: list[Number] = field(default_factory=lambda: [0.0] * 3)
    torque: list[Number] = field(default_factory=lambda: [0.0] * 3)
    damping: list[list[Number]] = field(default_factory=_nothing)  # of linear and angular velocity, (6, 6)

    def touch(self, at: Vector, surface: Surface, hits: Sequence[tuple[Vector, Number]]) -> None:
        """A point of the body, `at` from the wrench's own, that is inside of things or near: normals, and depths, m."""
        velocity = add(self.velocity, cross(self.turning, at))
        sliding = surface.friction / sqrt(dot(velocity, velocity) + SLIP_M_S * SLIP_M_S)
        resistance = surface.damping + self.step_s * surface.stiffness
        force: list[Number] = [0.0] * 3
        along: list[list[Number]] = [[0.0] * 3 for _ in range(3)]
        for normal, depth in hits:
            leaving = dot(normal, velocity)
            push = surface.stiffness * depth - resistance * leaving
            touching = push - resistance * dot(normal, self.falling)  # at the end of a step without contact
            push = where(touching, push, 0.0)
            resists = where(touching, resistance, 0.0)
            slides = sliding * maximum(push, 0.0)
            out = push + slides * leaving
            force = add(force, scale(out, normal), scale(-1.0, scale(slides, velocity)))
            for i in range(3):
                for j in range(i + 1):
                    more = (resists - slides) * normal[i] * normal[j] + (slides if i == j else 0.0)
                    along[i][j] = along[i][j] + more
                    along[j][i] = along[i][j]
        self.force, self.torque = add(self.force, force), add(self.torque, cross(at, force))
        lever = crossing(at)
        mixed = [scale(-1.0, row) for row in product(along, lever)]
        turned = product(lever, mixed)
        for i in range(3):
            for j in range(3):
                self.damping[i][j] = self.damping[i][j] + along[i][j]
                self.damping[i][3 + j] = self.damping[i][3 + j] + mixed[i][j]
                self.damping[3 + j][i] = self.damping[i][3 + j]
            for j in range(i + 1):
                self.damping[3 + i][3 + j] = self.damping[3 + i][3 + j] + turned[i][j]
                self.damping[3 + j][3 + i] = self.damping[3 + i][3 + j]


@dataclass(frozen=True)
class Push:
    """A wrench, and how its body moves with each of the unknown velocities: (n, 6), linear and angular, in its frame."""

    jacobian: Sequence[Vector]
    wrench: Wrench

    def apply(self, M: list[list[Number]], torques: list[Number]) -> None:
        """Into the equations of motion: M (lower half), and torques, of all unknowns."""
        together = self.wrench.force + self.wrench.torque
        resisted = [
            times(self.wrench.damping, column) if any(map(_is_something, column)) else None for column in self.jacobian
        ]
        for i, column in enumerate(self.jacobian):
            torques[i] = torques[i] + dot(column, together)
            for j in range(i + 1):
                with_j = resisted[j]
                if with_j is not None:
                    M[i][j] = M[i][j] + self.wrench.step_s * dot(column, with_j)


def _is_something(x: Number) -> bool:
    return not (isinstance(x, float) and x == 0.0)


def moving(jacobian: Sequence[Vector], speeds: Sequence[Number]) -> tuple[list[Number], list[Number]]:
    """Linear and angular velocity of a body for the unknown velocities."""
    twist: list[Number] = [0.0] * 6
    for column, speed in zip(jacobian, speeds, strict=True):
        twist = add(twist, scale(speed, column))
    return twist[:3], twist[3:]
