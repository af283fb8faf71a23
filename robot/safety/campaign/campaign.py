"""The fault campaign: break things while a virtual robot practises in real time, and see that it does as designed.

Each trial puts one fault in at a random moment, and measures from the outside: the emulator's truth says when nothing
drives it any more, the control process's status which mode it went to and why. Then the fault is taken away, and the
robot must go on. After each session every transition on disk is read back, checksum by checksum, and counted.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from policies.replay import load_folder
from robot.practice.session import Session
from robot.practice.settings import PracticeConfig
from robot.runtime.run_folder import new_run_folder
from robot.safety.campaign.sessions import emulated, session_in
from robot.safety.campaign.trials import Fault, SafetyTrials
from robot.safety.campaign.truth import Seen
from robot.safety.supervisor import Mode

ZERO_THROTTLE_MS = 200.0  # the most where control is killed
LOOK_EVERY_S = 0.002
POLL_EVERY_S = 0.02
RUNNING_S = 120.0  # for it to drive again: processes start, it finds itself, a reset may be needed
REACTION_S = 5.0
GOES_ON_S = 1.5  # how long to watch that a fault changes nothing
FRESH_S = 0.5  # age of a status that counts: a successor inherits its predecessor's
KILLED = ("learner", "recorder", "control", "device", "guardian-0")


@dataclass
class Trial:
    """What came of one fault."""

    fault: str
    at_s: float  # robot time
    zero_throttle_ms: float | None = None
    mode: str = ""
    reason: str = ""
    back_after_s: float | None = None
    as_designed: bool = False


@dataclass
class Outcome:
    """A campaign's figures."""

    trials: list[Trial] = field(default_factory=list)
    transitions: int = 0
    transitions_lost: int = 0
    transitions_damaged: int = 0
    folders: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """For the last line of stdout: per fault how many went as designed, and the slowest stop."""
        faults: dict[str, dict[str, Any]] = {}
        for trial in self.trials:
            row = faults.setdefault(
                trial.fault, {"trials": 0, "as_designed": 0, "zero_throttle_ms": None, "back_after_s": None}
            )
            row["trials"] += 1
            row["as_designed"] += trial.as_designed
            for name in ("zero_throttle_ms", "back_after_s"):
                value = getattr(trial, name)
                if value is not None:
                    row[name] = round(max(value, row[name] or 0.0), 2)
        return {
            "as_designed": all(trial.as_designed for trial in self.trials) and self.transitions_damaged == 0,
            "faults": faults,
            "transitions": self.transitions,
            "transitions_lost": self.transitions_lost,
            "transitions_damaged": self.transitions_damaged,
            "trials": [asdict(trial) for trial in self.trials],
            "runs": self.folders,
        }


def kill(name: str) -> Callable[[Session], None]:
    """kill -9 of one of the session's processes."""

    def begin(session: Session) -> None:
        os.kill(pids(session)[name], signal.SIGKILL)

    return begin


def kill_faults(name: str) -> Fault:
    """kill -9 of one process."""
    if name == "control":
        return Fault("kill -9 control", kill(name), None, Mode.RUN, (), ZERO_THROTTLE_MS, hold_s=0.0,
                     designed="the guardian brakes; a successor drives on")  # fmt: skip
    if name == "device":
        return Fault("kill -9 device", kill(name), None, Mode.RUN, (), None, hold_s=0.0,
                     designed="control ends, the session starts both again")  # fmt: skip
    return Fault(f"kill -9 {name}", kill(name), None, Mode.RUN, (), None, hold_s=0.0, stops=False,
                 designed="the robot goes on without noticing; it is started again")  # fmt: skip


def pids(session: Session) -> dict[str, int]:
    """The session's processes; `device`: the emulated ones'."""
    return {name: child.pid for name, child in session.processes.children.items()} | {"device": session.body.pid}


class ThrottleWatch:
    """Looks at the truth from a thread of its own, since the session is busy when it replaces a process."""

    def __init__(self, see: Callable[[], Seen]) -> None:
        self._see = see
        self._ended = threading.Event()
        self.begin_s = time.monotonic()
        self.zero_ms: float | None = None  # from the beginning to the first moment at which nothing drives it
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.is_set():
            if not self._see().driven:
                self.zero_ms = 1000.0 * (time.monotonic() - self.begin_s)
                return
            time.sleep(LOOK_EVERY_S)

    def end(self) -> None:
        """Stop looking."""
        self._ended.set()
        self._thread.join()


