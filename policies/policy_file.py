"""A policy on disk: weights, layers and what they are for, in one .npz without pickle.

weights   float32 (n,)    flat, laid out as in policies/actor.py
layers    int64 (4,)      inputs, hidden, hidden, 2 * actions
metadata  JSON text       task, observation and action (their sizes), rate_hz, crc32 of weights, and anything more

Of a policy with memory (policies/recurrent_actor.py) metadata say `kind`: "recurrent", and in place of `layers` there is
`recurrent_layers`, int64 (4,): inputs, encoder, memory, actions. Readers that know no such kind say that `layers` is missing,
and name what they found.
"""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from policies import actor, recurrent_actor
from policies.actor import Actor
from policies.array_file import read_arrays, write_arrays
from policies.recurrent_actor import RecurrentActor, RecurrentLayers
from sim.input_files import allowed, checked, json_object, shown, wrong

Kind = Literal["feed_forward", "recurrent"]
LAYERS_OF: dict[Kind, str] = {"feed_forward": "layers", "recurrent": "recurrent_layers"}  # the field of each kind
FEED_FORWARD: tuple[Kind, ...] = ("feed_forward",)
EVERY_KIND: tuple[Kind, ...] = tuple(LAYERS_OF)
Layers = tuple[int, ...]  # of a policy with memory: RecurrentLayers

FLOAT32_MAX = float(np.finfo(np.float32).max)
NEEDED: dict[str, type] = {"task": str, "rate_hz": float, "crc32": int}
OPTIONAL: dict[str, type] = {"trained": dict, "median_lap_s": float, "practice_s": float}  # what others of ours rely on


@dataclass(frozen=True)
class PolicyFile:
    """What a policy file holds. `metadata` has at least task (str) and rate_hz (decisions a second)."""

    weights: np.ndarray
    layers: Layers
    metadata: dict[str, Any]

    @property
    def kind(self) -> Kind:
        return kind_of(self.layers)

    @property
    def inputs(self) -> int:
        """Numbers seen, past actions among them."""
        return self.layers[0]

    @property
    def actions(self) -> int:
        return self.layers[-1] if self.kind == "recurrent" else self.layers[-1] // 2

    def actor(self) -> Actor | RecurrentActor:
        """A policy ready to act."""
        return actor_of(self.layers, self.weights)


def kind_of(layers: Layers) -> Kind:
    return "recurrent" if isinstance(layers, RecurrentLayers) else "feed_forward"


def layers_of_kind(kind: str, sizes: np.ndarray) -> Layers:
    """The layers that `layers` or `recurrent_layers` hold. Raises ValueError for another number of them."""
    layers = tuple(int(size) for size in sizes.reshape(-1))
    if kind == "recurrent":
        if len(layers) != len(RecurrentLayers._fields):
            raise ValueError(f"recurrent_layers: found {layers}, allowed: {', '.join(RecurrentLayers._fields)}")
        return RecurrentLayers(*layers)
    return layers


def actor_of(layers: Layers, weights: np.ndarray) -> Actor | RecurrentActor:
    """A policy ready to act. Raises ValueError for layers that make none, and weights that are not theirs."""
    if isinstance(layers, RecurrentLayers):
        return RecurrentActor(layers, weights)
    return Actor(layers, weights)


def largest_output(weights: np.ndarray, layers: Layers) -> float:
    """The most that any sum can come to, before it is squashed."""
    if isinstance(layers, RecurrentLayers):
        return recurrent_actor.largest_output(weights, layers)
    return actor.largest_output(weights, layers)


def weights_crc(weights: np.ndarray) -> int:
    """CRC-32 of the weights' bytes: the policy's name in logs, in the mailbox and in exported firmware."""
    return zlib.crc32(np.ascontiguousarray(weights, np.float32).tobytes())


