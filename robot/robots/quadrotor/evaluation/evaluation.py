"""Flights of a controller in the simulator, a thousand at once: what it is judged by.

Each flight begins as the task's episodes begin, with fresh draws of whatever the conditions leave open, and lasts
DECISIONS decisions of 10 ms. Physics are one RK4 step a decision; the controller sees what a drone sees, with noise.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numba import njit

from policies.actor import tanh32, weight_views
from policies.backup.set_point import N_SEEN
from robot.tasks import hover
from sim.quadrotor.batch import QuadrotorBatch, SensorNoise, Starts, gather, scatter
from sim.quadrotor.kernel import TERMINATED
from sim.quadrotor.model import N_ROTORS, N_STATE, STEP_S, QuadrotorParameters, QuadrotorRandomisation, load_parameters

DECISIONS = 500
TAIL = 200  # decisions at the end of a flight, over which errors and changes of the action are averaged
KERNEL_HISTORY, KERNEL_LATENCY_STEPS = 16, 8
DISTURBED = QuadrotorRandomisation(force_share=0.05, torque_share_m=1e-4)


@dataclass(frozen=True)
class Conditions:
    """What flights are flown under."""

    quadrotor: QuadrotorParameters = field(default_factory=load_parameters)
    randomisation: QuadrotorRandomisation = DISTURBED
    starts: Starts = hover.STARTS
    noise: SensorNoise | None = SensorNoise()


class Pilot(Protocol):
    """Whatever flies n drones at once."""

    history: int  # past actions that it wants to see

    def begin(self, n: int) -> None:
        """Get ready for n new flights."""

    def act(self, observation: np.ndarray, actions: np.ndarray) -> None:
        """Write actions (N_ROTORS, n) float32 for the task's observation (size + 4 history, n), newest action first."""


class Network:
    """A policy of `policies/actor.py`, without its exploration."""

    def __init__(self, weights: np.ndarray, layers: tuple[int, ...], task: Any = hover) -> None:
        """Raises ValueError if the network does not see the task's observation and some past actions."""
        past = layers[0] - task.OBSERVATION_SIZE
        if past < N_ROTORS or past % N_ROTORS or layers[-1] != 2 * N_ROTORS:
            raise ValueError(
                f"layers {layers}: need {task.OBSERVATION_SIZE} inputs and 4 for each past action, 8 outputs"
            )
        self.history = past // N_ROTORS
        views = weight_views(np.asarray(weights, np.float32), layers)
        views[-1] = (views[-1][0][:, :N_ROTORS], views[-1][1][:N_ROTORS])
        self.layers = [(np.ascontiguousarray(matrix.T), bias.copy()) for matrix, bias in views]

    def begin(self, n: int) -> None:
        self.hidden = [np.empty((len(bias), n), np.float32) for _, bias in self.layers[:-1]]

    def act(self, observation: np.ndarray, actions: np.ndarray) -> None:
        for (matrix, bias), out in zip(self.layers, [*self.hidden, actions], strict=True):
            squashed_layer(matrix, bias, observation, out)
            observation = out


class Feedback:
    """A classical controller of `policies/backup/`, made anew for each batch of flights."""

    history = 0

    def __init__(self, make: Any, task: Any = hover) -> None:
        """make: from a number of drones to a controller that hovers as many."""
        self.make, self.scale = make, (1.0 / task.OBSERVATION_SCALE[:N_SEEN, None]).astype(np.float32)

    def begin(self, n: int) -> None:
        self.controller, self.acceleration = self.make(n), np.zeros((3, n), np.float32)

    def act(self, observation: np.ndarray, actions: np.ndarray) -> None:
        self.controller.act(self.scale * observation[:N_SEEN], self.acceleration, actions)


@dataclass(frozen=True)
class Flights:
    """What came of n flights. The last three are means over TAIL, (n,) float32, and mean little where one crashed."""

    survived: np.ndarray  # (n,) bool
    position_error_m: np.ndarray
    action_change: np.ndarray  # of each rotor's action, between one decision and the next
    effort: np.ndarray  # root mean square of the rotors' actions less the one that hovers
    states: np.ndarray  # (DECISIONS, kept flights, N_STATE) float32
    actions: np.ndarray  # (DECISIONS, kept flights, N_ROTORS) float32

    @property
    def survival(self) -> float:
        """Share of the flights that were flown to their end."""
        return float(self.survived.mean())

    @property
    def survival_bound(self) -> float:
        """The survival that chance explains at worst: the lower end of Wilson's 95 % interval."""
        return wilson_interval(int(self.survived.sum()), len(self.survived))[0]

    def mean(self, values: np.ndarray) -> float | None:
        """The mean of one of the fields over the flights that survived; None if none did."""
        return float(values[self.survived].mean()) if self.survived.any() else None

    def figures(self) -> dict[str, float | None]:
        """What tables and JSON show."""
        return {
            "survival": self.survival,
            "survival_bound": self.survival_bound,
            "position_error_m": self.mean(self.position_error_m),
            "action_change": self.mean(self.action_change),
            "effort": self.mean(self.effort),
        }


