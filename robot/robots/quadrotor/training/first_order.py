"""First-order gradients through flight: the default trainer of policies that fly quadrotors.

Each iteration flies a window (`robot/robots/quadrotor/training/window.py`) and steps along its gradient. The drones fly on from the
window's end; those that left the task's box, or have flown for long, start anew as other drones. Windows are short at
first, when everybody falls.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numba import uintp

from policies.actor import HIDDEN, actor_layers, hidden_matrices, weight_count, weight_views
from policies.actor_gradient import parts, zero_parts
from policies.backup.set_point import N_SEEN
from policies.first_order import first_weights
from policies.muon import Muon
from robot.robots.quadrotor.training.decision import Objective
from robot.robots.quadrotor.training.flocks import InFlocks
from robot.robots.quadrotor.training.window import LANES, STRETCH, Drones, Room, Tape, build_window
from sim.quadrotor.batch import SensorNoise, Starts
from sim.quadrotor.model import (
    FACTORS,
    GRAVITY_M_S2,
    N_PARAMETERS,
    N_ROTORS,
    N_STATE,
    P_BATTERY,
    P_FORCE_X,
    P_INVERSE_MASS,
    P_LATENCY,
    P_SAG,
    P_THRUST_0,
    P_THRUST_1,
    P_THRUST_2,
    P_TORQUE_X,
    STEP_S,
    QuadrotorParameters,
    QuadrotorRandomisation,
    scaled_parameters,
)

NOISE_LENGTH = 300_000  # normals, drawn once; every decision of a window begins somewhere else in them
POOL = 512  # drones and starts that are drawn at once
PATH_SHARE = 0.5


@dataclass(frozen=True)
class Recipe:
    """How a policy is trained."""

    iterations: int = 300
    drones: int = 128  # a multiple of LANES
    history: int = 16  # past actions that the policy sees
    horizons: tuple[tuple[int, int], ...] = (
        (30, 32),
        (60, 64),
    )  # decisions of a window, whole STRETCHes, below an iteration
    horizon: int = 96  # ... and after that
    decisions_max: int = 200  # after which a drone starts anew
    rate: float = 0.1
    adam_rate: float = 1e-2
    last_share: float = 0.1  # of both rates, at the end
    objective: Objective = field(default_factory=Objective)
    spread: QuadrotorRandomisation = QuadrotorRandomisation()
    spread_of_others: QuadrotorRandomisation | None = None  # of quadrotors after the first; None: the same
    box_m: float = 0.6
    path: tuple[float, ...] = ()  # that PATH_SHARE of the drones follow, where the task draws a path for each

    def horizon_at(self, iteration: int) -> int:
        """Decisions in the window of an iteration."""
        return next((horizon for below, horizon in self.horizons if iteration < below), self.horizon)


def drawn_quadrotors(
    nominal: Sequence[QuadrotorParameters], spreads: Sequence[QuadrotorRandomisation], n: int, rng: np.random.Generator
) -> np.ndarray:
    """Packed parameters (n, N_PARAMETERS) of drones that differ from one of the nominal ones as its spread says."""
    table = np.stack([quadrotor.packed() for quadrotor in nominal])
    which = rng.integers(0, len(nominal), n)

    def of(field: str) -> np.ndarray:
        return np.array([getattr(spread, field) for spread in spreads])[which]

    factors = 1.0 + np.stack([spread.fractions() for spread in spreads])[which].T * rng.uniform(
        -1.0, 1.0, (len(FACTORS), n)
    )
    drones = np.array(scaled_parameters.py_func(table[which].T, *factors)).T
    weight_n = GRAVITY_M_S2 * np.array([quadrotor.mass_kg for quadrotor in nominal])[which, None]
    drones[:, P_FORCE_X : P_FORCE_X + 3] += of("force_share")[:, None] * weight_n * rng.normal(size=(n, 3))
    drones[:, P_TORQUE_X : P_TORQUE_X + 3] += of("torque_share_m")[:, None] * weight_n * rng.normal(size=(n, 3))
    drones[:, P_LATENCY] += rng.uniform(of("latency_low_s"), of("latency_high_s"))
    return drones


def drawn_starts(starts: Starts, n: int, rng: np.random.Generator) -> np.ndarray:
    """States (n, N_STATE) drawn as `sim.quadrotor.kernel.draw_start` does."""
    states = np.zeros((n, N_STATE))
    states[:, :3] = rng.uniform(-starts.position_m, starts.position_m, (n, 3))
    left = np.arange(n)
    while left.size:
        q = rng.normal(size=(left.size, 4))
        q *= np.where(q[:, :1] < 0.0, -1.0, 1.0) / np.linalg.norm(q, axis=1, keepdims=True)
        states[left, 3:7] = q
        left = left[q[:, 0] < math.cos(0.5 * starts.attitude_rad)]
    centred = rng.random(n) < starts.centred_share
    states[centred, :7] = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    states[:, 7:10] = rng.uniform(-starts.velocity_m_s, starts.velocity_m_s, (n, 3))
    states[:, 10:13] = rng.uniform(-starts.rate_rad_s, starts.rate_rad_s, (n, 3))
    states[:, 13:] = starts.rotor_speed
    return states


class Pool:
    """Drones and where they start, drawn many at once and given out one after the other."""

    def __init__(self, draw: Callable[[int], tuple[np.ndarray, np.ndarray]]) -> None:
        """draw(n): parameters (n, N_PARAMETERS) and states (n, N_STATE)."""
        self.draw, self.given = draw, POOL

    def take(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """n of them, at most POOL."""
        if self.given + n > POOL:
            self.drones, self.states = self.draw(POOL)
            self.given = 0
        here = slice(self.given, self.given + n)
        self.given += n
        return self.drones[here], self.states[here]


class Flock:
    """LANES of the drones, with the memory that their window needs: what one thread works on."""

    def __init__(self, task: Any, nominal: Sequence[QuadrotorParameters], starts: Starts, noise: SensorNoise,
                 recipe: Recipe, seed: np.random.SeedSequence) -> None:  # fmt: skip
        """Raises ValueError for a latency that reaches back further than the recipe's history."""
        spreads = [recipe.spread, *[recipe.spread_of_others or recipe.spread] * (len(nominal) - 1)]
        latest_s = max(one.latency_s + spread.latency_high_s for one, spread in zip(nominal, spreads, strict=True))
        taps = 1 + math.ceil(round(latest_s / STEP_S, 6))  # the decision under way, and those before it
        if recipe.history + 1 < taps:
            raise ValueError(f"history (--past-actions): found {recipe.history}, allowed: at least {taps - 1} "
                             f"for a latency of up to {1000.0 * latest_s:.0f} ms")  # fmt: skip
        self.task, self.starts, self.recipe, self.n = task, starts, recipe, int(LANES)
        self.rng = np.random.default_rng(seed)
        self.pool = Pool(lambda n: (drawn_quadrotors(nominal, spreads, n, self.rng), drawn_starts(starts, n, self.rng)))
        n, history, horizon, hidden = self.n, recipe.history, recipe.horizon, HIDDEN[0]
        columns = task.OBSERVATION_SIZE
        self.layers = actor_layers(columns + N_ROTORS * history, N_ROTORS)
        inputs = self.layers[0]

        def zeros(*shape: int) -> np.ndarray:
            return np.zeros(shape, np.float32)

        self.tape = Tape(
            states=zeros(horizon + 1, N_STATE, n), commands=zeros(horizon, N_ROTORS, n),
            seen=zeros(horizon, inputs + 1, n), first=zeros(horizon, hidden + 1, n),
            second=zeros(horizon, hidden + 1, n), actions=zeros(history + horizon, N_ROTORS, n),
            d_actions=zeros(history + horizon, N_ROTORS, n),
        )  # fmt: skip
        self.room = Room(
            state=zeros(N_STATE, n), seen=zeros(inputs, n), commands=zeros(N_ROTORS, n),
            first=zeros(STRETCH, hidden, n), second=zeros(STRETCH, hidden, n), products=zero_parts(self.layers),
            costs=zeros(n),
        )  # fmt: skip
        self.drones = Drones(
            parameters=zeros(N_PARAMETERS, n), noise=zeros(columns), delay_shares=zeros(taps, n), hover_actions=zeros(n), ages=zeros(n),
            task_memory=zeros(columns + task.MEMORY_SIZE, n), crashes=np.zeros(n, np.int64),
        )  # fmt: skip
        self.drones.noise[:N_SEEN] = noise.deviations() * task.OBSERVATION_SCALE[:N_SEEN]
        for seen in (self.tape.seen, self.tape.first, self.tape.second):
            seen[:, -1] = 1.0
        self.normals = self.rng.standard_normal(NOISE_LENGTH, np.float32)
        self.scale = task.OBSERVATION_SCALE.astype(np.float32)
        self.objective = Objective._make(np.float32(value) for value in recipe.objective)
        self.gradient = zeros(weight_count(self.layers))
        own = np.arange(columns, inputs).reshape(history, N_ROTORS)[::-1].reshape(-1)
        self.order = np.r_[0:columns, own, inputs]  # of the tape: the weights have past actions newest first
        self.turned = zeros(inputs + 1, hidden)
        self.window = build_window(task)
        self.crashed = self.finished = 0  # drones, of late
        self.start(np.arange(n))
        self.drones.ages[:] = self.rng.integers(0, recipe.decisions_max, n)

    def start(self, which: np.ndarray) -> None:
        """Put other drones on new starts in place of these."""
        p, states = self.pool.take(len(which))
        drones, tape = self.drones, self.tape
        drones.parameters[:, which] = p.T
        tape.states[0][:, which] = states.T
        tape.actions[: self.recipe.history, :, which] = 2.0 * self.starts.rotor_speed - 1.0
        age = np.arange(len(drones.delay_shares))[:, None]
        drones.delay_shares[:, which] = np.maximum(0.0, 1.0 - np.abs(p[:, P_LATENCY] / STEP_S - age))
        drones.hover_actions[which] = hover_actions(p)
        drones.ages[which] = 0.0
        own = drones.task_memory[self.task.OBSERVATION_SIZE :]
        for drone in which if len(own) else ():
            numbers = self.rng.random(len(own), np.float32)
            self.task.prepare(numbers, uintp(0), uintp(1))
            follows = self.recipe.path and self.rng.random() < PATH_SHARE
            own[:, drone] = self.recipe.path if follows else numbers

    def fly(self, weights: np.ndarray, horizon: int) -> float:
        """One window: its cost, and its gradient in `gradient`. The drones stand where the next one begins."""
        tape, history = self.tape, self.recipe.history
        offsets = self.rng.integers(0, NOISE_LENGTH - self.task.OBSERVATION_SIZE * self.n, horizon)
        self.gradient[:] = 0.0
        mine, found = parts(weights, self.layers), parts(self.gradient, self.layers)
        self.turned[:] = 0.0
        cost = self.window(mine._replace(first=mine.first[self.order]), tape, self.drones, horizon, self.normals, offsets,
                           self.scale, self.objective, found._replace(first=self.turned), self.room)  # fmt: skip
        found.first[self.order] = self.turned
        tape.states[0] = tape.states[horizon]
        tape.actions[:history] = tape.actions[horizon : horizon + history].copy()
        self.drones.ages[:] += horizon
        place = self.task.SPEC.seen["position_error"]
        error_m = np.abs(tape.seen[horizon - 1, place] / self.scale[place, None]).max(axis=0)
        crashed = (self.drones.crashes < horizon) | ~(error_m < self.recipe.box_m)
        finished = ~crashed & (self.drones.ages >= self.recipe.decisions_max)
        self.crashed, self.finished = int(crashed.sum()), int(finished.sum())
        self.start(np.flatnonzero(crashed | finished))
        return float(cost)


