"""How a virtual arm that somebody else has built is: with all that an owner gets wrong, drawn by a seed.

Servos are mounted either way and at any tooth of their horns, offsets of an earlier owner are in them, and most arms have one fault
of their own. Friction, backlash, gain, clearance and camera are those of `hidden_arm`; the motors are stronger or weaker.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from drivers.emulators.arm_wiring import ArmWiring, ServoWiring
from robot.robots.arm.hidden_arm import hidden_arm
from sim.arm.batch import RAD_A_STEP, STEPS_A_TURN
from sim.arm.parameters import so101

STRENGTH = (0.85, 1.15)
SHIFT_STEPS = 600
WRAPPED = 0.25  # share of the arms of which a servo's turn begins within its joint's range
FAULTS = ("none", "swapped", "stranger", "doubled", "new", "silent", "weak", "other")


@dataclass(frozen=True)
class HiddenWiring:
    """wiring: as the arm comes. rows, offset_m: of its simulator, and what its camera is wrong by. fault: one of FAULTS."""

    wiring: ArmWiring
    rows: dict[str, float]
    offset_m: list[float]
    fault: str


def as_documented(bus: str) -> HiddenWiring:
    """The virtual arm as its own file describes it."""
    return HiddenWiring(ArmWiring(bus=bus), {}, [0.0, 0.0, 0.0], "none")  # type: ignore[arg-type]


def hidden_wiring(seed: int, bus: str = "feetech") -> HiddenWiring:
    """The one of a seed."""
    rng = np.random.default_rng([seed, 0xA51])
    rows, offset_m = hidden_arm(seed)
    servo, links = so101().servo, so101().file.links
    rows["stall_n_m"] = servo.stall_n_m * float(rng.uniform(*STRENGTH))
    wrapped = int(rng.integers(len(links))) if bus == "feetech" and rng.random() < WRAPPED else -1
    servos = []
    for joint, link in enumerate(links):
        backwards = bool(rng.random() < 0.5)
        ends = [math.ceil((-1 if backwards else 1) * end / RAD_A_STEP) for end in link.range_rad]
        free = (-min(ends) + 20, STEPS_A_TURN - 20 - max(ends))  # homes for which no turn begins within the range
        home = int(rng.integers(*free))
        shift = int(rng.integers(-SHIFT_STEPS, SHIFT_STEPS + 1)) if rng.random() < 0.3 else 0
        if joint == wrapped:
            home = (home + STEPS_A_TURN // 2) % STEPS_A_TURN
        if bus == "dynamixel" or joint != wrapped:  # what the earlier owner had left was right for it
            shift = min(max(shift, free[0] - home), free[1] - home)
        servos.append(ServoWiring(joint + 1, home, backwards, shift))
    fault = FAULTS[int(rng.integers(len(FAULTS)))]
    one, other = (int(each) for each in rng.choice(len(servos), 2, replace=False))
    return HiddenWiring(_broken(ArmWiring(tuple(servos), bus), fault, one, other), rows, offset_m, fault)  # type: ignore[arg-type]


def _broken(wiring: ArmWiring, fault: str, one: int, other: int) -> ArmWiring:
    """With a fault, of one joint or two."""
    servos = list(wiring.servos)
    match fault:
        case "swapped":
            servos[one] = replace(servos[one], id=servos[other].id)
            servos[other] = replace(servos[other], id=wiring.servos[one].id)
        case "stranger":
            servos[one] = replace(servos[one], id=20 + other)
        case "doubled":
            servos[one] = replace(servos[one], id=servos[other].id)
        case "new":
            servos = [replace(servo, id=1) for servo in servos]
        case "silent":
            servos[one] = replace(servos[one], present=False)
        case "other":
            servos[one] = replace(servos[one], another_model=True)
        case "weak":
            return replace(wiring, supply=0.62)
    return replace(wiring, servos=tuple(servos))
