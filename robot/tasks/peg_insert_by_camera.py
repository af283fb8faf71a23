"""Insert a peg by a camera on the hand: the same insertion, where nobody tells where the hole is but what the camera shows.

What is seen and done is as of `peg_insert`; the hole in it is where pictures say that it is (`robot/robots/arm/eyes/`).
"""

from dataclasses import replace

from robot.tasks.peg_insert import SPEC as BY_STAGE

SPEC = replace(
    BY_STAGE,
    name="peg_insert_by_camera",
    text="the same insertion by a camera on the hand, without an estimate of where the hole is",
)
