"""Twin delayed deep deterministic policy gradients with the recipe of "Learning to Fly in Seconds" (Eschmann et al., 2024).

A model-free rival of `robot/robots/quadrotor/training/first_order.py`, after that paper and its code (arplaboratory/learning-to-fly,
src/config): Fujimoto et al. (2018) with critics that see more than the actor does. Drones fly by the policy with a little
noise, and everything they do is kept. Every ten decisions both critics learn from a sample of it; every other time the
actor follows the first critic uphill. All networks are observation -> tanh -> tanh -> output.

The curriculum raises the prices of position, velocity and action after each 100,000 decisions. Rewards are not stored
but paid when a transition is sampled, so that what was flown long ago is always worth what it would be today.

It differs from the original in three things: sixteen drones fly at once, not one, for as many decisions in all; the
critics see the observation with its noise; and there is no decay of weights, which took 0.3 % of them over the training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from policies.actor import actor_layers
from policies.first_order import backward, first_weights, forward, unpack, weight_gradient
from policies.rlpd_kernels import actor_backward, actor_forward, adam, polyak
from robot.robots.quadrotor.evaluation.evaluation import DISTURBED
from robot.robots.quadrotor.training.experience import N_PRIVILEGED, Drones, value_weights
from robot.tasks.hover import POSITION_SCALE, REWARD_CONSTANT, REWARD_SCALE, SPEC, VELOCITY_SCALE
from sim.quadrotor.batch import SensorNoise, Starts
from sim.quadrotor.kernel import RUNNING, TERMINATED, TRUNCATED
from sim.quadrotor.model import N_ROTORS, QuadrotorParameters, QuadrotorRandomisation

POSITION, ROTATION, VELOCITY = (  # columns of a row
    N_PRIVILEGED + place for place in SPEC.places("position_error", "rotation", "velocity_error")
)


@dataclass(frozen=True)
class Td3Recipe:
    """The published one."""

    iterations: int = 1875  # 300,000 decisions
    drones: int = 16
    horizon: int = 10  # decisions of each drone in an iteration
    hidden: int = 64
    history: int = 32
    decisions_max: int = 500
    interval: int = 10  # decisions for each update of the critics; twice as many for one of the actor
    critic_warm_up: int = 15_000  # decisions before the first update
    actor_warm_up: int = 30_000
    batch: int = 256
    rate: float = 1e-3
    discount: float = 0.99
    target_share: float = 0.005
    noise: float = 0.1
    target_noise: float = 0.2
    target_noise_max: float = 0.5
    curriculum_interval: int = 100_000
    reward_weights: tuple[float, ...] = (5.0, 5.0, 0.01, 0.01)  # position, attitude, velocity, action
    reward_growth: tuple[float, ...] = (1.2, 1.0, 1.4, 1.4)
    reward_limits: tuple[float, ...] = (40.0, 5.0, 1.0, 1.0)
    spread: QuadrotorRandomisation = DISTURBED

    def reward_weights_after(self, decisions: int) -> np.ndarray:
        """The prices of position, attitude, velocity and action, float32."""
        growth = np.array(self.reward_growth) ** (decisions // self.curriculum_interval)
        return np.minimum(self.reward_weights * growth, self.reward_limits).astype(np.float32)


class Memory(NamedTuple):
    """All that was flown: drone by drone, decision by decision."""

    rows: np.ndarray  # (drones, decisions, critic's columns) float32: what was seen, without past actions
    actions: np.ndarray  # (drones, decisions, N_ROTORS) float32
    ends: np.ndarray  # (drones, decisions) uint32: what came of the action
    ages: np.ndarray  # (drones, decisions) int32: decisions before this one in the same episode


class Batch(NamedTuple):
    """Sampled transitions, (batch, ...) float32, and scratch of the same shapes."""

    x: np.ndarray  # critic's columns and action
    seen: np.ndarray  # what the actor saw
    reward: np.ndarray
    discount: np.ndarray  # 0 after a crash
    next_x: np.ndarray
    next_seen: np.ndarray
    goal: np.ndarray


class Space(NamedTuple):
    """A network's layers and their gradients, (batch, width) float32, and its weights' gradient."""

    h1: np.ndarray
    h2: np.ndarray
    out: np.ndarray
    d_x: np.ndarray
    d1: np.ndarray
    d2: np.ndarray
    d_out: np.ndarray
    gradient: np.ndarray


class Networks(NamedTuple):
    """Weights and what Adam keeps of their gradients, flat float32; the critics' are (2, size)."""

    actor: np.ndarray
    actor_target: np.ndarray
    actor_mean: np.ndarray
    actor_square: np.ndarray
    critics: np.ndarray
    critic_targets: np.ndarray
    critic_mean: np.ndarray
    critic_square: np.ndarray


