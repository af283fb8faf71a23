"""What any arm can have, and how surely it has to be known."""

import math
from collections.abc import Iterable

from robot.commissioning.values import Value, judged
from robot.robots.arm.setup_arm.joints import JOINTS, LEADER_JOINTS, Joint

SURE = 4.0  # standard deviations to either side
FURTHER_RAD, SHORT_RAD = (
    0.05,
    0.2,
)  # by which a joint may turn further than its makers say, and by which hands may stop short

# Name: what any arm can have, and how wide half an interval may be, as a share of the value or in itself.
PLAUSIBLE = {
    "friction_n_m": (0.0, 0.3),
    "gain_n_m_rad": (10.0, 120.0),
    "backlash_rad": (-0.002, 0.012),
    "stall_n_m": (1.0, 6.0),
    "camera_x_m": (-0.02, 0.02),
    "camera_y_m": (-0.02, 0.02),
    "camera_z_m": (-0.02, 0.02),
    "hole_x_m": (0.1, 0.4),
    "hole_y_m": (-0.2, 0.2),
    "hole_z_m": (-0.15, 0.15),
}
WIDEST = {
    "friction_n_m": 0.05,
    "gain_n_m_rad": 15.0,
    "backlash_rad": 0.003,
    "stall_n_m": 0.8,
    **dict.fromkeys(("camera_x_m", "camera_y_m", "camera_z_m"), 0.004),
    **dict.fromkeys(("hole_x_m", "hole_y_m", "hole_z_m"), 0.006),
}
OF_MOTORS = ("friction_n_m", "gain_n_m_rad", "backlash_rad", "stall_n_m")
OF_CAMERA = ("camera_x_m", "camera_y_m", "camera_z_m")
OF_HOLE = ("hole_x_m", "hole_y_m", "hole_z_m")


def of_joints(joints: Iterable[Joint]) -> tuple[str, ...]:
    """Names of what hands tell of each."""
    return tuple(f"{joint.name}_{what}" for joint in joints for what in ("id", "reversed", "range_rad", "home_steps"))


OF_JOINTS, OF_LEADER = of_joints(JOINTS), of_joints(LEADER_JOINTS)
NAMES = (*OF_JOINTS, *OF_MOTORS, *OF_CAMERA, *OF_HOLE)


def fitted(name: str, value: float, sigma: float, floor: float) -> Value:
    """A value with SURE standard deviations, and a floor for what the model leaves out; refused where it cannot be."""
    return judged(name, value, SURE * sigma + floor, PLAUSIBLE[name], WIDEST[name], "arms")


def measured(name: str, reached_rad: float, half: float, whole_rad: float) -> Value:
    """A joint's range."""
    return judged(
        name, reached_rad, half, (whole_rad - SHORT_RAD, whole_rad + FURTHER_RAD), math.inf, "such joints, end to end,"
    )
