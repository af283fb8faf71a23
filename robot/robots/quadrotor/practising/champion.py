"""Which policy flies: the best one by what its flights have shown, and a new one for as long as it does not fly worse.

A policy that a flight had to be ended for has lost, whoever has flown with it. Otherwise its error is the median of its flights.
"""

from dataclasses import dataclass, field

import numpy as np

from robot.robots.quadrotor.practising.leaning import LEVEL

WORSE = 1.1  # an error by so much greater is no luck any more
FLIGHTS_TELL = 2  # where a policy stays beside its goal
LEANS_SHARE = 0.5  # of its error that this is at least, where it is worth a flight


@dataclass
class Candidate:
    """One policy.

    version: on board; 0, as it was flashed. weights: as they were trained; on board they are told of lean_m (3,), see `leaning.py`.
    errors_m: mean error of each of its whole flights; leans_m: where it stayed in them. straightened: the same policy, told of that, has
    been tried. beaten: policies that have lost against it.
    """

    version: int
    weights: np.ndarray
    lean_m: np.ndarray = field(default_factory=LEVEL.copy)
    errors_m: list[float] = field(default_factory=list)
    leans_m: list[np.ndarray] = field(default_factory=list)
    failures: int = 0
    straightened: bool = False
    beaten: int = 0

    @property
    def error_m(self) -> float | None:
        """None: it has not flown yet, or has failed."""
        return float(np.median(self.errors_m)) if self.errors_m and not self.failures else None

    @property
    def stays_m(self) -> np.ndarray:
        """Where it stays beside its goal (3,), heading's frame: the mean of its flights."""
        return np.mean(self.leans_m, axis=0) if self.leans_m else LEVEL

    @property
    def leans(self) -> bool:
        """Whether half of its error is that it stays beside its goal, and nothing has been done about that. One flight does not tell."""
        if self.error_m is None or self.straightened or len(self.leans_m) < FLIGHTS_TELL:
            return False
        return float(np.linalg.norm(self.stays_m)) > LEANS_SHARE * self.error_m


@dataclass
class Contest:
    """The best policy so far, and a challenger, if there is one."""

    best: Candidate
    challenger: Candidate | None = None

    @property
    def flying(self) -> Candidate:
        return self.challenger or self.best

    def take(self, error_m: float | None, lean_m: np.ndarray = LEVEL) -> str:
        """A flight of who flies; error_m: None for one that failed. Says what became of a challenge; empty: nothing."""
        flown = self.flying
        if error_m is None:
            flown.failures += 1
        else:
            flown.errors_m.append(error_m)
            flown.leans_m.append(lean_m)
        if self.challenger is None:
            return ""
        challenger, self.challenger = self.challenger, None
        if challenger.error_m is None:
            self.best.beaten += 1
            return f"policy {challenger.version} failed: back to {self.best.version}"
        if self.best.error_m is not None and challenger.error_m > WORSE * self.best.error_m:
            self.best.beaten += 1
            return (f"policy {challenger.version} strays {100 * challenger.error_m:.1f} cm, {self.best.version} "
                    f"{100 * self.best.error_m:.1f}: back to {self.best.version}")  # fmt: skip
        if self.best.error_m is None or challenger.error_m < self.best.error_m:
            self.best = challenger
            return f"policy {challenger.version} is the best so far"
        self.challenger = challenger  # about as good: it flies on, and is compared again
        return ""