def hover_actions(drones: np.ndarray) -> np.ndarray:
    """Actions (n,) that hold drones (n, N_PARAMETERS) up, or the largest, 1: `QuadrotorParameters.hover_command`."""
    weight_n = GRAVITY_M_S2 / drones[:, P_INVERSE_MASS]
    a, b, c = drones[:, P_THRUST_2], drones[:, P_THRUST_1], drones[:, P_THRUST_0] - weight_n / N_ROTORS
    speed = (-b + np.sqrt(b * b - 4.0 * a * c)) / (2.0 * a)
    return np.minimum(1.0, 2.0 * speed / (drones[:, P_BATTERY] - drones[:, P_SAG] * weight_n) - 1.0)


class FirstOrder(InFlocks):
    """The learner."""

    def __init__(self, task: Any, nominal: Sequence[QuadrotorParameters], starts: Starts, noise: SensorNoise, seed: int,
                 recipe: Recipe = Recipe()) -> None:  # fmt: skip
        """nominal: the quadrotors that drones are drawn around, each as likely; the first is hovered with at first."""
        self.recipe, n = recipe, recipe.drones // int(LANES)
        seeds = np.random.SeedSequence([seed, 0xF1]).spawn(n + 1)
        flocks = [Flock(task, nominal, starts, noise, recipe, s) for s in seeds[1:]]
        self.layers = flocks[0].layers
        hover = np.full(N_ROTORS, 2.0 * nominal[0].hover_command() - 1.0)
        actor = starting_weights(self.layers, task.OBSERVATION_SIZE, hover, np.random.default_rng(seeds[0]))
        hidden = partial(hidden_matrices, layers=self.layers)
        optimiser = Muon(actor, hidden, recipe.iterations, recipe.rate, recipe.adam_rate, recipe.last_share)
        super().__init__(flocks, actor, optimiser, recipe.horizon_at)


def starting_weights(
    layers: tuple[int, ...], columns: int, mean_action: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Weights that hold `mean_action` (N_ROTORS,) nearly everywhere, and do not yet look at past actions."""
    weights = first_weights(layers, rng, mean_action)
    first, _ = weight_views(weights, layers)[0]
    first[:] = rng.standard_normal(first.shape) / math.sqrt(N_SEEN)
    first[columns:] = 0.0
    return weights