class Td3:
    """The learner. The same seed gives the same bytes."""

    def __init__(self, task: Any, nominal: Sequence[QuadrotorParameters], starts: Starts, noise: SensorNoise, seed: int,
                 recipe: Td3Recipe = Td3Recipe()) -> None:  # fmt: skip
        """nominal: its first quadrotor is the one that drones are drawn around."""
        self.recipe = r = recipe
        self.rng = np.random.default_rng([seed, 0x7D3])
        self.drones = Drones(task, nominal[0], r.spread, starts, noise, r.drones, r.history, r.decisions_max,
                             int(self.rng.integers(2**31)))  # fmt: skip
        self.hover_action = np.float32(2.0 * nominal[0].hover_command() - 1.0)
        self.start_action = np.float32(2.0 * starts.rotor_speed - 1.0)  # what the past holds when an episode begins
        self.steps = self.updates = self.decisions = 0
        self.age = np.zeros(self.drones.n, np.int32)

        n, seen, columns = self.drones.n, self.drones.actor_width, self.drones.critic_columns.stop
        self.layers = actor_layers(seen, N_ROTORS, (r.hidden, r.hidden))
        critic_layers = (columns + N_ROTORS, r.hidden, r.hidden, 1)
        actor = first_weights(self.layers, self.rng, np.zeros(N_ROTORS))
        critics = np.stack([value_weights(critic_layers, self.rng) for _ in range(2)])
        moments = np.zeros((2, actor.size), np.float32), np.zeros((2, *critics.shape), np.float32)
        self.networks = Networks(actor, actor.copy(), moments[0][0], moments[0][1],
                                 critics, critics.copy(), moments[1][0], moments[1][1])  # fmt: skip
        known, f = r.iterations * r.horizon, np.float32
        self.memory = Memory(np.empty((n, known, columns), f), np.empty((n, known, N_ROTORS), f),
                             np.empty((n, known), np.uint32), np.empty((n, known), np.int32))  # fmt: skip
        self.batch = Batch(*(np.empty((r.batch, *shape), f) for shape in
                             [(critic_layers[0],), (seen,), (), (), (critic_layers[0],), (seen,), ()]))  # fmt: skip
        self.actor_space = space_for(r.batch, (seen, r.hidden, r.hidden, N_ROTORS), actor.size)
        self.critic_space = space_for(r.batch, critic_layers, critics.shape[1])
        self.acting = space_for(n, (seen, r.hidden, r.hidden, N_ROTORS), 0)

    @property
    def weights(self) -> np.ndarray:
        """The policy so far, as `policies/actor.py` lays it out: a copy."""
        return self.networks.actor.copy()

    def iterate(self) -> float:
        """Fly `horizon` decisions and learn from all that was flown; returns the mean reward of a decision."""
        r, columns = self.recipe, self.drones.critic_columns
        prices = r.reward_weights_after(self.steps)
        total = 0.0
        if self.decisions + r.horizon > self.memory.ends.shape[1]:  # trained for longer than the recipe says
            self.memory = Memory(*(np.concatenate([x, np.empty_like(x)], axis=1) for x in self.memory))
        for _ in range(r.horizon):
            k = self.decisions
            noise = r.noise * self.rng.standard_normal((self.drones.n, N_ROTORS), np.float32)
            self.memory.rows[:, k], self.memory.ages[:, k] = self.drones.rows[:, columns], self.age
            actions = self.memory.actions[:, k]
            actions[:] = explore(self.networks.actor, r.hidden, self.drones.rows, noise, self.acting)
            self.drones.step(actions)
            self.memory.ends[:, k] = self.drones.end
            self.age = np.where(self.drones.end == RUNNING, self.age + 1, 0).astype(np.int32)
            total += float(self.drones.reward.mean())
            self.decisions += 1
        before, self.steps = self.steps, self.steps + r.horizon * self.drones.n
        count = self.steps // r.interval - max(before, r.critic_warm_up) // r.interval
        if self.steps > r.critic_warm_up:
            drones = self.rng.integers(0, self.drones.n, (count, r.batch))
            times = self.rng.integers(1, self.decisions - 1, (count, r.batch))
            noise = r.target_noise * self.rng.standard_normal((count, r.batch, N_ROTORS), np.float32)
            np.clip(noise, -r.target_noise_max, r.target_noise_max, out=noise)
            learn(self.networks, self.memory, drones, times, noise, self.batch, self.actor_space, self.critic_space,
                  self.updates, self.steps > r.actor_warm_up, prices, self.hover_action, self.start_action,
                  np.float32(r.discount), r.rate, np.float32(r.target_share))  # fmt: skip
            self.updates += count
        return total / r.horizon


