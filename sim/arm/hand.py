"""An arm's hand and body, from its parameter file: what `sim.arm.kinematics` and `sim.arm.capsules` need of it."""

from collections.abc import Callable

import numpy as np

from sim.arm.around_block import BESIDE_M, HALF_M
from sim.arm.capsules import Body
from sim.arm.kinematics import Hand
from sim.arm.parameters import Arm
from sim.arm.peg import PegScene, peg_axes


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


def body_of(arm: Arm) -> Body:
    """An arm's, from its parameter file."""
    capsules = arm.file.capsules
    return Body(
        np.array([link.axis for link in arm.links]),
        np.array([link.origin for link in arm.links]),
        np.array([link.offset for link in arm.links]),
        np.array([arm.number(capsule.link) for capsule in capsules]),
        np.array([[arm.turn(each.link, each.from_m), arm.turn(each.link, each.to_m)] for each in capsules]),
        np.array([capsule.radius_m for capsule in capsules]),
    )


HANDS: dict[str, Callable[[Arm], Hand]] = {
    "peg": lambda arm: hand_of(arm, PegScene().beyond),  # its end
    "block": lambda arm: hand_of(arm, aside_m=HALF_M + BESIDE_M),  # its middle, between open fingers
    "fingers": hand_of,  # the end of them, closed
}
