"""Lockstep: the perceiving process sees when control asks it to, at the time that control says, and control waits for it.

So the same pictures are looked at in the same ticks on any machine. Where it does not answer, it is a device whose link is lost.
"""

import time

import numpy as np

from drivers.base import LinkLost
from robot.perception.result import Perceived, PerceptionReading
from robot.runtime.clock import Clock
from robot.shared_memory.sealed_record import SealedRecord

ASKED = np.dtype([("time_s", "f8")])
ANSWER_S = 60.0  # it may have to be started again, and loads its libraries
LOOK_S = 2e-5


class AskedClock:
    """The perceiving process's time: the newest that it was asked for."""

    def __init__(self, block: str) -> None:
        self._asked = SealedRecord.attach(block, ASKED)
        self._now = -np.inf

    def moved(self) -> bool:
        """Whether a later time is asked for than before; it is `now` then."""
        asked = self._asked.read()
        if asked is None or not asked["time_s"] > self._now:
            return False
        self._now = float(asked["time_s"])
        return True

    def now(self) -> float:
        return self._now

    def sleep_until(self, time_s: float) -> None:
        """Nobody sleeps here: time is told."""
        raise NotImplementedError

    def close(self) -> None:
        self._asked.close()


class PerceivedWhenAsked(Perceived):
    """The same device in lockstep. asked: the block of the question."""

    def __init__(self, block: str, asked: str, size: int, encoder: int, clock: Clock) -> None:
        super().__init__(block, size, encoder, clock)
        self._question_block = asked
        self._question: SealedRecord | None = None

    def open(self) -> None:
        """Raises LinkLost."""
        super().open()
        try:
            self._question = SealedRecord.attach(self._question_block, ASKED)
        except (OSError, ValueError) as error:
            self.close()
            raise LinkLost(f"perception: {error}") from error

    def read(self) -> PerceptionReading:
        """What it has seen by now. Raises LinkLost before `open`, and where it does not answer."""
        if self._record is None or self._question is None:
            raise LinkLost(self._trouble)
        now, question = self._clock.now(), np.zeros((), ASKED)
        question["time_s"] = now
        self._question.write(question)
        patience = time.monotonic() + ANSWER_S
        while (found := self._record.read()) is None or found["heartbeat_s"] < now:
            if time.monotonic() > patience:
                raise LinkLost(f"perception: it does not answer within {ANSWER_S:.0f} s")
            time.sleep(LOOK_S)
        return super().read()

    def close(self) -> None:
        """Never raises."""
        super().close()
        if self._question is not None:
            self._question.close()
        self._question = None
