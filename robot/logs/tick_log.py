"""The log of a control loop that is recorded by its own process, without rings: one life, one part.

A disk that fills up must not end what a robot is doing: the log then stops, `failure` says why, and leaving the `with`
block raises it, once the robot is at rest.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from mcap.writer import CompressionType
from typing_extensions import Self

from policies.array_file import named
from robot.logs.writer import LogWriter
from robot.runtime.control_loop import ControlLoop
from robot.runtime.events import make_event

FLUSH_TICKS = 50  # what a killed process loses at most


class TickLog:
    """Writes what a loop and its mind did. What is older than FLUSH_TICKS ticks survives the death of the process."""

    def __init__(
        self, path: Path, setup: bytes, loop: ControlLoop, compression: CompressionType = CompressionType.LZ4
    ) -> None:
        """setup: what the loop's mind was made from. Raises OSError, which names the file."""
        self.path = path
        self.failure: OSError | None = None
        self._loop = loop
        try:
            self._log = LogWriter(path, loop.mind.records, len(loop.mind.weights), compression)
            self._log.add_setup(int(loop.readings["life"]), setup)
            self._log.flush()
        except OSError as error:
            raise named(error, path) from error
        self.add_event("start", life=int(loop.readings["life"]), setup=hashlib.sha256(setup).hexdigest()[:16])

    def add(self) -> None:
        """Append the loop's newest tick, with its mind's events."""
        loop = self._loop
        self._try(lambda: self._log.add_readings(loop.readings[None]))
        self._try(lambda: self._log.add_outputs(loop.outputs[None]))
        for kind, fields in loop.mind.events:
            self.add_event(kind, **fields)
        if loop.tick % FLUSH_TICKS == 0:
            self._try(self._log.flush)

    def add_event(self, kind: str, **fields: Any) -> None:
        """Append an event; see `robot.runtime.events.make_event`."""
        event = make_event(kind, self._loop.tick, self._loop.clock.now(), **fields)
        self._try(lambda: self._log.add_events(event[None]))

    def add_beside(self, topic: str, record: np.ndarray) -> None:
        """Append a record that is no part of what a mind knows or decides; see `LogWriter.add_beside`."""
        self._try(lambda: self._log.add_beside(topic, record))

    def close(self) -> None:
        """Write the index and close the file."""
        self._try(self._log.finish)
        try:
            self._log.abandon()
        except OSError as error:
            self.failure = self.failure or named(error, self.path)

    def _try(self, write: Callable[[], None]) -> None:
        """After the first failure nothing more is written: the writer's own state no longer fits the file."""
        if self.failure is None:
            try:
                write()
            except OSError as error:
                self.failure = named(error, self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
        if self.failure is not None and error is None:
            raise self.failure
