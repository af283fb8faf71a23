"""A position servo at one joint, over one sub-step: what it does now, and how that resists the joint's motion.

The firmware moves an inner goal towards the one that it was given, at a limited speed, and makes a duty cycle of how far the
joint is from it. The gears' backlash is a dead band of that error. The motor turns voltage times duty into torque, less what
its own turning induces. Torques are taken at the end of the step as far as they depend on velocity.
"""

from dataclasses import dataclass

from sim.arm.expressions import Graph, Number, absolute, clip, maximum, where
from sim.arm.parameters import Servo

STICK_RAD_S = 0.02  # at which friction reaches half of its full strength
STOP_N_M_RAD, STOP_N_M_S_RAD = 300.0, 1.0  # of the mechanical ends of a joint's range

# Numbers of a lane that every joint shares, from the arm's file.
SHARED = {"gain_n_m_rad": 1, "stall_n_m": 1, "friction_n_m": 1, "backlash_rad": 1, "speed_max_rad_s": 1, "supply_v": 1,
          "supply_ohm": 1, "latency_substeps": 1}  # fmt: skip


@dataclass(frozen=True)
class Drive:
    """What a servo does to its joint."""

    reference_rad: Number  # the inner goal
    duty: Number  # -1 to 1
    torque: Number  # N m, without what resists
    resists: Number  # N m s / rad of what does, to be taken at the end of the step, and its step's share of the gain
    current_a: Number  # taken from the supply


def drive(graph: Graph, servo: Servo, k: int, step_s: float, limits: tuple[float, float]) -> Drive:
    """Joint k's."""
    q, v = graph.input("joint_rad", k), graph.input("joint_rad_s", k)
    on_its_way = graph.input("latency_substeps") - graph.input("tick")
    goal = where(on_its_way, graph.input("previous_goal_rad", k), graph.input("goal_rad", k))
    before = graph.input("reference_rad", k)
    reach = step_s * graph.input("speed_max_rad_s")
    reference = before + clip(goal - before, -1.0 * reach, reach)
    gain, stall, play = graph.input("gain_n_m_rad"), graph.input("stall_n_m"), graph.input("backlash_rad")
    limit, strength = graph.input("torque_limit", k), graph.input("bus_v") / servo.nominal_v
    error = reference - q
    pulled = error - clip(error, -1.0 * play, play)
    engaged = absolute(error) - play
    wanted = where(engaged, gain * (pulled - step_s * v) / stall, 0.0)
    duty = clip(wanted, -1.0 * limit, limit)
    free = where(engaged, where(limit - absolute(wanted), step_s * gain * strength, 0.0), 0.0)
    induced = stall / servo.no_load_rad_s
    friction = graph.input("friction_n_m") / (absolute(v) + STICK_RAD_S)
    beyond = maximum(q - limits[1], 0.0) - maximum(limits[0] - q, 0.0)
    at_end = absolute(beyond)
    stop = where(at_end, STOP_N_M_S_RAD + step_s * STOP_N_M_RAD, 0.0)
    moved = induced + friction + stop
    return Drive(
        reference_rad=reference,
        duty=duty,
        torque=duty * stall * strength - moved * v - STOP_N_M_RAD * beyond,
        resists=moved + free,
        current_a=servo.stall_current_a * absolute(duty) * absolute(duty * strength - v / servo.no_load_rad_s),
    )
