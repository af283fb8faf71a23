"""The way on which an arm comes to rest if nobody thinks any more, left where the guardians find it.

A plan is (1 + WAY_MAX, 5) numbers: in the first row how many points the way has, and whether the servos hold at all; then the
points, joint angles, the nearest one first and the one at which the arm may be let go last.

    slot, twice      CRC-32 | when it was written, CLOCK_MONOTONIC, ns | the plan

The slots take turns: if control dies in the middle of a write, the plan before is whole.
"""

import zlib
from collections.abc import Sequence

import numpy as np

from robot.shared_memory.shared_block import SharedBlock

WAY_MAX, JOINTS = 30, 5
SHAPE = (1 + WAY_MAX, JOINTS)
SLOT_BYTES = 16 + 8 * SHAPE[0] * SHAPE[1]


def way_home(holds: bool, points: Sequence[np.ndarray]) -> np.ndarray:
    """The plan of these points, at most WAY_MAX."""
    plan = np.zeros(SHAPE)
    plan[0, :2] = len(points), holds
    for row, point in enumerate(points, 1):
        plan[row] = point
    return plan


def points_of(plan: np.ndarray) -> tuple[bool, list[np.ndarray]]:
    """Whether the servos hold, and the points."""
    return bool(plan[0, 1]), [plan[row].copy() for row in range(1, 1 + int(plan[0, 0]))]


class WayHome:
    """Plan of one writer, control, in shared memory. Nobody waits for anybody."""

    def __init__(self, block: SharedBlock) -> None:
        self._block, self._next = block, 0

    @classmethod
    def create(cls, name: str) -> "WayHome":
        """Make an empty one; the creator owns the name."""
        return cls(SharedBlock.create(name, 2 * SLOT_BYTES))

    @classmethod
    def attach(cls, name: str) -> "WayHome":
        """Open an existing one. Raises FileNotFoundError."""
        return cls(SharedBlock.attach(name))

    def write(self, plan: np.ndarray, now_ns: int) -> None:
        """Leave a plan; one of another shape, of a mind that has not thought yet, is none."""
        if plan.shape != SHAPE:
            return
        words, start, data = self._block.words, self._next * SLOT_BYTES // 8, plan.tobytes()
        words[start] = 0
        words[start + 1] = now_ns
        self._block.bytes[8 * start + 16 : 8 * start + SLOT_BYTES] = data
        words[start] = _seal(now_ns, data)
        self._next = 1 - self._next

    def read(self) -> np.ndarray | None:
        """The newest plan that is whole, finite and leads somewhere; None if there is none."""
        found: list[tuple[int, np.ndarray]] = []
        for slot in (0, 1):
            start = slot * SLOT_BYTES
            seal, written_ns = self._block.words[start // 8], self._block.words[start // 8 + 1]
            data = bytes(self._block.bytes[start + 16 : start + SLOT_BYTES])
            plan = np.frombuffer(data, np.float64).reshape(SHAPE)
            if seal == _seal(written_ns, data) and np.isfinite(plan).all() and 1 <= plan[0, 0] <= WAY_MAX:
                found.append((written_ns, plan))
        return max(found, key=lambda each: each[0])[1] if found else None

    def close(self) -> None:
        """Unmap; the creator also removes the name."""
        self._block.close()


def _seal(written_ns: int, data: bytes) -> int:
    """Checksum of a slot; never 0, which an empty slot has."""
    return zlib.crc32(data, zlib.crc32(written_ns.to_bytes(8, "little"))) | 1 << 32
