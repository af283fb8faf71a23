"""The file of a classifier of pictures. It names the encoder that it was fitted to, by a CRC-32: another one's numbers mean something else."""

import zlib
from pathlib import Path

import numpy as np

from policies.array_file import read_arrays, write_arrays
from robot.perception.encoder_file import ENCODER_FILE
from robot.robots.arm.eyes.frame_success import COUNT
from robot.robots.arm.success import weights_in
from sim.input_files import wrong


def write_frame_classifier(path: Path, weights: np.ndarray, encoder: bytes) -> None:
    """encoder: the file of the one whose numbers it was fitted to. Raises OSError."""
    write_arrays(path, {"weights": weights, "encoder": np.uint32(zlib.crc32(encoder))})


def read_frame_classifier(path: Path, encoder: bytes) -> np.ndarray:
    """The weights (COUNT,) in a file, for what this encoder tells. Raises ValueError, naming file and field, for another one's, or if they are damaged."""
    arrays = read_arrays(path)
    weights = weights_in(path, arrays, COUNT)
    found, needed = arrays.get("encoder"), zlib.crc32(encoder)
    if found is None or found.shape != () or found.dtype.kind != "u" or int(found) != needed:
        told = (
            f"that of CRC-32 {int(found):#010x}"
            if found is not None and found.shape == () and found.dtype.kind == "u"
            else "none"
        )
        raise wrong(
            path,
            "encoder",
            told,
            f"{needed:#010x}, as of the policy's {ENCODER_FILE}; a classifier goes with the encoder that it was fitted to",
        )
    return weights
