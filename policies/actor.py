"""The actor: a small Gaussian policy, and its forward pass for the control loop (Numba, no torch).

The network is observation -> tanh -> tanh -> (mean, raw log standard deviation), float32. An action is `tanh(mean)`, or
when exploring `tanh(mean + std * noise)`, with

    log std = LOG_STD_MIN + (LOG_STD_MAX - LOG_STD_MIN) / 2 * (1 + tanh(raw))

All weights lie in one flat float32 vector: W1 (inputs, hidden), b1, W2, b2, W3, b3, row-major, in this order. That
vector is what learners train, the mailbox carries and policy files store.

Only additions, multiplications and divisions are used (no libm, no fused multiply-add, one order of summation), so a
forward pass gives the same bits on every machine, which the replay of logs relies on.
"""

import itertools
import math
from dataclasses import dataclass, field

import numpy as np
from numba import float32, njit

HIDDEN = (64, 64)
LOG_STD_MIN, LOG_STD_MAX = -4.0, 1.0
OBSERVED_MAX = 1e4  # beyond what any task shows; hidden layers give 1 at most

# Rational approximation of tanh, error below 5 units in the last place of float32 (Eigen, `generic_fast_tanh_float`).
TANH_LIMIT = np.float32(7.90531110763549805)
A1, A3, A5 = np.float32(4.89352455891786e-03), np.float32(6.37261928875436e-04), np.float32(1.48572235717979e-05)
A7, A9 = np.float32(5.12229709037114e-08), np.float32(-8.60467152213735e-11)
A11, A13 = np.float32(2.00018790482477e-13), np.float32(-2.76076847742355e-16)
B0, B2 = np.float32(4.89352518554385e-03), np.float32(2.26843463243900e-03)
B4, B6 = np.float32(1.18534705686654e-04), np.float32(1.19825839466702e-06)


@njit(inline="always")
def tanh32(value):
    """tanh of a float32, from arithmetic alone: vectorises, and is the same everywhere."""
    x = min(TANH_LIMIT, max(-TANH_LIMIT, value))
    y = x * x
    above = x * (A1 + y * (A3 + y * (A5 + y * (A7 + y * (A9 + y * (A11 + y * A13))))))
    return above / (B0 + y * (B2 + y * (B4 + y * B6)))


def actor_layers(observation_size: int, action_size: int, hidden: tuple[int, ...] = HIDDEN) -> tuple[int, ...]:
    """Sizes of the layers, input to output: the output holds a mean and a raw log std for each action component."""
    return (observation_size, *hidden, 2 * action_size)


def weight_count(layers: tuple[int, ...]) -> int:
    """Length of the flat vector of weights."""
    return sum((inputs + 1) * outputs for inputs, outputs in itertools.pairwise(layers))


