"""Proximal policy optimisation (Schulman et al., 2017), a model-free rival of `robot/robots/quadrotor/training/first_order.py`.

One iteration (`Ppo.iterate`): fly `horizon` decisions with every drone, by the policy and Gaussian noise (`explore`);
estimate how much better than expected each action turned out (`advantages`, Schulman et al., 2016); then, for a few
epochs of mini-batches, climb the clipped ratio of likelihoods and pull the values towards the returns (`improve`). The
step size follows the change that it makes: it shrinks when the policy moves further than `kl_target`, and grows when it
moves less.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from policies.actor import actor_layers, raw_log_std, weight_count, weight_views
from policies.first_order import adam_step, backward, first_weights, forward, unpack, weight_gradient
from policies.rlpd_kernels import actor_backward, actor_forward
from robot.robots.quadrotor.evaluation.evaluation import DISTURBED
from robot.robots.quadrotor.training.experience import N_PRIVILEGED, Drones, value_weights
from sim.quadrotor.batch import SensorNoise, Starts
from sim.quadrotor.kernel import RUNNING, TERMINATED, WEIGHTS
from sim.quadrotor.model import N_ROTORS, QuadrotorParameters, QuadrotorRandomisation

LOG_STD_LOW, LOG_STD_HIGH = -2.5, 0.5
RATE_LOW, RATE_FACTOR = 1e-4, 1.3
BETA_1, BETA_2, EPSILON = 0.9, 0.99, 1e-8


@dataclass(frozen=True)
class PpoRecipe:
    """What takes a second or two on one core to 95 % of the flights."""

    iterations: int = 800
    drones: int = 128
    horizon: int = 32  # decisions of each drone in an iteration
    epochs: int = 2
    batches: int = 8
    hidden: int = 32
    history: int = 8
    decisions_max: int = 300
    reward_weights: tuple[float, ...] = (5.0, 1.5, 0.2, 0.01)  # position, attitude, velocity, action
    reward_scale: float = 0.2
    discount: float = 0.98
    trace: float = 0.9
    clip: float = 0.2
    std: float = 0.4
    rate: float = 3e-3
    rate_high: float = 1e-2
    value_rate: float = 3e-3
    kl_target: float = 0.015
    spread: QuadrotorRandomisation = DISTURBED


class Ppo:
    """The learner. The same seed gives the same bytes."""

    def __init__(self, task: Any, nominal: Sequence[QuadrotorParameters], starts: Starts, noise: SensorNoise, seed: int,
                 recipe: PpoRecipe = PpoRecipe()) -> None:  # fmt: skip
        """nominal: its first quadrotor is the one that drones are drawn around."""
        self.recipe = r = recipe
        self.rng = np.random.default_rng([seed, 0x990])
        self.drones = Drones(task, nominal[0], r.spread, starts, noise, r.drones, r.history, r.decisions_max,
                             int(self.rng.integers(2**31)))  # fmt: skip
        self.drones.batch.settings[int(WEIGHTS) :][: len(r.reward_weights)] = r.reward_weights
        self.steps, self.updates, self.rate = 0, 0, r.rate

        self.layers = actor_layers(self.drones.actor_width, N_ROTORS, (r.hidden, r.hidden))
        hover_action = np.full(N_ROTORS, 2.0 * nominal[0].hover_command() - 1.0)
        self.actor = first_weights(self.layers, self.rng, hover_action)
        self.log_std = np.full(N_ROTORS, math.log(r.std), np.float32)
        self.critic = value_weights((self.drones.critic_columns.stop, r.hidden, r.hidden, 1), self.rng)
        self.moments = tuple((np.zeros_like(x), np.zeros_like(x)) for x in (self.actor, self.log_std, self.critic))

        n, columns = self.drones.rows.shape
        self.rows = np.empty((r.horizon + 1, n, columns), np.float32)
        self.actions = np.empty((r.horizon, n, N_ROTORS), np.float32)
        self.likelihoods, self.rewards = np.empty((2, r.horizon, n), np.float32)
        self.ends = np.empty((r.horizon, n), np.uint32)
        self.acting = spaces(n, self.layers, self.drones)
        self.learning = spaces(n * r.horizon // r.batches, self.layers, self.drones)

    @property
    def weights(self) -> np.ndarray:
        """The policy so far, as `policies/actor.py` lays it out: a copy."""
        weights = self.actor.copy()
        weight_views(weights, self.layers)[-1][1][N_ROTORS:] = [raw_log_std(math.exp(x)) for x in self.log_std]
        return weights

    def iterate(self) -> float:
        """Fly and learn once; returns the mean reward of a decision."""
        r, hidden = self.recipe, self.recipe.hidden
        first = N_PRIVILEGED
        for t in range(r.horizon):
            self.rows[t] = self.drones.rows
            noise = self.rng.standard_normal(self.actions[t].shape, np.float32)
            explore(self.actor, hidden, self.log_std, self.rows[t], first, noise, self.acting, self.actions[t],
                    self.likelihoods[t])  # fmt: skip
            self.drones.step(self.actions[t])
            self.rewards[t], self.ends[t] = self.drones.reward, self.drones.end
        self.rows[r.horizon] = self.drones.rows
        values = np.empty(self.rows.shape[:2], np.float32)
        for t in range(r.horizon + 1):
            estimate(self.critic, self.rows[t], self.acting, values[t])
        advantage = np.empty_like(self.rewards)
        advantages(self.rewards * np.float32(r.reward_scale), self.ends, values, r.discount, r.trace, advantage)
        returns = (advantage + values[:-1]).reshape(-1)
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-6)

        rows = self.rows[:-1].reshape(-1, self.rows.shape[2])
        actions, samples = self.actions.reshape(-1, N_ROTORS), len(rows)
        moved = 0.0
        for _ in range(r.epochs):
            for chosen in self.rng.permutation(samples).reshape(r.batches, -1):
                self.updates += 1
                moved += improve(
                    self.actor, self.log_std, self.critic, hidden, chosen, rows, first, actions,
                    self.likelihoods.reshape(-1), advantage.reshape(-1), returns, self.learning, self.moments,
                    self.updates, r.clip, self.rate, r.value_rate,
                )  # fmt: skip
        moved = abs(moved) / (r.epochs * r.batches)
        if moved > 2.0 * r.kl_target:
            self.rate = max(RATE_LOW, self.rate / RATE_FACTOR)
        elif moved < 0.5 * r.kl_target:
            self.rate = min(r.rate_high, self.rate * RATE_FACTOR)
        self.steps += samples
        return float(self.rewards.mean())


def spaces(n: int, layers: tuple[int, ...], drones: Drones) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Scratch for n samples: of the actor, then of the critic. Each: input, first, second, output, and their gradients."""
    inputs, hidden = layers[0], layers[1]
    actor, critic = (inputs, hidden, hidden, N_ROTORS), (drones.critic_columns.stop, hidden, hidden, 1)
    f = np.float32
    return (
        tuple(np.empty((n, size), f) for size in actor + actor) + (np.empty(weight_count(layers), f),),
        tuple(np.empty((n, size), f) for size in critic + critic) + (np.empty(weight_count(critic), f),),
    )