def save_policy(path: Path, weights: np.ndarray, layers: Layers, task: str, rate_hz: float, **more: Any) -> None:
    """Write a policy file; of RecurrentLayers, one with memory. `more` is kept in the metadata: what made it, its figures;
    anything that JSON can hold."""
    checked_weights = actor_of(layers, weights).weights  # sizes and finiteness
    policy = PolicyFile(checked_weights, layers, {})
    metadata = {
        "task": task,
        "observation": policy.inputs,
        "action": policy.actions,
        "rate_hz": rate_hz,
        "crc32": weights_crc(policy.weights),
        **({"kind": policy.kind} if policy.kind != "feed_forward" else {}),
        **more,
    }
    arrays = {
        "weights": policy.weights,
        LAYERS_OF[policy.kind]: np.array(layers, np.int64),
        "metadata": np.array(json.dumps(metadata, sort_keys=True)),
    }
    write_arrays(Path(path), arrays)


def load_policy(
    path: Path, task: str | None = None, observation_size: int | None = None, kinds: tuple[Kind, ...] = FEED_FORWARD
) -> PolicyFile:
    """Read a policy file. Raises ValueError, naming file and field, if it is damaged, foreign, made for another task or
    observation than named, or of a kind that the caller cannot use (usually: with memory)."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such policy file")
    arrays = read_arrays(path)
    missing = {"weights", "metadata"} - arrays.keys()
    if missing or not arrays.keys() & set(LAYERS_OF.values()):
        names = sorted(missing) or [LAYERS_OF["feed_forward"]]
        raise ValueError(f"{path}: not a policy file: no field {names[0]}, found {sorted(arrays)}")
    weights, text = arrays["weights"], arrays["metadata"]
    if weights.dtype != np.float32 or weights.ndim != 1:
        raise wrong(path, "weights", f"{weights.dtype} of shape {weights.shape}", "float32 (n,)")
    if text.dtype.kind != "U" or text.shape != ():
        raise wrong(path, "metadata", f"{text.dtype} of shape {text.shape}", "text")
    plain = json_object(path, str(text), "metadata")
    kind = checked_kind(path, plain, kinds)
    field = LAYERS_OF[kind]
    if field not in arrays:
        raise wrong(path, field, f"nothing, but {sorted(arrays)}", f"int64 (4,), for the kind {kind}")
    layers_found = arrays[field]
    if layers_found.dtype.kind not in "iu" or layers_found.shape != (4,):
        raise wrong(path, field, f"{layers_found.dtype} of shape {layers_found.shape}", "int64 (4,)")
    layers = layers_of_kind(kind, layers_found)
    try:
        actor_of(layers, weights)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    largest = largest_output(weights, layers)
    if not largest < FLOAT32_MAX:
        raise wrong(path, "weights", f"numbers whose sums reach {largest:.2g}", f"sums below {FLOAT32_MAX:.2g}")
    metadata = checked_metadata(path, plain, layers)
    crc = weights_crc(weights)
    if metadata["crc32"] != crc:
        raise ValueError(f"{path}: field crc32 is {metadata['crc32']}, the weights have {crc}")
    if task is not None and metadata["task"] != task:
        raise ValueError(f"{path}: field task is {metadata['task']!r}, wanted {task!r}")
    if observation_size is not None and layers[0] != observation_size:
        raise ValueError(f"{path}: the policy sees {layers[0]} numbers, the task gives {observation_size}")
    return PolicyFile(weights, layers, metadata)


def checked_kind(path: Path, metadata: dict[str, Any], kinds: tuple[Kind, ...] = EVERY_KIND) -> Kind:
    """The kind that metadata say. Raises ValueError for one that this version, or the caller, knows nothing of."""
    found = metadata.get("kind", "feed_forward")
    if found not in kinds:
        raise wrong(path, "kind", shown(found), ", ".join(kinds))
    return found  # type: ignore[no-any-return]


def checked_metadata(path: Path, metadata: dict[str, Any], layers: Layers) -> dict[str, Any]:
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
    policy = PolicyFile(np.zeros(0, np.float32), layers, metadata)
    for name, size in (("observation", policy.inputs), ("action", policy.actions)):
        if metadata.get(name, size) != size:
            raise wrong(path, name, shown(metadata[name]), f"{size}, as many as the layers have")
    return metadata
