"""A stop that was asked for at some moment, and what came of it by the simulator's truth."""

from dataclasses import dataclass

SPUN_RAD = 1.5707963267948966  # against the course: from here on the car faces backwards


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop.

    cause: what ended the driving. track, hidden_seed (None: the car of the data sheet), grip_share (of the nominal
    grip): where, and with which car. speed_m_s: when it was asked for. impact_m_s: speed of the worst touch after that
    moment; None if nothing was touched. turned_rad: most angle against the course while it moved. throttle_off_ms: until
    nothing drove the wheels; None where it was not measured. ended: whether the car stood, and what had to end had ended.
    left_behind: processes, segments and folders.
    """

    cause: str
    track: str
    hidden_seed: int | None
    grip_share: float
    speed_m_s: float
    impact_m_s: float | None
    turned_rad: float
    throttle_off_ms: float | None
    ended: bool
    left_behind: int = 0

    @property
    def spun(self) -> bool:
        """Whether it came to face backwards."""
        return self.turned_rad > SPUN_RAD
