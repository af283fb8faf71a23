"""The actor with memory: one policy that finds out by flying what it flies (Numba, no torch).

    e      = tanh(W_e x + b_e)                       encoder
    r      = sigmoid(W_ir e + b_ir + W_hr h)         reset gate
    z      = sigmoid(W_iz e + b_iz + W_hz h)         update gate
    c      = tanh(W_ic e + b_ic + r (W_hc h + b_h))  candidate
    h'     = c + z (h - c)                           the next memory
    action = tanh(W_h h' + W_s e + b_a)              from the memory, and past it

x: the task's observation, normalised as its fields say, then the actor's own last action. It is a gated recurrent unit (Cho
et al., 2014, with the reset gate behind the product, as torch.nn.GRUCell has it: gates in the order r, z, c) between two
layers. There is no exploration: the action is the policy's.

All weights lie in one flat float32 vector, matrices (outputs, inputs) row-major, in the order of `weight_shapes`. Of the
biases of the gates only the sums b_ir and b_iz are kept; the candidate has two, which the reset gate tells apart.

The memory is zero when the policy is given control, and lies in [-1, 1] ever after.

Only additions, multiplications and divisions are used (no libm, no fused multiply-add), and sums are taken in eights, as the
exported C takes them: a step gives the same bits on every machine, and those of the C's kernel `muladd`. A number that is none
comes out, and stays in the memory.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numba import njit

from policies.actor import OBSERVED_MAX, orthogonal, tanh32
from policies.fields import Field

TERMS_PER_SUM = 8
HALF, NOTHING = np.float32(0.5), np.float32(0.0)
KEEPS, PAST_SHARE, OUTPUT_GAIN, ACTION = 1.0, 0.3, 0.1, 0.3  # of fresh weights


class RecurrentLayers(NamedTuple):
    """Sizes: numbers seen (the last action among them), of the encoder, of the memory, of the action."""

    inputs: int
    encoder: int
    memory: int
    actions: int


def memory_field(layers: RecurrentLayers) -> Field:
    """What the memory is."""
    return Field("memory", layers.memory, "1", meaning="what it has found out; zero at hand-over", low=-1.0, high=1.0)


def weight_shapes(layers: RecurrentLayers) -> dict[str, tuple[int, ...]]:
    """The parts of the flat vector, in their order. Rows of `seen` and `recalled` are those of r, then z, then c."""
    inputs, encoder, memory, actions = layers
    return {
        "encoder": (encoder, inputs),  # W_e
        "seen": (3 * memory, encoder),  # W_ir, W_iz, W_ic
        "recalled": (3 * memory, memory),  # W_hr, W_hz, W_hc
        "act_recalled": (actions, memory),  # W_h
        "act_seen": (actions, encoder),  # W_s
        "encoder_bias": (encoder,),  # b_e
        "seen_bias": (3 * memory,),  # b_ir, b_iz, b_ic
        "recalled_bias": (memory,),  # b_h
        "act_bias": (actions,),  # b_a
    }


def weight_slices(layers: RecurrentLayers) -> dict[str, slice]:
    """Where each part lies in the flat vector."""
    places, first = {}, 0
    for name, shape in weight_shapes(layers).items():
        places[name] = slice(first, first + math.prod(shape))
        first += math.prod(shape)
    return places


def weight_count(layers: RecurrentLayers) -> int:
    """Length of the flat vector of weights."""
    return sum(map(math.prod, weight_shapes(layers).values()))


def weight_views(weights: np.ndarray, layers: RecurrentLayers) -> dict[str, np.ndarray]:
    """The parts of the flat vector: views, so that writing to them changes it."""
    shapes = weight_shapes(layers)
    return {name: weights[place].reshape(shapes[name]) for name, place in weight_slices(layers).items()}


def without_inputs(
    weights: np.ndarray, layers: RecurrentLayers, first: int, values: np.ndarray
) -> tuple[np.ndarray, RecurrentLayers]:
    """The policy that decides as this one does where its inputs from `first` on are always `values`, and does not see them."""
    fewer = layers._replace(inputs=layers.inputs - len(values))
    rest = np.zeros(weight_count(fewer), np.float32)
    own, other = weight_views(weights, layers), weight_views(rest, fewer)
    for name, part in other.items():
        part[:] = np.delete(own[name], np.s_[first : first + len(values)], axis=1) if name == "encoder" else own[name]
    always = own["encoder"][:, first : first + len(values)].astype(np.float64)
    other["encoder_bias"][:] = own["encoder_bias"] + (always * values).sum(axis=1)
    return rest, fewer


def largest_output(weights: np.ndarray, layers: RecurrentLayers) -> float:
    """The most that any sum can come to, before it is squashed, for observations up to OBSERVED_MAX."""
    part = {name: np.abs(view) for name, view in weight_views(weights.astype(np.float64), layers).items()}
    third = layers.memory
    recalled = part["recalled"].sum(1)
    recalled[2 * third :] += part["recalled_bias"]
    sums = (
        OBSERVED_MAX * part["encoder"].sum(1) + part["encoder_bias"],
        part["seen"].sum(1) + part["seen_bias"] + recalled,
        part["act_recalled"].sum(1) + part["act_seen"].sum(1) + part["act_bias"],
    )
    return max(float(each.max()) for each in sums)


def initial_weights(layers: RecurrentLayers, rng: np.random.Generator) -> np.ndarray:
    """Fresh weights: a memory that keeps (z near 0.7), small output layers, actions near ACTION."""
    weights = np.zeros(weight_count(layers), np.float32)
    part, memory = weight_views(weights, layers), layers.memory
    seen = layers.inputs - layers.actions
    part["encoder"][:] = rng.standard_normal(part["encoder"].shape) / math.sqrt(seen)
    part["encoder"][:, seen:] *= PAST_SHARE
    part["seen"][:] = rng.standard_normal(part["seen"].shape) / math.sqrt(layers.encoder)
    for gate, gain in enumerate((0.5, 0.5, 1.0)):
        part["recalled"][gate * memory : (gate + 1) * memory] = gain * orthogonal((memory, memory), rng)
    part["act_recalled"][:] = OUTPUT_GAIN * rng.standard_normal(part["act_recalled"].shape) / math.sqrt(memory)
    part["act_seen"][:] = OUTPUT_GAIN * rng.standard_normal(part["act_seen"].shape) / math.sqrt(layers.encoder)
    part["seen_bias"][memory : 2 * memory] = KEEPS
    part["act_bias"][:] = math.atanh(ACTION)
    return weights


@njit(inline="always")
def squashed(value):
    """tanh of a float32; what is not a number stays none, where tanh32 makes a bound of it."""
    return tanh32(value) if value == value else value


@njit(cache=True)
def add_products(weights, start, x, out):
    """out += W x for the matrix (out.size, x.size) that begins at `start`, in sums of eight; returns where it ends."""
    inputs = x.size
    for j in range(out.size):
        row = start + j * inputs
        for first in range(0, inputs, TERMS_PER_SUM):
            part = NOTHING
            for i in range(first, min(first + TERMS_PER_SUM, inputs)):
                part += x[i] * weights[row + i]
            out[j] += part
    return start + out.size * inputs


@njit(cache=True)
def step(weights, x, memory, room, joined, action):
    """One decision, all float32: x (inputs,); `memory` (memory,) becomes the next one; `action` (actions,) is written.

    room (6 * memory,), joined (memory + encoder,): scratch. Sums over the memory and the encoder together, in the last
    layer, are those of one row of both, memory first.
    """
    h = memory.size
    encoder = joined.size - h
    e = joined[h:]
    seen, recalled = room[: 3 * h], room[3 * h :]
    at_seen = encoder * x.size
    at_recalled = at_seen + 3 * h * encoder
    at_act = at_recalled + 3 * h * h
    at_skip = at_act + action.size * h
    at_bias = at_skip + action.size * encoder
    for j in range(encoder):
        e[j] = weights[at_bias + j]
    add_products(weights, np.int64(0), x, e)
    for j in range(encoder):
        e[j] = squashed(e[j])
    at_bias += encoder
    for j in range(3 * h):
        seen[j] = weights[at_bias + j]
        recalled[j] = NOTHING
    at_bias += 3 * h
    for j in range(h):
        recalled[2 * h + j] = weights[at_bias + j]
    at_bias += h
    add_products(weights, at_seen, e, seen)
    add_products(weights, at_recalled, memory, recalled)
    for j in range(h):
        r = HALF + HALF * squashed(HALF * (seen[j] + recalled[j]))
        z = HALF + HALF * squashed(HALF * (seen[h + j] + recalled[h + j]))
        c = squashed(seen[2 * h + j] + r * recalled[2 * h + j])
        memory[j] = c + z * (memory[j] - c)
        joined[j] = memory[j]
    for k in range(action.size):
        total = weights[at_bias + k]
        for first in range(0, h + encoder, TERMS_PER_SUM):
            part = NOTHING
            for i in range(first, min(first + TERMS_PER_SUM, h + encoder)):
                weight = weights[at_act + k * h + i] if i < h else weights[at_skip + k * encoder + i - h]
                part += joined[i] * weight
            total += part
        action[k] = squashed(total)


@dataclass
class RecurrentActor:
    """A policy with memory, ready to act: layers, weights float32 (weight_count,), and the scratch of a step.

    The memory is the caller's: `initial_memory` when the policy is given control, then what each step returns.
    """

    layers: RecurrentLayers
    weights: np.ndarray
    room: np.ndarray = field(init=False, repr=False)
    joined: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.layers = RecurrentLayers(*(int(size) for size in self.layers))
        if min(self.layers) < 1 or self.layers.inputs <= self.layers.actions:
            raise ValueError(f"layers {tuple(self.layers)}: need (inputs, encoder, memory, actions), 1 or more, and more "
                             "inputs than actions")  # fmt: skip
        weights = np.array(self.weights, np.float32)
        if weights.shape != (weight_count(self.layers),):
            raise ValueError(f"weights have shape {weights.shape}, recurrent layers {tuple(self.layers)} need "
                             f"({weight_count(self.layers)},)")  # fmt: skip
        if not np.isfinite(weights).all():
            raise ValueError("weights are not all finite")
        self.weights = weights
        self.room = np.zeros(6 * self.layers.memory, np.float32)
        self.joined = np.zeros(self.layers.memory + self.layers.encoder, np.float32)

    def initial_memory(self) -> np.ndarray:
        """What it remembers when it is given control: (memory,) float32, zeros."""
        return np.zeros(self.layers.memory, np.float32)

    def step(self, x: np.ndarray, memory: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The action (actions,) and the next memory (memory,), float32, for what is seen (inputs,) float32."""
        memory, action = memory.copy(), np.empty(self.layers.actions, np.float32)
        step(self.weights, x, memory, self.room, self.joined, action)
        return action, memory
