"""What the process that perceives knows by now, as a record in shared memory; and as a device's reading.

Control imports this alone of the room: neither OpenCV nor ONNX Runtime.
"""

from dataclasses import dataclass
from typing import Annotated, Protocol

import numpy as np

from drivers.base import NEVER_S, LinkLost
from drivers.reading_record import text_of
from robot.runtime.clock import Clock
from robot.shared_memory.sealed_record import SealedRecord

EMBEDDING_MAX = 128  # numbers; what readings have room for
HANGS_S = 1.0  # a process that says nothing for so long hangs, or has ended
LATE_S = 0.2


def result_dtype(size: int) -> np.dtype:
    """For embeddings of `size` numbers. Times are by the clock of the robot, s."""
    return np.dtype(
        [
            ("heartbeat_s", "f8"),
            ("measured_s", "f8"),  # when the picture was taken
            ("frame", "u8"),  # pictures that were encoded, this one included; 0: none yet
            ("bad", "u8"),  # pictures that were none
            ("encoder", "u4"),  # its version
            ("embedding", "f4", (size,)),
            ("trouble", "u1", (200,)),  # in words; empty while all is well
        ]
    )


@dataclass(frozen=True, slots=True)
class PerceptionReading:
    """The newest embedding; empty before the first, and of another encoder than was asked for. Its age is the picture's."""

    embedding: Annotated[np.ndarray, EMBEDDING_MAX]  # (size,) float32
    embedding_age_s: float = NEVER_S
    frame: int = 0  # of how many, modulo 2^32
    encoder: int = 0


NOTHING = np.empty(0, np.float32)


class Shown(Protocol):
    """Where the newest result lies: a `SealedRecord`, or, where all is one process, its own memory."""

    def write(self, record: np.ndarray) -> None: ...

    def read(self) -> np.ndarray | None: ...

    def close(self) -> None: ...


class Perceived:
    """The perceiving process as a device: `Driver`'s protocol. encoder: the version that the policy was trained on."""

    def __init__(self, block: str, size: int, encoder: int, clock: Clock) -> None:
        self._block, self._size, self._encoder, self._clock = block, size, encoder, clock
        self._record: Shown | None = None
        self._trouble = "perception: not open"

    def open(self) -> None:
        """Raises LinkLost."""
        self.close()
        try:
            self._record = SealedRecord.attach(self._block, result_dtype(self._size))
        except (OSError, ValueError) as error:
            self._trouble = f"perception: {error}"
            raise LinkLost(self._trouble) from error
        self._trouble = "perception: it has said nothing yet"

    def reconnect(self) -> bool:
        """Try once to find it again. True when it is there."""
        try:
            self.open()
        except LinkLost:
            return False
        return True

    def read(self) -> PerceptionReading:
        """The newest result with its age, however old. Raises LinkLost before `open`."""
        if self._record is None:
            raise LinkLost(self._trouble)
        record, now = self._record.read(), self._clock.now()
        self._trouble = self._why_not(record, now)
        if record is None or not record["frame"] or record["encoder"] != self._encoder:
            return PerceptionReading(NOTHING)
        age_s = now - float(record["measured_s"])
        return PerceptionReading(
            record["embedding"].copy(), age_s, int(record["frame"]) & 0xFFFFFFFF, int(record["encoder"])
        )

    def _why_not(self, record: np.ndarray | None, now: float) -> str:
        if record is None:
            return "perception: it has said nothing yet"
        if now - float(record["heartbeat_s"]) > HANGS_S:
            return f"perception: its process is silent for {now - float(record['heartbeat_s']):.1f} s"
        told = text_of(record["trouble"])
        if told:
            return told
        if record["encoder"] != self._encoder:
            return f"perception: found encoder {int(record['encoder']):#010x}, allowed: {self._encoder:#010x}, the policy's"
        age_s = now - float(record["measured_s"]) if record["frame"] else NEVER_S
        return f"perception: its newest result is {age_s:.1f} s old" if age_s > LATE_S else ""

    def trouble(self) -> str:
        """What is wrong, in one line; empty while results are new."""
        return self._trouble

    def stop(self) -> None:
        """There is nothing to bring to rest."""

    def close(self) -> None:
        """Never raises."""
        if self._record is not None:
            self._record.close()
        self._record, self._trouble = None, "perception: not open"
