"""The hand of an SO-101 that holds a peg, as a setup tells it.

It travels in the setup, and in the log with it: its last bits are of the processor that reckoned it, and a mind reckons nothing of it.
"""

from typing import Any

from sim.arm.hand import hand_of
from sim.arm.parameters import so101
from sim.arm.peg import PegScene


def hand_told() -> dict[str, Any]:
    """By the fields of `ArmSetup`."""
    hand = hand_of(so101(), PegScene().beyond)
    return {"axes": hand.axes.tolist(), "origins_m": hand.origins.tolist(), "offsets_rad": hand.offsets.tolist(),
            "tool": hand.tool.tolist()}  # fmt: skip
