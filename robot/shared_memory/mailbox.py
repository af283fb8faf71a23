"""The weights mailbox: the learner leaves its newest actor here, the control process picks it up when it likes.

    header            magic, number of weights, names of what is believed
    buffer, twice     version | step | published_s | CRC-32 | float32 weights | float64 belief | version

Beside the weights travels what a fit has found of the robot, by name: mass, delay, friction. What is not found yet is NaN there.

Version v goes into buffer v % 2, so that the one before stays whole while it is written. A buffer counts only if its
version stands at both ends and the CRC-32 over everything agrees, and only if every weight is finite: a writer that
was killed, or that went mad, leaves the reader with the last good weights.
"""

import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from robot.shared_memory.shared_block import SharedBlock

MAGIC = int.from_bytes(b"robmail1", "little")
HEADER_WORDS = 8
W_MAGIC, W_SIZE, W_REJECTED, W_BELIEF = 0, 1, 2, 3
META_WORDS = 5  # opening version, step, published_s, CRC-32, closing version
NO_BELIEF: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Weights:
    """One version of an actor. `step` is the transition count it was trained on, `published_s` the writer's clock.

    belief: what had been found of the robot by then.
    """

    version: int
    step: int
    published_s: float
    vector: np.ndarray  # (n,) float32
    belief: Mapping[str, float] = field(default_factory=lambda: NO_BELIEF)

    def age_s(self, now_s: float) -> float:
        """Seconds since these weights were published, on the writer's clock."""
        return now_s - self.published_s


def checksum(version: int, step: int, published_s: float, payload: bytes) -> int:
    """CRC-32 over a version's numbers, and the bytes of its weights and beliefs."""
    return zlib.crc32(payload, zlib.crc32(struct.pack("<QQd", version, step, published_s)))


class Mailbox:
    """Double-buffered weights in shared memory: one process publishes, one reads, neither waits, either may die."""

    def __init__(self, block: SharedBlock, belief: tuple[str, ...] = ()) -> None:
        self.block, self.belief = block, belief
        self.size = block.words[W_SIZE]
        self._weights_words = -(-self.size // 2)
        self._buffer_words = META_WORDS + self._weights_words + len(belief)

    @classmethod
    def create(cls, name: str, size: int, belief: tuple[str, ...] = ()) -> "Mailbox":
        """Make an empty mailbox for `size` weights and beliefs of these names; the creator owns the mailbox's."""
        block = SharedBlock.create(name, 8 * (HEADER_WORDS + 2 * (META_WORDS + -(-size // 2) + len(belief))))
        block.words[W_SIZE], block.words[W_BELIEF] = size, names_crc(belief)
        block.words[W_MAGIC] = MAGIC
        return cls(block, belief)

    @classmethod
    def attach(cls, name: str, size: int, belief: tuple[str, ...] = ()) -> "Mailbox":
        """Open an existing mailbox. Raises FileNotFoundError, or ValueError if it is one of another robot or network."""
        block = SharedBlock.attach(name)
        found, named = block.words[W_SIZE], block.words[W_BELIEF]
        if block.words[W_MAGIC] != MAGIC or found != size or named != names_crc(belief):
            block.close()
            other = f"{found} weights, this program's actor has {size}" if found != size else f"not belief in {belief}"
            raise ValueError(f"mailbox {name}: holds {other}")
        return cls(block, belief)

    def publish(self, vector: np.ndarray, step: int, now_s: float, belief: Mapping[str, float] = NO_BELIEF) -> int:
        """Leave new weights, and what is believed by now, and return their version, one above the newest whole one.

        Raises ValueError, and publishes nothing, if the vector is not `size` finite float32 values, or a belief is not finite
        or of a name that the mailbox does not have.
        """
        if vector.shape != (self.size,) or vector.dtype != np.float32:
            raise ValueError(f"mailbox: weights are {vector.dtype} {vector.shape}, they must be float32 ({self.size},)")
        if not np.isfinite(vector).all():
            raise ValueError(f"mailbox: weights of step {step} are not finite, they stay unpublished")
        for name, value in belief.items():
            if name not in self.belief or not math.isfinite(value):
                raise ValueError(f"mailbox: belief {name}: found {value}, allowed: finite numbers, of {self.belief}")
        version = self.version + 1
        words, start = self.block.words, self._start(version)
        numbers = struct.pack(f"={len(self.belief)}d", *(belief.get(name, math.nan) for name in self.belief))
        payload = vector.tobytes() + numbers
        words[start] = version
        words[start + 1] = step
        words[start + 2] = struct.unpack("Q", struct.pack("d", now_s))[0]
        words[start + 3] = checksum(version, step, now_s, payload)
        self._vector(start)[:] = payload[: 4 * self.size]
        self._numbers(start)[:] = numbers
        words[start + self._buffer_words - 1] = version
        return version

    def read(self, newer_than: int = 0) -> Weights | None:
        """The newest whole and finite weights above version `newer_than`, or None. Never waits."""
        for version in sorted((self._version(0), self._version(1)), reverse=True):
            if version > newer_than:
                weights = self._whole(version)
                if weights is not None and np.isfinite([*weights.vector, *weights.belief.values()]).all():
                    return weights
                self.block.words[W_REJECTED] += 1
        return None

    @property
    def version(self) -> int:
        """The newest whole version, 0 if there is none yet."""
        versions = sorted((self._version(0), self._version(1)), reverse=True)
        return next((version for version in versions if version and self._whole(version) is not None), 0)

    @property
    def rejected(self) -> int:
        """How often a reader met a buffer that was torn, wrong or not finite."""
        return self.block.words[W_REJECTED]

    def close(self) -> None:
        """Unmap; the creator also removes the name."""
        self.block.close()

    # A buffer

    def _start(self, version: int) -> int:
        return HEADER_WORDS + (version % 2) * self._buffer_words

    def _vector(self, start: int) -> memoryview:
        first = 8 * (start + META_WORDS - 1)
        return self.block.bytes[first : first + 4 * self.size]

    def _numbers(self, start: int) -> memoryview:
        first = 8 * (start + META_WORDS - 1 + self._weights_words)
        return self.block.bytes[first : first + 8 * len(self.belief)]

    def _version(self, buffer: int) -> int:
        """The version that stands at both ends of a buffer, or 0."""
        start = HEADER_WORDS + buffer * self._buffer_words
        opening, closing = self.block.words[start], self.block.words[start + self._buffer_words - 1]
        return opening if opening == closing else 0

    def _whole(self, version: int) -> Weights | None:
        """A copy of a version if the buffer held exactly it, whole, before and after copying."""
        words, start = self.block.words, self._start(version)
        step, crc = words[start + 1], words[start + 3]
        published_s = struct.unpack("d", struct.pack("Q", words[start + 2]))[0]
        vector, numbers = bytes(self._vector(start)), bytes(self._numbers(start))
        payload = vector + numbers
        if self._version(version % 2) != version or crc != checksum(version, step, published_s, payload):
            return None
        believed = zip(self.belief, struct.unpack(f"={len(self.belief)}d", numbers), strict=True)
        found = {name: value for name, value in believed if not math.isnan(value)}
        return Weights(version, step, published_s, np.frombuffer(vector, dtype=np.float32), found)


def names_crc(names: tuple[str, ...]) -> int:
    """By which two programs know that they mean the same numbers."""
    return zlib.crc32(",".join(names).encode())
