"""Lap times from the place on the course: the moment at which the finish line was crossed, between two ticks."""

from dataclasses import dataclass


@dataclass
class LapTimer:
    """Times laps of a course `length_m` long; the line lies at s = 0.

    A lap counts when the whole length has been driven since the last crossing, so driving to and fro over the line, or
    a jump of the estimate, makes no lap. `spoil()` marks the lap in progress as not clean.
    """

    length_m: float
    started_s: float | None = None
    clean: bool = True
    driven_m: float = 0.0
    last_s: float | None = None
    last_time_s: float = 0.0

    def update(self, time_s: float, s: float) -> tuple[float, bool] | None:
        """Feed the place at a tick. Returns (lap time in s, clean) at the tick that completes a lap."""
        if self.last_s is None:
            self.last_s, self.last_time_s = s, time_s
            return None
        step = (s - self.last_s + 0.5 * self.length_m) % self.length_m - 0.5 * self.length_m
        before, before_time = self.last_s, self.last_time_s
        self.last_s, self.last_time_s = s, time_s
        self.driven_m += step
        if not (step > 0.0 and before + step >= self.length_m):
            return None
        share = (self.length_m - before) / step
        crossed_s = before_time + share * (time_s - before_time)
        lap = None
        if self.started_s is not None and self.driven_m > 0.9 * self.length_m:
            lap = (crossed_s - self.started_s, self.clean)
        self.started_s, self.clean, self.driven_m = crossed_s, True, 0.0
        return lap

    def spoil(self) -> None:
        """The lap in progress is not clean: a collision, a recovery, a take-over."""
        self.clean = False
