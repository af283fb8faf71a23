"""How far the arm is from itself and from the table: the smallest distance of its capsules, negative where they overlap."""

from collections.abc import Sequence

from sim.arm.algebra import Vector, add, dot, scale, subtract
from sim.arm.capsules import APART, PARALLEL_M4
from sim.arm.expressions import Number, clip, maximum, minimum, sqrt
from sim.arm.parameters import Arm
from sim.arm.rigid_body import Poses, poses


def clearance(arm: Arm, q: Sequence[Number], table: Number) -> Number:
    """m; of all pairs of capsules, and of those of links that move up and down to a table at a height, m."""
    at = poses(arm.links, q)
    ends = [_ends(arm, at, k) for k in range(len(arm.file.capsules))]
    numbers = [arm.number(capsule.link) for capsule in arm.file.capsules]
    found: list[Number] = []
    for i, first in enumerate(arm.file.capsules):
        for j, second in enumerate(arm.file.capsules):
            if numbers[j] - numbers[i] >= APART:
                found.append(distance(*ends[i], *ends[j]) - (first.radius_m + second.radius_m))
        if numbers[i] > 0:
            found.append(minimum(ends[i][0][2], ends[i][1][2]) - first.radius_m - table)
    if not found:
        raise ValueError(f"{arm.file.name}: capsules: found none that could touch, allowed: tables [[capsules]]")
    result = found[0]
    for x in found[1:]:
        result = minimum(result, x)
    return result


def _ends(arm: Arm, at: Poses, k: int) -> tuple[list[Number], list[Number]]:
    capsule = arm.file.capsules[k]
    link = arm.number(capsule.link)
    return at.place(link, arm.turn(capsule.link, capsule.from_m)), at.place(link, arm.turn(capsule.link, capsule.to_m))


def distance(a: Vector, b: Vector, c: Vector, d: Vector) -> Number:
    """Of the lines from a to b and from c to d, m (Ericson, Real-Time Collision Detection, 2004, section 5.1.9)."""
    one, other, between = subtract(b, a), subtract(d, c), subtract(a, c)
    one_2, other_2, both = dot(one, one), dot(other, other), dot(one, other)
    along_one, along_other = dot(one, between), dot(other, between)
    determinant = maximum(one_2 * other_2 - both * both, PARALLEL_M4)
    s = clip((both * along_other - along_one * other_2) / determinant, 0.0, 1.0)
    t = clip((both * s + along_other) / other_2, 0.0, 1.0)
    s = clip((both * t - along_one) / one_2, 0.0, 1.0)
    gap = add(between, scale(s, one), scale(-1.0 * t, other))
    return sqrt(dot(gap, gap))
