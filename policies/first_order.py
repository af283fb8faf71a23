"""First-order policy optimisation: the actor's batched forward and backward passes, and a loop that descends.

Where a simulator has an adjoint, the gradient of what a window of driving costs with respect to the actor's weights is
exact, and a few hundred steps of Adam train a policy in seconds. This file knows networks and descent; what the
window is and what it costs is the task's (`robot/tasks/race_track/gradient.py`), which calls the passes below.

Matrix products are BLAS's, unless a kernel is supplied with others. Who flies windows has a row for a number instead, and products
that are tiles: `policies/actor_gradient.py`.

The network is `policies/actor.py`'s. Only its mean is trained: the outputs for the log standard deviation stay as
they are.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from policies.actor import initial_weights, raw_log_std, tanh32, weight_views

EXPLORATION_STD = 0.1  # what a trained policy explores with when practice takes it over

# Everything that fastmath allows except the assumption that no number is NaN or infinite.
FAST = {"nsz", "arcp", "contract", "afn", "reassoc"}


@njit(cache=True)
def product(a, b, out):
    """out (n, columns) = a (n, terms) b (terms, columns)."""
    np.dot(a, b, out)


@njit(cache=True)
def product_by_rows(a, b, out):
    """out (n, rows) = a (n, terms) b (rows, terms)^T, of few rows."""
    np.dot(a, b.T, out)


@njit(cache=True)
def product_over_rows(a, b, out):
    """out (rows, columns) = a (n, rows)^T b (n, columns), of a large n."""
    np.dot(a.T, b, out)


@njit(cache=True)
def transposed(matrix):
    """Of a matrix that many products follow with."""
    return matrix.T


@njit(cache=True)
def unpack(weights, inputs, hidden, actions):
    """Views of the flat weights as (W1, b1, W2, b2), copies of the mean's columns of (W3, b3), and the matrices transposed."""
    a = inputs * hidden
    b = a + hidden
    c = b + hidden * hidden
    d = c + hidden
    e = d + hidden * 2 * actions
    w1 = weights[:a].reshape(inputs, hidden)
    w2 = weights[b:c].reshape(hidden, hidden)
    w3 = weights[d:e].reshape(hidden, 2 * actions)[:, :actions].copy()
    b3 = weights[e : e + actions].copy()
    return w1, weights[a:b], w2, weights[c:d], w3, b3, transposed(w1), transposed(w2), transposed(w3)


@njit(cache=True, fastmath=FAST)
def add_and_squash(rows, bias):
    """rows = tanh(rows + bias), in place."""
    for i in range(rows.shape[0]):
        row = rows[i]
        for j in range(row.size):
            row[j] = tanh32(row[j] + bias[j])


@njit(cache=True, fastmath=FAST)
def unsquash(gradient, squashed):
    """gradient *= 1 - squashed^2, in place: back through tanh."""
    for i in range(gradient.shape[0]):
        row, value = gradient[i], squashed[i]
        for j in range(row.size):
            row[j] *= np.float32(1.0) - value[j] * value[j]


@njit(cache=True)
def forward(network, observation, first, second, action):
    """Deterministic actions of a batch: observation (n, inputs), first, second (n, hidden), action (n, actions)."""
    w1, b1, w2, b2, _, b3, _, _, w3_rows = network
    product(observation, w1, first)
    add_and_squash(first, b1)
    product(first, w2, second)
    add_and_squash(second, b2)
    product_by_rows(second, w3_rows, action)
    add_and_squash(action, b3)


@njit(cache=True)
def backward(network, first, second, action, d_first, d_second, d_action, d_observation):
    """Reverse of `forward`: `d_action` holds the loss's gradient by the actions and becomes that by their raw outputs.

    d_first, d_second become the gradients before each tanh, which `weight_gradient` needs; d_observation is written.
    """
    _, _, _, _, _, _, w1_rows, w2_rows, w3_rows = network
    unsquash(d_action, action)
    product(d_action, w3_rows, d_second)
    unsquash(d_second, second)
    product(d_second, w2_rows, d_first)
    unsquash(d_first, first)
    product(d_first, w1_rows, d_observation)