def wilson_interval(successes: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval (1927, eq. 3) of a share, 95 % by default."""
    share, squared = successes / n, z * z / n
    middle = share + 0.5 * squared
    half = z * math.sqrt((share * (1.0 - share) + 0.25 * squared) / n)
    return (middle - half) / (1.0 + squared), (middle + half) / (1.0 + squared)


def evaluate(pilot: Pilot, conditions: Conditions = Conditions(), seed: int = 0, episodes: int = 1000,
             task: Any = hover, keep: int = 0) -> Flights:  # fmt: skip
    """Fly `episodes` flights, and keep the paths of the first `keep`. The same arguments give the same flights."""
    batch = batch_for(pilot, conditions, seed, episodes, task, DECISIONS)
    n = batch.n_blocks * batch.lanes
    alive, before, sums = np.ones(n, np.bool_), np.zeros((N_ROTORS, n), np.float32), np.zeros((3, n), np.float32)
    hover_action = 2.0 * conditions.quadrotor.hover_command() - 1.0
    goals = np.zeros((batch.n_blocks, 3, batch.lanes), np.float32)
    states = np.empty((DECISIONS + 1, keep, N_STATE), np.float32)
    kept = np.empty((DECISIONS, keep, N_ROTORS), np.float32)
    states[0] = batch.state[:keep]
    for decision, actions in enumerate(fly(pilot, batch, DECISIONS, alive)):
        if keep:
            states[decision + 1], kept[decision] = batch.state[:keep], actions[:, :keep].T
        if decision >= DECISIONS - TAIL:
            if task.MEMORY_SIZE:
                task.places(batch.memory[:, -task.MEMORY_SIZE :].copy(), STEP_S * (decision + 1), goals)
            measure(batch.state_rows, goals, actions, before, np.float32(hover_action), sums)
        before[:] = actions
    error, change, effort = sums[:, :episodes] / TAIL
    return Flights(alive[:episodes].copy(), error, change, np.sqrt(effort), states[:-1], kept)


def batch_for(
    pilot: Pilot, conditions: Conditions, seed: int, episodes: int, task: Any, decisions: int
) -> QuadrotorBatch:
    """Drones for flights of so many decisions, none of which is cut short by the clock.

    A kernel takes longer to compile than to fly: under all conditions pilots share one, which recalls more than most see.
    """
    history = KERNEL_HISTORY * max(1, -(-pilot.history // KERNEL_HISTORY))
    return QuadrotorBatch(
        task, episodes, seed, conditions.quadrotor, conditions.randomisation, conditions.starts, conditions.noise,
        history=history, decisions_max=decisions + 1, latency_steps=KERNEL_LATENCY_STEPS,
    )  # fmt: skip


def fly(pilot: Pilot, batch: QuadrotorBatch, decisions: int, alive: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the actions (N_ROTORS, n) of each decision, overwritten by the next, when all drones have flown it.

    n: drones in whole blocks. alive (n,) bool: those whose episode is terminated are struck out.
    """
    n = batch.n_blocks * batch.lanes
    pilot.begin(n)
    seen = batch.task.OBSERVATION_SIZE + N_ROTORS * pilot.history
    observation = np.empty((seen, n), np.float32)
    actions = np.zeros((N_ROTORS, n), np.float32)
    for _ in range(decisions):
        gather(batch.observation_rows, batch.order[:seen], observation.T)
        pilot.act(observation, actions)
        scatter(actions.T, batch.action_rows)
        batch.advance()
        tally(batch.end_rows, alive)
        yield actions


@njit(cache=True)
def tally(ends, alive):
    """Strike out the drones whose episode was terminated. ends (blocks, lanes)."""
    blocks, lanes = ends.shape
    for block in range(blocks):
        for lane in range(lanes):
            if ends[block, lane] == TERMINATED:
                alive[block * lanes + lane] = False


@njit(cache=True)
def measure(states, goals, actions, before, hover_action, sums):
    """Add one decision's position error, action change and squared effort to sums (3, drones). goals (blocks, 3, lanes)."""
    blocks, _, lanes = states.shape
    quarter = np.float32(1.0 / N_ROTORS)
    for block in range(blocks):
        for lane in range(lanes):
            x, y = states[block, 0, lane] - goals[block, 0, lane], states[block, 1, lane] - goals[block, 1, lane]
            z = states[block, 2, lane] - goals[block, 2, lane]
            i = block * lanes + lane
            sums[0, i] += math.sqrt(x * x + y * y + z * z)
            for k in range(N_ROTORS):
                sums[1, i] += quarter * abs(actions[k, i] - before[k, i])
                sums[2, i] += quarter * (actions[k, i] - hover_action) ** 2


@njit(cache=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc", "arcp"})
def squashed_layer(matrix, bias, x, out):
    """out (outputs, n) = tanh(matrix x + bias): matrix (outputs, inputs), x (inputs, n), all float32."""
    np.dot(matrix, x, out)
    for j in range(out.shape[0]):
        row, b = out[j], bias[j]
        for i in range(row.size):
            row[i] = tanh32(row[i] + b)
