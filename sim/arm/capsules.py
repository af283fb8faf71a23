"""How far an arm is from itself and from a table, for who decides: the formula of `self_collision.py` as plain loops, in double precision.

The table is for links before the hand; what the hand may touch is its task's.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

APART = 3  # links nearer to each other in the chain are kept apart by their joints' ranges
PARALLEL_M4 = 1e-9


@dataclass(frozen=True)
class Body:
    """All joints of an arm, n, as `sim.arm.kinematics.Hand` has them, and capsules, m of them.

    axes, origins (n, 3); offsets (n,); links (m,): which link each is part of; ends (m, 2, 3), in the link's frame; radii (m,).
    """

    axes: np.ndarray
    origins: np.ndarray
    offsets: np.ndarray
    links: np.ndarray
    ends: np.ndarray
    radii: np.ndarray


@njit(cache=True)
def place_ends(axes, origins, offsets, links, ends, q, placed):
    """Into placed (m, 2, 3): the capsules' ends in the base's frame, for q (n,), rad."""
    here, turn, before, at = np.eye(3), np.zeros((3, 3)), np.zeros((3, 3)), np.zeros(3)
    for k in range(axes.shape[0]):
        for i in range(3):
            at[i] += here[i, 0] * origins[k, 0] + here[i, 1] * origins[k, 1] + here[i, 2] * origins[k, 2]
        angle = q[k] + offsets[k]
        c, s = math.cos(angle), math.sin(angle)
        for i in range(3):
            for j in range(3):
                turn[i, j] = axes[k, i] * axes[k, j] * (1.0 - c)
            turn[i, i] += c
        turn[0, 1] -= axes[k, 2] * s
        turn[0, 2] += axes[k, 1] * s
        turn[1, 0] += axes[k, 2] * s
        turn[1, 2] -= axes[k, 0] * s
        turn[2, 0] -= axes[k, 1] * s
        turn[2, 1] += axes[k, 0] * s
        before[:] = here
        for i in range(3):
            for j in range(3):
                here[i, j] = before[i, 0] * turn[0, j] + before[i, 1] * turn[1, j] + before[i, 2] * turn[2, j]
        for capsule in range(links.shape[0]):
            if links[capsule] != k:
                continue
            for end in range(2):
                for i in range(3):
                    placed[capsule, end, i] = at[i]
                    for j in range(3):
                        placed[capsule, end, i] += here[i, j] * ends[capsule, end, j]


@njit(cache=True)
def apart_m(a, b, c, d):
    """The distance of the lines from a to b and from c to d, m (Ericson, Real-Time Collision Detection, 2004, section 5.1.9)."""
    one_2 = other_2 = both = along_one = along_other = 0.0
    for i in range(3):
        one, other, between = b[i] - a[i], d[i] - c[i], a[i] - c[i]
        one_2 += one * one
        other_2 += other * other
        both += one * other
        along_one += one * between
        along_other += other * between
    determinant = max(one_2 * other_2 - both * both, PARALLEL_M4)
    s = min(1.0, max(0.0, (both * along_other - along_one * other_2) / determinant))
    t = min(1.0, max(0.0, (both * s + along_other) / other_2))
    s = min(1.0, max(0.0, (both * t - along_one) / one_2))
    square = 0.0
    for i in range(3):
        gap = a[i] - c[i] + s * (b[i] - a[i]) - t * (d[i] - c[i])
        square += gap * gap
    return math.sqrt(square)


@njit(cache=True)
def clearance_m(axes, origins, offsets, links, ends, radii, q, table_m, hand_from, placed):
    """The least distance, m, of capsules of links that are APART, and of those before link `hand_from` that move from a table."""
    place_ends(axes, origins, offsets, links, ends, q, placed)
    least = math.inf
    for i in range(links.shape[0]):
        for j in range(links.shape[0]):
            if links[j] - links[i] >= APART:
                gap = apart_m(placed[i, 0], placed[i, 1], placed[j, 0], placed[j, 1]) - radii[i] - radii[j]
                least = min(least, gap)
        if 0 < links[i] < hand_from:
            least = min(least, min(placed[i, 0, 2], placed[i, 1, 2]) - radii[i] - table_m)
    return least


@njit(cache=True)
def least_on_the_way_m(axes, origins, offsets, links, ends, radii, start, end, parts, table_m, hand_from, placed):
    """The least clearance on an even way of the joints from start (n,) to end (n,), looked at `parts` times after its start."""
    least = math.inf
    q = np.zeros(start.shape[0])
    for part in range(1, parts + 1):
        for k in range(q.shape[0]):
            q[k] = start[k] + (end[k] - start[k]) * part / parts
        least = min(least, clearance_m(axes, origins, offsets, links, ends, radii, q, table_m, hand_from, placed))
    return least


class Clearance:
    """Of one arm over a table, m, with the memory that it takes. hand_from: the first link that may touch the table."""

    def __init__(self, body: Body, table_m: float, hand_from: int) -> None:
        self.table_m, self.hand_from = table_m, hand_from
        self._body = (body.axes, body.origins, body.offsets, body.links, body.ends, body.radii)
        self._placed = np.zeros_like(body.ends)

    def at(self, q: np.ndarray) -> float:
        """For joint angles (n,)."""
        return float(clearance_m(*self._body, q, self.table_m, self.hand_from, self._placed))

    def on_the_way(self, start: np.ndarray, end: np.ndarray, parts: int) -> float:
        """The least one from joint angles to others, without the first."""
        return float(least_on_the_way_m(*self._body, start, end, parts, self.table_m, self.hand_from, self._placed))
