"""The network that goes onto the chip: layers, what goes in, what comes out, and whose run it was.

Of a policy only the deterministic action remains: the outputs for exploration's deviations are dropped, and the last
tanh, which `policies/actor.py` applies when it acts, is a part of the network. A policy with memory
(`policies/recurrent_actor.py`) has a cell before its last layer, which sees past the cell as well.
"""

import hashlib
import itertools
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from firmware_export.agreed import policy_sha256
from policies import recurrent_actor
from policies.actor import weight_views
from policies.fields import Field, offsets, scales, total_size
from policies.policy_file import PolicyFile
from policies.recurrent_actor import RecurrentLayers

Activation = Literal["tanh", "relu", "linear"]
LAYER_NORM_EPSILON = 1e-5  # torch's


@dataclass(frozen=True)
class Layer:
    """One layer: activation(norm(x W + b)), all float32.

    weights (inputs, outputs), bias (outputs,). layer_norm: whether the sums are brought to mean 0 and variance 1 before
    the activation (Ba et al., 2016), without gains of its own.
    """

    weights: np.ndarray
    bias: np.ndarray
    activation: Activation
    layer_norm: bool = False

    def __post_init__(self) -> None:
        if self.weights.ndim != 2 or self.bias.shape != self.weights.shape[1:] or not self.weights.size:
            raise ValueError(
                f"layer: found weights {self.weights.shape} and bias {self.bias.shape}, allowed: (n, m), (m,)"
            )
        if self.weights.dtype != np.float32 or self.bias.dtype != np.float32:
            raise ValueError(f"layer: found {self.weights.dtype} and {self.bias.dtype}, allowed: float32")
        if not (np.isfinite(self.weights).all() and np.isfinite(self.bias).all()):
            raise ValueError("layer: found weights that are not finite")
        if self.activation not in get_args(Activation):
            raise ValueError(f"layer: found activation {self.activation!r}, allowed: {get_args(Activation)}")

    @property
    def inputs(self) -> int:
        return self.weights.shape[0]

    @property
    def outputs(self) -> int:
        return self.weights.shape[1]

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Outputs (n, outputs) for inputs (n, inputs), float32, in NumPy's arithmetic."""
        y = x @ self.weights + self.bias
        if self.layer_norm:
            y = (y - y.mean(1, keepdims=True)) / np.sqrt(y.var(1, keepdims=True) + np.float32(LAYER_NORM_EPSILON))
        if self.activation == "tanh":
            y = np.tanh(y)
        elif self.activation == "relu":
            y = np.maximum(y, np.float32(0.0))
        return y


@dataclass(frozen=True)
class Cell:
    """A gated recurrent unit, whose sums are those of two linear layers: gates r, z, c side by side.

    seen: of what the layers before it make of the input; recalled: of the memory.
    """

    seen: Layer
    recalled: Layer

    def __post_init__(self) -> None:
        wide = (self.seen.outputs, self.recalled.outputs)
        if wide != (3 * self.recalled.inputs,) * 2:
            raise ValueError(
                f"cell: found {wide} gates of a memory of {self.recalled.inputs}, allowed: three times that"
            )
        if any(layer.activation != "linear" or layer.layer_norm for layer in (self.seen, self.recalled)):
            raise ValueError("cell: found sums that are not linear, allowed: linear")

    def forward(self, e: np.ndarray, memory: np.ndarray) -> np.ndarray:
        """The next memory (n, memory), in NumPy's arithmetic."""
        seen, recalled, third = self.seen.forward(e), self.recalled.forward(memory), memory.shape[1]
        reset, update = (0.5 + 0.5 * np.tanh(0.5 * (seen + recalled)[:, k * third : (k + 1) * third]) for k in (0, 1))
        candidate = np.tanh(seen[:, 2 * third :] + reset * recalled[:, 2 * third :])
        return candidate + update * (memory - candidate)