def space_for(n: int, widths: tuple[int, ...], size: int) -> Space:
    """Scratch for n samples of a network with these widths and `size` weights."""
    inputs, first, second, outputs = widths

    def empty(width: int) -> np.ndarray:
        return np.empty((n, width), np.float32)

    return Space(empty(first), empty(second), empty(outputs), empty(inputs), empty(first), empty(second), empty(outputs),
                 np.empty(size, np.float32))  # fmt: skip


@njit(cache=True)
def explore(weights, hidden, rows, noise, space):
    """Actions for what the actor sees of each drone, with noise, within their limits."""
    seen = rows[:, N_PRIVILEGED:].copy()
    forward(unpack(weights, seen.shape[1], hidden, N_ROTORS), seen, space.h1, space.h2, space.out)
    return np.minimum(np.float32(1.0), np.maximum(np.float32(-1.0), space.out + noise))


@njit(cache=True)
def pay(row, action, prices, hover_action):
    """Reward of an action, by `robot.tasks.hover.reward` on what was seen before it: the trace of R is 4 q_w^2 - 1."""
    position, velocity, change = np.float32(0.0), np.float32(0.0), np.float32(0.0)
    for k in range(3):
        position += (row[POSITION + k] / np.float32(POSITION_SCALE)) ** 2
        velocity += (row[VELOCITY + k] / np.float32(VELOCITY_SCALE)) ** 2
    for k in range(N_ROTORS):
        change += (action[k] - hover_action) ** 2
    attitude = np.float32(0.25) * (np.float32(3.0) - row[ROTATION] - row[ROTATION + 4] - row[ROTATION + 8])
    cost = prices[0] * position + prices[1] * attitude + prices[2] * velocity + prices[3] * change
    return np.float32(REWARD_CONSTANT) - np.float32(REWARD_SCALE) * cost


