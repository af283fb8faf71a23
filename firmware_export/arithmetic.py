"""What the exported C computes, bit for bit, in NumPy: its golden vectors come from here, and no compiler is needed.

The functions mirror `c_templates/`, operation by operation; single precision, rounded to nearest. A fused multiply-add,
which NumPy lacks, is a double-precision sum rounded to odd (Boldo, Melquiond, Emulation of a FMA and Correctly Rounded
Sums, 2008): then rounding it once more to single precision is exact.
"""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from firmware_export.network import LAYER_NORM_EPSILON, Layer, Network
from firmware_export.quantise import INT16_MAX, QuantisedLayer, quantise
from policies.actor import A1, A3, A5, A7, A9, A11, A13, B0, B2, B4, B6, TANH_LIMIT

Kernel = Literal["fma", "muladd", "int8"]
KERNELS: tuple[Kernel, ...] = get_args(Kernel)
MultiplyAdd = Callable[[ArrayLike, ArrayLike, ArrayLike], np.ndarray]

ABOVE = np.array([A1, A3, A5, A7, A9, A11, A13], np.float32)  # tanh's numerator, lowest power first
BELOW = np.array([B0, B2, B4, B6], np.float32)
TERMS_PER_SUM = 8
NEWTON_STEPS = 4


def fused(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> np.ndarray:
    """a * b + c with one rounding: float32 arrays that broadcast."""
    product = np.asarray(a, np.float64) * np.asarray(b, np.float64)  # exact: 48 bits
    c = np.asarray(c, np.float64)
    total = np.asarray(product + c)
    back = total - product
    error = (product - (total - back)) + (c - back)
    bits = total.view(np.int64)
    to_odd = np.isfinite(error) & (error != 0.0) & (bits % 2 == 0)
    outwards = np.where((error > 0.0) == (total > 0.0), 1, -1)
    return np.where(to_odd, bits + outwards, bits).view(np.float64).astype(np.float32)


def separate(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> np.ndarray:
    """a * b + c with two roundings: float32 arrays that broadcast."""
    return np.asarray(a, np.float32) * np.asarray(b, np.float32) + np.asarray(c, np.float32)


MULTIPLY_ADD: dict[Kernel, MultiplyAdd] = {"fma": fused, "muladd": separate, "int8": fused}


def infer(network: Network, kernel: Kernel, x: np.ndarray) -> np.ndarray:
    """Actions (n, outputs) float32 for normalised inputs (n, inputs), as `policy_infer` gives them with nothing
    remembered."""
    return step(network, kernel, x, network.initial_memory(len(x)))[0]


def step(network: Network, kernel: Kernel, x: np.ndarray, memory: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Actions (n, outputs) and next memories (n, memory) float32 for normalised inputs (n, inputs) and memories, as
    `policy_infer` gives them."""
    x, memory = np.asarray(x, np.float32), np.asarray(memory, np.float32)
    multiply_add = MULTIPLY_ADD[kernel]
    integers = quantise(network) if kernel == "int8" else []
    matrices = network.matrices

    def sums(number: int, x: np.ndarray) -> np.ndarray:
        return dense_int8(integers[number], x) if kernel == "int8" else dense(matrices[number], x, multiply_add)

    with np.errstate(all="ignore"):
        zero = (np.concatenate([x, memory], 1) * np.float32(0.0)).sum(1, keepdims=True)  # NaN if one is not finite
        last = len(matrices) - 1
        for number, layer in enumerate(network.layers[:-1]):
            x = activate(layer, sums(number, x), multiply_add)
        if network.cell is not None:
            memory = next_memory(sums(last - 2, x), sums(last - 1, memory), memory, multiply_add)
            x = np.concatenate([memory, x], axis=1)
        y = activate(matrices[last], sums(last, x), multiply_add)
        return (y + zero, memory + zero) if kernel == "int8" else (y, memory)


def next_memory(seen: np.ndarray, recalled: np.ndarray, memory: np.ndarray, multiply_add: MultiplyAdd) -> np.ndarray:
    """A gated recurrent unit, of its sums (n, 3 * memory) and the memory before (n, memory)."""
    half, wide = np.float32(0.5), memory.shape[1]
    gates = multiply_add(half, tanh(half * (seen + recalled)[:, : 2 * wide], multiply_add), half)
    reset, update = gates[:, :wide], gates[:, wide:]
    candidate = tanh(multiply_add(reset, recalled[:, 2 * wide :], seen[:, 2 * wide :]), multiply_add)
    return multiply_add(update, memory - candidate, candidate)


def dense(layer: Layer, x: np.ndarray, multiply_add: MultiplyAdd) -> np.ndarray:
    """x W + b, in sums of eight products."""
    total = np.tile(layer.bias, (len(x), 1))
    for start in range(0, layer.inputs, TERMS_PER_SUM):
        part = np.zeros_like(total)
        for i in range(start, min(start + TERMS_PER_SUM, layer.inputs)):
            part = multiply_add(x[:, i : i + 1], layer.weights[i], part)
        total = total + part
    return total


def dense_int8(layer: QuantisedLayer, x: np.ndarray) -> np.ndarray:
    """x W + b in integers."""
    steps = np.clip(x * layer.steps_per_unit, -INT16_MAX, INT16_MAX)
    sums = np.rint(np.nan_to_num(steps)).astype(np.int64) @ layer.weights.astype(np.int64)
    return fused(sums.astype(np.float32), layer.scale, layer.bias)


def activate(layer: Layer, y: np.ndarray, multiply_add: MultiplyAdd) -> np.ndarray:
    """LayerNorm and the activation function."""
    if layer.layer_norm:
        y = layer_norm(y, multiply_add)
    if layer.activation == "tanh":
        y = tanh(y, multiply_add)
    elif layer.activation == "relu":
        y = np.where(y < 0.0, np.float32(0.0), y)
    return y


def tanh(x: np.ndarray, multiply_add: MultiplyAdd) -> np.ndarray:
    """tanh, as in `policies/actor.py` but for the rounding of products."""
    x = np.where(x > TANH_LIMIT, TANH_LIMIT, x)
    x = np.where(x < -TANH_LIMIT, -TANH_LIMIT, x)
    z = x * x
    return x * polynomial(z, ABOVE, multiply_add) / polynomial(z, BELOW, multiply_add)


def polynomial(z: np.ndarray, coefficients: np.ndarray, multiply_add: MultiplyAdd) -> np.ndarray:
    """Horner's scheme."""
    total = np.full_like(z, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = multiply_add(z, total, coefficient)
    return total


def layer_norm(y: np.ndarray, multiply_add: MultiplyAdd) -> np.ndarray:
    """Mean 0 and variance 1, over the last axis (n, width)."""
    one_over_n = np.float32(1.0) / np.float32(y.shape[1])
    mean = np.zeros((len(y), 1), np.float32)
    for i in range(y.shape[1]):
        mean = mean + y[:, i : i + 1]
    y = y - mean * one_over_n
    variance = np.zeros_like(mean)
    for i in range(y.shape[1]):
        variance = multiply_add(y[:, i : i + 1], y[:, i : i + 1], variance)
    return y * inverse_root(variance * one_over_n + np.float32(LAYER_NORM_EPSILON), multiply_add)


def inverse_root(x: np.ndarray, multiply_add: MultiplyAdd) -> np.ndarray:
    """1 / square root, by Newton's method."""
    root = (np.uint32(0x5F3759DF) - (x.view(np.uint32) >> np.uint32(1))).view(np.float32)
    for _ in range(NEWTON_STEPS):
        root = root * multiply_add(np.float32(-0.5) * x, root * root, np.float32(1.5))
    return root
