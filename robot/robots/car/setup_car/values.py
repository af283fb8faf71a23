"""What any car can have, and how surely it has to be known."""

import math

from robot.commissioning.values import Value, judged, yes_or_no

__all__ = ["Value", "measured", "yes_or_no"]

SURE = 4.0  # standard deviations to either side

# Name: what any car can have (by its size where it says so), and how wide an interval still tells something.
PLAUSIBLE = {
    "erpm_per_m_s": (500.0, 30000.0),  # without its sign
    "servo_gain": (0.3, 4.0),  # without its sign
    "servo_offset": (0.15, 0.85),
    "servo_min": (0.0, 0.6),
    "servo_max": (0.4, 1.0),
    "actuation_s": (0.0, 0.25),
    "mount_yaw_rad": (-math.tau, math.tau),
    "mount_x_m": (-0.35, 0.5),
    "mount_y_m": (-0.2, 0.2),
    "imu_yaw_rad": (-math.tau, math.tau),
}
WIDEST = {
    "erpm_per_m_s": 0.1,  # share of the value
    "servo_gain": 0.15,
    "servo_offset": 0.04,
    "servo_min": 0.08,
    "servo_max": 0.08,
    "actuation_s": 0.03,
    "mount_yaw_rad": 0.07,
    "mount_x_m": 0.05,
    "mount_y_m": 0.05,
    "imu_yaw_rad": 0.25,
}  # half an interval
SIGNED = ("erpm_per_m_s", "servo_gain")
FIELDS_OF_LIDAR = ("mount_yaw_rad", "mirrored", "mount_x_m", "mount_y_m")


def measured(name: str, value: float, sigma: float, floor: float) -> Value:
    """A value with SURE standard deviations and a floor for what the model leaves out; refused where it cannot be."""
    signed = name in SIGNED
    widest = WIDEST[name] * (abs(value) if signed else 1.0)
    return judged(
        name, value, SURE * sigma + floor, PLAUSIBLE[name], widest, "cars", size=abs(value) if signed else value
    )
