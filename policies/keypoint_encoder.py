"""An encoder that tells where things are: a convolutional network whose maps each become a point (torch; ONNX on board).

Each map of the last layer, as a distribution over the picture, gives its mean and its width (spatial soft arg max; Levine et al., 2016): what a
few pixels show is told to a part of a pixel. Beside them two more layers, each half as fine, tell of the picture as a whole. Both go through one
hidden layer. The file is as `policies/encoder.py`'s: frame uint8
(n, height, width, channels) in, embedding float32 (n, size + sure) out, and a lens in its metadata.
"""

from typing import Any

import numpy as np
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from policies.encoder import FLAT, as_array, as_file

WIDTHS, STRIDES = (16, 24, 24), (2, 2, 1)
SECOND = 2  # layers before the two branch
COARSE = (32, 48)  # channels of the other branch
POINTS, HIDDEN = 16, 96


class KeypointEncoder(nn.Module):
    """For frames of one size: height and width multiples of 16. size: numbers in [-1, 1]; sure: numbers in [0, 1] behind them."""

    grid: Tensor

    def __init__(self, height: int, width: int, channels: int, size: int, sure: int) -> None:
        super().__init__()
        if height % 16 or width % 16:
            raise ValueError(f"frames: found {width} x {height} pixels, allowed: multiples of 16")
        self.frame_shape, self.size, self.sure = (height, width, channels), size, sure
        kernels, into = (5, 3, 3, 3), (channels, *WIDTHS)
        self.layers = nn.ModuleList(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)
            for inputs, outputs, kernel, stride in zip(into, (*WIDTHS, POINTS), kernels, (*STRIDES, 1), strict=True)
        )
        self.coarse = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3, 2, 1)
            for inputs, outputs in zip((WIDTHS[SECOND - 1], COARSE[0]), COARSE, strict=True)
        )
        rows, columns = torch.meshgrid(
            torch.linspace(-1.0, 1.0, height // 4), torch.linspace(-1.0, 1.0, width // 4), indexing="ij"
        )
        across, down = columns.flatten(), rows.flatten()
        self.register_buffer("grid", torch.stack([across, down, across.square() + down.square()], 1))
        features = 3 * POINTS + COARSE[-1] * (height // 16) * (width // 16)
        self.hidden, self.out = nn.Linear(features, HIDDEN), nn.Linear(HIDDEN, size + sure)

    def forward(self, frame: Tensor) -> Tensor:
        """(n, size + sure) of frames (n, height, width, channels) uint8."""
        numbers = self.out(torch.relu(self.hidden(self.features(frame))))
        return torch.cat([torch.tanh(numbers[:, : self.size]), torch.sigmoid(numbers[:, self.size :])], 1)

    def features(self, frame: Tensor) -> Tensor:
        """Of each map the means across and down, from -1 to 1, and the mean square from the middle; and what the coarse branch tells."""
        x = frame.permute(0, 3, 1, 2).float()
        x = x - x.mean((1, 2, 3), keepdim=True)
        x = x / (x.square().mean((1, 2, 3), keepdim=True).sqrt() + FLAT)
        for layer in self.layers[:SECOND]:
            x = torch.relu(layer(x))
        whole = x
        for layer in self.coarse:
            whole = torch.relu(layer(whole))
        for layer in self.layers[SECOND:-1]:
            x = torch.relu(layer(x))
        shares = torch.softmax(self.layers[-1](x).float().flatten(2), 2)
        return torch.cat([(shares @ self.grid).flatten(1), whole.float().flatten(1)], 1)


def keypoint_onnx(encoder: KeypointEncoder, lens: dict[str, Any], trust: np.ndarray) -> bytes:
    """The encoder as an ONNX model. lens: what it was trained with, in OpenCV's terms. trust (sure,): by which the last numbers are multiplied."""
    constants: dict[str, np.ndarray] = {
        "flat": np.array(FLAT, np.float32), "trust": np.asarray(trust, np.float32), "grid": as_array(encoder.grid),
        "flat_maps": np.array([0, POINTS, -1], np.int64), "flat_points": np.array([0, -1], np.int64),
        "split": np.array([encoder.size, encoder.sure], np.int64),
        "hidden_weights": as_array(encoder.hidden.weight), "hidden_bias": as_array(encoder.hidden.bias),
        "out_weights": as_array(encoder.out.weight), "out_bias": as_array(encoder.out.bias),
    }  # fmt: skip
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
    for branch, layers, at in (("fine", encoder.layers, "x0"), ("coarse", encoder.coarse, f"fine{SECOND - 1}")):
        for k, layer in enumerate(layers):
            assert isinstance(layer, nn.Conv2d) and layer.bias is not None
            own = [f"{branch}_weights{k}", f"{branch}_bias{k}"]
            constants |= {own[0]: as_array(layer.weight), own[1]: as_array(layer.bias)}
            pads, to = [side for side in layer.padding for _ in range(2)], f"{branch}_sum{k}"
            nodes.append(helper.make_node("Conv", [at, *own], [to], strides=list(layer.stride), pads=pads))
            at = f"{branch}{k}"
            nodes.append(helper.make_node("Relu", [to], [at]))
    nodes += [
        helper.make_node("Reshape", [f"fine_sum{len(encoder.layers) - 1}", "flat_maps"], ["rows"]),
        helper.make_node("Softmax", ["rows"], ["shares"], axis=2),
        helper.make_node("MatMul", ["shares", "grid"], ["points"]),
        helper.make_node("Reshape", ["points", "flat_points"], ["of_points"]),
        helper.make_node("Flatten", [f"coarse{len(encoder.coarse) - 1}"], ["of_the_whole"]),
        helper.make_node("Concat", ["of_points", "of_the_whole"], ["features"], axis=1),
        helper.make_node("Gemm", ["features", "hidden_weights", "hidden_bias"], ["hidden_sum"], transB=1),
        helper.make_node("Relu", ["hidden_sum"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "out_weights", "out_bias"], ["numbers"], transB=1),
        helper.make_node("Split", ["numbers", "split"], ["told_sum", "sure_sum"], axis=1),
        helper.make_node("Tanh", ["told_sum"], ["told"]),
        helper.make_node("Sigmoid", ["sure_sum"], ["sure"]),
        helper.make_node("Mul", ["sure", "trust"], ["trusted"]),
        helper.make_node("Concat", ["told", "trusted"], ["embedding"], axis=1),
    ]
    return as_file(nodes, constants, encoder.frame_shape, encoder.size + encoder.sure, lens)
