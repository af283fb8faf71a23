"""Which policy flies: the best one by what its flights have shown, and a new one for as long as it does not fly worse.

A policy that a flight had to be ended for has lost, whoever has flown with it. Otherwise its error is the median of its flights. A
battery empties from flight to flight, and an empty one makes every policy worse: two are compared by flights on batteries that are
alike, and where the best one has none, it flies again before it is decided which of them is kept.
"""

from dataclasses import dataclass, field

import numpy as np

from robot.robots.quadrotor.practising.leaning import LEVEL

WORSE = 1.1  # an error by so much greater is no luck any more
LIKE_V = 0.05  # no further apart, two batteries in flight are alike: a flight of practice takes 0.04 V of a Crazyflie's
FLIGHTS_TELL = 2  # where a policy stays beside its goal
LEANS_SHARE = 0.5  # of its error that this is at least, where it is worth a flight


@dataclass
class Candidate:
    """One policy.

    version: on board; 0, as it was flashed. weights: as they were trained; on board they are told of lean_m (3,), see `leaning.py`.
    errors_m: mean error of each of its whole flights; batteries_v: voltage in each, NaN where nobody noted it, which is like any;
    leans_m: where it stayed in them. straightened: the same policy, told of that, has
    been tried. beaten: policies that have lost against it.
    """

    version: int
    weights: np.ndarray
    lean_m: np.ndarray = field(default_factory=LEVEL.copy)
    errors_m: list[float] = field(default_factory=list)
    batteries_v: list[float] = field(default_factory=list)
    leans_m: list[np.ndarray] = field(default_factory=list)
    failures: int = 0
    straightened: bool = False
    beaten: int = 0

    @property
    def error_m(self) -> float | None:
        """None: it has not flown yet, or has failed."""
        return float(np.median(self.errors_m)) if self.errors_m and not self.failures else None

    def error_on_m(self, battery_v: float) -> float | None:
        """As `error_m`, of its flights on a battery like this one; None: there are none."""
        like = [error_m for error_m, other_v in zip(self.errors_m, self.batteries_v, strict=True)
                if not abs(other_v - battery_v) > LIKE_V]  # fmt: skip
        return float(np.median(like)) if like else None

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
    """The best policy so far, and a challenger, if there is one. again: the best one flies before that is decided."""

    best: Candidate
    challenger: Candidate | None = None
    again: bool = False

    @property
    def flying(self) -> Candidate:
        return self.best if self.again else self.challenger or self.best

    def take(self, error_m: float | None, battery_v: float, lean_m: np.ndarray = LEVEL) -> str:
        """A flight of who flies; error_m: None for one that failed. Says what became of a challenge; empty: nothing."""
        flown, was_again, self.again = self.flying, self.again, False
        if error_m is None:
            flown.failures += 1
        else:
            flown.errors_m.append(error_m)
            flown.batteries_v.append(battery_v)
            flown.leans_m.append(lean_m)
        if self.challenger is None:
            return ""
        challenger, self.challenger = self.challenger, None
        if challenger.error_m is None:
            self.best.beaten += 1
            return f"policy {challenger.version} failed: back to {self.best.version}"
        if self.best.error_m is None:
            self.best = challenger
            return f"policy {challenger.version} is the best so far"
        its_v = challenger.batteries_v[-1]
        its_m, best_m = challenger.error_on_m(its_v), self.best.error_on_m(its_v)
        assert its_m is not None  # of its last flight at least
        if best_m is None and not was_again:
            self.challenger, self.again = challenger, True
            return f"policy {self.best.version} flies again: it has not flown on a battery of {its_v:.2f} V"
        if best_m is None:
            best_m = self.best.errors_m[-1]
        if its_m > WORSE * best_m:
            self.best.beaten += 1
            return (f"policy {challenger.version} strays {100 * its_m:.1f} cm, {self.best.version} "
                    f"{100 * best_m:.1f}: back to {self.best.version}")  # fmt: skip
        if its_m < best_m:
            self.best = challenger
            return f"policy {challenger.version} is the best so far"
        self.challenger = challenger  # about as good: it flies on, and is compared again
        return ""
