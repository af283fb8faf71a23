"""The processes of a session: started, watched, started again, ended. What they are for, the session knows."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drivers.emulators.virtual_car import VirtualCar, VirtualCarConfig, start_virtual_car
from robot.safety.guardian import Guardian, start_guardian

READY_S = 400.0  # for a process to import, compile and say that it is ready
END_S = 20.0  # for a process to finish by itself
KILL_S = 5.0  # for it to obey SIGTERM
RESTARTS_MAX = 25
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


@dataclass
class Child:
    """One of the session's processes, and how often it had to be started again."""

    name: str
    command: list[str]
    output: Path
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0

    def start(self) -> None:
        with open(self.output, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | ONE_THREAD
            )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """Of a process that has ended, negative for a signal; None while it runs, or before it was started."""
        return self.process.poll() if self.process else None

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()

    def end(self, patience_s: float) -> None:
        """Wait for it to finish, then make it."""
        if self.process is None:
            return
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            try:
                self.process.wait(KILL_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def last_words(self) -> str:
        """The last line that it printed."""
        lines = self.output.read_text(errors="replace").strip().splitlines() if self.output.exists() else []
        return lines[-1] if lines else "no word"


class Processes:
    """Python modules as children, the emulated device of a virtual car, and the guardian of control.

    output: folder that everything they print goes to. on_restart(name, exit status) is told of every death that a new
    start follows.
    """

    def __init__(self, output: Path, on_restart: Callable[[str, int], None]) -> None:
        self.output = output
        self.on_restart = on_restart
        self.children: dict[str, Child] = {}
        self.car: VirtualCar | None = None
        self.guardian: Guardian | None = None

    # Children

    def start(self, name: str, module: str, *arguments: str) -> Child:
        """Start `python -m module arguments`, or start it again with these arguments."""
        command = [sys.executable, "-m", module, *arguments]
        child = self.children.get(name)
        if child is None:
            self.output.mkdir(exist_ok=True)
            child = self.children[name] = Child(name, command, self.output / f"{name}.txt")
        child.command = command
        child.start()
        return child

    def await_ready(self, name: str, ready: Callable[[], bool]) -> None:
        """Wait until a child says that it is ready. Raises RuntimeError if it ends before, or takes READY_S."""
        patience = time.monotonic() + READY_S
        child = self.children[name]
        while not ready():
            if not child.running:
                raise RuntimeError(f"the {name} did not start: {child.last_words()}")
            if time.monotonic() > patience:
                raise RuntimeError(f"the {name} was not ready within {READY_S:.0f} s")
            time.sleep(0.05)

    def died(self, name: str) -> bool:
        """Whether a child has ended otherwise than by being done."""
        return self.children[name].exit_status not in (None, 0)

    def revive(self, name: str) -> None:
        """Start a child that died once more, RESTARTS_MAX times at most."""
        child = self.children[name]
        if child.restarts < RESTARTS_MAX:
            self.count_restart(name)
            child.start()

    def count_restart(self, name: str) -> None:
        """Note that a child that ended is started again."""
        child = self.children[name]
        self.on_restart(name, child.exit_status or 0)
        child.restarts += 1

    def end(self, name: str) -> None:
        """Wait for a child to finish, then make it. Nothing happens if it was never started."""
        if name in self.children:
            self.children[name].end(END_S)

    # The virtual car

    def start_device(self, config: VirtualCarConfig) -> None:
        """Start the emulated devices, or other ones instead of those that died."""
        if self.car is not None:
            self.on_restart("device", self.car.process.returncode)
            self.car.close()
            self.car = None
        self.car = start_virtual_car(config)

    @property
    def device_died(self) -> bool:
        """Whether there are emulated devices, and their process has ended."""
        return self.car is not None and self.car.process.poll() is not None

    def end_device(self) -> int:
        """End the emulated devices. Returns how often the car really touched a wall."""
        if self.car is None:
            return 0
        collisions = int(self.car.truth().collisions)
        self.car.close()
        self.car = None
        return collisions

    # The guardian

    def guard(self, name: str, port: str, status_name: str, heartbeat: bool) -> None:
        """Have a child watched by a new guardian; see `start_guardian`."""
        self.end_guardian()
        pid = self.children[name].pid
        self.guardian = start_guardian(port, status_name, pid, heartbeat, self.output / "guardian.txt")

    def end_guardian(self) -> None:
        """Let it go."""
        if self.guardian is not None:
            self.guardian.stop()
            self.guardian = None