@njit(cache=True)
def explore(weights, hidden, log_std, rows, first, noise, space, actions, likelihoods):
    """Actions for what the actor sees of each drone, with noise, and the logarithm of how likely they were."""
    observation, h1, h2, mean = space[0][:4]
    observation[:] = rows[:, first:]
    forward(unpack(weights, observation.shape[1], hidden, N_ROTORS), observation, h1, h2, mean)
    for i in range(mean.shape[0]):
        total = np.float32(0.0)
        for k in range(N_ROTORS):
            actions[i, k] = mean[i, k] + math.exp(log_std[k]) * noise[i, k]
            total -= np.float32(0.5) * noise[i, k] ** 2 + log_std[k]
        likelihoods[i] = total


@njit(cache=True)
def estimate(weights, rows, space, values):
    """The critic's values (n,) of rows (n, columns)."""
    observation, h1, h2, value = space[1][:4]
    observation[:] = rows[:, : observation.shape[1]]
    actor_forward(weights, observation, h1, h2, value)
    values[:] = value[:, 0]


@njit(cache=True)
def advantages(rewards, ends, values, discount, trace, out):
    """Generalised advantages (horizon, n); values (horizon + 1, n).

    An episode that ran out of time is taken to have gone on as it stood.
    """
    horizon, n = rewards.shape
    for i in range(n):
        ahead = 0.0
        for t in range(horizon - 1, -1, -1):
            if ends[t, i] == RUNNING:
                ahead = rewards[t, i] + discount * values[t + 1, i] - values[t, i] + discount * trace * ahead
            elif ends[t, i] == TERMINATED:
                ahead = rewards[t, i] - values[t, i]
            else:
                ahead = rewards[t, i] + discount * values[t, i] - values[t, i]
            out[t, i] = ahead


