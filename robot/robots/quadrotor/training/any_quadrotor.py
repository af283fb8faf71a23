"""One policy for any quadrotor: first-order gradients through the flights of a fleet, with a memory that finds out who flies.

Every drone is another one of the fleet (`sim/quadrotor/fleets.py`), and nobody tells the policy which, unless it is one that is
told its drone's numbers (`sim/quadrotor/told.py`). A window is a piece of a
flight: what the policy remembers goes on into the next one, the gradient does not. Drones that were lost, or have flown for
long, start anew as others, with an empty memory.

Rates that have fallen are worth more than all that is learned after the first sixth, but who lets them fall then no longer learns
the last centimetres. So a copy does, early, for those who cannot wait, and the learner goes on as if it had not been made.

A memory that was never older than some seconds wanders when nothing moves for longer, until the drone rocks. So there can be a last
stage: windows that see it wander, drones that keep their memory for a minute, and a price on turning for who has long arrived.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numba import uintp

from policies.backup.set_point import N_SEEN
from policies.muon import Muon
from policies.recurrent_actor import RecurrentLayers, initial_weights, weight_count
from policies.recurrent_gradient import gates_for, matrices, parts, room_for
from robot.robots.quadrotor.training.decision import Objective
from robot.robots.quadrotor.training.first_order import drawn_starts, hover_actions
from robot.robots.quadrotor.training.flocks import InFlocks
from robot.robots.quadrotor.training.recurrent_window import (
    GUST_ROWS,
    LANES,
    Adjoints,
    Drones,
    Tape,
    build_window,
)
from sim.quadrotor.batch import Starts
from sim.quadrotor.fleets import Drawn
from sim.quadrotor.model import N_PARAMETERS, N_ROTORS, N_STATE, P_FORCE_X, P_LATENCY, STEP_S
from sim.quadrotor.told import N_TOLD, told

NOISE_LENGTH = 2_000_000  # normals, drawn once; every decision of a window begins somewhere else in them
POOL = 1024  # drones and starts that are drawn at once
ENCODER, MEMORY = 16, 16
FLOCKS = 2
MEAN_FROM, MEAN_EVERY = 5 / 6, 50  # of the updates: from which on, and which, the policy is the mean of
EARLY_RATE = 0.8  # of both rates: what an early copy's begin to fall from
NOISE_REPEATS = (3, 9, 3, 3)  # columns of position, rotation, velocity and rate

OBJECTIVE = Objective(wall=500.0, wall_m=0.5, wall_thickness_m=0.3, fast=30.0, crash_m=2.0, discount=0.99)


@dataclass(frozen=True)
class Recipe:
    """How a policy for any quadrotor is trained."""

    iterations: int = 6000
    horizons: tuple[tuple[int, int], ...] = (
        (40, 32),
        (100, 64),
        (1000, 96),
    )  # decisions of a window, below an iteration
    horizon: int = 160  # ... and after that
    decisions_max: int = 400  # after which a drone starts anew
    lasting_share: float = 0.0  # of the drones, that go on for as long as their memory may have wandered, ...
    lasting_decisions_max: int = 6000  # ... until then
    rate: float = 0.05
    adam_rate: float = 1e-2
    last_share: float = 0.05  # of both rates, at the end
    objective: Objective = OBJECTIVE
    near: float = 40.0  # the objective's, for these shares of the iterations: see `objective_at`
    near_between: tuple[float, float] = (0.5, 0.9)
    box_m: float = 1.5
    far_share: float = 0.5  # of the starts, further off and with rotors at any speed
    far_m: float = 0.5
    far_rotor_speed_max: float = 0.7
    early_at: float = 1 / 6  # share of the iterations after which a copy is made whose rates fall to nothing; 0: none
    early_for: float = 1 / 12  # ... within so many
    last_for: float = 0.0  # as many iterations more, as a share of the others, for the last stage

    def horizon_at(self, iteration: int) -> int:
        """Decisions in the window of an iteration."""
        return next((horizon for below, horizon in self.horizons if iteration < below), self.horizon)

    def objective_at(self, iteration: int) -> Objective:
        """What a decision of an iteration costs, float32.

        Once all fly, the last centimetres cost more: so it learns to remember a constant force, instead of leaning against it.
        """
        first, last = self.near_between
        near = self.near if first * self.iterations <= iteration < last * self.iterations else self.objective.near
        return Objective._make(np.float32(value) for value in self.objective._replace(near=near))

    @property
    def early_iteration(self) -> int:
        """After which iteration the early copy is made."""
        return round(self.early_at * self.iterations)

    @property
    def all_iterations(self) -> int:
        """With those of the last stage."""
        return self.iterations + round(self.last_for * self.iterations)

    @property
    def of_last_stage(self) -> "Recipe":
        """How it goes on, so that it hovers for long: a window is as long as a memory takes to wander."""
        return replace(self, iterations=self.all_iterations - self.iterations, horizons=(), horizon=400, lasting_share=0.5,
                       rate=0.02, adam_rate=4e-3, near_between=(0.0, 0.8), early_at=0.0, last_for=0.0,
                       objective=self.objective._replace(discount=0.995, calm=1.0))  # fmt: skip

    @property
    def of_early_copy(self) -> "Recipe":
        """How the early copy trains on."""
        return replace(self, iterations=max(1, round(self.early_for * self.iterations)), horizons=(), rate=EARLY_RATE * self.rate,
                       adam_rate=EARLY_RATE * self.adam_rate, last_share=0.0, near=self.objective.near, early_at=0.0, last_for=0.0)  # fmt: skip


class Quadrotors(Protocol):
    """Where drones are drawn from: a fleet of `sim/quadrotor/fleets.py`, or drones around one."""

    @property
    def latest_s(self) -> float:
        """The largest latency."""
        ...

    def draw(self, n: int, rng: np.random.Generator) -> Drawn: ...


class Pool:
    """Drones and where they start, drawn many at once and given out one after the other."""

    def __init__(self, fleet: Quadrotors, starts: Starts, recipe: Recipe, rng: np.random.Generator) -> None:
        self.fleet, self.starts, self.recipe, self.rng = fleet, starts, recipe, rng
        self.given = POOL

    def take(self, n: int) -> tuple[Drawn, np.ndarray]:
        """n drones (at most POOL), and their states (n, N_STATE)."""
        if self.given + n > POOL:
            self.drones, self.states, self.given = self.fleet.draw(POOL, self.rng), self.drawn_states(), 0
        here = slice(self.given, self.given + n)
        self.given += n
        return self.drones.take(here), self.states[here]

    def drawn_states(self) -> np.ndarray:
        """States (POOL, N_STATE)."""
        states, recipe = drawn_starts(self.starts, POOL, self.rng), self.recipe
        far = self.rng.random(POOL) < recipe.far_share
        states[far, :3] = self.rng.uniform(-recipe.far_m, recipe.far_m, (far.sum(), 3))
        states[far, 13:] = self.rng.uniform(0.0, recipe.far_rotor_speed_max, (far.sum(), N_ROTORS))
        return states


class Flock:
    """A block of drones, with the memory that their window needs: what one thread works on."""

    def __init__(
        self,
        task: Any,
        fleet: Quadrotors,
        starts: Starts,
        layers: RecurrentLayers,
        recipe: Recipe,
        seed: np.random.SeedSequence,
    ) -> None:
        self.task, self.recipe, self.layers, self.n = task, recipe, layers, int(LANES)
        self.rng = np.random.default_rng(seed)
        self.pool = Pool(fleet, starts, recipe, self.rng)
        n, horizon, columns = self.n, recipe.horizon, task.OBSERVATION_SIZE
        self.taps = 1 + math.ceil(round(fleet.latest_s / STEP_S, 6))  # the decision under way, and those before it

        def zeros(*shape: int) -> np.ndarray:
            return np.zeros(shape, np.float32)

        self.tape = Tape(
            states=zeros(horizon + 1, N_STATE, n), commands=zeros(horizon, N_ROTORS, n),
            seen=zeros(horizon, layers.inputs, n), encoded=zeros(horizon, layers.encoder, n),
            memories=zeros(horizon + 1, layers.memory, n), gates=gates_for(layers, horizon, n),
            actions=zeros(self.taps + horizon, N_ROTORS, n), d_actions=zeros(self.taps + horizon, N_ROTORS, n),
        )  # fmt: skip
        self.drones = Drones(
            parameters=zeros(N_PARAMETERS, n), force_n=zeros(3, n), gust_n=zeros(n), gusts=zeros(3, n),
            noise=zeros(columns, n), delay_shares=zeros(self.taps, n), hover_actions=zeros(n),
            told=zeros(layers.inputs - columns - N_ROTORS, n), ages=zeros(n),
            task_memory=zeros(columns + task.MEMORY_SIZE, n), crashes=np.zeros(n, np.int64),
        )  # fmt: skip
        self.adjoints = Adjoints(
            state=zeros(N_STATE, n), memory=zeros(layers.memory, n), seen=zeros(layers.inputs, n),
            commands=zeros(N_ROTORS, n), policy=room_for(layers, n),
            costs=zeros(n),
        )  # fmt: skip
        self.normals = self.rng.standard_normal(NOISE_LENGTH, np.float32)
        self.scale = task.OBSERVATION_SCALE.astype(np.float32)
        self.objective = recipe.objective_at(0)
        self.gradient = zeros(weight_count(layers))
        self.gradient_parts = parts(self.gradient, layers)
        self.window = build_window(task)
        self.crashed = self.finished = 0  # drones, of late
        self.lives = np.where(
            np.arange(n) < recipe.lasting_share * n, recipe.lasting_decisions_max, recipe.decisions_max
        )
        self.start(np.arange(n))
        self.drones.ages[:] = self.rng.integers(0, recipe.decisions_max, n) * (self.lives / recipe.decisions_max)

    def start(self, which: np.ndarray) -> None:
        """Put other drones on new starts in place of these."""
        drawn, states = self.pool.take(len(which))
        p, drones, tape = drawn.parameters, self.drones, self.tape
        drones.parameters[:, which] = p.T
        drones.force_n[:, which] = p[:, P_FORCE_X : P_FORCE_X + 3].T
        drones.gust_n[which], drones.gusts[:, which] = drawn.gust_n, 0.0
        drones.noise[:N_SEEN, which] = np.repeat(drawn.noise, NOISE_REPEATS, axis=1).T * self.scale[:N_SEEN, None]
        age = np.arange(self.taps)[:, None]
        drones.delay_shares[:, which] = np.maximum(0.0, 1.0 - np.abs(p[:, P_LATENCY] / STEP_S - age))
        drones.hover_actions[which] = hover_actions(p)
        drones.told[:, which] = told(p).T[: len(drones.told)]
        drones.ages[which] = 0.0
        tape.states[0][:, which] = states.T
        tape.memories[0][:, which] = 0.0
        tape.actions[: self.taps, :, which] = (2.0 * states[:, 13:] - 1.0).T
        own = drones.task_memory[self.task.OBSERVATION_SIZE :]
        for drone in which if len(own) else ():
            numbers = self.rng.random(len(own), np.float32)
            self.task.prepare(numbers, uintp(0), uintp(1))
            own[:, drone] = numbers

    def fly(self, weights: np.ndarray, horizon: int) -> float:
        """One window: its cost, and its gradient in `gradient`. The drones stand where the next one begins."""
        rows = self.task.OBSERVATION_SIZE + GUST_ROWS
        offsets = self.rng.integers(0, NOISE_LENGTH - rows * self.n, horizon)
        self.gradient[:] = 0.0
        cost = self.window(parts(weights, self.layers), self.tape, self.drones, horizon, self.normals, offsets, self.scale,
                           self.objective, self.gradient_parts, self.adjoints)  # fmt: skip
        tape, drones = self.tape, self.drones
        tape.states[0], tape.memories[0] = tape.states[horizon], tape.memories[horizon]
        tape.actions[: self.taps] = tape.actions[horizon : horizon + self.taps].copy()
        drones.ages[:] += horizon
        place = self.task.SPEC.seen["position_error"]
        error_m = np.abs(tape.seen[horizon - 1, place] / self.scale[place, None]).max(axis=0)
        crashed = (drones.crashes < horizon) | ~(error_m < self.recipe.box_m)
        finished = ~crashed & (drones.ages >= self.lives)
        self.crashed, self.finished = int(crashed.sum()), int(finished.sum())
        self.start(np.flatnonzero(crashed | finished))
        return float(cost)


class AnyQuadrotor(InFlocks):
    """The learner."""

    flocks: Sequence[Flock]

    def __init__(
        self, task: Any, fleet: Quadrotors, starts: Starts, seed: int, recipe: Recipe = Recipe(), is_told: bool = False
    ) -> None:
        """is_told: the policy sees its drone's numbers, between the task's observation and its last action."""
        self.task, self.recipe = task, recipe
        self.alike = partial(AnyQuadrotor, task, fleet, starts, seed, is_told=is_told)
        inputs = task.OBSERVATION_SIZE + (N_TOLD if is_told else 0) + N_ROTORS
        layers = RecurrentLayers(inputs, ENCODER, MEMORY, N_ROTORS)
        self.layers: tuple[int, ...] = layers
        self.flock, self.matrices = partial(Flock, task, fleet, starts, layers), partial(matrices, layers=layers)
        self.seeds = np.random.SeedSequence([seed, 0xA11])
        actor = initial_weights(layers, np.random.default_rng(self.seeds.spawn(1)[0]))
        super().__init__(self.flocks_for(recipe), actor, self.optimiser_for(recipe, actor), recipe.horizon_at)
        self.late_actors: list[np.ndarray] = []
        self.begun = 0  # updates, before those of the recipe
        self.early: AnyQuadrotor | None = None  # the copy, from the iteration that it was made after to the next

    def flocks_for(self, recipe: Recipe) -> list[Flock]:
        """Drones that nobody has flown yet."""
        return [self.flock(recipe, seed) for seed in self.seeds.spawn(FLOCKS)]

    def optimiser_for(self, recipe: Recipe, actor: np.ndarray) -> Muon:
        """One that has not moved yet."""
        return Muon(actor, self.matrices, recipe.iterations, recipe.rate, recipe.adam_rate, recipe.last_share)

    def begin_last_stage(self) -> None:
        """Go on from the policy so far, with other drones."""
        self.actor[:] = self.weights
        self.recipe, self.late_actors, self.begun = self.recipe.of_last_stage, [], self.updates
        self.flocks, self.optimiser = self.flocks_for(self.recipe), self.optimiser_for(self.recipe, self.actor)
        self.horizon_at = self.recipe.horizon_at

    @property
    def weights(self) -> np.ndarray:
        """The policy so far; at the end the mean of some of the last: as many survive with it, and it stands nearer."""
        if self.early is not None:
            return self.early.weights
        mean: np.ndarray = np.stack(self.late_actors or [self.actor]).astype(np.float64).mean(axis=0).astype(np.float32)
        return mean

    def iterate(self) -> float:
        """Fly a window and learn from it; returns the cost of a decision."""
        if self.recipe.last_for and self.updates == self.recipe.iterations:
            self.begin_last_stage()
        for flock in self.flocks:
            flock.objective = self.recipe.objective_at(self.updates - self.begun)
        cost = super().iterate()
        updates = self.updates - self.begun
        if updates > MEAN_FROM * self.recipe.iterations and updates % MEAN_EVERY == 0:
            self.late_actors.append(self.actor.copy())
        self.early = self.early_copy() if self.updates == self.recipe.early_iteration else None
        return cost

    def early_copy(self) -> "AnyQuadrotor":
        """One that goes on from here, with drones of its own, until its rates have fallen."""
        copy = self.alike(self.recipe.of_early_copy)
        copy.actor[:] = self.actor
        for _ in range(copy.recipe.iterations):
            copy.iterate()
        copy.threads.shutdown()
        return copy
