"""The exported network in torch: what the exports are held to. Apart, since who flies needs no torch."""

import torch

from firmware_export.network import LAYER_NORM_EPSILON, Network


def torch_model(network: Network) -> torch.nn.Module:
    """The same network, float32. `.double()` makes it exact to 1e-15."""
    modules: list[torch.nn.Module] = []
    for layer in network.layers:
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
