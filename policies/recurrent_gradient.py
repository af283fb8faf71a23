"""The actor with memory for many at once, and its gradient: what trainers of `policies/recurrent_actor.py` call.

Everything is lanes last: a row for a number, a column for each of n who decide. The functions are plain, to be compiled by
`sim.single_precision.specialise` as parts of a trainer's kernel. Matrix products are BLAS's, unless a kernel is supplied with
others (`policies/lane_products.py`): either way sums differ from those of a single step in the last bits; a test says by how much.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numba import njit

from policies.actor import tanh32
from policies.recurrent_actor import RecurrentLayers, weight_count, weight_views
from sim.single_precision import OPTIONS, specialise


class Parts(NamedTuple):
    """The flat weights, or their gradient, as `policies/recurrent_actor.py` lays them out."""

    encoder: np.ndarray  # (encoder, inputs)
    seen: np.ndarray  # (3 memory, encoder)
    recalled: np.ndarray  # (3 memory, memory)
    act_recalled: np.ndarray  # (actions, memory)
    act_seen: np.ndarray  # (actions, encoder)
    encoder_bias: np.ndarray
    seen_bias: np.ndarray
    recalled_bias: np.ndarray
    act_bias: np.ndarray


class Gates(NamedTuple):
    """What a step's adjoint needs of it, each (memory, n): reset, update, candidate, and what the candidate recalled."""

    reset: np.ndarray
    update: np.ndarray
    candidate: np.ndarray
    recalled: np.ndarray


class Room(NamedTuple):
    """Scratch of a step and of its adjoint. products: a matrix of each kind."""

    seen: np.ndarray  # (3 memory, n)
    recalled: np.ndarray  # (3 memory, n)
    action: np.ndarray  # (actions, n)
    d_recalled: np.ndarray  # (memory, n)
    d_encoded: np.ndarray  # (encoder, n)
    d_skipped: np.ndarray  # (encoder, n)
    products: Parts


def parts(weights: np.ndarray, layers: RecurrentLayers) -> Parts:
    """Views of a flat vector."""
    return Parts(**weight_views(weights, layers))


def zero_parts(layers: RecurrentLayers) -> Parts:
    """Zeros in the parts' shapes."""
    return parts(np.zeros(weight_count(layers), np.float32), layers)


def room_for(layers: RecurrentLayers, n: int) -> Room:
    """Scratch for n."""
    _, encoder, memory, actions = layers

    def zeros(rows: int) -> np.ndarray:
        return np.zeros((rows, n), np.float32)

    return Room(zeros(3 * memory), zeros(3 * memory), zeros(actions), zeros(memory), zeros(encoder), zeros(encoder),
                zero_parts(layers))  # fmt: skip


def gates_for(layers: RecurrentLayers, *shape: int) -> Gates:
    """Zeros: (*shape[:-1], memory, shape[-1]) each."""
    return Gates(*(np.zeros((*shape[:-1], layers.memory, shape[-1]), np.float32) for _ in range(4)))


def matrices(vector: np.ndarray, layers: RecurrentLayers) -> list[np.ndarray]:
    """Views of a flat vector's matrices that stand between hidden numbers, each gate's by itself: what Muon levels."""
    views, h = weight_views(vector, layers), layers.memory
    gates = [views[name][gate * h : (gate + 1) * h] for name in ("seen", "recalled") for gate in range(3)]
    return [views["encoder"], *gates]


def product(matrix, x, out):
    """out (rows, n) = matrix (rows, terms) x (terms, n)."""
    np.dot(matrix, x, out)


def outer(a, b, out):
    """out (rows, columns) = a (rows, n) b (columns, n)^T."""
    np.dot(a, b.T, out)


def squash_rows(rows, bias):
    """rows = tanh(rows + bias), in place."""
    for j in range(rows.shape[0]):
        b = bias[j]
        for i in range(rows.shape[1]):
            rows[j, i] = tanh32(rows[j, i] + b)


def remember(seen, recalled, weights, memory, gates, out):
    """out (memory, n): the next memory, from what the gates see and recall, without their biases."""
    size = memory.shape[0]
    for j in range(size):
        b_r, b_z = weights.seen_bias[j], weights.seen_bias[size + j]
        b_c, b_h = weights.seen_bias[2 * size + j], weights.recalled_bias[j]
        for i in range(memory.shape[1]):
            r = 0.5 + 0.5 * tanh32(0.5 * (seen[j, i] + recalled[j, i] + b_r))
            z = 0.5 + 0.5 * tanh32(0.5 * (seen[size + j, i] + recalled[size + j, i] + b_z))
            m = recalled[2 * size + j, i] + b_h
            c = tanh32(seen[2 * size + j, i] + b_c + r * m)
            gates.reset[j, i], gates.update[j, i], gates.candidate[j, i], gates.recalled[j, i] = r, z, c, m
            out[j, i] = c + z * (memory[j, i] - c)


