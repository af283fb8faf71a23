"""What ends the driving of a real session: signals to its processes, keys on its terminal, and what its robot adds."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robot.practice.body import Emulator
from robot.runtime.left_behind import modules_given
from robot.runtime.session_file import GUARDIANS, SessionFile
from robot.shared_memory.blocks import GUARDIAN_STATUS, SharedRecord
from sim.with_parent import module_of

LOOKS_S = 0.1  # that a guardian's heartbeat is old at most


@dataclass
class Job:
    """One session on its terminal, and the emulated robot that it drives. repair: see `StopTrials`."""

    emulated: Emulator
    repair: Callable[[Emulator], None]
    folder: Path
    shell: subprocess.Popen[bytes]
    terminal: int
    session_pid: int = 0
    before: dict[str, int] = field(default_factory=dict)  # its processes, by name, as the present cause finds them
    stopped: list[int] = field(default_factory=list)  # processes to be continued

    def processes(self) -> dict[str, int]:
        """Pids by name: control, recorder, learner, guardians by rank, and the session."""
        found = modules_given(str((self.folder / "session.json").resolve()))
        names = {}
        for pid, module in found.items():
            name = module.rsplit(".", 1)[1].removesuffix("_process")
            if name == "guardian":
                _, arguments = module_of([word.decode() for word in cmdline(pid)])
                if len(arguments) < 2:
                    continue  # it has ended meanwhile
                name = f"guardian-{arguments[1]}"
            names[name] = pid
        return names | {"session": self.session_pid}

    def guarded(self) -> bool:
        """Whether all guardians that there were before this cause, or their successors, look."""
        names = SessionFile.load(self.folder / "session.json").names
        for guardian in self.before.keys() & set(GUARDIANS):
            with closing(SharedRecord.attach(names[guardian], GUARDIAN_STATUS)) as record:
                if time.monotonic_ns() - record.peek("heartbeat_ns") > 1e9 * LOOKS_S:
                    return False
        return True

    def send(self, number: int, *names: str) -> None:
        """A signal to some of the processes that were there before this cause, as close together as can be."""
        pids = [self.before[name] for name in names if name in self.before]
        for pid in pids:
            os.kill(pid, number)
        if number == signal.SIGSTOP:
            self.stopped += pids

    def type(self, key: bytes) -> None:
        os.write(self.terminal, key)

    def hang_up(self) -> None:
        os.close(self.terminal)
        self.terminal = -1

    def let_go_on(self) -> None:
        """Continue what was stopped, and what Ctrl-Z suspended; give the robot its cables and sensors back."""
        for pid in (*self.stopped, self.session_pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.stopped.clear()
        self.repair(self.emulated)


def cmdline(pid: int) -> list[bytes]:
    """The words that a process was started with; none if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


@dataclass(frozen=True)
class Cause:
    """One way to stop a session, or to try to. hurts: a process that drives dies or hangs, so that the throttle must
    fall at once; out_of_reach: nobody can speak to what drives the robot any more."""

    name: str
    do: Callable[[Job], None]
    stops: bool = True  # False: the robot drives on, by design
    hurts: bool = False
    out_of_reach: bool = False
    learning: bool = False  # only where there is a learner


def kill(*names: str) -> Callable[[Job], None]:
    return lambda job: job.send(signal.SIGKILL, *names)


def pause(*names: str) -> Callable[[Job], None]:
    return lambda job: job.send(signal.SIGSTOP, *names)


def both(*acts: Callable[[Job], None]) -> Callable[[Job], None]:
    def do(job: Job) -> None:
        for act in acts:
            act(job)

    return do


def fault(do: str, **arguments: Any) -> Callable[[Job], None]:
    """What the emulated devices do on request."""
    return lambda job: job.emulated.fault(do, **arguments)


A, B = "guardian-0", "guardian-1"
GOING_ON = (
    Cause("Ctrl-Z", lambda job: job.type(b"\x1a")),
    Cause("kill -9 control", kill("control"), hurts=True),
    Cause("SIGSTOP control", pause("control"), hurts=True),
    Cause("SIGTERM control", lambda job: job.send(signal.SIGTERM, "control"), hurts=True),
    Cause("SIGHUP control", lambda job: job.send(signal.SIGHUP, "control"), hurts=True),
    Cause("kill -9 a guardian", kill(A), stops=False),
    Cause("SIGSTOP a guardian", pause(B), stops=False),
    # It brakes until they are back, within a second, and may drive on before it has stood.
    Cause("kill -9 both guardians", kill(A, B), stops=False, hurts=True),
    Cause("kill -9 control and a guardian", kill("control", A), hurts=True),
    Cause("SIGSTOP a guardian, kill -9 control", both(pause(A), kill("control")), hurts=True),
    Cause("SIGSTOP control and a guardian", pause("control", A), hurts=True),
    Cause("SIGSTOP the session, kill -9 control", both(pause("session"), kill("control")), hurts=True),
    Cause("SIGSTOP the session", pause("session")),
    Cause("kill -9 recorder", kill("recorder"), stops=False),
    Cause("SIGSTOP recorder", pause("recorder"), stops=False),
    Cause("kill -9 control and recorder", kill("control", "recorder"), hurts=True),
    Cause("kill -9 learner", kill("learner"), stops=False, learning=True),
    Cause("kill -9 control and learner", kill("control", "learner"), hurts=True, learning=True),
    Cause("SIGSTOP learner", pause("learner"), stops=False, learning=True),
)
ENDING = (
    Cause("Ctrl-C", lambda job: job.type(b"\x03")),
    Cause("Ctrl-C twice", lambda job: job.type(b"\x03\x03")),
    Cause("Ctrl-\\", lambda job: job.type(b"\x1c")),
    Cause("hang-up", Job.hang_up),
    Cause("SIGTERM session", lambda job: job.send(signal.SIGTERM, "session")),
    Cause("kill -9 session", kill("session"), hurts=True),
    Cause("kill -9 session and control", kill("session", "control"), hurts=True),
    Cause("kill -9 session and a guardian", kill("session", A), hurts=True),
    Cause("kill -9 session and recorder", kill("session", "recorder"), hurts=True),
    Cause("SIGSTOP control, Ctrl-C", both(pause("control"), lambda job: job.type(b"\x03")), hurts=True),
    Cause("SIGSTOP recorder, Ctrl-C", both(pause("recorder"), lambda job: job.type(b"\x03"))),
    Cause("kill -9 control, Ctrl-C", both(kill("control"), lambda job: job.type(b"\x03")), hurts=True),
)
