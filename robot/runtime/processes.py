"""The processes of a session: started, watched, started again, ended. What they are for, the session knows."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from robot.runtime.process_ends import CANNOT_SAVE, GONE, WRONG
from sim.with_parent import command_line

READY_S = 400.0  # for a process to import, compile and say that it is ready
KILL_S = 0.5  # for it to obey SIGTERM
RESTARTS_MAX = 25  # in a row
FAILURES_MAX = 3  # in a row, by itself and not by a signal
HEALTHY_S = 60.0  # a death after so long is not one more in a row
AWAY_MAX_S = 120.0  # for a device that cannot be reached to come back: somebody may plug its cable in again
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


@dataclass
class Child:
    """One of the session's processes, and how often it had to be started again.

    own_session: out of reach of the terminal's signals. keeps: descriptor of a lock that lasts as long as the child.
    """

    name: str
    command: list[str]
    output: Path
    own_session: bool = True
    keeps: int = -1
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    quick_restarts: int = 0  # in a row
    failures: int = 0
    away_s: float = 0.0  # since when each start found a device away; 0: the last one did not
    started_s: float = 0.0

    def start(self) -> None:
        """Raises OSError if its output has no place."""
        with open(self.output, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | ONE_THREAD,
                start_new_session=self.own_session, pass_fds=(self.keeps,) if self.keeps >= 0 else (),
            )  # fmt: skip
        self.started_s = time.monotonic()

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

    @property
    def age_s(self) -> float:
        """Since its last start."""
        return time.monotonic() - self.started_s

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()

    def signal(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def end(self, patience: Callable[[], float]) -> None:
        """Wait for it to finish while `patience()`, seconds that are left, is more than 0; then make it."""
        while self.running and patience() > 0.0:
            time.sleep(0.01)
        if self.process is None or not self.running:
            return
        self.process.terminate()
        try:
            self.process.wait(KILL_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def count_restart(self) -> None:
        """It ended and is to be started again: remember how often that was, and how often by its own failure."""
        self.restarts += 1
        if self.exit_status == GONE:
            if not self.away_s or self.age_s > HEALTHY_S:
                self.away_s = time.monotonic()
            return
        self.away_s = 0.0
        self.quick_restarts = self.quick_restarts + 1 if self.age_s < HEALTHY_S else 1
        if (self.exit_status or 0) > 0:
            self.failures = self.failures + 1 if self.age_s < HEALTHY_S else 1

    @property
    def hopeless(self) -> bool:
        """Whether another start would not help."""
        away = self.away_s > 0.0 and time.monotonic() - self.away_s > AWAY_MAX_S
        return away or self.quick_restarts > RESTARTS_MAX or self.failures >= FAILURES_MAX

    @property
    def cannot_save(self) -> bool:
        """Whether it ended because its files have no place. Its output may have had none either."""
        code = self.exit_status or 0
        return CANNOT_SAVE < code != 128 + signal.SIGTERM

    def last_words(self) -> str:
        """The last line that it printed; where it could not save, why."""
        if self.cannot_save:
            return f"cannot save: {os.strerror((self.exit_status or 0) - CANNOT_SAVE)}"
        code = self.exit_status or 0
        lines = self.output.read_text(errors="replace").strip().splitlines() if self.output.exists() else []
        if code < 0:
            return f"ended by {signal.Signals(-code).name}"
        return lines[-1] if lines else "no word"


class Processes:
    """Python modules as children.

    output: folder that everything they print goes to. on_restart(name, exit status) is told of every death that a new
    start follows.
    """

    def __init__(self, output: Path, on_restart: Callable[[str, int], None]) -> None:
        self.output = output
        self.on_restart = on_restart
        self.children: dict[str, Child] = {}
        self.own_sessions = True
        self.lock = -1  # descriptor that children keep open

    def start(self, name: str, module: str, *arguments: str, outlives_s: float = 0.0) -> Child:
        """Start a module with arguments, or start it again with these. Raises OSError.

        outlives_s: how long it may go on without this process, until it says otherwise (`sim.with_parent`).
        """
        command = command_line(module, *arguments, patience_s=outlives_s)
        child = self.children.get(name)
        if child is None:
            self.output.mkdir(exist_ok=True)
            child = Child(name, command, self.output / f"{name}.txt", self.own_sessions, self.lock)
            self.children[name] = child
        child.command = command
        child.start()
        return child

    def await_ready(self, name: str, ready: Callable[[], bool]) -> None:
        """Wait until a child says that it is ready. Raises ChildProcessError if it ends before, or takes READY_S;
        ValueError if it ends because what it was told is wrong."""
        patience = time.monotonic() + READY_S
        child = self.children[name]
        while not ready():
            if not child.running:
                kind = ValueError if child.exit_status == WRONG else ChildProcessError
                raise kind(f"the {name} did not start: {child.last_words()}")
            if time.monotonic() > patience:
                raise ChildProcessError(f"the {name} was not ready within {READY_S:.0f} s")
            time.sleep(0.02)

    def died(self, name: str) -> bool:
        """Whether a child has ended otherwise than by being done."""
        return name in self.children and self.children[name].exit_status not in (None, 0)

    def revive(self, name: str) -> bool:
        """Start a child that died once more; False if it has died too often."""
        child = self.children[name]
        self.count_restart(name)
        if child.hopeless:
            return False
        child.start()
        return True

    def count_restart(self, name: str) -> None:
        """Note that a child that ended is to be started again."""
        child = self.children[name]
        self.on_restart(name, child.exit_status or 0)
        child.count_restart()

    def end(self, name: str, patience: Callable[[], float]) -> None:
        """Wait for a child to finish, then make it. Nothing happens if it was never started."""
        if name in self.children:
            self.children[name].end(patience)
