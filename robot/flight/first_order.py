"""First-order gradients through flight: the default trainer of policies that fly quadrotors.

A window of flight is simulated for many drones at once (`sim.quadrotor_adjoint`), the policy deciding, with latency,
sensor noise and disturbances; then the exact derivative of its cost by the policy's weights is carried back through
drones, latency, actions, actor and observation. The drones fly on from the window's end; those that left the task's box,
or have flown for long, start anew as other drones. Windows are short at first, when everybody falls.

All prices are on what the policy observes, whose first 18 columns every flying task gives the same meaning (see
`robot/tasks/hover.py`): the trainer needs of a task just `observe`, and that its further columns, if there are any, do
not depend on the drone's state.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit, uintp

from policies.actor import HIDDEN, actor_layers, weight_views
from policies.first_order import backward, first_weights, forward, unpack, weight_gradient
from policies.muon import Muon
from sim import quadrotor_adjoint
from sim.quadrotor import (
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
from sim.quadrotor_adjoint import LANES, ROWS_STATE, advance, reverse, state_at
from sim.quadrotor_batch import SensorNoise, Starts
from sim.single_precision import CPU, OPTIONS, specialise

N_SEEN = 18  # columns of every flying task's observation: position, rotation matrix, velocity, angular rate
SEEN_ROTATION, SEEN_VELOCITY, SEEN_RATE = 3, 12, 15
NOISE_ROWS = 60_000  # noise is drawn once; every decision of a window begins somewhere else in it

observe: Any = None  # supplied by `build_window`: the task's


class Objective(NamedTuple):
    """What a decision costs, all float32."""

    position: float = 15.0  # per metre, far away
    position_knee_m: float = 0.05  # nearer than this the price is quadratic
    attitude: float = 2.0  # of 1 - q_w^2
    velocity: float = 0.1
    rate: float = 0.02
    action: float = 0.02  # of the squared difference to hovering
    action_change: float = 6.0  # of the squared difference to the last action
    wall: float = 500.0  # of the squared distance, in each coordinate, beyond
    wall_m: float = 0.3
    crash_m: float = 1.0  # a drone so far away, or turning so fast, no longer counts
    crash_rate_rad_s: float = 60.0
    discount: float = 0.98  # of the adjoint, each decision
    adjoint_max: float = 1e4  # length to which a drone's adjoint is clipped


@dataclass(frozen=True)
class Recipe:
    """How a policy is trained."""

    iterations: int = 300
    drones: int = 128
    history: int = 16  # past actions that the policy sees
    horizons: tuple[tuple[int, int], ...] = ((30, 32), (60, 64))  # decisions of a window, below an iteration
    horizon: int = 96  # ... and after that
    decisions_max: int = 200  # after which a drone starts anew
    rate: float = 0.1
    adam_rate: float = 1e-2
    objective: Objective = field(default_factory=Objective)
    spread: QuadrotorRandomisation = QuadrotorRandomisation()
    box_m: float = 0.6

    def horizon_at(self, iteration: int) -> int:
        """Decisions in the window of an iteration."""
        return next((horizon for below, horizon in self.horizons if iteration < below), self.horizon)


class Tape(NamedTuple):
    """A window of `n` drones in blocks of lanes, float32; first axis of most: the decision."""

    states: np.ndarray  # (horizon + 1, blocks, N_STATE, LANES)
    commands: np.ndarray  # (horizon, blocks, N_ROTORS, LANES) that reach the rotors
    observations: np.ndarray  # (horizon, n, inputs)
    first: np.ndarray  # (horizon, n, hidden)
    second: np.ndarray
    actions: np.ndarray  # (history + horizon, n, N_ROTORS), those before the window first
    d_first: np.ndarray  # gradients by what is above
    d_second: np.ndarray
    d_actions: np.ndarray
    d_observation: np.ndarray  # (n, inputs)
    d_commands: np.ndarray  # (blocks, N_ROTORS, LANES)
    d_state: np.ndarray  # (blocks, N_STATE, LANES)


class Drones(NamedTuple):
    """What is constant in a window."""

    parameters: np.ndarray  # (blocks, N_PARAMETERS, LANES)
    delay_shares: np.ndarray  # (taps, n): share of the newest action, the one before, ... in what reaches the rotors
    hover_actions: np.ndarray  # (n,)
    ages: np.ndarray  # (n,) decisions since the start, at the window's beginning
    task_memory: np.ndarray  # (blocks, columns + MEMORY_SIZE, LANES): room for an observation, and the task's numbers
    crashes: np.ndarray  # (n,) written: the decision at which a drone ceased to count


def look(state, ages, t, task_memory, actions, noise, out):
    """Observations (n, inputs) at decision t: the task's, with noise (n, columns), and past actions, newest first."""
    columns, history, rows = noise.shape[1], actions.shape[0], uintp(task_memory.shape[1])
    memory, flat = task_memory.reshape(-1), state.reshape(-1)
    for block in range(uintp(state.shape[0])):
        for lane in range(LANES):
            at = block * rows * LANES + lane
            time_s = (ages[block * LANES + lane] + np.float32(t)) * STEP_S
            seen = state_at(flat, block * ROWS_STATE * LANES + lane)
            observe(seen, time_s, memory, at + uintp(columns) * LANES, at, LANES)
    for block in range(state.shape[0]):
        for lane in range(LANES):
            n = block * LANES + lane
            for k in range(columns):
                out[n, k] = task_memory[block, k, lane] + noise[n, k]
            for j in range(history):
                for rotor in range(4):
                    out[n, columns + 4 * j + rotor] = actions[history - 1 - j, n, rotor]


