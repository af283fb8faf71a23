"""An encoder of pictures in ONNX Runtime, on one thread.

input    frame      uint8 (n, height, width, channels), channels red, green, blue, or grey
output   embedding  float32 (n, size)
metadata lens       optional: JSON of the `Lens` that it was trained with
"""

import json
import zlib
from pathlib import Path

import numpy as np
import onnxruntime

from robot.perception.result import EMBEDDING_MAX
from sim.camera.lens import Lens
from sim.input_files import from_table, read_bytes


class Encoder:
    """version: CRC-32 of its file. Raises ValueError, naming the file, for what is no such encoder."""

    def __init__(self, path: Path, data: bytes | None = None) -> None:
        """data: the file's bytes, where it lies in another one; path names it."""
        data = read_bytes(path) if data is None else data
        self.version = zlib.crc32(data)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its own classes, one for each status, are siblings under Exception
            raise ValueError(f"{path}: no ONNX model that can be run: {str(error).splitlines()[0]}") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        found = [f"{each.name} {each.type} {each.shape}" for each in (*inputs, *outputs)]
        fits = [(each.name, each.type, len(each.shape)) for each in (*inputs, *outputs)] == [
            ("frame", "tensor(uint8)", 4), ("embedding", "tensor(float)", 2),
        ]  # fmt: skip
        fixed = [size for each in (*inputs, *outputs) for size in each.shape[1:]]
        if not fits or not all(isinstance(size, int) and size > 0 for size in fixed):
            raise ValueError(f"{path}: found {'; '.join(found)}, allowed: frame uint8 (n, height, width, channels) and embedding "
                             "float32 (n, size)")  # fmt: skip
        self.height, self.width, self.channels, self.size = fixed
        if self.channels not in (1, 3) or self.size > EMBEDDING_MAX:
            raise ValueError(
                f"{path}: found {self.channels} channels and {self.size} numbers, allowed: 1 or 3, and up to {EMBEDDING_MAX}"
            )
        told = self._session.get_modelmeta().custom_metadata_map.get("lens")
        try:
            self.lens = None if told is None else from_table(path, Lens, json.loads(told), "lens")
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}: lens: found {told!r}, allowed: a JSON object") from error

    def embed(self, picture: np.ndarray) -> np.ndarray:
        """The embedding (size,) float32 of a picture (height, width, channels) uint8."""
        found: np.ndarray = self._session.run(["embedding"], {"frame": picture[None]})[0][0]
        return found
