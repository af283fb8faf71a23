"""The words of a mission: its phases, where a drone is, what tells it so, and what comes of a flight."""

import math
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, Protocol

import numpy as np


class Phase(IntEnum):
    """What the drone is doing; the log's `phase`."""

    GROUND = 0
    TAKE_OFF = 1
    POLICY = 2
    HAND_BACK = 3
    LANDING = 4
    END = 5


class Place(NamedTuple):
    """Where a drone is."""

    board_time_s: float  # by its own clock
    position_m: np.ndarray  # (3,), world


class Positioning(Protocol):
    """Something that tells the drone where it is."""

    def trouble(self, airborne: bool) -> str:
        """What is wrong with it, in one line; empty while all is well."""
        ...


@dataclass
class Flown:
    """What came of a flight. Errors are distances from the goal, m, while the policy flew."""

    errors_m: list[float] = field(default_factory=list)
    took_off: bool = False
    landed: bool = False
    trouble: str = ""  # why it ended early; empty if it did not
    battery_min_v: float = math.nan  # while it flew

    @property
    def position_error_m(self) -> float | None:
        """The mean; None if the policy never flew."""
        return float(np.mean(self.errors_m)) if self.errors_m else None
