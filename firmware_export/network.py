"""The network that goes onto the chip: layers, what goes in, what comes out, and whose run it was.

Of a policy only the deterministic action remains: the outputs for exploration's deviations are dropped, and the last
tanh, which `policies/actor.py` applies when it acts, is a part of the network.
"""

import hashlib
import itertools
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from firmware_export.agreed import policy_sha256
from policies.actor import weight_views
from policies.fields import Field, offsets, scales, total_size
from policies.policy_file import PolicyFile

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
class Network:
    """A deterministic policy.

    Its input is the normalised observation, then `history` past actions, newest first; its output the action.

    layers: input to output.
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

    def __post_init__(self) -> None:
        sizes = self.sizes
        for before, after in itertools.pairwise(self.layers):
            if before.outputs != after.inputs:
                raise ValueError(f"layers: found {before.outputs} outputs before {after.inputs} inputs, allowed: equal")
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

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Actions (n, outputs) float32 for normalised inputs (n, inputs), in NumPy's arithmetic."""
        x = np.asarray(x, np.float32)
        for layer in self.layers:
            x = layer.forward(x)
        return x


def network_of(policy: PolicyFile, observation: tuple[Field, ...], action: tuple[Field, ...]) -> Network:
    """The network of a policy file; the fields are its task's. Past actions are the inputs that no field explains.

    Raises ValueError if the policy does not see those fields, or does not decide those actions.
    """
    views = weight_views(policy.weights, policy.layers)
    actions = policy.layers[-1] // 2
    matrix, bias = views[-1]
    views[-1] = (matrix[:, :actions], bias[:actions])  # the means
    return Network(
        layers=tuple(Layer(np.ascontiguousarray(matrix), bias.copy(), "tanh") for matrix, bias in views),
        observation=observation,
        action=action,
        history=(policy.layers[0] - total_size(observation)) // actions,
        rate_hz=float(policy.metadata["rate_hz"]),
        task=str(policy.metadata["task"]),
        sha256=policy_sha256(policy),
    )


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
