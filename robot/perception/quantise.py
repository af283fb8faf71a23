"""An encoder in 8-bit whole numbers, by ONNX Runtime's static quantisation: scales from pictures that it will meet."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

IN_WHOLE_NUMBERS = ["Conv", "Gemm", "MatMul", "Relu"]


class Pictures(CalibrationDataReader):
    """Hands them to the quantiser, one by one."""

    def __init__(self, pictures: Sequence[np.ndarray]) -> None:
        self._rest: Iterator[np.ndarray] = iter(pictures)

    def get_next(self) -> dict[str, np.ndarray] | None:
        picture = next(self._rest, None)
        return None if picture is None else {"frame": picture[None]}


def quantise(encoder: Path, into: Path, pictures: Sequence[np.ndarray]) -> None:
    """Write the encoder with int8 weights, each channel's scaled by itself, and uint8 activations.

    pictures: (height, width, channels) uint8, as the encoder takes them; some dozens of what it will see.
    """
    if not pictures:
        raise ValueError("pictures: found none, allowed: some dozens of what the encoder will see")
    prepared = into.with_name(f".{into.name}.prepared")
    quant_pre_process(encoder, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared, into, Pictures(pictures), quant_format=QuantFormat.QDQ, per_channel=True, weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8, op_types_to_quantize=IN_WHOLE_NUMBERS,
    )  # fmt: skip
    prepared.unlink()
