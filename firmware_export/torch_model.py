"""The exported network in torch: what the exports are held to. Apart, since who flies needs no torch."""

import torch

from firmware_export.network import LAYER_NORM_EPSILON, Layer, Network


def torch_model(network: Network) -> torch.nn.Module:
    """The same network, float32. `.double()` makes it exact to 1e-15. One with memory takes it, and gives the next one."""
    return Recurrent(network) if network.cell is not None else chain(network.layers)


def chain(layers: tuple[Layer, ...]) -> torch.nn.Module:
    """Layers, one after the other."""
    modules: list[torch.nn.Module] = []
    for layer in layers:
        linear = torch.nn.Linear(layer.inputs, layer.outputs)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(layer.weights.T.copy()))
            linear.bias.copy_(torch.from_numpy(layer.bias.copy()))
        modules.append(linear)
        if layer.layer_norm:
            modules.append(torch.nn.LayerNorm(layer.outputs, LAYER_NORM_EPSILON, elementwise_affine=False))
        if layer.activation != "linear":
            modules.append(torch.nn.Tanh() if layer.activation == "tanh" else torch.nn.ReLU())
    return torch.nn.Sequential(*modules).eval()


class Recurrent(torch.nn.Module):
    """One with memory: torch's own cell, which has the gates in the same order."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        assert network.cell is not None
        seen, recalled = network.cell.seen, network.cell.recalled
        self.before, self.last = chain(network.layers[:-1]), chain(network.layers[-1:])
        self.cell = torch.nn.GRUCell(seen.inputs, network.memory)
        parts = (seen.weights.T, recalled.weights.T, seen.bias, recalled.bias)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        with torch.no_grad():
            for name, values in zip(names, parts, strict=True):
                getattr(self.cell, name).copy_(torch.from_numpy(values.copy()))

    def forward(self, x: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Actions (n, outputs) and the next memories (n, memory)."""
        e = self.before(x)
        memory = self.cell(e, memory)
        return self.last(torch.cat([memory, e], dim=1)), memory
