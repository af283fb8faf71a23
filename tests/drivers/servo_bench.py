"""A chain of emulated servos on a pseudo-terminal: in a test's own time, or in real time for other people's programs."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drivers.emulators.lines import Pty


def until(ask: Callable[[], Any], right: Callable[[Any], bool]) -> Any:
    """What a real-time program of others is answered once it is right: on a busy machine answers may be too late for it."""
    told = None
    for _ in range(50):
        told = ask()
        if right(told):
            return told
    raise AssertionError(f"the last of 50 answers: {told}")


class Bench:
    """A clock that only `wait` moves, the emulator of a chain, and its end of the cable."""

    def __init__(self, emulator: Any, folder: Path) -> None:
        self.emulator = emulator
        self.pty = Pty(folder / "servos")
        self.time_s = 0.0
        self.damage = lambda data: data  # what the cable makes of what servos send

    @property
    def port(self) -> str:
        return self.pty.name

    def now(self) -> float:
        return self.time_s

    def wait(self, duration_s: float) -> None:
        """Let bytes travel and servos turn."""
        end_s = self.time_s + duration_s
        self.emulator.receive(self.pty.read(), self.time_s)
        while self.time_s < end_s - 1e-9:
            self.time_s = min(end_s, self.time_s + 0.005)
            self.emulator.run(self.time_s)
            self.pty.write(self.damage(self.emulator.arrived(self.time_s)))

    def ticks(self, driver: Any, count: int, goals: Any = None) -> list[Any]:
        """Read, and command where told, as a control loop does; the readings."""
        readings = []
        for _ in range(count):
            self.wait(0.02)
            readings.append(driver.read())
            if goals is not None:
                driver.write(goals)
        return readings

    @contextmanager
    def in_real_time(self) -> Iterator[str]:
        """A thread that serves the port meanwhile; its name."""
        ended = threading.Event()
        began = time.monotonic()

        def serve() -> None:
            while not ended.is_set():
                now = time.monotonic() - began
                self.emulator.receive(self.pty.read(), now)
                self.emulator.run(now)
                self.pty.write(self.emulator.arrived(now))
                time.sleep(0.0005)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield self.port
        finally:
            ended.set()
            thread.join()
