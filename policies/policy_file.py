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

from policies.actor import Actor
from policies.array_file import read_arrays, write_arrays


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
    """Read a policy file. Raises ValueError if it is damaged, or made for another task or observation than named."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such policy file")
    arrays = read_arrays(path)
    missing = {"weights", "layers", "metadata"} - arrays.keys()
    if missing:
        raise ValueError(f"{path}: not a policy file: no field {sorted(missing)[0]}, found {sorted(arrays)}")
    metadata = json.loads(str(arrays["metadata"]))
    layers = tuple(int(size) for size in arrays["layers"])
    crc = weights_crc(arrays["weights"])
    if metadata.get("crc32") != crc:
        raise ValueError(f"{path}: field crc32 is {metadata.get('crc32')}, the weights have {crc}")
    if task is not None and metadata.get("task") != task:
        raise ValueError(f"{path}: field task is {metadata.get('task')!r}, wanted {task!r}")
    if observation_size is not None and layers[0] != observation_size:
        raise ValueError(f"{path}: the policy sees {layers[0]} numbers, the task gives {observation_size}")
    try:
        Actor(layers, arrays["weights"])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return PolicyFile(arrays["weights"], layers, metadata)
