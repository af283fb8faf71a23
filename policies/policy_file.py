"""A policy on disk: weights, layers and what they are for, in one .npz without pickle.

weights   float32 (n,)    flat, laid out as in policies/actor.py
layers    int64 (4,)      inputs, hidden, hidden, 2 * actions
metadata  JSON text       task, observation and action (their sizes), rate_hz, crc32 of weights, and anything more
"""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from policies.actor import Actor, largest_output
from policies.array_file import read_arrays, write_arrays
from sim.input_files import allowed, checked, json_object, shown, wrong

FLOAT32_MAX = float(np.finfo(np.float32).max)
NEEDED: dict[str, type] = {"task": str, "rate_hz": float, "crc32": int}
OPTIONAL: dict[str, type] = {"trained": dict, "median_lap_s": float, "practice_s": float}  # what others of ours rely on


@dataclass(frozen=True)
class PolicyFile:
    """What a policy file holds. `metadata` has at least task (str) and rate_hz (decisions a second)."""

    weights: np.ndarray
    layers: tuple[int, ...]
    metadata: dict[str, Any]

    def actor(self) -> Actor:
        """A policy ready to act."""
        return Actor(self.layers, self.weights)


def weights_crc(weights: np.ndarray) -> int:
    """CRC-32 of the weights' bytes: the policy's name in logs, in the mailbox and in exported firmware."""
    return zlib.crc32(np.ascontiguousarray(weights, np.float32).tobytes())


def save_policy(
    path: Path, weights: np.ndarray, layers: tuple[int, ...], task: str, rate_hz: float, **more: Any
) -> None:
    """Write a policy file. `more` is kept in the metadata: what made it, its figures; anything that JSON can hold."""
    actor = Actor(layers, weights)  # checks sizes and finiteness
    metadata = {
        "task": task,
        "observation": actor.layers[0],
        "action": actor.layers[-1] // 2,
        "rate_hz": rate_hz,
        "crc32": weights_crc(actor.weights),
        **more,
    }
    arrays = {
        "weights": actor.weights,
        "layers": np.array(actor.layers, np.int64),
        "metadata": np.array(json.dumps(metadata, sort_keys=True)),
    }
    write_arrays(Path(path), arrays)


def load_policy(path: Path, task: str | None = None, observation_size: int | None = None) -> PolicyFile:
    """Read a policy file. Raises ValueError, naming file and field, if it is damaged, foreign, or made for another task
    or observation than named."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such policy file")
    arrays = read_arrays(path)
    missing = {"weights", "layers", "metadata"} - arrays.keys()
    if missing:
        raise ValueError(f"{path}: not a policy file: no field {sorted(missing)[0]}, found {sorted(arrays)}")
    weights, layers_found, text = arrays["weights"], arrays["layers"], arrays["metadata"]
    if weights.dtype != np.float32 or weights.ndim != 1:
        raise wrong(path, "weights", f"{weights.dtype} of shape {weights.shape}", "float32 (n,)")
    if layers_found.dtype.kind not in "iu" or layers_found.shape != (4,):
        raise wrong(path, "layers", f"{layers_found.dtype} of shape {layers_found.shape}", "int64 (4,)")
    if text.dtype.kind != "U" or text.shape != ():
        raise wrong(path, "metadata", f"{text.dtype} of shape {text.shape}", "text")
    layers = tuple(int(size) for size in layers_found)
    try:
        Actor(layers, weights)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    largest = largest_output(weights, layers)
    if not largest < FLOAT32_MAX:
        raise wrong(path, "weights", f"numbers whose sums reach {largest:.2g}", f"sums below {FLOAT32_MAX:.2g}")
    metadata = checked_metadata(path, json_object(path, str(text), "metadata"), layers)
    crc = weights_crc(weights)
    if metadata["crc32"] != crc:
        raise ValueError(f"{path}: field crc32 is {metadata['crc32']}, the weights have {crc}")
    if task is not None and metadata["task"] != task:
        raise ValueError(f"{path}: field task is {metadata['task']!r}, wanted {task!r}")
    if observation_size is not None and layers[0] != observation_size:
        raise ValueError(f"{path}: the policy sees {layers[0]} numbers, the task gives {observation_size}")
    return PolicyFile(weights, layers, metadata)


def checked_metadata(path: Path, metadata: dict[str, Any], layers: tuple[int, ...]) -> dict[str, Any]:
    """The metadata, if every field that this project reads is there and of its type. Raises ValueError."""
    for name, kind in NEEDED.items():
        if name not in metadata:
            raise wrong(path, name, "nothing", allowed(kind))
        checked(path, name, metadata[name], kind)
    for name, kind in OPTIONAL.items():
        if name in metadata:
            checked(path, name, metadata[name], kind)
    if not metadata["rate_hz"] > 0.0:
        raise wrong(path, "rate_hz", shown(metadata["rate_hz"]), "more than 0")
    for name, size in (("observation", layers[0]), ("action", layers[-1] // 2)):
        if metadata.get(name, size) != size:
            raise wrong(path, name, shown(metadata[name]), f"{size}, as many as the layers have")
    return metadata