class Trials:
    """A session, and faults put into it one after another."""

    def __init__(self, trials: SafetyTrials, session: Session, rng: np.random.Generator) -> None:
        self.robot = trials
        self.session = session
        self.rng = rng
        self._polled_s = 0.0

    def look(self) -> dict[str, Any]:
        """Let a moment pass, keep the session going, and read the control process's status."""
        time.sleep(LOOK_EVERY_S)
        if time.monotonic() - self._polled_s > POLL_EVERY_S:
            self._polled_s = time.monotonic()
            if not self.session.poll():
                raise RuntimeError(f"the session ended: {self.session.failure or 'by itself'}")
        return self.status()

    def status(self) -> dict[str, Any]:
        """What the control process says of itself."""
        record = self.session.shared.control.read()
        seen = record["outputs"]
        return {name: seen[name].item() for name in ("time_s", "mode", "reason", "finished")} | {
            "pid": record["pid"].item()
        }

    def seen(self) -> Seen:
        """How things really are."""
        return self.robot.see(emulated(self.session).truth())

    def running(self, status: dict[str, Any]) -> bool:
        """Whether it drives by its policy."""
        body = self.session.body
        alive = body.pid != 0 and not body.died and pids(self.session)["control"] == status["pid"]
        alive = alive and abs(time.monotonic() - status["time_s"]) < FRESH_S
        runs = alive and status["mode"] == Mode.RUN and not status["finished"]
        return bool(runs and self.seen().speed_m_s > self.robot.moving_m_s)

    def complete(self, status: dict[str, Any]) -> bool:
        """Whether it drives and every process of the session is there and ready."""
        session = self.session
        there = all(child.running for child in session.processes.children.values())
        return there and bool(session.shared.learner.read()["ready"]) and self.running(status)

    def wait(self, ready: Callable[[dict[str, Any]], bool], patience_s: float) -> float | None:
        """Seconds until `ready`; None if it takes longer than patience_s."""
        begin = time.monotonic()
        while time.monotonic() - begin < patience_s:
            if ready(self.look()):
                return time.monotonic() - begin
        return None

    def run(self, fault: Fault) -> Trial:
        """Wait until it drives, break something, watch, repair it, watch again."""
        if self.wait(self.complete, RUNNING_S) is None:
            raise RuntimeError(f"the robot does not drive: {self.why()}")
        self.wait(lambda status: False, self.rng.uniform(0.3, 2.0))
        trial = Trial(fault.name, self.status()["time_s"])
        before = pids(self.session)
        watch = ThrottleWatch(self.seen) if fault.zero_throttle_ms is not None else None
        fault.begin(self.session)
        if fault.mode is Mode.RUN:
            as_designed = self.killed(fault, before)
        else:
            as_designed = self.reacts(fault, trial)
        if watch is not None and fault.zero_throttle_ms is not None:
            self.wait(lambda status: watch.zero_ms is not None, REACTION_S)
            watch.end()
            trial.zero_throttle_ms = watch.zero_ms
            as_designed &= watch.zero_ms is not None and watch.zero_ms <= fault.zero_throttle_ms
        self.wait(lambda status: False, fault.hold_s)
        if fault.end is not None:
            fault.end(self.session)
        trial.back_after_s = self.wait(self.complete, RUNNING_S)
        if trial.back_after_s is None:
            trial.reason = trial.reason or self.why()
        trial.as_designed = as_designed and trial.back_after_s is not None
        return trial

    def reacts(self, fault: Fault, trial: Trial) -> bool:
        """Whether the supervisor comes to the mode and the reason that it should."""

        def reached(status: dict[str, Any]) -> bool:
            return status["mode"] >= fault.mode and self.robot.reasons(status["reason"]) in fault.reasons

        if self.wait(reached, REACTION_S) is None:
            return False
        status = self.status()
        trial.mode, trial.reason = Mode(status["mode"]).name, self.robot.reasons(status["reason"]).name
        return True

    def killed(self, fault: Fault, before: dict[str, int]) -> bool:
        """Whether a killed process is replaced, and the robot goes on meanwhile where it should."""
        goes_on = True
        if not fault.stops:
            paused = self.wait(lambda status: status["mode"] >= Mode.STOP, GOES_ON_S)
            goes_on = paused is None
        return self.wait(lambda status: pids(self.session) != before, REACTION_S) is not None and goes_on

    def why(self) -> str:
        """The control process's last reason."""
        return self.robot.reasons(self.status()["reason"]).name


def run_session(trials: SafetyTrials, config: PracticeConfig, root: Path, faults: Sequence[Fault], rng: np.random.Generator,
                outcome: Outcome, report: Callable[[Trial], None]) -> None:  # fmt: skip
    """One session with a list of faults; adds to `outcome`, and tells `report` of each trial."""
    folder = new_run_folder(root, config.task, "safety")
    outcome.folders.append(str(folder))
    session = session_in(folder, config, trials.driven_before)
    with session:
        these = Trials(trials, session, rng)
        for fault in faults:
            outcome.trials.append(these.run(fault))
            report(outcome.trials[-1])
        session.request_stop()
    made = session.progress.step
    outcome.transitions += made
    try:
        steps = np.unique(load_folder(folder / "replay")["step"])
    except ValueError:
        outcome.transitions_damaged += 1
        return
    outcome.transitions_lost += max(0, made - len(steps))


def run_campaign(
    trials: SafetyTrials,
    config: PracticeConfig,
    kills: int,
    root: Path,
    report: Callable[[Trial], None],
    outcome: Outcome,
) -> None:
    """All of the robot's faults once, then `kills` deaths of each process, each kind in a session of its own: added to
    `outcome`, one by one.
    """
    rng = np.random.default_rng([config.seed, 0x5AFE])
    run_session(trials, config, root, trials.faults, rng, outcome, report)
    for name in KILLED if kills else ():
        run_session(trials, config, root, [kill_faults(name)] * kills, rng, outcome, report)
