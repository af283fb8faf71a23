"""How far and how fast the commands of a car may go: what a task allows, the best possible lap is driven with the same."""

from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class CommandLimits:
    """The defaults are those of the race track."""

    steer_max_rad: float = 0.4189
    steer_slew_rad_s: float = 2.5
    speed_min_m_s: float = 0.5
    speed_max_m_s: float = 6.0
    speed_slew_m_s2: float = 10.0

    def packed(self) -> np.ndarray:
        return np.array([*asdict(self).values()])
