"""Long flights at a set point that stays: what a policy does once it has arrived, when there is nothing left to find out.

Flights of 5 s end before a memory has wandered anywhere. Who rocks does so later, and within centimetres: only the rates show it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from robot.robots.quadrotor.evaluation.evaluation import Pilot, fly
from robot.robots.quadrotor.evaluation.fleet_flights import ROOM_M, batch_of
from robot.tasks import hover
from sim.quadrotor.batch import SensorNoise
from sim.quadrotor.model import STEP_S, W_X, Z

FLIGHT_S, SETTLED_S = 60, 30  # what is measured begins when the second is over
ROCKING_DEG_S = 20.0  # root mean square of the roll and pitch rates, from which on a hover is no longer calm


@dataclass(frozen=True)
class LongFlights:
    """What came of n flights, (n,) each; the last two are of all that follows SETTLED_S, and mean little where it was lost."""

    survived: np.ndarray  # bool: never further than ROOM_M off, in any coordinate
    rates_deg_s: np.ndarray  # root mean square of the roll and pitch rates
    position_error_m: np.ndarray  # mean

    def take(self, which: slice) -> "LongFlights":
        """Some of them."""
        return LongFlights(self.survived[which], self.rates_deg_s[which], self.position_error_m[which])

    def figures(self) -> dict[str, float | None]:
        """What tables and JSON show; None where nobody survived."""
        who = self.survived
        rates, errors = self.rates_deg_s[who], self.position_error_m[who]
        return {
            "survival_60_s": float(who.mean()),
            "rates_after_30_s_deg_s": float(np.median(rates)) if who.any() else None,
            "rates_after_30_s_90_deg_s": float(np.percentile(rates, 90.0)) if who.any() else None,
            "rocking_after_30_s": float((rates > ROCKING_DEG_S).mean()) if who.any() else None,
            "error_after_30_s_m": float(np.median(errors)) if who.any() else None,
        }


def fly_long(pilot: Pilot, drones: np.ndarray, seed: int, noise: SensorNoise = SensorNoise()) -> LongFlights:
    """A flight of FLIGHT_S with each of the drones (n, N_PARAMETERS), from the starts of the hover task."""
    decisions, settled = round(FLIGHT_S / STEP_S), round(SETTLED_S / STEP_S)
    batch = batch_of(pilot, drones, seed, noise, hover, decisions)
    n = batch.n_blocks * batch.lanes
    alive, squares, distances = np.ones(n, np.bool_), np.zeros(n), np.zeros(n)
    for decision, _ in enumerate(fly(pilot, batch, decisions, alive)):
        place = batch.state_rows[:, : Z + 1]
        alive &= (np.abs(place).max(axis=1) < ROOM_M).reshape(-1)
        if decision >= settled:
            squares += 0.5 * (batch.state_rows[:, W_X : W_X + 2] ** 2).sum(axis=1).reshape(-1)
            distances += np.sqrt((place**2).sum(axis=1)).reshape(-1)
    of = slice(len(drones))
    rates = np.degrees(np.sqrt(squares / (decisions - settled)))
    return LongFlights(alive[of].copy(), rates[of], distances[of] / (decisions - settled))


def in_words(figures: dict[str, Any]) -> str:
    """The figures for a person."""
    rates = figures["rates_after_30_s_deg_s"]
    rocks = "" if rates is None else (f", roll and pitch rates {rates:.1f} deg/s rms (median), "
                                      f"{100 * figures['rocking_after_30_s']:.1f} % rock")  # fmt: skip
    return f"{100 * figures['survival_60_s']:5.1f} % of flights within 1 m{rocks}"
