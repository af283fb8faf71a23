"""A network in integers: weights of eight bits with one scale for each output, inputs of each layer in sixteen.

Sixteen bits for what flows cost nothing on a Cortex-M4, whose SMLAD multiplies pairs of sixteen, and leave the rounding
of the weights as the only error that matters. Weights are symmetric, -127 to 127.
"""

from dataclasses import dataclass

import numpy as np

from firmware_export.network import Layer, Network

INT8_MAX, INT16_MAX = 127, 32767
INPUTS_MAX = ((1 << 31) - 1) // (INT8_MAX * INT16_MAX)  # their sum fits into 32 bits
OBSERVATION_RANGE = 16.0  # normalised observations beyond it are clipped
HEADROOM = 4.0  # for activations without a bound: over the largest in the calibration
CALIBRATION_VECTORS = 256
MEMORY_RANGE = 1.0


@dataclass(frozen=True)
class QuantisedLayer:
    """weights int8 (inputs, outputs); an input x becomes round(x * steps_per_unit), clipped to sixteen bits;
    sums times scale (outputs,) plus bias (outputs,), float32, are those of the layer."""

    weights: np.ndarray
    scale: np.ndarray
    bias: np.ndarray
    steps_per_unit: np.float32


def quantise(network: Network) -> list[QuantisedLayer]:
    """The network's matrices in integers. Raises ValueError for a layer whose sums might not fit into 32 bits.

    tanh and LayerNorm bound what comes out of a layer; for the rest, random observations show how large it gets.
    """
    x = np.random.default_rng(0).standard_normal((CALIBRATION_VECTORS, network.inputs)).astype(np.float32)
    reach, layers = OBSERVATION_RANGE, []
    for number, layer in enumerate(network.layers, 1):
        if network.cell is not None and number == len(network.layers):
            layers += [
                quantised(number, network.cell.seen, reach),
                quantised(number + 1, network.cell.recalled, MEMORY_RANGE),
                quantised(number + 2, layer, max(reach, MEMORY_RANGE)),
            ]
            break
        layers.append(quantised(number, layer, reach))
        x = layer.forward(x)
        if layer.activation == "tanh":
            reach = 1.0
        elif layer.layer_norm:
            reach = float(np.sqrt(layer.outputs))
        else:
            reach = HEADROOM * float(np.abs(x).max(initial=1e-6))
    return layers


def quantised(number: int, layer: Layer, reach: float) -> QuantisedLayer:
    """A layer in integers, whose inputs lie between -reach and reach; number: what a person calls it."""
    if layer.inputs > INPUTS_MAX:
        raise ValueError(f"layer {number}: found {layer.inputs} inputs, allowed with int8: {INPUTS_MAX} at most")
    step = np.maximum(np.abs(layer.weights).max(0), np.float32(1e-30)) / INT8_MAX
    steps_per_unit = np.float32(INT16_MAX / reach)
    return QuantisedLayer(
        weights=np.rint(layer.weights / step).astype(np.int8),
        scale=(step / steps_per_unit).astype(np.float32),
        bias=layer.bias,
        steps_per_unit=steps_per_unit,
    )
