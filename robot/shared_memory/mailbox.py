"""The weights mailbox: the learner leaves its newest actor here, the control process picks it up when it likes.

    header            magic, number of weights
    buffer, twice     version | step | published_s | CRC-32 | float32 weights | version

Version v goes into buffer v % 2, so that the one before stays whole while it is written. A buffer counts only if its
version stands at both ends and the CRC-32 over everything agrees, and only if every weight is finite: a writer that
was killed, or that went mad, leaves the reader with the last good weights.
"""

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from robot.shared_memory.shared_block import SharedBlock

MAGIC = int.from_bytes(b"robmail1", "little")
HEADER_WORDS = 8
W_MAGIC, W_SIZE, W_REJECTED = 0, 1, 2
META_WORDS = 5  # opening version, step, published_s, CRC-32, closing version


@dataclass(frozen=True)
class Weights:
    """One version of an actor. `step` is the transition count it was trained on, `published_s` the writer's clock."""

    version: int
    step: int
    published_s: float
    vector: np.ndarray  # (n,) float32

    def age_s(self, now_s: float) -> float:
        """Seconds since these weights were published, on the writer's clock."""
        return now_s - self.published_s


def checksum(version: int, step: int, published_s: float, vector: bytes) -> int:
    """CRC-32 over a version's numbers and its weights' bytes."""
    return zlib.crc32(vector, zlib.crc32(struct.pack("<QQd", version, step, published_s)))


class Mailbox:
    """Double-buffered weights in shared memory: one process publishes, one reads, neither waits, either may die."""

    def __init__(self, block: SharedBlock) -> None:
        self.block = block
        self.size = block.words[W_SIZE]
        self._buffer_words = META_WORDS + -(-self.size // 2)

    @classmethod
    def create(cls, name: str, size: int) -> "Mailbox":
        """Make an empty mailbox for `size` weights; the creator owns the name."""
        block = SharedBlock.create(name, 8 * (HEADER_WORDS + 2 * (META_WORDS + -(-size // 2))))
        block.words[W_SIZE] = size
        block.words[W_MAGIC] = MAGIC
        return cls(block)

    @classmethod
    def attach(cls, name: str, size: int) -> "Mailbox":
        """Open an existing mailbox. Raises FileNotFoundError, or ValueError if it holds networks of another size."""
        block = SharedBlock.attach(name)
        found = block.words[W_SIZE]
        if block.words[W_MAGIC] != MAGIC or found != size:
            block.close()
            raise ValueError(f"mailbox {name}: holds {found} weights, this program's actor has {size}")
        return cls(block)

    def publish(self, vector: np.ndarray, step: int, now_s: float) -> int:
        """Leave new weights and return their version, one above the newest whole one.

        Raises ValueError, and publishes nothing, if the vector is not `size` finite float32 values.
        """
        if vector.shape != (self.size,) or vector.dtype != np.float32:
            raise ValueError(f"mailbox: weights are {vector.dtype} {vector.shape}, they must be float32 ({self.size},)")
        if not np.isfinite(vector).all():
            raise ValueError(f"mailbox: weights of step {step} are not finite, they stay unpublished")
        version = self.version + 1
        words, start = self.block.words, self._start(version)
        payload = vector.tobytes()
        words[start] = version
        words[start + 1] = step
        words[start + 2] = struct.unpack("Q", struct.pack("d", now_s))[0]
        words[start + 3] = checksum(version, step, now_s, payload)
        self._vector(start)[:] = payload
        words[start + self._buffer_words - 1] = version
        return version

    def read(self, newer_than: int = 0) -> Weights | None:
        """The newest whole and finite weights above version `newer_than`, or None. Never waits."""
        for version in sorted((self._version(0), self._version(1)), reverse=True):
            if version > newer_than:
                weights = self._whole(version)
                if weights is not None and np.isfinite(weights.vector).all():
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
        payload = bytes(self._vector(start))
        if self._version(version % 2) != version or crc != checksum(version, step, published_s, payload):
            return None
        return Weights(version, step, published_s, np.frombuffer(payload, dtype=np.float32))