@njit(cache=True)
def recall(memory, drone, time, start_action, seen):
    """Write what the actor saw of a drone at a time: the observation, and past actions as far as the episode goes."""
    row = memory.rows[drone, time]
    size = row.size - N_PRIVILEGED
    seen[:size] = row[N_PRIVILEGED:]
    known = min(memory.ages[drone, time], (seen.size - size) // N_ROTORS)
    seen[size + N_ROTORS * known :] = start_action
    for past in range(known):
        for k in range(N_ROTORS):
            seen[size + N_ROTORS * past + k] = memory.actions[drone, time - 1 - past, k]


@njit(cache=True)
def sample(memory, drones, times, prices, hover_action, start_action, discount, batch):
    """Fill a batch, but for the next actions, with transitions of these drones at these times.

    Where an episode ran out of time, nobody knows what came next: the decision before is taken instead.
    """
    columns = memory.rows.shape[2]
    for i in range(drones.size):
        drone, time = drones[i], times[i]
        if memory.ends[drone, time] == TRUNCATED:
            time -= 1
        crashed = memory.ends[drone, time] == TERMINATED
        batch.x[i, :columns] = memory.rows[drone, time]
        batch.x[i, columns:] = memory.actions[drone, time]
        batch.next_x[i, :columns] = memory.rows[drone, time + 1]
        recall(memory, drone, time, start_action, batch.seen[i])
        recall(memory, drone, time + 1, start_action, batch.next_seen[i])
        reward = pay(memory.rows[drone, time], memory.actions[drone, time], prices, hover_action)
        batch.reward[i] = np.float32(0.0) if crashed else reward
        batch.discount[i] = np.float32(0.0) if crashed else discount


@njit(cache=True)
def learn(networks, memory, drones, times, noise, batch, actor_space, critic_space, updates, with_actor, prices,
          hover_action, start_action, discount, rate, target_share):  # fmt: skip
    """An update of the critics for each row of `drones` and `times`, and for every other one an update of the actor."""
    for k in range(drones.shape[0]):
        sample(memory, drones[k], times[k], prices, hover_action, start_action, discount, batch)
        step = updates + k + 1
        improve_critics(networks, batch, noise[k], actor_space, critic_space, step, rate, target_share)
        if with_actor and step % 2 == 0:
            improve_actor(networks, batch, actor_space, critic_space, step // 2, rate, target_share)


@njit(cache=True)
def improve_critics(networks, batch, noise, actor_space, critic_space, step, rate, target_share):
    """One step of both critics towards reward plus the lesser of the targets' values of the next action, with noise."""
    a, c = actor_space, critic_space
    n, hidden = batch.x.shape[0], c.h1.shape[1]
    columns = batch.x.shape[1] - N_ROTORS
    forward(
        unpack(networks.actor_target, batch.next_seen.shape[1], hidden, N_ROTORS), batch.next_seen, a.h1, a.h2, a.out
    )
    for i in range(n):
        for k in range(N_ROTORS):
            action = min(np.float32(1.0), max(np.float32(-1.0), a.out[i, k] + noise[i, k]))
            batch.next_x[i, columns + k] = action
    for e in range(2):
        actor_forward(networks.critic_targets[e], batch.next_x, c.h1, c.h2, c.out)
        for i in range(n):
            batch.goal[i] = c.out[i, 0] if e == 0 else min(batch.goal[i], c.out[i, 0])
    for i in range(n):
        batch.goal[i] = batch.reward[i] + batch.discount[i] * batch.goal[i]
    for e in range(2):
        actor_forward(networks.critics[e], batch.x, c.h1, c.h2, c.out)
        for i in range(n):
            c.d_out[i, 0] = np.float32(2.0 / n) * (c.out[i, 0] - batch.goal[i])
        actor_backward(networks.critics[e], batch.x, c.h1, c.h2, c.d_out, c.d2, c.d1, c.gradient)
        adam(networks.critics[e], c.gradient, networks.critic_mean[e], networks.critic_square[e], step, rate)
        polyak(networks.critic_targets[e], networks.critics[e], target_share)


@njit(cache=True)
def improve_actor(networks, batch, actor_space, critic_space, step, rate, target_share):
    """One step of the actor up the first critic's values of its own actions."""
    a, c = actor_space, critic_space
    n, hidden = batch.x.shape[0], c.h1.shape[1]
    columns = batch.x.shape[1] - N_ROTORS
    network = unpack(networks.actor, batch.seen.shape[1], hidden, N_ROTORS)
    forward(network, batch.seen, a.h1, a.h2, a.out)
    batch.x[:, columns:] = a.out
    critic = networks.critics[0]
    actor_forward(critic, batch.x, c.h1, c.h2, c.out)
    c.d_out[:] = np.float32(-1.0 / n)
    actor_backward(critic, batch.x, c.h1, c.h2, c.d_out, c.d2, c.d1, c.gradient)
    np.dot(c.d1, critic[: batch.x.shape[1] * hidden].reshape(-1, hidden).T, c.d_x)
    a.d_out[:] = c.d_x[:, columns:]
    backward(network, a.h1, a.h2, a.out, a.d1, a.d2, a.d_out, a.d_x)
    weight_gradient(batch.seen, a.h1, a.h2, a.d1, a.d2, a.d_out, a.gradient)
    adam(networks.actor, a.gradient, networks.actor_mean, networks.actor_square, step, rate)
    polyak(networks.actor_target, networks.actor, target_share)
