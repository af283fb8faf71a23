"""Small records in shared memory that one process writes and others look at: how control and learner are doing.

Who needs only the head of a record attaches to it by the head's own dtype.
"""

import time

import numpy as np

from robot.shared_memory.shared_block import SharedBlock

CONTROL_STATUS = np.dtype(
    [
        ("heartbeat_ns", "u8"),  # CLOCK_MONOTONIC at the end of the last tick
        ("pid", "u8"),
        ("generation", "u8"),  # how often control was started in this session
        ("tick", "u8"),
        ("weights_version", "u8"),
        ("weights_age_s", "f8"),
        ("late_p50_us", "f8"),
        ("late_p99_us", "f8"),
        ("late_p999_us", "f8"),
        ("period_p50_us", "f8"),
        ("period_p99_us", "f8"),
        ("period_p999_us", "f8"),
        ("missed_ticks", "u8"),
        ("finished", "u8"),
    ],
)


def control_status(outputs: np.dtype) -> np.dtype:
    """CONTROL_STATUS, and behind it the robot's OUTPUTS of a recent tick."""
    return np.dtype([*CONTROL_STATUS.descr, ("outputs", outputs)])


LEARNER_STATUS = np.dtype(
    [
        ("pid", "u8"),
        ("ready", "u1"),
        ("transitions", "u8"),  # learned from, in this run and those that it resumes
        ("updates", "u8"),
        ("updates_per_s", "f8"),  # while updating
        ("memory", "u8"),
        ("alpha", "f8"),
        ("critic_loss", "f8"),
        ("value_mean", "f8"),
        ("entropy", "f8"),
    ],
    align=True,
)

SESSION_STATUS = np.dtype(
    [
        ("stop", "u8"),  # 1: finish; 2: emergency stop; 3: stand until it is withdrawn
        ("learner_up", "u8"),
        ("pid", "u8"),
        ("heartbeat_ns", "u8"),  # CLOCK_MONOTONIC when it last looked after its processes; 0 before
    ],
)


def session_status(action_size: int) -> np.dtype:
    """SESSION_STATUS, and behind it what the operator wants the robot to do."""
    return np.dtype([*SESSION_STATUS.descr, ("operator", "f8", (action_size,))])


GUARDIAN_STATUS = np.dtype(
    [
        ("heartbeat_ns", "u8"),
        ("pid", "u8"),
        ("stopped_pid", "u8"),  # the control process after whose death the car was brought to rest
    ],
    align=True,
)


class SharedRecord:
    """One structured record in shared memory, one writer, many readers, guarded by a sequence number.

    The writer makes the number odd, writes, makes it even; a reader takes a copy only between two equal even numbers.
    """

    def __init__(self, block: SharedBlock, dtype: np.dtype) -> None:
        self._block = block
        self._sequence = np.frombuffer(block.memory, np.uint64, 1)
        self._record = np.frombuffer(block.memory, dtype, 1, 8)[0:1]

    @classmethod
    def create(cls, name: str, dtype: np.dtype) -> "SharedRecord":
        """Make a zeroed record; the creator owns the name."""
        return cls(SharedBlock.create(name, 8 + -(-dtype.itemsize // 8) * 8), dtype)

    @classmethod
    def attach(cls, name: str, dtype: np.dtype) -> "SharedRecord":
        """Open an existing record. Raises FileNotFoundError."""
        return cls(SharedBlock.attach(name), dtype)

    def write(self, **fields: object) -> None:
        """Change the named fields."""
        writing = int(self._sequence[0]) + 1 | 1  # odd, also where a predecessor died in the middle of a write
        self._sequence[0] = writing
        for name, value in fields.items():
            self._record[name] = value
        self._sequence[0] = writing + 1

    def read(self) -> np.ndarray:
        """A consistent copy. If the writer died in the middle of a write, the copy of what it left after 50 ms."""
        patience = time.monotonic() + 0.05
        while True:
            before = int(self._sequence[0])
            copy = self._record[0].copy()
            if (before % 2 == 0 and before == int(self._sequence[0])) or time.monotonic() > patience:
                return copy

    def peek(self, name: str) -> int:
        """One integer field as it stands, without waiting for a writer: a word is never seen in halves."""
        return int(self._record[name][0])

    def close(self) -> None:
        """Unmap; the creator also removes the name."""
        del self._record, self._sequence
        self._block.close()
