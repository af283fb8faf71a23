"""Lift by a camera on the hand: the same lifting, where nobody tells where the block is but what the camera shows.

What is seen and done is as of `lift`; the block in it is where pictures say that it is (`robot/robots/arm/eyes/`).
"""

from dataclasses import replace

from robot.tasks.lift import SPEC as BY_STAGE

SPEC = replace(
    BY_STAGE,
    name="lift_by_camera",
    text="the same lifting by a camera on the hand, without an estimate of where the block is",
)
