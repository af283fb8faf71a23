"""The feed-forward actor for many at once, and its gradient, lanes last: what trainers that fly windows call.

As `policies/first_order.py`, of which it has the network and the flat weights, but with a row for a number and a column for each of
those who decide, so that matrix products are tiles (`policies/lane_products.py`) and all else runs over lanes. A layer's bias is the
last row of its matrix, and what it sees ends in a row of ones: biases cost nothing, and neither does their gradient. Only the mean
is trained. The functions are plain, to be compiled by `sim.single_precision.specialise` as parts of a trainer's kernel.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from policies.actor import tanh32, weight_count
from policies.lane_products import outer, product


class Parts(NamedTuple):
    """The flat weights, or their gradient, as `policies/actor.py` lays them out, of the mean alone; the last rows are the biases."""

    first: np.ndarray  # (inputs + 1, hidden)
    second: np.ndarray  # (hidden + 1, hidden)
    third: np.ndarray  # (hidden + 1, actions)


def parts(weights: np.ndarray, layers: tuple[int, ...]) -> Parts:
    """Views of a flat vector."""
    views, start = [], 0
    for inputs, outputs in pairwise(layers):
        end = start + (inputs + 1) * outputs
        views.append(weights[start:end].reshape(inputs + 1, outputs))
        start = end
    first, second, third = views
    return Parts(first, second, third[:, : layers[-1] // 2])


def zero_parts(layers: tuple[int, ...]) -> Parts:
    """Zeros in the parts' shapes."""
    return parts(np.zeros(weight_count(layers), np.float32), layers)


def squash_rows(rows):
    """rows = tanh(rows), in place."""
    for j in range(rows.shape[0]):
        for i in range(rows.shape[1]):
            rows[j, i] = tanh32(rows[j, i])


def unsquash_rows(gradient, squashed):
    """gradient *= 1 - squashed^2, in place: back through tanh."""
    for j in range(gradient.shape[0]):
        for i in range(gradient.shape[1]):
            gradient[j, i] *= 1.0 - squashed[j, i] * squashed[j, i]


def forward(weights, x, first, second, action):
    """Deterministic actions (actions, n), written: x (inputs + 1, n), first, second (hidden + 1, n), whose last rows are ones."""
    hidden = weights.second.shape[1]
    product(weights.first.T, x, first[:hidden])
    squash_rows(first[:hidden])
    product(weights.second.T, first, second[:hidden])
    squash_rows(second[:hidden])
    product(weights.third.T, second, action)
    squash_rows(action)


def backward(weights, first, second, action, d_first, d_second, d_action, d_x):
    """Reverse of `forward`: `d_action` holds the adjoint of the actions and becomes that of their raw outputs.

    d_first, d_second (hidden, n) become the adjoints before each tanh, which `add_gradient` needs; d_x (inputs, n) is written.
    """
    hidden = weights.second.shape[1]
    unsquash_rows(d_action, action)
    product(weights.third[:hidden], d_action, d_second)
    unsquash_rows(d_second, second)
    product(weights.second[:hidden], d_second, d_first)
    unsquash_rows(d_first, first)
    product(weights.first[: d_x.shape[0]], d_first, d_x)


def add_product(a, b, scratch, out):
    """out += the sum of a b^T: a (some, rows, n), b (some, columns, n)."""
    outer(a, b, scratch)
    for j in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[j, k] += scratch[j, k]


def add_gradient(x, first, second, d_first, d_second, d_action, gradient, scratch):
    """Add the gradient by the weights from some decisions at once, each (some, rows, n); scratch: `zero_parts`."""
    add_product(x, d_first, scratch.first, gradient.first)
    add_product(first, d_second, scratch.second, gradient.second)
    add_product(second, d_action, scratch.third, gradient.third)
