"""An arm's hand, from its parameter file: what `sim.arm.kinematics` needs of it, by what it works on."""

from collections.abc import Callable

import numpy as np

from sim.arm.block import HALF_M
from sim.arm.kinematics import Hand
from sim.arm.parameters import Arm
from sim.arm.peg import PegScene, peg_axes

BESIDE_M = 0.005  # of the fixed finger from a block that the hand reaches around


def hand_of(arm: Arm, beyond_m: float = 0.0, aside_m: float = 0.0) -> Hand:
    """An arm's, with its point so far beyond the tool's, the way that it points, and aside, the way that its jaw opens."""
    last = arm.number(arm.tool.link) + 1
    approach, across, _ = peg_axes(arm)
    point = np.array(arm.turn(arm.tool.link, arm.tool.point_m)) + beyond_m * np.array(approach)
    point += aside_m * np.cross(approach, across)
    links, ranges = arm.links[:last], np.array([table.range_rad for table in arm.file.links[:last]])
    return Hand(
        np.array([link.axis for link in links]),
        np.array([link.origin for link in links]),
        np.array([link.offset for link in links]),
        ranges[:, 0].copy(),
        ranges[:, 1].copy(),
        np.array([point, approach, across]),
    )


HANDS: dict[str, Callable[[Arm], Hand]] = {
    "peg": lambda arm: hand_of(arm, PegScene().beyond),  # its end
    "block": lambda arm: hand_of(arm, aside_m=HALF_M + BESIDE_M),  # its middle, between open fingers
    "fingers": hand_of,  # the end of them, closed
}
