"""What the robot lived through: transitions, the memory a learner samples, and checksummed segments on disk."""

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from policies.array_file import write_bytes_atomically
from sim.input_files import read_bytes

OBSERVATION_SIZE = 50
ACTION_SIZE = 2


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


TRANSITION = transition_dtype(OBSERVATION_SIZE, ACTION_SIZE)  # the race track's; segments on disk hold these


class Memory:
    """A ring of transitions in columns, float32, oldest overwritten first.

    Columns, all with `capacity` rows: observation (n,), action (m,), proposed (m,), reward, next_observation (n,),
    terminated, and `follows`: 1 where the next row is the next decision of the same episode, made by the policy, so
    that an n-step return may go on into it. Rows 0 .. size-1 hold data.
    """

    def __init__(self, capacity: int, observation_size: int = OBSERVATION_SIZE, action_size: int = ACTION_SIZE) -> None:
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


# A segment: MAGIC, version, CRC-32 of the dtype's description, number of transitions, CRC-32 of header and data; data.
MAGIC = b"ROBOTSEG"
VERSION = 1
HEADER = struct.Struct("<8sIIII")
DTYPE_CRC = zlib.crc32(repr(TRANSITION.descr).encode())


def write_segment(path: Path, transitions: np.ndarray) -> None:
    """Write transitions (n,) TRANSITION to a segment file, beside and renamed."""
    data = np.ascontiguousarray(transitions, TRANSITION).tobytes()
    crc = zlib.crc32(data, zlib.crc32(HEADER.pack(MAGIC, VERSION, DTYPE_CRC, len(transitions), 0)))
    write_bytes_atomically(Path(path), [HEADER.pack(MAGIC, VERSION, DTYPE_CRC, len(transitions), crc), data])


def read_segment(path: Path) -> np.ndarray:
    """The transitions of a segment, (n,) TRANSITION. Raises ValueError naming the file and what was found in it."""
    raw = read_bytes(Path(path))
    if len(raw) < HEADER.size:
        raise ValueError(f"{path}: {len(raw)} bytes, a segment has at least {HEADER.size}")
    magic, version, dtype_crc, count, crc = HEADER.unpack_from(raw)
    if magic != MAGIC:
        raise ValueError(f"{path}: begins with {magic!r}, a segment begins with {MAGIC!r}")
    if version != VERSION:
        raise ValueError(f"{path}: field version is {version}, can read {VERSION}")
    if dtype_crc != DTYPE_CRC:
        raise ValueError(f"{path}: field dtype is {dtype_crc:#010x}, this version's transitions are {DTYPE_CRC:#010x}")
    size = HEADER.size + count * TRANSITION.itemsize
    if len(raw) != size:
        raise ValueError(f"{path}: {len(raw)} bytes, {count} transitions need {size}")
    found = zlib.crc32(raw[HEADER.size :], zlib.crc32(HEADER.pack(magic, version, dtype_crc, count, 0)))
    if found != crc:
        raise ValueError(f"{path}: field crc32 is {crc:#010x}, the contents have {found:#010x}")
    return np.frombuffer(raw, TRANSITION, count, HEADER.size).copy()


def join_segments(segments: Iterable[np.ndarray]) -> np.ndarray:
    """All transitions in order of their step; of several with the same step, the first one given."""
    parts = list(segments)
    if not parts:
        return np.zeros(0, TRANSITION)
    everything = np.concatenate(parts)
    _, first = np.unique(everything["step"], return_index=True)
    return everything[first]


def load_folder(folder: Path, pattern: str = "*.seg") -> np.ndarray:
    """Every transition in the folder's segments, in order, each step once. Raises ValueError for a damaged segment."""
    return join_segments(read_segment(path) for path in sorted(Path(folder).glob(pattern)))