def forward(weights, x, memory, encoded, gates, after, action, scratch):
    """One step: x (inputs, n), memory (memory, n); writes encoded (encoder, n), gates, after (memory, n), action."""
    product(weights.encoder, x, encoded)
    squash_rows(encoded, weights.encoder_bias)
    product(weights.seen, encoded, scratch.seen)
    product(weights.recalled, memory, scratch.recalled)
    remember(scratch.seen, scratch.recalled, weights, memory, gates, after)
    product(weights.act_recalled, after, action)
    product(weights.act_seen, encoded, scratch.action)
    for k in range(action.shape[0]):
        b = weights.act_bias[k]
        for i in range(action.shape[1]):
            action[k, i] = tanh32(action[k, i] + scratch.action[k, i] + b)


def remember_adjoint(d, memory, gates, d_seen, d_recalled):
    """Reverse of `remember`: d (memory, n), of the next memory, becomes the direct part of that of the memory."""
    size = memory.shape[0]
    for j in range(size):
        for i in range(memory.shape[1]):
            r, z, c, l = gates.reset[j, i], gates.update[j, i], gates.candidate[j, i], d[j, i]
            l_c = l * (1.0 - z) * (1.0 - c * c)
            l_z = l * (memory[j, i] - c) * z * (1.0 - z)
            l_r = l_c * gates.recalled[j, i] * r * (1.0 - r)
            d_seen[j, i], d_seen[size + j, i], d_seen[2 * size + j, i] = l_r, l_z, l_c
            d_recalled[j, i], d_recalled[size + j, i], d_recalled[2 * size + j, i] = l_r, l_z, l_c * r
            d[j, i] = l * z


def add_product(a, b, scratch, out):
    """out += a b^T: a (rows, n), b (columns, n)."""
    outer(a, b, scratch)
    for j in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[j, k] += scratch[j, k]


def add_sums(rows, first, out):
    """out[j] += the sum of row first + j."""
    for j in range(out.size):
        total = 0.0
        for i in range(rows.shape[1]):
            total += rows[first + j, i]
        out[j] += total


def backward(weights, x, memory, encoded, gates, after, action, d_action, d_memory, d_x, gradient, scratch):
    """Reverse of `forward`: adds to the gradient by the weights.

    d_action (actions, n): adjoint of the action, overwritten. d_memory (memory, n): that of `after`, becomes that of `memory`.
    d_x (inputs, n): written.
    """
    for k in range(action.shape[0]):
        for i in range(action.shape[1]):
            d_action[k, i] *= 1.0 - action[k, i] * action[k, i]
    add_product(d_action, after, scratch.products.act_recalled, gradient.act_recalled)
    add_product(d_action, encoded, scratch.products.act_seen, gradient.act_seen)
    add_sums(d_action, 0, gradient.act_bias)
    product(weights.act_recalled.T, d_action, scratch.d_recalled)
    for j in range(d_memory.shape[0]):
        for i in range(d_memory.shape[1]):
            d_memory[j, i] += scratch.d_recalled[j, i]
    remember_adjoint(d_memory, memory, gates, scratch.seen, scratch.recalled)
    add_product(scratch.seen, encoded, scratch.products.seen, gradient.seen)
    add_product(scratch.recalled, memory, scratch.products.recalled, gradient.recalled)
    add_sums(scratch.seen, 0, gradient.seen_bias)
    add_sums(scratch.recalled, 2 * d_memory.shape[0], gradient.recalled_bias)
    product(weights.recalled.T, scratch.recalled, scratch.d_recalled)
    for j in range(d_memory.shape[0]):
        for i in range(d_memory.shape[1]):
            d_memory[j, i] += scratch.d_recalled[j, i]
    product(weights.seen.T, scratch.seen, scratch.d_encoded)
    product(weights.act_seen.T, d_action, scratch.d_skipped)
    for j in range(encoded.shape[0]):
        for i in range(encoded.shape[1]):
            slope = 1.0 - encoded[j, i] * encoded[j, i]
            scratch.d_encoded[j, i] = (scratch.d_encoded[j, i] + scratch.d_skipped[j, i]) * slope
    add_product(scratch.d_encoded, x, scratch.products.encoder, gradient.encoder)
    add_sums(scratch.d_encoded, 0, gradient.encoder_bias)
    product(weights.encoder.T, scratch.d_encoded, d_x)


@cache
def build_forward() -> Callable[..., None]:
    """`forward`, compiled for any n; then cached on disk."""
    compiled: Callable[..., None] = njit(cache=True, nogil=True, **OPTIONS)(specialise(forward))
    return compiled
