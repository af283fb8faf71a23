"""What the robot lived through: transitions, the memory a learner samples, and checksummed segments on disk."""

import json
import struct
import zlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np

from policies.array_file import write_bytes_atomically
from sim.input_files import read_bytes


@cache
def transition_dtype(observation_size: int, action_size: int) -> np.dtype:
    """One decision and what came of it."""
    return np.dtype(
        [
            ("step", "<u8"),  # decisions since the run began; increases by one, over resumed runs too
            ("episode", "<u4"),
            ("duration_s", "<f4"),
            ("observation", "<f4", (observation_size,)),
            ("action", "<f4", (action_size,)),  # executed
            ("proposed", "<f4", (action_size,)),
            ("reward", "<f4"),
            ("next_observation", "<f4", (observation_size,)),
            ("terminated", "u1"),  # nothing follows: the value there is zero
            ("truncated", "u1"),  # cut short by a take-over or a time-out: the value goes on, the recording does not
            ("overridden", "u1"),  # the supervisor or a person changed the action
            ("demonstration", "u1"),
        ]
    )


class Memory:
    """A ring of transitions in columns, float32, oldest overwritten first.

    Columns, all with `capacity` rows: observation (n,), action (m,), proposed (m,), reward, next_observation (n,),
    terminated, and `follows`: 1 where the next row is the next decision of the same episode, made by the policy, so
    that an n-step return may go on into it. Rows 0 .. size-1 hold data.
    """

    def __init__(self, capacity: int, observation_size: int, action_size: int) -> None:
        if capacity < 1:
            raise ValueError(f"memory capacity is {capacity}, must be at least 1")
        self.capacity = capacity
        self.observation = np.zeros((capacity, observation_size), np.float32)
        self.action = np.zeros((capacity, action_size), np.float32)
        self.proposed = np.zeros((capacity, action_size), np.float32)
        self.reward = np.zeros(capacity, np.float32)
        self.next_observation = np.zeros((capacity, observation_size), np.float32)
        self.terminated = np.zeros(capacity, np.float32)
        self.follows = np.zeros(capacity, np.uint8)
        self.size = 0
        self.added = 0
        self.last: np.ndarray | None = None  # the newest transition

    def add(self, transitions: np.ndarray) -> None:
        """Append transitions, in the order in which they happened. Raises ValueError if one is not finite."""
        if len(transitions) == 0:
            return
        finite = np.isfinite(transitions["observation"]).all(1) & np.isfinite(transitions["next_observation"]).all(1)
        finite &= np.isfinite(transitions["action"]).all(1) & np.isfinite(transitions["proposed"]).all(1)
        finite &= np.isfinite(transitions["reward"])
        if not finite.all():
            raise ValueError(f"transition of step {transitions['step'][~finite][0]} is not finite")
        for transition in transitions:
            row = self.added % self.capacity
            if self.last is not None:
                self.follows[row - 1] = continues(self.last, transition)
            self.observation[row] = transition["observation"]
            self.action[row] = transition["action"]
            self.proposed[row] = transition["proposed"]
            self.reward[row] = transition["reward"]
            self.next_observation[row] = transition["next_observation"]
            self.terminated[row] = transition["terminated"] != 0
            self.follows[row] = 0
            self.last = transition
            self.added += 1
        self.last = transitions[-1].copy()
        self.size = min(self.added, self.capacity)


def continues(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether an n-step return may run from one transition into another."""
    ended = before["terminated"] or before["truncated"]
    next_decision = after["step"] == before["step"] + 1 and after["episode"] == before["episode"]
    return bool(next_decision and not ended and not after["overridden"])


# A segment: MAGIC, version, length of the schema, number of transitions, CRC-32 of all but itself; schema; transitions. The
# schema is the record's fields, NumPy's `descr` as JSON.
MAGIC = b"ROBOTSEG"
VERSION = 2
HEADER = struct.Struct("<8sIIII")
NONE = np.zeros(0, transition_dtype(0, 0))


def write_segment(path: Path, transitions: np.ndarray) -> None:
    """Write transitions (n,) of a `transition_dtype` to a segment file, beside and renamed."""
    schema = json.dumps(transitions.dtype.descr).encode()
    data = np.ascontiguousarray(transitions).tobytes()
    crc = checksum(len(schema), len(transitions), schema + data)
    write_bytes_atomically(Path(path), [HEADER.pack(MAGIC, VERSION, len(schema), len(transitions), crc), schema, data])


def checksum(schema_bytes: int, count: int, rest: bytes) -> int:
    """Of a segment with this header."""
    return zlib.crc32(rest, zlib.crc32(HEADER.pack(MAGIC, VERSION, schema_bytes, count, 0)))


def read_segment(path: Path) -> np.ndarray:
    """The transitions of a segment, (n,). Raises ValueError naming the file and what was found in it."""
    raw = read_bytes(Path(path))
    if len(raw) < HEADER.size:
        raise ValueError(f"{path}: {len(raw)} bytes, a segment has at least {HEADER.size}")
    magic, version, schema_bytes, count, crc = HEADER.unpack_from(raw)
    if magic != MAGIC:
        raise ValueError(f"{path}: begins with {magic!r}, a segment begins with {MAGIC!r}")
    if version != VERSION:
        raise ValueError(f"{path}: field version is {version}, can read {VERSION}; of another version of this project")
    found = checksum(schema_bytes, count, raw[HEADER.size :])
    if found != crc:
        raise ValueError(f"{path}: {len(raw)} bytes, field crc32 is {crc:#010x}, the contents have {found:#010x}")
    start = HEADER.size + schema_bytes
    try:
        dtype = np.dtype(
            [(name, kind, *map(tuple, shape)) for name, kind, *shape in json.loads(raw[HEADER.size : start])]
        )
        if dtype != transition_dtype(*(dtype[name].shape[0] for name in ("observation", "action"))):
            raise ValueError("they are not transitions of this version")
        return np.frombuffer(raw, dtype, count, start).copy()
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{path}: its schema or length is wrong: {error}") from error


def join_segments(segments: Iterable[np.ndarray]) -> np.ndarray:
    """All transitions in order of their step; of several with the same step, the first one given. All of one task."""
    parts = list(segments) or [NONE]
    everything = np.concatenate(parts)
    _, first = np.unique(everything["step"], return_index=True)
    return everything[first]


def load_folder(folder: Path, pattern: str = "*.seg") -> np.ndarray:
    """Every transition in the folder's segments, in order, each step once. Raises ValueError for a damaged segment, or
    for one of another task than those before it.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder}: found a file, allowed: a folder of segments")
    segments: list[np.ndarray] = []
    for path in sorted(Path(folder).glob(pattern)):
        segments.append(read_segment(path))
        if segments[-1].dtype != segments[0].dtype:
            raise ValueError(f"{path}: its transitions are of another size than those of the folder's other segments")
    return join_segments(segments)