def look_adjoint(state, d_observation, scale, columns, d_state, d_actions):
    """Reverse of `look`: add to the adjoints of the state and of the past actions."""
    history = d_actions.shape[0]
    for block in range(state.shape[0]):
        for lane in range(LANES):
            n = block * LANES + lane
            d, s, l = d_observation[n], state[block], d_state[block]
            for k in range(3):
                l[k, lane] += scale[k] * d[k]
                l[7 + k, lane] += scale[SEEN_VELOCITY + k] * d[SEEN_VELOCITY + k]
                l[10 + k, lane] += scale[SEEN_RATE + k] * d[SEEN_RATE + k]
            w, x, y, z = s[3, lane], s[4, lane], s[5, lane], s[6, lane]
            xx, xy, xz, yx, yy, yz, zx, zy, zz = d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10], d[11]
            l[3, lane] += 2.0 * (z * (yx - xy) + y * (xz - zx) + x * (zy - yz))
            l[4, lane] += 2.0 * (y * (xy + yx) + z * (xz + zx) + w * (zy - yz)) - 4.0 * x * (yy + zz)
            l[5, lane] += 2.0 * (x * (xy + yx) + w * (xz - zx) + z * (yz + zy)) - 4.0 * y * (xx + zz)
            l[6, lane] += 2.0 * (w * (yx - xy) + x * (xz + zx) + y * (yz + zy)) - 4.0 * z * (xx + yy)
            for j in range(history):
                for rotor in range(4):
                    d_actions[history - 1 - j, n, rotor] += d[columns + 4 * j + rotor]


def delay(actions, shares, commands):
    """Commands that reach the rotors: actions (taps, n, 4), the newest last, as old as each drone's latency."""
    taps = actions.shape[0]
    for block in range(commands.shape[0]):
        for lane in range(LANES):
            n = block * LANES + lane
            for rotor in range(4):
                mean = np.float32(0.0)
                for tap in range(taps):
                    mean += shares[tap, n] * actions[taps - 1 - tap, n, rotor]
                commands[block, rotor, lane] = 0.5 + 0.5 * mean


def delay_adjoint(d_commands, shares, d_actions):
    """Reverse of `delay`: add to the adjoint of the actions."""
    taps = d_actions.shape[0]
    for block in range(d_commands.shape[0]):
        for lane in range(LANES):
            n = block * LANES + lane
            for rotor in range(4):
                for tap in range(taps):
                    d_actions[taps - 1 - tap, n, rotor] += 0.5 * shares[tap, n] * d_commands[block, rotor, lane]