@njit(cache=True)
def improve(actor, log_std, critic, hidden, chosen, rows, first, actions, likelihoods, advantage, returns, space, moments,
            step, clip, rate, value_rate):  # fmt: skip
    """One step of actor and critic on the `chosen` samples. Returns how far the policy has moved, a mean log ratio."""
    observation, h1, h2, mean, d_observation, d1, d2, d_mean, gradient = space[0]
    seen, v1, v2, value, _, e1, e2, d_value, value_gradient = space[1]
    n = chosen.size
    for i in range(n):
        row = rows[chosen[i]]
        seen[i] = row[: seen.shape[1]]
        observation[i] = row[first:]

    network = unpack(actor, observation.shape[1], hidden, N_ROTORS)
    forward(network, observation, h1, h2, mean)
    d_log_std, inverse_std = np.zeros(N_ROTORS, np.float32), np.exp(-log_std)
    moved, certain = 0.0, log_std.sum()
    for i in range(n):
        sample = chosen[i]
        squares = np.float32(0.0)
        for k in range(N_ROTORS):
            z = (actions[sample, k] - mean[i, k]) * inverse_std[k]
            squares += z * z
        log_ratio = np.float32(-0.5) * squares - certain - likelihoods[sample]
        ratio, gain = math.exp(min(10.0, log_ratio)), advantage[sample]
        moved -= log_ratio / n
        clipped = ratio > 1.0 + clip if gain > 0.0 else ratio < 1.0 - clip
        slope = 0.0 if clipped else -gain * ratio / n
        for k in range(N_ROTORS):
            z = (actions[sample, k] - mean[i, k]) * inverse_std[k]
            d_mean[i, k] = slope * z * inverse_std[k]
            d_log_std[k] += slope * (z * z - 1.0)
    backward(network, h1, h2, mean, d1, d2, d_mean, d_observation)
    weight_gradient(observation, h1, h2, d1, d2, d_mean, gradient)
    descend(actor, gradient, moments[0], step, rate, 1.0)
    descend(log_std, d_log_std, moments[1], step, rate, 1.0)
    for k in range(N_ROTORS):
        log_std[k] = min(LOG_STD_HIGH, max(LOG_STD_LOW, log_std[k]))

    actor_forward(critic, seen, v1, v2, value)
    for i in range(n):
        d_value[i, 0] = 2.0 / n * (value[i, 0] - returns[chosen[i]])
    actor_backward(critic, seen, v1, v2, d_value, e2, e1, value_gradient)
    descend(critic, value_gradient, moments[2], step, value_rate, 5.0)
    return moved


@njit(cache=True)
def descend(weights, gradient, moments, step, rate, norm_max):
    """One step of Adam, in place, on a gradient that is shortened to `norm_max`."""
    norm = math.sqrt(np.dot(gradient, gradient))
    corrected = rate * math.sqrt(1.0 - BETA_2**step) / (1.0 - BETA_1**step)
    adam_step(weights, gradient, moments[0], moments[1], min(1.0, norm_max / (norm + 1e-12)), corrected, BETA_1, BETA_2,
              EPSILON)  # fmt: skip
