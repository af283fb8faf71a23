"""What long work is at, on standard error: one line that updates in a terminal, a plain line now and then elsewhere."""

import sys
import threading
import time
from types import TracebackType

UPDATED_EVERY_S = 0.5
PLAIN_EVERY_S = 10.0


class ProgressLine:
    """Called with each step as it begins, it shows the step and how long all has taken; nothing, if it is never called.

    A thread keeps the line moving while a step is at work.
    """

    def __init__(self, work: str) -> None:
        """work: what is done, for a person."""
        self._work, self._step = work, ""
        self._began_s = time.monotonic()
        self._shown_s = -PLAIN_EVERY_S
        self._over = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._thread = threading.Thread(target=self._keep_moving, daemon=True)

    def __enter__(self) -> "ProgressLine":
        return self

    def __call__(self, step: str) -> None:
        """A step begins."""
        self._step = step
        self._show()
        if not self._thread.is_alive():
            self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._step:
            return
        self._over.set()
        self._thread.join()
        if sys.stderr.isatty():
            print(file=sys.stderr, flush=True)

    def _keep_moving(self) -> None:
        while not self._over.wait(UPDATED_EVERY_S):
            self._show()

    def _show(self) -> None:
        with self._one_at_a_time:
            now_s = time.monotonic()
            text = f"{self._work}: {self._step}, {now_s - self._began_s:.0f} s"
            if sys.stderr.isatty():
                print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
            elif now_s - self._shown_s >= PLAIN_EVERY_S:
                self._shown_s = now_s
                print(text, file=sys.stderr, flush=True)