def weight_views(weights: np.ndarray, layers: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The flat vector as [(W (inputs, outputs), b (outputs,)), ...]: views, so that writing to them changes it."""
    views, start = [], 0
    for inputs, outputs in itertools.pairwise(layers):
        matrix_end = start + inputs * outputs
        views.append((weights[start:matrix_end].reshape(inputs, outputs), weights[matrix_end : matrix_end + outputs]))
        start = matrix_end + outputs
    return views


def hidden_matrices(weights: np.ndarray, layers: tuple[int, ...]) -> list[np.ndarray]:
    """Views of the matrices of all layers but the last."""
    return [matrix for matrix, _ in weight_views(weights, layers)[:-1]]


def largest_output(weights: np.ndarray, layers: tuple[int, ...]) -> float:
    """The most that any layer's sum can come to, before it is squashed, for observations up to OBSERVED_MAX."""
    inputs, largest = OBSERVED_MAX, 0.0
    for matrix, bias in weight_views(weights.astype(np.float64), layers):
        largest = max(largest, float((inputs * np.abs(matrix).sum(axis=0) + np.abs(bias)).max()))
        inputs = 1.0
    return largest


def raw_log_std(std: float) -> float:
    """The network output that makes a standard deviation `std`, the inverse of the formula above."""
    share = 2.0 * (math.log(std) - LOG_STD_MIN) / (LOG_STD_MAX - LOG_STD_MIN) - 1.0
    if not -1.0 < share < 1.0:
        raise ValueError(f"std {std} is outside {math.exp(LOG_STD_MIN):.4f} .. {math.exp(LOG_STD_MAX):.4f}")
    return math.atanh(share)


def initial_weights(layers: tuple[int, ...], rng: np.random.Generator, std: float = 0.6) -> np.ndarray:
    """Fresh weights: orthogonal hidden layers, a small output layer, zero mean, and standard deviation `std`."""
    weights = np.zeros(weight_count(layers), np.float32)
    views = weight_views(weights, layers)
    for index, (matrix, bias) in enumerate(views):
        gain = 0.01 if index == len(views) - 1 else math.sqrt(2.0)
        matrix[:] = gain * orthogonal(matrix.shape, rng)
        if index == len(views) - 1:
            bias[len(bias) // 2 :] = raw_log_std(std)
    return weights


def orthogonal(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A random matrix with orthonormal rows or columns, whichever are fewer (Saxe et al., 2014)."""
    q, r = np.linalg.qr(rng.standard_normal((max(shape), min(shape))))
    q *= np.sign(np.diag(r))
    return q if shape[0] >= shape[1] else q.T


@njit(cache=True)
def dense(weights, start, x, out):
    """out = x W + b for the layer whose weights begin at `start`; returns where the next layer begins."""
    inputs, outputs = x.size, out.size
    bias = start + inputs * outputs
    for j in range(outputs):
        out[j] = weights[bias + j]
    for i in range(inputs):
        row = start + i * outputs
        for j in range(outputs):
            out[j] += x[i] * weights[row + j]
    return bias + outputs


@njit(cache=True)
def act(weights, observation, hidden, out):
    """Run the network once, all float32: observation (n,), hidden (2, width) scratch, out (2 * actions,).

    `out` becomes [mean, raw log std], before any squashing.
    """
    first, second = hidden[0], hidden[1]
    start = dense(weights, np.int64(0), observation, first)
    for j in range(first.size):
        first[j] = tanh32(first[j])
    start = dense(weights, start, first, second)
    for j in range(second.size):
        second[j] = tanh32(second[j])
    dense(weights, start, second, out)


@njit(cache=True)
def squash(out, noise, std_scale, action):
    """action = tanh(mean + std_scale * std * noise), from `act`'s `out`; noise zero gives the deterministic action."""
    actions = action.size
    for j in range(actions):
        share = tanh32(out[actions + j])
        log_std = LOG_STD_MIN + 0.5 * (LOG_STD_MAX - LOG_STD_MIN) * (1.0 + share)
        std = float32(math.exp(log_std))
        action[j] = tanh32(out[j] + float32(std_scale) * std * noise[j])


@dataclass
class Actor:
    """A policy ready to act: weights, layers, and the scratch that a forward pass needs.

    layers (inputs, hidden, hidden, 2 * actions), both hidden layers of one width; weights float32 (weight_count,).
    """

    layers: tuple[int, ...]
    weights: np.ndarray
    hidden: np.ndarray = field(init=False, repr=False)
    out: np.ndarray = field(init=False, repr=False)
    no_noise: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.layers = tuple(int(size) for size in self.layers)
        check_layers(self.layers)
        self.set_weights(self.weights)
        actions = self.layers[-1] // 2
        self.hidden = np.zeros((2, self.layers[1]), np.float32)
        self.out = np.zeros(2 * actions, np.float32)
        self.no_noise = np.zeros(actions, np.float32)

    def set_weights(self, weights: np.ndarray) -> None:
        """Take new weights (copied). Raises ValueError unless they are finite and of the right number."""
        weights = np.array(weights, np.float32)
        if weights.shape != (weight_count(self.layers),):
            raise ValueError(
                f"weights have shape {weights.shape}, layers {self.layers} need ({weight_count(self.layers)},)"
            )
        if not np.isfinite(weights).all():
            raise ValueError("weights are not all finite")
        self.weights = weights

    def initial_memory(self) -> np.ndarray:
        """Nothing: a policy with memory is a `recurrent_actor.RecurrentActor`."""
        return np.zeros(0, np.float32)

    def step(self, observation: np.ndarray, memory: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The deterministic action, and the memory, which is none: what every kind of actor has."""
        return self.mean(observation), memory

    def mean(self, observation: np.ndarray) -> np.ndarray:
        """The deterministic action (actions,) float32 for an observation (n,) float32."""
        return self.sample(observation, self.no_noise)

    def sample(self, observation: np.ndarray, noise: np.ndarray, std_scale: float = 1.0) -> np.ndarray:
        """The action (actions,) float32 for standard normal `noise` (actions,) float32."""
        act(self.weights, observation, self.hidden, self.out)
        action = np.empty_like(noise)
        squash(self.out, noise, std_scale, action)
        return action


def check_layers(layers: tuple[int, ...]) -> None:
    """Raise ValueError unless `layers` is (inputs, hidden, hidden, 2 * actions)."""
    if len(layers) != 4 or min(layers) < 1 or layers[1] != layers[2] or layers[3] % 2:
        raise ValueError(f"layers {layers}: need (inputs, hidden, hidden, 2 * actions), both hidden of one width")
