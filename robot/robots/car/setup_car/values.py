"""What a set-up found: a value with the interval that holds the truth, or the reason why it is not believed."""

import math
from dataclasses import dataclass

SURE = 4.0  # standard deviations to either side


@dataclass(frozen=True)
class Value:
    """low, high: the interval; equal to the value where it is a matter of yes or no. refused: why it is not believed."""

    name: str
    value: float | bool
    low: float | bool
    high: float | bool
    refused: str = ""

    @property
    def text(self) -> str:
        if isinstance(self.value, bool):
            return "yes" if self.value else "no"
        half = 0.5 * (self.high - self.low)
        return f"{self.value:.4g} ± {half:.2g}"


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
    half = SURE * sigma + floor
    low, high = PLAUSIBLE[name]
    widest = WIDEST[name] * (abs(value) if name in SIGNED else 1.0)
    size = abs(value) if name in SIGNED else value
    refused = ""
    if not (math.isfinite(value) and math.isfinite(half)):
        refused = "not identifiable: nothing that the car did tells it"
    elif not half <= widest:
        refused = f"not identifiable: {value:.4g} is known to {half:.2g} alone, {widest:.2g} is needed"
    elif not low <= size <= high:
        refused = f"not plausible: {value:.4g}, cars have {low:.4g} to {high:.4g}"
    return Value(name, value, value - half, value + half, refused)


def yes_or_no(name: str, value: bool, refused: str = "") -> Value:
    return Value(name, value, value, value, refused)
