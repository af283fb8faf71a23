"""How a virtual arm really is, by the names of what its set-up finds: what judges compare with."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from drivers.emulators.arm_wiring import ArmWiring, ServoWiring
from robot.commissioning.steps import Found
from robot.robots.arm.setup_arm.hidden_wiring import HiddenWiring
from robot.robots.arm.setup_arm.joints import JOINTS, LEADER_JOINTS, LEADER_MOUNTING
from robot.robots.arm.setup_arm.values import OF_CAMERA, OF_HOLE, OF_MOTORS
from sim.arm.batch import RAD_A_STEP, STEPS_A_TURN
from sim.arm.hand import HANDS
from sim.arm.kinematics import Kinematics
from sim.arm.parameters import so101


def truth_of(hidden: HiddenWiring, wired: Sequence[ServoWiring], found: dict[str, Found]) -> dict[str, Any]:
    """wired: its servos as they are kept now; found: from `mounting` on. Camera and hole are as this arm has them, whose zeros put its
    hand aside."""
    told: dict[str, Any] = {}
    zero_off_rad = np.zeros(len(JOINTS))
    for k, (joint, servo) in enumerate(zip(JOINTS, wired, strict=True)):
        believed = found["mounting"]["home_steps"][k]
        home = servo.home_steps + servo.shift_steps
        home += STEPS_A_TURN * round((believed - home) / STEPS_A_TURN)
        zero_off_rad[k] = (-1 if servo.backwards else 1) * (believed - home) * RAD_A_STEP
        told |= {f"{joint.name}_id": servo.id, f"{joint.name}_reversed": servo.backwards, f"{joint.name}_home_steps": home,
                 f"{joint.name}_range_rad": joint.whole_rad}  # fmt: skip
    if LEADER_MOUNTING in found:  # a virtual one is as its documents have it
        for joint, servo in zip(LEADER_JOINTS, ArmWiring().servos, strict=True):
            told |= {f"{joint.name}_id": servo.id, f"{joint.name}_reversed": servo.backwards,
                     f"{joint.name}_home_steps": servo.home_steps, f"{joint.name}_range_rad": joint.whole_rad}  # fmt: skip
    servo_told = so101().servo
    told |= {name: hidden.rows.get(name, getattr(servo_told, name)) for name in OF_MOTORS}
    if "board" in found:
        ways = [hand_off_m(np.array(each), zero_off_rad) for each in found["board"]["joint_rad"]]
        told |= dict(zip(OF_CAMERA, np.array(hidden.offset_m) + np.mean(ways, axis=0), strict=True))
        told |= dict(zip(OF_HOLE, np.array(found["board"]["hole_true_m"]) - ways[-1], strict=True))
    return {name: value if isinstance(value, bool | int) else float(value) for name, value in told.items()}


def hand_off_m(joint_rad: np.ndarray, zero_off_rad: np.ndarray) -> np.ndarray:
    """By how much the hand is elsewhere, (3,), m, than joints tell whose zeros are believed to be off by so much."""
    kinematics = Kinematics(HANDS["peg"](so101()))
    believed = kinematics.look(joint_rad)[:3].copy()
    away: np.ndarray = kinematics.look(joint_rad + zero_off_rad[: len(joint_rad)])[:3] - believed
    return away
