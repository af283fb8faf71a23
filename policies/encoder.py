"""The encoder: a small convolutional network from a frame to a few numbers that tell where the course goes (torch; ONNX on board).

A frame is normalised by its own mean and contrast first, so exposure and gain do not matter. Whoever drives with it needs no torch: the
file has frame uint8 (n, height, width, channels) in, embedding float32 (n, size) out, and a lens in its metadata. Where it also tells how
far the way is free, those numbers follow the embedding's: shares from 0 to 1, low quantiles of what is to be expected.
"""

import json
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

WIDTHS = (16, 32, 48, 64)  # channels of the four layers, each of which halves the picture
WAYS_HIDDEN = 48
FLAT = 2.0  # grey levels of contrast below which a frame is hardly stretched
OPSET = 17


class Encoder(nn.Module):
    """For frames of one size: height and width multiples of 16."""

    def __init__(self, height: int, width: int, channels: int, size: int, ways: int = 0) -> None:
        """ways: along how many paths it tells what is free."""
        super().__init__()
        if height % 16 or width % 16:
            raise ValueError(f"frames: found {width} x {height} pixels, allowed: multiples of 16")
        self.frame_shape, self.size, self.ways = (height, width, channels), size, ways
        kernels, into = (5, 3, 3, 3), (channels, *WIDTHS[:-1])
        self.layers = nn.ModuleList(
            nn.Conv2d(inputs, outputs, kernel, 2, kernel // 2)
            for inputs, outputs, kernel in zip(into, WIDTHS, kernels, strict=True)
        )
        features = WIDTHS[-1] * (height // 16) * (width // 16)
        self.out = nn.Linear(features, size)
        if ways:
            self.ways_hidden, self.ways_out = nn.Linear(features, WAYS_HIDDEN), nn.Linear(WAYS_HIDDEN, ways)

    def forward(self, frame: Tensor) -> Tensor:
        """Embeddings (n, size) in [-1, 1] of frames (n, height, width, channels) uint8."""
        embedding: Tensor = torch.tanh(self.out(self.features(frame)))
        return embedding

    def both(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings, and what is free along each way, (n, ways), from 0 to 1."""
        features = self.features(frame)
        free: Tensor = torch.sigmoid(self.ways_out(torch.relu(self.ways_hidden(features))))
        return torch.tanh(self.out(features)), free

    def features(self, frame: Tensor) -> Tensor:
        """(n, features) of frames."""
        x = frame.permute(0, 3, 1, 2).float()
        x = x - x.mean((1, 2, 3), keepdim=True)
        x = x / (x.square().mean((1, 2, 3), keepdim=True).sqrt() + FLAT)
        for layer in self.layers:
            x = torch.relu(layer(x))
        return x.flatten(1)


def onnx_file(encoder: Encoder, lens: dict[str, Any] | None = None, trust: float = 1.0) -> bytes:
    """The encoder as an ONNX model. lens: what it was trained with, in OpenCV's terms, for whoever straightens pictures.

    trust: by which what is free is multiplied, so that it is as often too much as it should be.
    """
    constants: dict[str, np.ndarray] = {"flat": np.array(FLAT, np.float32)}
    nodes = [
        helper.make_node("Cast", ["frame"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["levels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("ReduceMean", ["planes"], ["mean"], axes=[1, 2, 3]),
        helper.make_node("Sub", ["planes", "mean"], ["off"]),
        helper.make_node("Mul", ["off", "off"], ["square"]),
        helper.make_node("ReduceMean", ["square"], ["variance"], axes=[1, 2, 3]),
        helper.make_node("Sqrt", ["variance"], ["deviation"]),
        helper.make_node("Add", ["deviation", "flat"], ["contrast"]),
        helper.make_node("Div", ["off", "contrast"], ["x0"]),
    ]
    for k, layer in enumerate(encoder.layers):
        assert isinstance(layer, nn.Conv2d) and layer.bias is not None
        constants |= {f"weights{k}": as_array(layer.weight), f"bias{k}": as_array(layer.bias)}
        pads = [side for side in layer.padding for _ in range(2)]
        nodes += [
            helper.make_node("Conv", [f"x{k}", f"weights{k}", f"bias{k}"], [f"sum{k}"], strides=[2, 2], pads=pads),
            helper.make_node("Relu", [f"sum{k}"], [f"x{k + 1}"]),
        ]
    constants |= {"weights": as_array(encoder.out.weight), "bias": as_array(encoder.out.bias)}
    nodes += [
        helper.make_node("Flatten", [f"x{len(encoder.layers)}"], ["features"]),
        helper.make_node("Gemm", ["features", "weights", "bias"], ["sum"], transB=1),
        helper.make_node("Tanh", ["sum"], ["told" if encoder.ways else "embedding"]),
    ]
    if encoder.ways:
        constants |= {"trust": np.array(trust, np.float32)}
        for name, layer in (("hidden", encoder.ways_hidden), ("ways", encoder.ways_out)):
            constants |= {f"{name}_weights": as_array(layer.weight), f"{name}_bias": as_array(layer.bias)}
        nodes += [
            helper.make_node("Gemm", ["features", "hidden_weights", "hidden_bias"], ["hidden_sum"], transB=1),
            helper.make_node("Relu", ["hidden_sum"], ["hidden"]),
            helper.make_node("Gemm", ["hidden", "ways_weights", "ways_bias"], ["ways_sum"], transB=1),
            helper.make_node("Sigmoid", ["ways_sum"], ["ways"]),
            helper.make_node("Mul", ["ways", "trust"], ["free"]),
            helper.make_node("Concat", ["told", "free"], ["embedding"], axis=1),
        ]
    return as_file(nodes, constants, encoder.frame_shape, encoder.size + encoder.ways, lens)


def as_file(
    nodes: list[Any],
    constants: dict[str, np.ndarray],
    frame_shape: tuple[int, ...],
    size: int,
    lens: dict[str, Any] | None,
) -> bytes:
    """The ONNX file of a graph from `frame`, uint8 (n, *frame_shape), to `embedding`, float32 (n, size). lens: in its metadata."""
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info("frame", TensorProto.UINT8, ["n", *frame_shape])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", size])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    if lens is not None:
        helper.set_model_props(model, {"lens": json.dumps(lens)})
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def as_array(parameter: Tensor) -> np.ndarray:
    """float32, a copy."""
    values: np.ndarray = parameter.detach().float().contiguous().numpy().copy()
    return values
