"""The plan by which a robot comes to rest if nobody thinks any more, left in shared memory where guardians find it.

    slot, twice      CRC-32 | when it was written, CLOCK_MONOTONIC, ns | the plan, float64

The slots take turns: if control dies in the middle of a write, the plan of the tick before is whole, and held too.
"""

import zlib
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from typing_extensions import Self

from robot.shared_memory.shared_block import SharedBlock

HEAD_BYTES = 16  # of a slot, before its plan


class PlanBlock(ABC):
    """Plan of one writer, control. Nobody waits for anybody. shape: of every plan."""

    shape: ClassVar[tuple[int, int]]

    def __init__(self, block: SharedBlock) -> None:
        self._block = block
        self._next = 0

    @classmethod
    def slot_bytes(cls) -> int:
        """Of one of the two slots."""
        return HEAD_BYTES + 8 * cls.shape[0] * cls.shape[1]

    @classmethod
    def create(cls, name: str) -> Self:
        """Make an empty one; the creator owns the name."""
        return cls(SharedBlock.create(name, 2 * cls.slot_bytes()))

    @classmethod
    def attach(cls, name: str) -> Self:
        """Open an existing one. Raises FileNotFoundError."""
        return cls(SharedBlock.attach(name))

    @staticmethod
    @abstractmethod
    def leads_to_rest(plan: np.ndarray) -> bool:
        """Whether finite numbers, `shape`, are a plan at all."""

    def write(self, plan: np.ndarray, now_ns: int) -> None:
        """Leave a plan that begins now; one of another shape, of a mind that has not thought yet, is none."""
        if plan.shape != self.shape:
            return
        words, start, data = self._block.words, self._next * self.slot_bytes(), plan.tobytes()
        words[start // 8] = 0
        words[start // 8 + 1] = now_ns
        self._block.bytes[start + HEAD_BYTES : start + self.slot_bytes()] = data
        words[start // 8] = _seal(now_ns, data)
        self._next = 1 - self._next

    def read(self) -> tuple[int, np.ndarray] | None:
        """When the newest plan was written that is whole, finite and leads to rest, and the plan; None if there is none."""
        found = []
        for start in (0, self.slot_bytes()):
            seal, written_ns = self._block.words[start // 8], self._block.words[start // 8 + 1]
            data = bytes(self._block.bytes[start + HEAD_BYTES : start + self.slot_bytes()])
            plan = np.frombuffer(data, np.float64).reshape(self.shape)
            if seal == _seal(written_ns, data) and np.isfinite(plan).all() and self.leads_to_rest(plan):
                found.append((written_ns, plan))
        return max(found, key=lambda one: one[0], default=None)

    def close(self) -> None:
        """Unmap; the creator also removes the name."""
        self._block.close()


def _seal(written_ns: int, data: bytes) -> int:
    """Checksum of a slot; never 0, which an empty slot has."""
    return zlib.crc32(data, zlib.crc32(written_ns.to_bytes(8, "little"))) | 1 << 32
