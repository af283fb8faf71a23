"""Standard error for a program that must never wait for a terminal: Ctrl-S, a hung connection, a reader that is gone."""

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from os import write
from typing import TextIO

BACKLOG_MAX = 1 << 18  # bytes; what comes on top of it is not shown
LAST_WORDS_S = 2.0


class PatientOutput(io.TextIOBase):
    """Text that a thread of its own writes to a stream's descriptor, whenever that takes it."""

    def __init__(self, stream: TextIO) -> None:
        """Raises OSError if the stream has no descriptor."""
        self._descriptor = stream.fileno()
        self._stream = stream
        self._waiting = bytearray()
        self._changed = threading.Condition()
        self._writing = False
        self.gone = False  # nobody will ever read any more
        threading.Thread(target=self._work, daemon=True).start()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._descriptor

    def write(self, text: str) -> int:
        data = text.encode(errors="replace")
        with self._changed:
            if not self.gone and len(self._waiting) + len(data) <= BACKLOG_MAX:
                self._waiting += data
                self._changed.notify_all()
        return len(text)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting)
                data, self._writing = bytes(self._waiting), True
                self._waiting.clear()
            try:
                while data:
                    data = data[write(self._descriptor, data) :]
            except OSError:
                self.gone = True

    def drain(self, patience_s: float) -> bool:
        """Whether all has been written; waits for it that long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._writing, patience_s)


@contextmanager
def patient_stderr() -> Iterator[PatientOutput | None]:
    """Standard error becomes patient; it stays so where it is stuck at the end. None where it has no descriptor."""
    stream = sys.stderr
    try:
        output = PatientOutput(stream)
    except (OSError, ValueError):
        yield None
        return
    stream.flush()
    sys.stderr = output
    try:
        yield output
    finally:
        if output.drain(LAST_WORDS_S) and not output.gone:
            sys.stderr = stream
