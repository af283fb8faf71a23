"""The stop that control has verified, left where the guardians find it when control can say no more.

    slot, twice      CRC-32 | when it was written, CLOCK_MONOTONIC, ns | PLAN_SHAPE float64

Row k belongs to the moment k + 1 ticks after the one in which the plan was written: servo_rad and brake_a, which are to
be sent then, turned_rad and way_m, what the car will have turned and gone since. Where no path was verified the ways are
all 0. The slots take turns: if control dies in the middle of a write, the plan of the tick before is whole, and was
verified too.
"""

import zlib

import numpy as np

from robot.shared_memory.shared_block import SharedBlock

PLAN_TICKS = 150  # longer than any stop takes
NOTICED_TICKS = 3  # for so long the last command goes on, it is reckoned, until a guardian speaks
TICK_NS = 20_000_000  # the control loop's period; its own constant lives beside kernels, which a guardian does not load
TICK_S = 1e-9 * TICK_NS
SERVO, BRAKE, TURNED, WAY = range(4)  # columns
PLAN_SHAPE = (PLAN_TICKS, 4)
PLAN_BYTES = 8 * PLAN_TICKS * 4
SLOT_BYTES = 16 + PLAN_BYTES


class StopPlan:
    """Plan of one writer, control, in shared memory. Nobody waits for anybody."""

    def __init__(self, block: SharedBlock) -> None:
        self._block = block
        self._next = 0

    @classmethod
    def create(cls, name: str) -> "StopPlan":
        """Make an empty one; the creator owns the name."""
        return cls(SharedBlock.create(name, 2 * SLOT_BYTES))

    @classmethod
    def attach(cls, name: str) -> "StopPlan":
        """Open an existing one. Raises FileNotFoundError."""
        return cls(SharedBlock.attach(name))

    def write(self, plan: np.ndarray, now_ns: int) -> None:
        """Leave a plan, PLAN_SHAPE, that begins now."""
        words, start = self._block.words, self._next * SLOT_BYTES // 8
        data = plan.tobytes()
        words[start] = 0
        words[start + 1] = now_ns
        self._block.bytes[8 * start + 16 : 8 * start + SLOT_BYTES] = data
        words[start] = seal(now_ns, data)
        self._next = 1 - self._next

    def read(self) -> tuple[int, np.ndarray] | None:
        """When the newest plan was written that is whole, finite and brakes, and the plan; None if there is none."""
        found = []
        for slot in (0, 1):
            start = slot * SLOT_BYTES
            crc, written_ns = self._block.words[start // 8], self._block.words[start // 8 + 1]
            data = bytes(self._block.bytes[start + 16 : start + SLOT_BYTES])
            plan = np.frombuffer(data, np.float64).reshape(PLAN_SHAPE)
            if crc == seal(written_ns, data) and np.isfinite(plan).all() and (plan[:, BRAKE] > 0.0).all():
                found.append((written_ns, plan))
        return max(found, key=lambda one: one[0], default=None)

    def close(self) -> None:
        """Unmap; the creator also removes the name."""
        self._block.close()


def seal(written_ns: int, data: bytes) -> int:
    """Checksum of a slot; never 0, which an empty slot has."""
    return zlib.crc32(data, zlib.crc32(written_ns.to_bytes(8, "little"))) | 1 << 32
