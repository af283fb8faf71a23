"""What is counted while a robot practises: time, laps, collisions, recoveries."""

import math
from typing import Any

import numpy as np

from robot.robots.car.lap_timer import LapTimer


class Tally:
    """The counters of one life of the pipeline, and the timer of its laps.

    practice_s: robot time that earlier lives practised. baseline_laps: those still to be driven with the policy as it
    came; they do not count as learned ones.
    """

    def __init__(self, practice_s: float, baseline_laps: int) -> None:
        self.practice_s = practice_s
        self.baseline_laps = baseline_laps
        self.laps = self.laps_driven = 0  # clean and learned; all
        self.last_lap_s = self.best_lap_s = 0.0
        self.lap_clean = False
        self.decisions_in_lap = self.overrides_in_lap = 0  # of the policy, behind the predictive brake
        self.collisions = self.overrides = self.recoveries = self.recoveries_failed = 0
        self.recovery_s = 0.0
        self.timer = LapTimer(math.inf)

    def decided(self, overridden: bool) -> None:
        """The policy has decided, and the predictive brake has let it pass or not."""
        self.decisions_in_lap += 1
        self.overrides_in_lap += overridden
        self.overrides += overridden

    def take_course(self, length_m: float) -> None:
        """Time laps of this length from now on."""
        self.timer = LapTimer(length_m)

    def time_lap(self, now: float, s: float) -> dict[str, Any] | None:
        """The place on the course in a tick. Returns what there is to say of a lap that ends in it."""
        lap = self.timer.update(now, s)
        if lap is None:
            return None
        self.last_lap_s, self.lap_clean = lap
        self.laps_driven += 1
        baseline = self.baseline_laps > 0
        if self.lap_clean and not baseline:
            self.laps += 1
            self.best_lap_s = min(self.best_lap_s or math.inf, self.last_lap_s)
        self.baseline_laps = max(0, self.baseline_laps - 1)
        told = {"lap_s": self.last_lap_s, "clean": self.lap_clean, "baseline": baseline, "practice_s": self.practice_s,
                "decisions": self.decisions_in_lap, "overrides": self.overrides_in_lap}  # fmt: skip
        self.decisions_in_lap = self.overrides_in_lap = 0
        return told

    def end_recovery(self, duration_s: float, succeeded: bool, legs: int) -> dict[str, Any]:
        """A recovery is over. Returns what there is to say of it."""
        self.recovery_s = duration_s
        self.recoveries += 1
        self.recoveries_failed += not succeeded
        return {"practice_s": self.practice_s, "duration_s": duration_s, "succeeded": succeeded, "legs": legs}

    def fill(self, out: np.ndarray) -> None:
        """Write the counters into an OUTPUTS record."""
        out["practice_s"], out["overrides"] = self.practice_s, self.overrides
        figures = out["figures"]
        figures["last_lap_s"], figures["best_lap_s"] = self.last_lap_s, self.best_lap_s
        figures["laps_driven"] = self.laps_driven
        figures["laps"], figures["lap_clean"] = self.laps, self.lap_clean
        figures["recovery_s"] = self.recovery_s
        figures["collisions"] = self.collisions
        figures["recoveries"], figures["recoveries_failed"] = self.recoveries, self.recoveries_failed
        figures["baseline"] = self.baseline_laps > 0
