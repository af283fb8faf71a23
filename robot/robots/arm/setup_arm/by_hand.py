"""What hands tell of an arm: which servo a joint has, which way it is mounted, where its zero is, how far it turns.

A person holds the arm, without torque, and turns one joint at a time to its low end, then to its high one; before and after, all
servos tell where they are. The servo that moved by about the joint's whole range is the joint's. A servo counts in turns: which way
round it went is told by how far such a joint can go. The zero lies where the makers' range puts it between both ends; how far the
hand stopped short of them, together, is what the range misses, and bounds how wrong that is.
"""

import math
from collections.abc import Sequence

from robot.commissioning.steps import SetupError
from robot.commissioning.values import Value, yes_or_no
from robot.robots.arm.setup_arm.joints import Joint
from robot.robots.arm.setup_arm.values import measured
from sim.arm.batch import RAD_A_STEP, STEPS_A_TURN

MOVED_RAD = 0.3  # by less, a joint that was to be held has stood
MADE_RAD = 0.006  # by which parts as they are printed miss the makers' range
SHORT_RAD = 0.05  # by which hands may stop short of ends that nobody knows
INSIDE_RAD = 0.02  # goals stay so far within the ends that were reached


def moved_steps(before: int, after: int, joint: Joint) -> int:
    """Steps of a servo between two ends: with its turns, as near to the joint's range as they bring it."""
    way = after - before
    whole = joint.whole_rad / RAD_A_STEP
    return min((way + turns * STEPS_A_TURN for turns in (-2, -1, 0, 1, 2)), key=lambda steps: abs(abs(steps) - whole))


def servo_of(joint: Joint, low: dict[int, int], high: dict[int, int], taken: Sequence[int]) -> int:
    """The servo that a joint has. low, high: where servos were at its ends, by ID. Raises SetupError for what cannot be."""
    way = {servo: (high[servo] - low[servo] + STEPS_A_TURN // 2) % STEPS_A_TURN - STEPS_A_TURN // 2 for servo in low}
    moved = [servo for servo, steps in way.items() if abs(steps) * RAD_A_STEP > MOVED_RAD]
    if not moved:
        raise SetupError(
            f"{joint.name}: no servo has moved. Is its horn screwed on? Or begin again: --resume is not enough",
            anew=True,
        )
    if len(moved) > 1:
        raise SetupError(
            f"{joint.name}: servos {', '.join(map(str, moved))} have moved. Hold the other joints still, and set it up anew",
            anew=True,
        )
    if moved[0] in taken:
        raise SetupError(
            f"{joint.name}: servo {moved[0]} has moved, which turns another joint already: was another joint turned? Set it up anew",
            anew=True,
        )
    return moved[0]


def values_of(joint: Joint, servo: int, low: int, high: int) -> list[Value]:
    """ID, direction, range and zero of a joint, whose servo was at `low` and `high` at its ends."""
    steps = moved_steps(low, high, joint)
    reached_rad = abs(steps) * RAD_A_STEP
    backwards = steps < 0
    short_rad = max(0.0, joint.whole_rad - reached_rad) if joint.alike else SHORT_RAD
    middle = low + 0.5 * steps
    sign = -1.0 if backwards else 1.0
    home = middle - sign * 0.5 * (joint.range_rad[0] + joint.range_rad[1]) / RAD_A_STEP
    half_rad = short_rad + MADE_RAD
    half = 0.5 * half_rad / RAD_A_STEP + 1.0
    name = f"{joint.name}_range_rad"
    whole = Value(name, reached_rad, reached_rad - half_rad, reached_rad + half_rad)
    if joint.alike:
        whole = measured(name, reached_rad, half_rad, joint.whole_rad)
    return [
        Value(f"{joint.name}_id", float(servo), servo, servo),
        yes_or_no(f"{joint.name}_reversed", backwards),
        whole,
        Value(f"{joint.name}_home_steps", float(round(home)), home - half, home + half, whole.refused),
    ]


def range_rad(joint: Joint, low: int, high: int) -> tuple[float, float]:
    """Where goals may lie, from the joint's zero."""
    reached = abs(moved_steps(low, high, joint)) * RAD_A_STEP
    middle = 0.5 * (joint.range_rad[0] + joint.range_rad[1])
    return middle - 0.5 * reached + INSIDE_RAD, middle + 0.5 * reached - INSIDE_RAD


def shift_for(low: float, high: float, shift: int, most: int, wraps: bool) -> tuple[int, int]:
    """Steps that a servo is to add to what it measures, so that its range, told as low to high now, lies within one turn, by the
    least change that does it; and by how much what it tells changes then.

    wraps: whether what it tells is within a turn whatever it adds. Raises SetupError if no shift does.
    """
    ends = sorted((low, high))
    found: list[tuple[int, int]] = []
    for turn in (-1, 0, 1) if wraps else (0,):
        least, greatest = 1 - ends[0] - turn * STEPS_A_TURN, STEPS_A_TURN - 2 - ends[1] - turn * STEPS_A_TURN
        change = math.ceil(least) if least > 0.0 else min(0, math.floor(greatest))
        if least <= change <= greatest and abs(shift + change) <= most:
            found.append((shift + change, change + turn * STEPS_A_TURN))
    if not found:
        raise SetupError(
            f"its range is {ends[0]:.0f} to {ends[1]:.0f} steps, allowed: within 0 to {STEPS_A_TURN - 1}; turn its horn by a tooth or more"
        )
    return min(found, key=lambda each: abs(each[0] - shift))
