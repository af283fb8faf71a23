"""One flight of a session of practice: the mission of `robot run`, with samples taken, and its log beside the others."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robot.robots.quadrotor.flight import Flight
from robot.robots.quadrotor.flown import Flown, Phase
from robot.robots.quadrotor.mind import follows_path
from robot.robots.quadrotor.practising.air import Air
from robot.robots.quadrotor.practising.leaning import LEVEL, along_heading
from robot.robots.quadrotor.practising.samples import SAMPLE, TOPIC, Sampler
from robot.robots.quadrotor.setup import FlightSetup

# A hovering policy is asked to come to rest at a point: it is judged where that has rested for so long.
STILL_M, SETTLED_S = 1e-6, 0.7


@dataclass(frozen=True)
class Practised:
    """What came of a flight.

    errors_m, true_errors_m (n,): from the goal while the policy flew and the goal rested, or was a path's, by the drone's own
    estimate, and by the truth, where there is one; from_ground_m: likewise, seen from where it stood (`Flown`). lean_m (3,): mean
    place beside the goal, by its own estimate, in the heading's frame. touched_m_s: how hard it came down, by the simulator's
    truth or, of a real one, its own estimate. battery_v: mean while the policy flew, loaded as it is then.
    """

    flown: Flown
    errors_m: np.ndarray
    true_errors_m: np.ndarray
    from_ground_m: np.ndarray
    lean_m: np.ndarray
    samples: np.ndarray
    seconds: float
    touched_m_s: float
    battery_v: float


class PractisedFlight:
    """One flight; `flight.interrupted` lands it."""

    def __init__(self, air: Air, setup: FlightSetup, sampler: Sampler, life: int) -> None:
        self._sampler, self._touched_m_s = sampler, air.touched_m_s
        self._samples: list[np.ndarray] = []
        self._errors_m: list[np.ndarray] = []  # (3,), world, of every tick that is judged
        self._attitude = np.zeros(4)  # in the first of them
        self._held: list[bool] = []
        self._batteries_v: list[float] = []
        self._moved_s, self._goal = -math.inf, np.full(3, np.nan)
        self._path, self._by_truth = follows_path(setup), air.truth is not None
        self.flight = Flight(setup, air.devices, air.clock, air.truth, self._look, life)
        sampler.take(self.flight.loop.readings)  # of before

    def fly(self, log: Path) -> Practised:
        """All of it. Raises OSError if the log is not whole."""
        began_s = self.flight.loop.clock.now()
        flown = self.flight.fly(log)
        samples = np.array(self._samples, SAMPLE)
        touched = self._touched_m_s
        touched_m_s = self.flight.mind.mission.fall_m_s if touched is None else touched()
        seconds = self.flight.loop.clock.now() - began_s
        held = np.array(self._held, bool)
        if not held.any():  # it did not fly long enough to come to rest
            held[:] = True
        beside_m = np.array(self._errors_m).reshape(-1, 3)[held]
        true_m, from_ground_m = (
            np.array(errors_m)[held] if self._by_truth else np.zeros(0)
            for errors_m in (flown.errors_m, flown.errors_from_ground_m)
        )
        lean_m = along_heading(beside_m, self._attitude).mean(axis=0) if len(beside_m) else LEVEL
        errors_m = np.linalg.norm(beside_m, axis=1)
        battery_v = float(np.mean(self._batteries_v)) if self._batteries_v else math.nan
        return Practised(flown, errors_m, true_m, from_ground_m, lean_m, samples, seconds, touched_m_s, battery_v)

    def _look(self, _phase: Phase, _share: float) -> None:
        readings, outputs, log = self.flight.loop.readings, self.flight.loop.outputs, self.flight.log
        assert log is not None
        for sample in self._sampler.take(readings):
            log.add_beside(TOPIC, sample)
            self._samples.append(sample)
        goal = outputs["figures"]["goal_m"]
        if not np.isnan(goal[0]):
            now_s = float(readings["time_s"])
            if not self._path and not (np.abs(goal - self._goal) < STILL_M).all():
                self._moved_s = now_s
            self._goal = goal.copy()
            self._held.append(now_s - self._moved_s >= SETTLED_S)
            if not self._errors_m:
                self._attitude = readings["crazyflie"]["attitude"].copy()
            self._batteries_v.append(float(readings["crazyflie"]["battery_v"]))
            self._errors_m.append(readings["crazyflie"]["position_m"] - goal)
