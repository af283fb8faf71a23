"""The hand of an SO-101, by what it works on, and its body, as a setup tells them.

It travels in the setup, and in the log with it: its last bits are of the processor that reckoned it, and a mind reckons nothing of it.
"""

from typing import Any

from sim.arm.hand import HANDS, body_of
from sim.arm.parameters import so101

# By task: what stands beside the arm (of `drivers.emulators.arm_worlds.WORLDS`), and its hand (of `sim.arm.hand.HANDS`).
WORKS_ON = {
    "peg_insert": "peg",
    "peg_insert_by_camera": "peg",
    "reach": "peg",
    "lift": "block",
    "lift_by_camera": "block",
    "push": "block",
}
WORKS_WITH = WORKS_ON | {"push": "fingers"}


def hand_told(task: str) -> dict[str, Any]:
    """By the fields of `ArmSetup`."""
    hand, body = HANDS[WORKS_WITH[task]](so101()), body_of(so101())
    return {"axes": hand.axes.tolist(), "origins_m": hand.origins.tolist(), "offsets_rad": hand.offsets.tolist(),
            "tool": hand.tool.tolist(), "body_axes": body.axes.tolist(), "body_origins_m": body.origins.tolist(),
            "body_offsets_rad": body.offsets.tolist(), "capsule_links": body.links.tolist(), "capsule_ends_m": body.ends.tolist(),
            "capsule_radii_m": body.radii.tolist()}  # fmt: skip
