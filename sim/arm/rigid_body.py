"""Rigid-body dynamics of a serial arm, and where its links are: formulas of joint angles and speeds.

Inertia by composite rigid bodies, bias by recursive Newton-Euler (Featherstone, Rigid Body Dynamics Algorithms, 2008, chapters
5 and 6), both in the links' own frames. Those lie as `parameters.Link` says.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sim.arm.algebra import add, cross, dot, product, rotation, scale, times, transposed
from sim.arm.expressions import Number, cos, sin
from sim.arm.parameters import Link

GRAVITY_M_S2 = 9.81


def turns(links: Sequence[Link], q: Sequence[Number]) -> list[list[list[Number]]]:
    """The rotation of each link's frame in its parent's."""
    angles = [angle + link.offset for link, angle in zip(links, q, strict=True)]
    return [rotation(link.axis, cos(angle), sin(angle)) for link, angle in zip(links, angles, strict=True)]


def inertia_and_bias(
    links: Sequence[Link], q: Sequence[Number], v: Sequence[Number]
) -> tuple[list[list[Number]], list[Number]]:
    """Joint-space inertia, (n, n), kg m2, and the torques, (n,), N m, that keep accelerations zero. q rad, v rad/s."""
    R = turns(links, q)
    bias = _bias(links, R, v)  # first: the numbers that a processor must keep at a time are fewer
    return _inertia(links, R), bias


def _bias(links: Sequence[Link], R: list[list[list[Number]]], v: Sequence[Number]) -> list[Number]:
    turning: list[Number] = [0.0] * 3
    turning_rate: list[Number] = [0.0] * 3
    acceleration: list[Number] = [0.0, 0.0, GRAVITY_M_S2]
    forces, torques = [], []
    for link, turn, speed in zip(links, R, v, strict=True):
        p, back, spin = link.origin, transposed(turn), scale(speed, link.axis)
        acceleration = add(acceleration, cross(turning_rate, p), cross(turning, cross(turning, p)))
        acceleration, before, turning_rate = times(back, acceleration), times(back, turning), times(back, turning_rate)
        turning_rate = add(turning_rate, cross(before, spin))
        turning = add(before, spin)
        moment = link.first_moment
        forces.append(
            add(scale(link.mass, acceleration), cross(turning_rate, moment), cross(turning, cross(turning, moment)))
        )
        spinning = cross(turning, times(link.inertia, turning))
        torques.append(add(times(link.inertia, turning_rate), spinning, cross(moment, acceleration)))
    bias: list[Number] = [0.0] * len(links)
    for i in reversed(range(len(links))):
        bias[i] = dot(links[i].axis, torques[i])
        if i:
            force = times(R[i], forces[i])
            forces[i - 1] = add(forces[i - 1], force)
            torques[i - 1] = add(torques[i - 1], times(R[i], torques[i]), cross(links[i].origin, force))
    return bias


def _inertia(links: Sequence[Link], R: list[list[list[Number]]]) -> list[list[Number]]:
    n = len(links)
    M: list[list[Number]] = [[0.0] * n for _ in range(n)]
    mass = [link.mass for link in links]
    moment: list[list[Number]] = [list(link.first_moment) for link in links]
    inertia: list[list[list[Number]]] = [[list(row) for row in link.inertia] for link in links]
    for i in reversed(range(n)):
        force, torque = cross(links[i].axis, moment[i]), times(inertia[i], links[i].axis)
        M[i][i] = dot(links[i].axis, torque)
        for j in reversed(range(i)):
            force = times(R[j + 1], force)
            torque = add(times(R[j + 1], torque), cross(links[j + 1].origin, force))
            M[i][j] = M[j][i] = dot(links[j].axis, torque)
        if i:  # what hangs from here on becomes part of the link before
            p, h, m = links[i].origin, times(R[i], moment[i]), mass[i]
            turned = product(product(R[i], inertia[i]), transposed(R[i]))
            around = 2.0 * dot(p, h) + m * dot(p, p)
            for a in range(3):
                for b in range(a + 1):
                    moved = -p[a] * h[b] - h[a] * p[b] - m * p[a] * p[b] + (around if a == b else 0.0)
                    inertia[i - 1][a][b] = inertia[i - 1][a][b] + turned[a][b] + moved
                    inertia[i - 1][b][a] = inertia[i - 1][a][b]
            moment[i - 1] = add(moment[i - 1], h, scale(m, p))
            mass[i - 1] += m
    return M


@dataclass(frozen=True)
class Poses:
    """Of all links in the world: rotations, (n, 3, 3), origins, (n, 3), m, and joint axes, (n, 3)."""

    rotations: list[list[list[Number]]]
    origins: list[list[Number]]
    axes: list[list[Number]]

    def place(self, link: int, point: Sequence[float]) -> list[Number]:
        """Where a point of a link is, m."""
        return add(self.origins[link], times(self.rotations[link], point))

    def jacobian(self, link: int, point: Sequence[Number]) -> list[list[Number]]:
        """How a point fixed to a link, given in the world, moves: for each joint up to it, linear and angular velocity, (6,)."""
        return [cross(self.axes[k], add(point, scale(-1.0, self.origins[k]))) + self.axes[k] for k in range(link + 1)]


def poses(links: Sequence[Link], q: Sequence[Number]) -> Poses:
    """Where links are for joint angles q, rad."""
    here: list[list[Number]] = [[float(i == j) for j in range(3)] for i in range(3)]
    origin: list[Number] = [0.0] * 3
    rotations, origins, axes = [], [], []
    for link, turn in zip(links, turns(links, q), strict=True):
        origin = add(origin, times(here, link.origin))
        axes.append(times(here, link.axis))
        here = product(here, turn)
        rotations.append(here)
        origins.append(origin)
    return Poses(rotations, origins, axes)
