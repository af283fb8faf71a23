"""What is logged besides the ticks: events, as JSON, and every version of the actor that was taken into use."""

import json
import math
import zlib
from functools import cache
from typing import Any

import numpy as np

from robot.shared_memory.mailbox import Weights

EVENT_TEXT_BYTES = 8168
EVENT = np.dtype([("tick", "<u8"), ("time_s", "<f8"), ("length", "<u8"), ("text", "u1", (EVENT_TEXT_BYTES,))])

EVENT_SCHEMA = "robot_practice.Event"
EVENT_JSON_SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"kind": {"type": "string"}, "tick": {"type": "integer"}, "time_s": {"type": "number"}},
        "required": ["kind", "tick", "time_s"],
    }
)


def make_event(kind: str, tick: int, time_s: float, **fields: Any) -> np.ndarray:
    """An EVENT record: `{"kind": .., "tick": .., "time_s": .., **fields}` as JSON.

    Kinds in use: start (a life of the control process begins), fault,
    process (died, restarted), dropped, stop. Raises ValueError for NaN, infinities, or a text over EVENT_TEXT_BYTES.
    """
    text = json.dumps({"kind": kind, "tick": tick, "time_s": time_s, **fields}, allow_nan=False).encode()
    if len(text) > EVENT_TEXT_BYTES:
        raise ValueError(f"event {kind}: {len(text)} bytes of JSON, at most {EVENT_TEXT_BYTES} are allowed")
    event = np.zeros((), EVENT)
    event["tick"], event["time_s"], event["length"] = tick, time_s, len(text)
    event["text"][: len(text)] = np.frombuffer(text, np.uint8)
    return event


def event_text(event: np.ndarray) -> bytes:
    """The JSON of an EVENT record."""
    return event["text"][: int(event["length"])].tobytes()


@cache
def weights_dtype(size: int, belief: tuple[str, ...] = ()) -> np.dtype:
    """A version of an actor with `size` weights, and what was believed of the robot, taken into use before the decision of
    `tick`. A belief that is NaN is none yet.
    """
    believed = [("belief", [(name, "<f8") for name in belief])] if belief else []
    return np.dtype([("tick", "<u8"), ("time_s", "<f8"), *believed, ("version", "<u8"), ("step", "<u8"), ("crc32", "<u4"),
                     ("weights", "<f4", (size,))])  # fmt: skip


def make_weights(weights: Weights, tick: int, time_s: float, belief: tuple[str, ...] = ()) -> np.ndarray:
    """A record of `weights_dtype` for what came from the mailbox."""
    record = np.zeros((), weights_dtype(len(weights.vector), belief))
    for name in belief:
        record["belief"][name] = weights.belief.get(name, math.nan)
    record["tick"], record["time_s"], record["version"], record["step"] = tick, time_s, weights.version, weights.step
    record["crc32"] = zlib.crc32(weights.vector.tobytes())
    record["weights"] = weights.vector
    return record


def belief_in(record: np.ndarray) -> dict[str, float]:
    """What was believed, of a record of `weights_dtype`."""
    names = record.dtype["belief"].names or () if "belief" in (record.dtype.names or ()) else ()
    found = {name: float(record["belief"][name]) for name in names}
    return {name: value for name, value in found.items() if not math.isnan(value)}