def crash(observations, scale, objective, t, state, crashes):
    """Note who ceases to count at decision t, and put them to rest, so that their numbers stay finite."""
    for n in range(observations.shape[0]):
        seen = observations[n]
        near, slow = True, True
        for k in range(3):
            near = near and abs(seen[k]) < objective.crash_m * scale[k]
            slow = slow and abs(seen[SEEN_RATE + k]) < objective.crash_rate_rad_s * scale[SEEN_RATE + k]
        if not (near and slow):
            block, lane = n // LANES, n % LANES
            crashes[n] = min(crashes[n], t)
            for row in range(13):
                state[block, row, lane] = 1.0 if row == 3 else 0.0


def price(observations, scale, objective, t, crashes, gradient):
    """What the observed states cost, summed over the drones that still count; adds to the gradient (n, inputs)."""
    total = 0.0
    knee = objective.position_knee_m
    for n in range(observations.shape[0]):
        if t >= crashes[n]:
            continue
        seen, d = observations[n], gradient[n]
        x, y, z = seen[0] / scale[0], seen[1] / scale[1], seen[2] / scale[2]
        distance = math.sqrt(x * x + y * y + z * z + knee * knee)
        total += objective.position * (distance - knee)
        total += 0.25 * objective.attitude * (3.0 - seen[3] - seen[7] - seen[11])
        for k in range(3):
            error = seen[k] / scale[k]
            beyond = max(0.0, abs(error) - objective.wall_m)
            velocity = seen[SEEN_VELOCITY + k] / scale[SEEN_VELOCITY + k]
            rate = seen[SEEN_RATE + k] / scale[SEEN_RATE + k]
            total += objective.wall * beyond * beyond + objective.velocity * velocity * velocity
            total += objective.rate * rate * rate
            wall = 2.0 * objective.wall * beyond * (1.0 if error > 0.0 else -1.0)
            d[k] += (objective.position * error / distance + wall) / scale[k]
            d[3 + 4 * k] -= 0.25 * objective.attitude
            d[SEEN_VELOCITY + k] += 2.0 * objective.velocity * velocity / scale[SEEN_VELOCITY + k]
            d[SEEN_RATE + k] += 2.0 * objective.rate * rate / scale[SEEN_RATE + k]
    return total


def price_actions(actions, before, hover_actions, objective, d_actions, d_before):
    """What a decision's actions (n, 4) cost after those `before`; adds to both gradients."""
    total = 0.0
    for n in range(actions.shape[0]):
        for rotor in range(4):
            error, change = actions[n, rotor] - hover_actions[n], actions[n, rotor] - before[n, rotor]
            total += objective.action * error * error + objective.action_change * change * change
            d_actions[n, rotor] += 2.0 * (objective.action * error + objective.action_change * change)
            d_before[n, rotor] -= 2.0 * objective.action_change * change
    return total


def forget(t, crashes, d_state, d_actions):
    """Nothing is to be learned from what a crashed drone does."""
    for n in range(crashes.size):
        if t >= crashes[n]:
            block, lane = n // LANES, n % LANES
            for row in range(N_STATE):
                d_state[block, row, lane] = 0.0
            for rotor in range(4):
                d_actions[n, rotor] = 0.0


def restrain(d_state, objective):
    """Discount every drone's adjoint, and clip its length."""
    for block in range(d_state.shape[0]):
        for lane in range(LANES):
            square = np.float32(0.0)
            for row in range(N_STATE):
                square += d_state[block, row, lane] * d_state[block, row, lane]
            factor = objective.discount * min(1.0, objective.adjoint_max / math.sqrt(square + 1e-12))
            for row in range(N_STATE):
                d_state[block, row, lane] *= factor


