"""A stop that was asked for at some moment, and what came of it by the simulator's truth."""

from dataclasses import dataclass
from typing import Any

SPUN_RAD = 1.5707963267948966  # from here on it faces backwards
SPIN_M_S = 0.3  # slower, a robot that faces elsewhere has not spun
STANDING_M_S = 0.05


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop.

    cause: what ended the driving. variant: where, and with which robot, as its kind names it. speed_m_s: when it was asked
    for. impact_m_s: speed of the worst touch after that moment; None if nothing was touched. turned_rad: most angle from where it
    should face while it moved. throttle_off_ms: until nothing drove it; None where it was not measured. ended: whether it
    stood, and what had to end had ended. left_behind: processes, segments and folders. in_reach: False where nobody could
    speak to what drives it any more. emulator_late_ms: how long the emulated robot was late meanwhile, in all, as no robot is: it
    heard and told things by guessed times; None where it was not measured. scheduling: what it was granted to be in time.
    """

    cause: str
    variant: dict[str, Any]
    speed_m_s: float
    impact_m_s: float | None
    turned_rad: float
    throttle_off_ms: float | None
    ended: bool
    left_behind: int = 0
    in_reach: bool = True
    emulator_late_ms: float | None = None
    scheduling: str | None = None

    @property
    def spun(self) -> bool:
        """Whether it came to face backwards."""
        return self.turned_rad > SPUN_RAD

    @property
    def went_wrong(self) -> bool:
        """Whether somebody could have done better."""
        badly = self.in_reach and (self.impact_m_s is not None or self.spun)
        return badly or not self.ended or self.left_behind > 0


def rounded(variant: dict[str, Any]) -> dict[str, Any]:
    """For people and figures."""
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in variant.items()}