@dataclass(frozen=True)
class Network:
    """A deterministic policy.

    Its input is the normalised observation, then `history` past actions, newest first; its output the action.

    layers: input to output. With a cell the last one takes the next memory, then what the others made.
    observation: what the sensed numbers are, in order, without past actions.
    action: what the outputs command.
    history: past actions among the inputs, the network's own outputs.
    rate_hz: decisions a second.
    sha256: of the run's policy (`policy_sha256`).
    """

    layers: tuple[Layer, ...]
    observation: tuple[Field, ...]
    action: tuple[Field, ...]
    history: int
    rate_hz: float
    task: str
    sha256: str
    cell: Cell | None = None

    def __post_init__(self) -> None:
        sizes = self.sizes
        for before, after in itertools.pairwise(self.layers):
            outputs = before.outputs + (self.memory if after is self.layers[-1] else 0)
            if outputs != after.inputs:
                raise ValueError(f"layers: found {outputs} outputs before {after.inputs} inputs, allowed: equal")
        if self.cell is not None:
            before_cell = self.layers[-2].outputs if len(self.layers) > 1 else 0
            if self.cell.seen.inputs != before_cell:
                raise ValueError(
                    f"cell: found {before_cell} outputs before {self.cell.seen.inputs} inputs, allowed: equal"
                )
            if self.history != 1:
                raise ValueError(
                    f"history: found {self.history}, allowed with a memory: 1, the last action; of a policy that is told its "
                    "robot's numbers, `robot evaluate --choose` leaves one that is not"
                )
        if total_size(self.action) != sizes[-1]:
            raise ValueError(f"action fields: found {total_size(self.action)} numbers, the network gives {sizes[-1]}")
        if self.history < 0 or self.sensed + self.history * self.outputs != sizes[0]:
            raise ValueError(
                f"observation fields: found {self.sensed} numbers and {self.history} past actions of {self.outputs}, "
                f"the network takes {sizes[0]}"
            )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Widths, input to output."""
        return (self.layers[0].inputs, *(layer.outputs for layer in self.layers))

    @property
    def memory(self) -> int:
        """Numbers that it remembers."""
        return 0 if self.cell is None else self.cell.recalled.inputs

    @property
    def matrices(self) -> tuple[Layer, ...]:
        """All whose weights there are, in the order in which they are needed."""
        of_cell = () if self.cell is None else (self.cell.seen, self.cell.recalled)
        return (*self.layers[:-1], *of_cell, self.layers[-1])

    @property
    def inputs(self) -> int:
        return self.layers[0].inputs

    @property
    def outputs(self) -> int:
        return self.layers[-1].outputs

    @property
    def sensed(self) -> int:
        """Inputs that are sensed: those that are not past actions."""
        return total_size(self.observation)

    def scale_and_offset(self) -> tuple[np.ndarray, np.ndarray]:
        """Of each sensed number, float32 (sensed,) both: normalised = (raw - offset) * scale."""
        return scales(self.observation).astype(np.float32), offsets(self.observation).astype(np.float32)

    def initial_memory(self, n: int) -> np.ndarray:
        """What n of them remember in the beginning: (n, memory) float32."""
        return np.zeros((n, self.memory), np.float32)

    def step(self, x: np.ndarray, memory: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Actions (n, outputs) and next memories (n, memory) float32 for normalised inputs (n, inputs), in NumPy's
        arithmetic."""
        x = np.asarray(x, np.float32)
        for layer in self.layers[:-1]:
            x = layer.forward(x)
        if self.cell is not None:
            memory = self.cell.forward(x, memory)
            x = np.concatenate([memory, x], axis=1)
        return self.layers[-1].forward(x), memory

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Actions (n, outputs) of first decisions, with nothing remembered."""
        return self.step(x, self.initial_memory(len(x)))[0]


def network_of(policy: PolicyFile, observation: tuple[Field, ...], action: tuple[Field, ...]) -> Network:
    """The network of a policy file; the fields are its task's. Past actions are the inputs that no field explains.

    Raises ValueError if the policy does not see those fields, or does not decide those actions.
    """
    layers, cell = parts_of(policy)
    return Network(
        layers=layers,
        observation=observation,
        action=action,
        history=(policy.inputs - total_size(observation)) // policy.actions,
        rate_hz=float(policy.metadata["rate_hz"]),
        task=str(policy.metadata["task"]),
        sha256=policy_sha256(policy),
        cell=cell,
    )


def parts_of(policy: PolicyFile) -> tuple[tuple[Layer, ...], Cell | None]:
    """Layers and cell of a policy file."""
    if isinstance(policy.layers, RecurrentLayers):
        return recurrent_parts(policy.weights, policy.layers)
    views = weight_views(policy.weights, policy.layers)
    matrix, bias = views[-1]
    views[-1] = (matrix[:, : policy.actions], bias[: policy.actions])  # the means
    return tuple(Layer(np.ascontiguousarray(matrix), bias.copy(), "tanh") for matrix, bias in views), None


def recurrent_parts(weights: np.ndarray, layers: RecurrentLayers) -> tuple[tuple[Layer, ...], Cell]:
    """Encoder and last layer, and the cell between them, of the weights of an actor with memory."""
    part = recurrent_actor.weight_views(weights, layers)
    recalled_bias = np.concatenate([np.zeros(2 * layers.memory, np.float32), part["recalled_bias"]])
    last = np.concatenate([part["act_recalled"], part["act_seen"]], axis=1)

    def layer(matrix: np.ndarray, bias: np.ndarray, activation: Activation) -> Layer:
        return Layer(np.ascontiguousarray(matrix.T), bias.copy(), activation)

    cell = Cell(layer(part["seen"], part["seen_bias"], "linear"), layer(part["recalled"], recalled_bias, "linear"))
    return (layer(part["encoder"], part["encoder_bias"], "tanh"), layer(last, part["act_bias"], "tanh")), cell


def random_network(
    sizes: tuple[int, ...],
    activations: tuple[Activation, ...] | None = None,
    layer_norm: tuple[bool, ...] | None = None,
    history: int = 0,
    seed: int = 0,
) -> Network:
    """A network of random weights for tests and benchmarks: `sizes` input to output, tanh unless told otherwise.

    Weights are as torch begins: uniform within 1 / sqrt(inputs) of zero.
    """
    rng = np.random.default_rng(seed)
    layers = []
    for index, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        bound = inputs**-0.5
        weights = rng.uniform(-bound, bound, (inputs, outputs)).astype(np.float32)
        bias = rng.uniform(-bound, bound, outputs).astype(np.float32)
        activation = activations[index] if activations else "tanh"
        layers.append(Layer(weights, bias, activation, bool(layer_norm and layer_norm[index])))
    sensed = sizes[0] - history * sizes[-1]
    return Network(
        layers=tuple(layers),
        observation=(Field("observation", sensed, "1", meaning="random"),),
        action=(Field("action", sizes[-1], "1", meaning="random"),),
        history=history,
        rate_hz=100.0,
        task="random",
        sha256=hashlib.sha256(repr((sizes, activations, layer_norm, history, seed)).encode()).hexdigest(),
    )


def random_recurrent_network(
    sizes: RecurrentLayers = RecurrentLayers(22, 16, 16, 4), seed: int = 0, spread: float = 0.3
) -> Network:
    """A network with memory for tests and benchmarks: fresh weights, and on them random numbers of a deviation."""
    rng = np.random.default_rng(seed)
    weights = recurrent_actor.initial_weights(sizes, rng)
    layers, cell = recurrent_parts(weights + spread * rng.standard_normal(weights.size).astype(np.float32), sizes)
    return Network(
        layers=layers,
        observation=(Field("observation", sizes.inputs - sizes.actions, "1", meaning="random"),),
        action=(Field("action", sizes.actions, "1", meaning="random"),),
        history=1,
        rate_hz=100.0,
        task="random",
        sha256=hashlib.sha256(repr((sizes, seed, spread)).encode()).hexdigest(),
        cell=cell,
    )