@njit(cache=True)
def add_columns(rows, out):
    """out (m,) = sum of rows (n, m) over n."""
    out[:] = 0.0
    for i in range(rows.shape[0]):
        for j in range(out.size):
            out[j] += rows[i, j]


@njit(cache=True)
def weight_gradient(observation, first, second, d_first, d_second, d_action, gradient):
    """Write the flat gradient from all rows of a window at once; zero for the log standard deviation's outputs."""
    inputs, hidden, actions = observation.shape[1], first.shape[1], d_action.shape[1]
    a = inputs * hidden
    b = a + hidden
    c = b + hidden * hidden
    d = c + hidden
    e = d + hidden * 2 * actions
    product_over_rows(observation, d_first, gradient[:a].reshape(inputs, hidden))
    add_columns(d_first, gradient[a:b])
    product_over_rows(first, d_second, gradient[b:c].reshape(hidden, hidden))
    add_columns(d_second, gradient[c:d])
    gradient[d:] = 0.0
    mean = np.empty((hidden, actions), gradient.dtype)
    product_over_rows(second, d_action, mean)
    gradient[d:e].reshape(hidden, 2 * actions)[:, :actions] = mean
    add_columns(d_action, gradient[e : e + actions])


def first_weights(layers: tuple[int, ...], rng: np.random.Generator, mean_action: np.ndarray) -> np.ndarray:
    """Weights of a policy that at first does about `mean_action` (actions,) everywhere."""
    weights = initial_weights(layers, rng)
    views = weight_views(weights, layers)
    for matrix, _ in views[:-1]:
        matrix /= math.sqrt(2.0)  # gain 1: `initial_weights` has gain sqrt(2)
    matrix, bias = views[-1]
    actions = len(bias) // 2
    matrix[:, :actions] *= 10.0
    matrix[:, actions:] = 0.0
    bias[:actions] = np.arctanh(mean_action)
    bias[actions:] = raw_log_std(EXPLORATION_STD)
    return weights


@dataclass
class Adam:
    """Adam (Kingma and Ba, 2015) on a flat float32 vector, the gradient's norm clipped, the rate a falling cosine."""

    weights: np.ndarray
    iterations: int
    rate: float
    last_rate: float
    clip_norm: float = 1.0
    beta1: float = 0.9
    beta2: float = 0.98
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        self.mean = np.zeros_like(self.weights)
        self.square = np.zeros_like(self.weights)
        self.step_count = 0

    def step(self, gradient: np.ndarray) -> None:
        """Move the weights, in place. A gradient that is not finite is dropped."""
        norm = float(np.sqrt(np.dot(gradient, gradient)))
        fraction = min(1.0, self.step_count / max(1, self.iterations))
        self.step_count += 1
        if not math.isfinite(norm):
            return
        rate = self.last_rate + (self.rate - self.last_rate) * 0.5 * (1.0 + math.cos(math.pi * fraction))
        rate *= math.sqrt(1.0 - self.beta2**self.step_count) / (1.0 - self.beta1**self.step_count)
        scale = min(1.0, self.clip_norm / (norm + 1e-12))
        adam_step(self.weights, gradient, self.mean, self.square, scale, rate, self.beta1, self.beta2, self.epsilon)


@njit(cache=True)
def adam_step(weights, gradient, mean, square, scale, rate, beta1, beta2, epsilon):
    """One update in place; `rate` already holds Adam's bias correction."""
    for i in range(weights.size):
        g = gradient[i] * scale
        mean[i] += (1.0 - beta1) * (g - mean[i])
        square[i] += (1.0 - beta2) * (g * g - square[i])
        weights[i] -= rate * mean[i] / (math.sqrt(square[i]) + epsilon)
