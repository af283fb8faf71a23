"""Where things are in a hand that reaches around a block. Control imports it: none of the equations of motion here."""

import numpy as np

from sim.arm.kinematics import attitude_of

HALF_M = 0.0125  # of a block's side
PEG_BEYOND_M = 0.03  # of the end of a peg, where the hand holds one, from the tool's point
BESIDE_M = 0.005  # of the fixed finger from a block that the hand reaches around
PEG_END_M = np.array([-HALF_M - BESIDE_M, 0.0, -PEG_BEYOND_M])  # from the block's middle, in the hand's frame


def peg_end(pose: np.ndarray) -> np.ndarray:
    """Where the end of a peg would be, (9,), in a hand that reaches around a block at a pose (9,): by it cameras on hands are mounted."""
    return np.concatenate([pose[:3] + (attitude_of(pose) * PEG_END_M).sum(1), pose[3:]])
