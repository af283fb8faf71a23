"""The words of a flight: its phases, why it may have to end, where a drone is, and what comes of it."""

import math
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import NamedTuple

import numpy as np

from robot.safety.supervisor import FOR_EVER, Mode, Rule, Table


class Phase(IntEnum):
    """What the drone is doing; the log's `phase`."""

    GROUND = 0
    TAKE_OFF = 1
    POLICY = 2
    HAND_BACK = 3
    LANDING = 4
    END = 5


class Flag(IntFlag):
    """Why a flight has to end, or was none."""

    LINK_LOST = 1
    MISTAKE = 2  # of this program
    INTERRUPTED = 4
    HURT = 8
    SILENT = 16
    LANDS_BY_ITSELF = 32
    UNGUARDED = 64
    UNFIT = 128  # battery, estimate
    POSITIONING = 256
    REFUSED = 512  # the drone, or its policy, does not do as it was told
    NOT_LANDED = 1024


class Reason(IntEnum):
    """The log's `reason` for a mode."""

    NONE = 0
    LINK_LOST = 1
    MISTAKE = 2
    INTERRUPTED = 3
    HURT = 4
    SILENT = 5
    LANDS_BY_ITSELF = 6
    UNGUARDED = 7
    UNFIT = 8
    POSITIONING = 9
    REFUSED = 10
    NOT_LANDED = 11


# A flight that has to end does not begin again: STOP is to come down. Without a link nothing is left to be said.
TABLE = Table(
    tuple(
        Rule(flag, Mode.EMERGENCY_STOP if flag is Flag.LINK_LOST else Mode.STOP, FOR_EVER, Reason[str(flag.name)])
        for flag in Flag
    ),
    Reason.NONE,
)


class Place(NamedTuple):
    """Where a drone is."""

    board_time_s: float  # by its own clock
    position_m: np.ndarray  # (3,), world


@dataclass
class Flown:
    """What came of a flight. Errors are distances from the goal, m, while the policy flew.

    errors_from_ground_m: by the truth, of a virtual drone: from where it should be seen from where it stood, which is how a flight's goals
    are meant. `errors_m` has besides how far its positioning system's origin is from the world's, which no drone knows.
    """

    errors_m: tuple[float, ...] = ()
    errors_from_ground_m: tuple[float, ...] = ()
    took_off: bool = False
    landed: bool = False
    trouble: str = ""  # why it ended early; empty if it did not
    battery_min_v: float = math.nan  # while it flew

    @property
    def position_error_m(self) -> float | None:
        """The mean; None if the policy never flew."""
        return float(np.mean(self.errors_m)) if self.errors_m else None
