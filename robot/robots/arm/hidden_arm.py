"""Arms as people own them: each with a friction, a backlash, a gain, a clearance and a camera of its own that nobody is told."""

import numpy as np

from sim.arm.parameters import so101
from sim.arm.peg import PegScene

FRICTION, GAIN, BACKLASH_RAD = (0.5, 2.0), (0.75, 1.25), (0.0, 0.0087)
CLEARANCE_M, OFFSET_M = (0.0003, 0.0007), 0.003


def hidden_arm(seed: int) -> dict[str, float]:
    """Rows of the simulator, and what the camera is always wrong by, along the base's x."""
    rng, servo = np.random.default_rng([seed, 0x4A6]), so101().servo
    return {
        "friction_n_m": servo.friction_n_m * float(np.exp(rng.uniform(*np.log(FRICTION)))),
        "gain_n_m_rad": servo.gain_n_m_rad * float(rng.uniform(*GAIN)),
        "backlash_rad": float(rng.uniform(*BACKLASH_RAD)),
        "hole_half_m": PegScene().half_width + 0.5 * float(rng.uniform(*CLEARANCE_M)),
        "offset_m": float(rng.uniform(-OFFSET_M, OFFSET_M)),
    }