def window(weights, tape, drones, horizon, noise, offsets, scale, objective, gradient):
    """Fly `horizon` decisions from tape.states[0]; returns the cost of a decision and writes its gradient by `weights`.

    noise: flat normals, scaled; offsets (horizon,): where each decision's begin. scale: of the first columns.
    """
    n, inputs, hidden = tape.d_observation.shape[0], tape.d_observation.shape[1], tape.first.shape[2]
    history, taps = tape.actions.shape[0] - tape.states.shape[0] + 1, drones.delay_shares.shape[0]
    columns = inputs - 4 * history
    network = unpack(weights, inputs, hidden, 4)
    flat_parameters = drones.parameters.reshape(-1)
    drones.crashes[:] = horizon
    for t in range(horizon):
        seen, now = tape.observations[t], history + t
        blur = noise[offsets[t] : offsets[t] + n * columns].reshape(n, columns)
        look(tape.states[t], drones.ages, t, drones.task_memory, tape.actions[t:now], blur, seen)
        crash(seen, scale, objective, t, tape.states[t], drones.crashes)
        forward(network, seen, tape.first[t], tape.second[t], tape.actions[now])
        delay(tape.actions[now + 1 - taps : now + 1], drones.delay_shares, tape.commands[t])
        advance(tape.states[t].reshape(-1), tape.commands[t].reshape(-1), flat_parameters,
                tape.states[t + 1].reshape(-1))  # fmt: skip

    cost = 0.0
    tape.d_state[:] = 0.0
    tape.d_actions[:] = 0.0
    for t in range(horizon - 1, -1, -1):
        seen, now = tape.observations[t], history + t
        reverse(tape.states[t].reshape(-1), tape.commands[t].reshape(-1), flat_parameters,
                tape.states[t + 1].reshape(-1), tape.d_state.reshape(-1), tape.d_commands.reshape(-1))  # fmt: skip
        delay_adjoint(tape.d_commands, drones.delay_shares, tape.d_actions[now + 1 - taps : now + 1])
        cost += price_actions(tape.actions[now], tape.actions[now - 1], drones.hover_actions, objective,
                              tape.d_actions[now], tape.d_actions[now - 1])  # fmt: skip
        forget(t, drones.crashes, tape.d_state, tape.d_actions[now])
        backward(network, tape.first[t], tape.second[t], tape.actions[now], tape.d_first[t], tape.d_second[t],
                 tape.d_actions[now], tape.d_observation)  # fmt: skip
        cost += price(seen, scale, objective, t, drones.crashes, tape.d_observation)
        look_adjoint(tape.states[t], tape.d_observation, scale, columns, tape.d_state, tape.d_actions[t:now])
        restrain(tape.d_state, objective)
    m = horizon * n
    weight_gradient(
        tape.observations[:horizon].reshape(m, inputs), tape.first[:horizon].reshape(m, hidden),
        tape.second[:horizon].reshape(m, hidden), tape.d_first[:horizon].reshape(m, hidden),
        tape.d_second[:horizon].reshape(m, hidden), tape.d_actions[history : history + horizon].reshape(m, 4), gradient,
    )  # fmt: skip
    return cost / m


@cache
def build_window(task: Any) -> Callable[..., float]:
    """`window` for a task, in single precision: compiled once, then cached on disk. Runs beside other threads."""
    compiled: Callable[..., float] = njit(cache=True, nogil=True, **OPTIONS)(
        specialise(window, CPU, (quadrotor_adjoint,), observe=task.observe)
    )
    return compiled


