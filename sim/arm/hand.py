"""An arm's hand, from its parameter file: what `sim.arm.kinematics` needs of it."""

import numpy as np

from sim.arm.kinematics import Hand
from sim.arm.parameters import Arm
from sim.arm.peg import peg_axes


def hand_of(arm: Arm, beyond_m: float = 0.0) -> Hand:
    """An arm's, with its point so far beyond the tool's, the way that it points."""
    last = arm.number(arm.tool.link) + 1
    approach, across, _ = peg_axes(arm)
    point = np.array(arm.turn(arm.tool.link, arm.tool.point_m)) + beyond_m * np.array(approach)
    links, ranges = arm.links[:last], np.array([table.range_rad for table in arm.file.links[:last]])
    return Hand(
        np.array([link.axis for link in links]),
        np.array([link.origin for link in links]),
        np.array([link.offset for link in links]),
        ranges[:, 0].copy(),
        ranges[:, 1].copy(),
        np.array([point, approach, across]),
    )
