"""How a camera sits that looks at the floor, and the form of what is told of the floor's motion. Control imports it: no OpenCV here."""

from dataclasses import dataclass

MOTION = 4  # numbers: speed (m/s), yaw rate (rad/s), and the standard deviation of each


@dataclass(frozen=True)
class Mount:
    """Where a camera sits: above the floor, looking down by so much, ahead of what turns about: a car's rear axle."""

    height_m: float
    pitch_rad: float
    forward_m: float

    def __post_init__(self) -> None:
        for name, low, high in (("height_m", 0.02, 2.0), ("pitch_rad", -0.5, 1.6), ("forward_m", -1.0, 1.0)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"camera: {name}: found {getattr(self, name)}, allowed: {low} to {high}")
