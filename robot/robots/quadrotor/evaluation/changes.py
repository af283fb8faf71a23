"""Flights by the decision: how far from the goal each drone is on its way, also when it becomes another one while it flies."""

from dataclasses import dataclass

import numpy as np

from robot.robots.quadrotor.evaluation.evaluation import Pilot, fly
from robot.robots.quadrotor.evaluation.fleet_flights import batch_of
from robot.tasks import hover
from sim.quadrotor.batch import SensorNoise
from sim.quadrotor.model import P_INVERSE_MASS, P_THRUST_0, STEP_S

ROTOR = 0  # that is worn
WITHIN, MORE_M = 1.25, 0.01  # who is so near to what he is measured by has settled


@dataclass(frozen=True)
class Change:
    """What becomes of a drone, at a decision."""

    decision: int
    mass: float = 1.0  # factor
    rotor_thrust: float = 1.0  # factor, of one rotor


class Worn:
    """A pilot one of whose rotors pushes less after a change: it sees what it asked for, not what came of it."""

    def __init__(self, pilot: Pilot, drones: np.ndarray, change: Change) -> None:
        """drones: (n, N_PARAMETERS)."""
        self.pilot, self.change, self.history = pilot, change, pilot.history
        self.curve = drones[:, P_THRUST_0 : P_THRUST_0 + 3].T

    def begin(self, n: int) -> None:
        self.pilot.begin(n)
        self.decided, self.asked = 0, np.zeros((self.history, n), np.float32)

    def act(self, observation: np.ndarray, actions: np.ndarray) -> None:
        since = min(self.history, max(0, self.decided - self.change.decision))
        rows = observation.shape[0] - 4 * self.history + ROTOR + 4 * np.arange(since)
        observation[rows] = self.asked[:since]
        self.pilot.act(observation, actions)
        self.asked = np.concatenate([actions[ROTOR : ROTOR + 1], self.asked[: self.history - 1]])
        if self.decided >= self.change.decision:
            actions[ROTOR] = weaker(actions[ROTOR], self.curve, self.change.rotor_thrust)
        self.decided += 1


def weaker(actions: np.ndarray, curve: np.ndarray, factor: float) -> np.ndarray:
    """The actions (n,) with which a sound rotor pushes as much as one of that factor does. curve: thrust coefficients (3, n)."""
    c_0, c_1, c_2 = curve
    speed = 0.5 + 0.5 * actions
    thrust = factor * (c_0 + speed * (c_1 + speed * c_2))
    root = np.sqrt(np.maximum(0.0, c_1 * c_1 - 4.0 * c_2 * (c_0 - thrust)))
    less: np.ndarray = np.clip((root - c_1) / (2.0 * c_2), 0.0, 1.0) * 2.0 - 1.0
    return less


def distances(pilot: Pilot, drones: np.ndarray, seed: int, decisions: int, change: Change | None = None) -> np.ndarray:
    """How far each of the drones (n, N_PARAMETERS) is from the goal after each decision, m, (decisions, n); infinite once it is lost."""
    batch = batch_of(pilot, drones, seed, SensorNoise(), hover, decisions)
    n = batch.n_blocks * batch.lanes
    all_drones = drones[np.arange(n) % len(drones)]
    if change is not None:
        pilot = Worn(pilot, all_drones, change)
    alive, found = np.ones(n, np.bool_), np.empty((decisions, n))
    for decision, _ in enumerate(fly(pilot, batch, decisions, alive)):
        found[decision] = np.linalg.norm(batch.state_rows[:, :3].transpose(0, 2, 1).reshape(n, 3), axis=1)
        found[decision, ~alive] = np.inf
        if change is not None and decision + 1 == change.decision:
            batch.parameter_rows[:, P_INVERSE_MASS] /= change.mass
    return found[:, : len(drones)]


def settled_ms(distance_m: np.ndarray, measure_m: np.ndarray) -> float:
    """From when on a distance (decisions,) stays within WITHIN times the measure (decisions,) and MORE_M; infinite: it does not."""
    beyond = np.flatnonzero(distance_m > WITHIN * measure_m + MORE_M)
    if not beyond.size:
        return 0.0
    return float("inf") if beyond[-1] + 1 == len(distance_m) else 1000.0 * STEP_S * float(beyond[-1] + 1)
