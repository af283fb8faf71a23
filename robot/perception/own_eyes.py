"""Eyes of a robot that is all in one process, in lockstep: who perceives looks when control asks, and both share this process's own memory."""

import os
from pathlib import Path

import numpy as np

from drivers.base import LinkLost
from robot.perception.encoder import Encoder
from robot.perception.perception import Perception
from robot.perception.result import Perceived, PerceptionReading
from robot.runtime.clock import Clock


class OwnRecord:
    """What is seen: a fork that goes on with it leaves this one as it is."""

    def __init__(self) -> None:
        self._record: np.ndarray | None = None

    def write(self, record: np.ndarray) -> None:
        self._record = record.copy()

    def read(self) -> np.ndarray | None:
        return self._record

    def close(self) -> None:
        """There is nothing to release."""


class OwnEyes(Perceived):
    """As a device."""

    def __init__(self, perception: Perception, shown: OwnRecord, encoder: Encoder, clock: Clock) -> None:
        super().__init__("", encoder.size, encoder.version, clock)
        self.perception, self._shown = perception, shown

    def open(self) -> None:
        self._record = self._shown

    def read(self) -> PerceptionReading:
        while self.perception.step():
            pass
        return super().read()


class TornOut:
    """A camera that is not there any more."""

    def open(self) -> None:
        raise LinkLost("camera: torn out")

    def stop(self) -> None:
        """There is nothing to bring to rest."""

    def read(self) -> None:
        raise LinkLost("camera: torn out")

    def reconnect(self) -> bool:
        return False

    def trouble(self) -> str:
        return "camera: torn out"

    def close(self) -> None:
        """It is gone."""


def empty_pipe(path: Path) -> None:
    """Throw away what a camera's named pipe holds."""
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while os.read(pipe, 1 << 16):
            pass
    except BlockingIOError:
        pass  # empty
    finally:
        os.close(pipe)
