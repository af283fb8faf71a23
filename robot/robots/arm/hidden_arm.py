"""Arms as people own them: each with a friction, a backlash, a gain, a clearance and a camera of its own that nobody is told."""

import math

import numpy as np

from robot.tasks.peg_insert import CAMERA_OFFSET_M
from sim.arm.parameters import so101
from sim.arm.peg import PegScene

FRICTION, GAIN, BACKLASH_RAD = (0.5, 2.0), (0.75, 1.25), (0.0, 0.0044)
CLEARANCE_M = (0.0003, 0.0007)


def hidden_arms(
    count: int, rng: np.random.Generator, offset_most_m: float = CAMERA_OFFSET_M
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Rows of the simulator, (count,) each, and what each camera is always wrong by, (count, 3), m, along the base's x and y."""
    servo = so101().servo
    rows = {
        "friction_n_m": servo.friction_n_m * np.exp(rng.uniform(math.log(FRICTION[0]), math.log(FRICTION[1]), count)),
        "gain_n_m_rad": servo.gain_n_m_rad * rng.uniform(*GAIN, count),
        "backlash_rad": rng.uniform(*BACKLASH_RAD, count),
        "hole_half_m": PegScene().half_width + 0.5 * rng.uniform(*CLEARANCE_M, count),
    }
    offset_m = np.zeros((count, 3))
    offset_m[:, :2] = rng.uniform(-offset_most_m, offset_most_m, (count, 2))
    return rows, offset_m


def hidden_turn(seed: int, most_rad: float) -> list[float]:
    """What its camera shows the hole's tilt and yaw wrongly by, always, rad."""
    found: list[float] = np.random.default_rng([seed, 0x7A2]).uniform(-most_rad, most_rad, 2).tolist()
    return found


def hidden_arm(seed: int, offset_most_m: float = CAMERA_OFFSET_M) -> tuple[dict[str, float], list[float]]:
    """The one of a seed: rows of the simulator, and the camera's offset."""
    rows, offset_m = hidden_arms(1, np.random.default_rng([seed, 0x4A6]), offset_most_m)
    return {name: float(value[0]) for name, value in rows.items()}, offset_m[0].tolist()
