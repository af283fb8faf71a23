"""A robot's devices, as a session sees them: real ones behind their ports, or emulated ones that it starts and ends."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

HUNG_S = 5.0


class Emulator(Protocol):
    """Emulated devices in a process of their own.

    ports: of the devices, by name. directory: holds `lockstep`, the socket of their clock (`robot.runtime.clock.LockstepClock`).
    """

    process: subprocess.Popen
    directory: Path

    @property
    def ports(self) -> dict[str, str]: ...

    def truth(self) -> Any:
        """How things really are, for judges; `time_s` of it is the devices' own clock."""
        ...

    def fault(self, do: str, **arguments: Any) -> None:
        """Do something to the robot, its world or its devices, for judges too. Raises ValueError if it cannot be done."""
        ...

    def close(self) -> None:
        """End the process, and remove its directory. Never raises."""
        ...


@dataclass
class Body:
    """The devices of one session.

    file_ports: as the robot's file names them. reach: raises LinkLost if a real device's port cannot be used. emulate: starts
    emulated devices; none of a real robot.
    """

    file_ports: dict[str, str] = field(default_factory=dict)
    reach: Callable[[], None] = lambda: None
    emulate: Callable[[], Emulator] | None = None
    emulator: Emulator | None = None  # once it is started
    seen: tuple[float, float] = (0.0, 0.0)  # the emulated devices' time, and when that was first seen

    @property
    def virtual(self) -> bool:
        return self.emulate is not None

    def start(self) -> None:
        """Start the emulated devices, or other ones instead of those that died."""
        self.end()
        if self.emulate is not None:
            self.emulator = self.emulate()

    @property
    def ports(self) -> dict[str, str]:
        return self.file_ports if self.emulator is None else self.emulator.ports

    @property
    def folder(self) -> str:
        """Of the emulated devices; empty where there are none."""
        return "" if self.emulator is None else str(self.emulator.directory)

    @property
    def clock_socket(self) -> str:
        return "" if self.emulator is None else str(self.emulator.directory / "lockstep")

    @property
    def pid(self) -> int:
        """Of the emulated devices; 0 where there are none."""
        return 0 if self.emulator is None else self.emulator.process.pid

    @property
    def died(self) -> bool:
        """Whether there are emulated devices, and their process has ended."""
        return self.emulator is not None and self.emulator.process.poll() is not None

    @property
    def exit_status(self) -> int:
        """Of emulated devices that died."""
        return 0 if self.emulator is None else int(self.emulator.process.poll() or 0)

    def hangs(self, since_s: float) -> bool:
        """Whether the emulated devices' own clock stands still, in real time. since_s: nothing can have hung before."""
        if self.emulator is None:
            return False
        time_s, now_s = float(self.emulator.truth().time_s), time.monotonic()
        if time_s != self.seen[0]:
            self.seen = time_s, now_s
        return now_s - max(self.seen[1], since_s) > HUNG_S

    def kill(self) -> None:
        """SIGKILL, for emulated devices that hang."""
        if self.emulator is not None:
            self.emulator.process.kill()

    def end(self) -> Any:
        """End the emulated devices. Returns how things really were; None where nobody knows."""
        if self.emulator is None:
            return None
        truth = self.emulator.truth()
        self.emulator.close()
        self.emulator = None
        return truth
