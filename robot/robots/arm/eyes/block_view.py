"""What the encoder of an arm's wrist camera tells of a block: where it is, how it is turned, and how sure that is.

As of a hole (`wrist_view`), where the hand's origin is where the end of a peg would be (`sim.arm.around_block.peg_end`): a ray and a depth to the block's middle; then
cosine and sine of four times the angle from the hand's jaw axis to a side of the block, which looks the same after a quarter of a turn.
"""

import numpy as np

from robot.robots.arm.eyes.wrist_view import Told

BLOCK = Told(
    middle=np.array([0.0, 0.0, 0.12, 0.0, 0.0]),
    most=np.array([0.9, 0.8, 0.1, 1.1, 1.1]),
    unsure=np.array([0.5, 0.5, 0.05, 1.0, 1.0]),
    least_sure=np.array([0.002, 0.002, 0.0005, 0.02, 0.02]),
)