def drawn_quadrotors(
    nominal: Sequence[QuadrotorParameters], spread: QuadrotorRandomisation, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Packed parameters (n, N_PARAMETERS) of drones that differ from one of the nominal ones as `spread` says."""
    table = np.stack([quadrotor.packed() for quadrotor in nominal])
    which = rng.integers(0, len(nominal), n)
    factors = 1.0 + spread.fractions()[:, None] * rng.uniform(-1.0, 1.0, (len(FACTORS), n))
    drones = np.array(scaled_parameters.py_func(table[which].T, *factors)).T
    weight_n = GRAVITY_M_S2 * np.array([quadrotor.mass_kg for quadrotor in nominal])[which, None]
    drones[:, P_FORCE_X : P_FORCE_X + 3] += spread.force_share * weight_n * rng.normal(size=(n, 3))
    drones[:, P_TORQUE_X : P_TORQUE_X + 3] += spread.torque_share_m * weight_n * rng.normal(size=(n, 3))
    drones[:, P_LATENCY] += rng.uniform(spread.latency_low_s, spread.latency_high_s, n)
    return drones


def drawn_starts(starts: Starts, n: int, rng: np.random.Generator) -> np.ndarray:
    """States (n, N_STATE) drawn as `sim.quadrotor_kernel.draw_start` does."""
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


class Flock:
    """Some of the drones, with the memory that their window needs: what one thread works on."""

    def __init__(self, task: Any, nominal: Sequence[QuadrotorParameters], starts: Starts, noise: SensorNoise,
                 recipe: Recipe, n: int, seed: np.random.SeedSequence) -> None:  # fmt: skip
        self.task, self.nominal, self.starts, self.recipe, self.n = task, nominal, starts, recipe, n
        self.rng = np.random.default_rng(seed)
        lanes, history, horizon, hidden = int(LANES), recipe.history, recipe.horizon, HIDDEN[0]
        blocks, columns = n // lanes, task.OBSERVATION_SIZE
        inputs = columns + N_ROTORS * history

        def zeros(*shape: int) -> np.ndarray:
            return np.zeros(shape, np.float32)

        self.tape = Tape(
            states=zeros(horizon + 1, blocks, N_STATE, lanes), commands=zeros(horizon, blocks, N_ROTORS, lanes),
            observations=zeros(horizon, n, inputs), first=zeros(horizon, n, hidden), second=zeros(horizon, n, hidden),
            actions=zeros(history + horizon, n, N_ROTORS), d_first=zeros(horizon, n, hidden),
            d_second=zeros(horizon, n, hidden), d_actions=zeros(history + horizon, n, N_ROTORS),
            d_observation=zeros(n, inputs), d_commands=zeros(blocks, N_ROTORS, lanes),
            d_state=zeros(blocks, N_STATE, lanes),
        )  # fmt: skip
        latest_s = max(quadrotor.latency_s for quadrotor in nominal) + recipe.spread.latency_high_s
        taps = 1 + math.ceil(round(latest_s / STEP_S, 6))
        self.drones = Drones(
            parameters=zeros(blocks, N_PARAMETERS, lanes), delay_shares=zeros(taps, n), hover_actions=zeros(n),
            ages=zeros(n), task_memory=zeros(blocks, columns + task.MEMORY_SIZE, lanes), crashes=np.zeros(n, np.int64),
        )  # fmt: skip
        deviations = np.repeat([noise.position_m, noise.rotation, noise.velocity_m_s, noise.rate_rad_s], [3, 9, 3, 3])
        rows = np.zeros((NOISE_ROWS, columns), np.float32)
        rows[:, :N_SEEN] = self.rng.standard_normal((NOISE_ROWS, N_SEEN)) * deviations * task.OBSERVATION_SCALE[:N_SEEN]
        self.noise = rows.reshape(-1)
        self.scale = task.OBSERVATION_SCALE.astype(np.float32)
        self.objective = Objective._make(np.float32(value) for value in recipe.objective)
        self.gradient = zeros((inputs + 1) * hidden + (hidden + 1) * hidden + (hidden + 1) * 2 * N_ROTORS)
        self.window = build_window(task)
        self.crashed = self.finished = 0  # drones, of late
        self.start(np.arange(n))
        self.drones.ages[:] = self.rng.integers(0, recipe.decisions_max, n)

    def start(self, which: np.ndarray) -> None:
        """Put other drones on new starts in place of these."""
        drones = drawn_quadrotors(self.nominal, self.recipe.spread, which.size, self.rng)
        block, lane = which // int(LANES), which % int(LANES)
        self.drones.parameters[block, :, lane] = drones
        self.tape.states[0][block, :, lane] = drawn_starts(self.starts, which.size, self.rng)
        self.tape.actions[: self.recipe.history, which] = 2.0 * self.starts.rotor_speed - 1.0
        age = np.arange(len(self.drones.delay_shares))[:, None]
        self.drones.delay_shares[:, which] = np.maximum(0.0, 1.0 - np.abs(drones[:, P_LATENCY] / STEP_S - age))
        self.drones.hover_actions[which] = hover_actions(drones)
        self.drones.ages[which] = 0.0
        own = self.drones.task_memory[:, self.task.OBSERVATION_SIZE :]
        if own.shape[1]:
            for b, l in zip(block, lane, strict=True):
                numbers = self.rng.random(own.shape[1], np.float32)
                self.task.prepare(numbers, uintp(0), uintp(1))
                own[b, :, l] = numbers

    def fly(self, weights: np.ndarray, horizon: int) -> float:
        """One window: its cost, and its gradient in `gradient`. The drones stand where the next one begins."""
        offsets = self.rng.integers(0, NOISE_ROWS - self.n, horizon) * self.task.OBSERVATION_SIZE
        cost = self.window(weights, self.tape, self.drones, horizon, self.noise, offsets, self.scale, self.objective,
                           self.gradient)  # fmt: skip
        history = self.recipe.history
        self.tape.states[0] = self.tape.states[horizon]
        self.tape.actions[:history] = self.tape.actions[horizon : horizon + history].copy()
        self.drones.ages[:] += horizon
        error_m = np.abs(self.tape.observations[horizon - 1, :, :3] / self.scale[:3]).max(axis=1)
        crashed = (self.drones.crashes < horizon) | ~(error_m < self.recipe.box_m)
        finished = ~crashed & (self.drones.ages >= self.recipe.decisions_max)
        self.crashed, self.finished = int(crashed.sum()), int(finished.sum())
        self.start(np.flatnonzero(crashed | finished))
        return float(cost)


def hover_actions(drones: np.ndarray) -> np.ndarray:
    """Actions (n,) that hold drones (n, N_PARAMETERS) up, or the largest, 1."""
    weight_n = GRAVITY_M_S2 / drones[:, P_INVERSE_MASS]
    a, b, c = drones[:, P_THRUST_2], drones[:, P_THRUST_1], drones[:, P_THRUST_0] - weight_n / N_ROTORS
    speed = (-b + np.sqrt(b * b - 4.0 * a * c)) / (2.0 * a)
    return np.minimum(1.0, 2.0 * speed / (drones[:, P_BATTERY] - drones[:, P_SAG] * weight_n) - 1.0)


class FirstOrder:
    """The learner. The same seed gives the same bytes, on one core or on two."""

    FLOCKS = 2

    def __init__(self, task: Any, nominal: Sequence[QuadrotorParameters], starts: Starts, noise: SensorNoise, seed: int,
                 recipe: Recipe = Recipe()) -> None:  # fmt: skip
        """nominal: the quadrotors that drones are drawn around, each as likely; the first is hovered with at first."""
        self.recipe = recipe
        seeds = np.random.SeedSequence([seed, 0xF1]).spawn(self.FLOCKS + 1)
        each = recipe.drones // self.FLOCKS
        self.flocks = [Flock(task, nominal, starts, noise, recipe, each, s) for s in seeds[1:]]
        self.layers = actor_layers(task.OBSERVATION_SIZE + N_ROTORS * recipe.history, N_ROTORS)
        hover = np.full(N_ROTORS, 2.0 * nominal[0].hover_command() - 1.0)
        self.actor = starting_weights(self.layers, task.OBSERVATION_SIZE, hover, np.random.default_rng(seeds[0]))
        self.optimiser = Muon(self.actor, self.layers, recipe.iterations, recipe.rate, recipe.adam_rate)
        self.steps = self.updates = 0
        self.threads = ThreadPoolExecutor(self.FLOCKS)

    @property
    def weights(self) -> np.ndarray:
        """The policy so far, as `policies/actor.py` lays it out: a copy."""
        return self.actor.copy()

    def iterate(self) -> float:
        """Fly a window and learn from it; returns the cost of a decision."""
        horizon = self.recipe.horizon_at(self.updates)
        costs = list(self.threads.map(lambda flock: flock.fly(self.actor, horizon), self.flocks))
        gradient = self.flocks[0].gradient.copy()
        for flock in self.flocks[1:]:
            gradient += flock.gradient
        gradient /= np.float32(horizon * self.recipe.drones)
        self.optimiser.step(gradient)
        self.updates += 1
        self.steps += horizon * self.recipe.drones
        return sum(costs) / len(costs)


def starting_weights(
    layers: tuple[int, ...], columns: int, mean_action: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Weights that hold `mean_action` (N_ROTORS,) nearly everywhere, and do not yet look at past actions."""
    weights = first_weights(layers, rng, mean_action)
    first, _ = weight_views(weights, layers)[0]
    first[:] = rng.standard_normal(first.shape) / math.sqrt(N_SEEN)
    first[columns:] = 0.0
    return weights
