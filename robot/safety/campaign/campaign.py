"""The fault campaign: break things while the virtual car practises in real time, and see that it does as designed.

Each trial puts one fault in at a random moment, and measures from the outside: the simulator's truth says when the
wheels are no longer driven, the control process's status which mode it went to and why. Then the fault is taken away,
and the car must go on. After each session every transition on disk is read back, checksum by checksum, and counted.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from drivers.emulators.virtual_car import VirtualCar
from policies.replay import load_folder
from robot.practice.session import Session
from robot.practice.start import starting_policy
from robot.robots.car.options import CarOptions
from robot.robots.car.practising import PractisingCar
from robot.robots.car.progress import CarProgress
from robot.robots.car.shield.supervision import Reason
from robot.runtime.run_folder import new_run_folder, save_config
from robot.safety.supervisor import Mode

ZERO_THROTTLE_MS = 200.0  # the most where the car must stop
LOOK_EVERY_S = 0.002
POLL_EVERY_S = 0.02
RUNNING_S = 120.0  # for the car to drive again: processes start, the car finds itself, a recovery may be needed
REACTION_S = 5.0
GOES_ON_S = 1.5  # how long to watch that a fault changes nothing
DRIVING_M_S = 0.5
FRESH_S = 0.5  # age of a status that counts: a successor inherits its predecessor's
SPEED, CURRENT = 1, 2  # truth's motor_mode
KILLED = ("learner", "recorder", "control", "device", "guardian-0")


@dataclass(frozen=True)
class Fault:
    """One thing to break, and what must follow."""

    name: str
    begin: Callable[[Session], None]
    end: Callable[[Session], None] | None
    mode: Mode
    reasons: tuple[Reason, ...]  # any of them; none for Mode.RUN: the car goes on
    zero_throttle_ms: float | None  # from the fault to wheels that are not driven; None: nothing to measure
    hold_s: float = 2.0  # between reaction and end
    stops: bool = True  # False: the car must drive on all the while
    designed: str = ""


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


def virtual_car(session: Session) -> VirtualCar:
    """The car that the campaign does things to."""
    assert isinstance(session.body.emulator, VirtualCar)
    return session.body.emulator


def car_fault(do: str, **arguments: Any) -> Callable[[Session], None]:
    """A fault that the emulated devices put in on request."""

    def begin(session: Session) -> None:
        virtual_car(session).fault(do, **arguments)

    return begin


def wall_ahead(session: Session) -> None:
    """Close the course 2.5 m in front of the car."""
    car = virtual_car(session)
    car.fault("wall", s=car.truth().s + 2.5)


def park_nose_in(session: Session) -> None:
    """Set the car down with its nose to the wall."""
    car = virtual_car(session)
    car.fault("park_nose_in", s=car.truth().s)


def kill(name: str) -> Callable[[Session], None]:
    """kill -9 of one of the session's processes."""

    def begin(session: Session) -> None:
        device, children = virtual_car(session).process, session.processes.children
        os.kill(device.pid if name == "device" else children[name].pid, signal.SIGKILL)

    return begin


def device_faults() -> list[Fault]:
    """What can happen to cables, sensors and the track."""
    return [
        Fault("lidar cable out", car_fault("unplug", device="lidar"), car_fault("plug", device="lidar"),
              Mode.STOP, (Reason.LIDAR_LOST,), ZERO_THROTTLE_MS, designed="brakes at once; drives when it is back"),
        Fault("motor controller cable out", car_fault("unplug", device="vesc"), car_fault("plug", device="vesc"),
              Mode.STOP, (Reason.VESC_LOST,), 1100.0,
              designed="out of reach: its own watchdog releases the motor after 1000 ms; drives when it is back"),
        Fault("motor controller silent", car_fault("silence_vesc", on=True), car_fault("silence_vesc", on=False),
              Mode.STOP, (Reason.VALUES_STALE, Reason.IMU_STALE), 1400.0,
              designed="neither obeys nor answers: its own watchdog releases the motor"),
        Fault("motor controller fault", car_fault("vesc_fault", code=3), car_fault("vesc_fault", code=0),
              Mode.STOP, (Reason.VESC_FAULT,), ZERO_THROTTLE_MS, designed="released at once; drives when it clears"),
        Fault("lidar frozen", car_fault("freeze_lidar", on=True), car_fault("freeze_lidar", on=False),
              Mode.STOP, (Reason.LIDAR_STALE, Reason.LIDAR_FROZEN), 300.0 + ZERO_THROTTLE_MS,
              designed="noticed after 300 ms, then brakes at once; drives when it lives"),
        Fault("car parked nose-in", park_nose_in, None,
              Mode.RECOVER, (Reason.STUCK, Reason.OFF_COURSE, Reason.COLLISION, Reason.POSE_LOST), None,
              designed="finds itself, backs out by itself, drives"),
        Fault("wall across the track", wall_ahead, car_fault("remove_walls"),
              Mode.RECOVER, (Reason.BLOCKED, Reason.STUCK, Reason.OFF_COURSE, Reason.COLLISION, Reason.POSE_LOST), None,
              hold_s=8.0, designed="stops before it, waits; drives when it is gone"),
    ]  # fmt: skip


def kill_faults(name: str) -> Fault:
    """kill -9 of one process."""
    if name == "control":
        return Fault("kill -9 control", kill(name), None, Mode.RUN, (), ZERO_THROTTLE_MS, hold_s=0.0,
                     designed="the guardian brakes; a successor drives on")  # fmt: skip
    if name == "device":
        return Fault("kill -9 device", kill(name), None, Mode.RUN, (), None, hold_s=0.0,
                     designed="control ends, the session starts both again")  # fmt: skip
    return Fault(f"kill -9 {name}", kill(name), None, Mode.RUN, (), None, hold_s=0.0, stops=False,
                 designed="the car goes on without noticing; it is started again")  # fmt: skip


class ThrottleWatch:
    """Looks at the truth from a thread of its own, since the session is busy when it replaces a process."""

    def __init__(self, car: VirtualCar) -> None:
        self._car = car
        self._ended = threading.Event()
        self.begin_s = time.monotonic()
        self.zero_ms: float | None = None  # from the beginning to the first moment at which nothing drives the wheels
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.is_set():
            truth = self._car.truth()
            if truth.motor_mode not in (SPEED, CURRENT) or truth.motor_value == 0.0:
                self.zero_ms = 1000.0 * (time.monotonic() - self.begin_s)
                return
            time.sleep(LOOK_EVERY_S)

    def end(self) -> None:
        """Stop looking."""
        self._ended.set()
        self._thread.join()


class Trials:
    """A session, and faults put into it one after another."""

    def __init__(self, session: Session, rng: np.random.Generator) -> None:
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
        told = {name: seen[name].item() for name in ("time_s", "mode", "reason", "finished")}
        return told | {"pid": record["pid"].item(), "v_x": seen["estimate"]["v_x"].item()}

    def running(self, status: dict[str, Any]) -> bool:
        """Whether the car drives by its policy."""
        body = self.session.body
        alive = body.emulator is not None and not body.died and self.session.crew.control.pid == status["pid"]
        alive = alive and abs(time.monotonic() - status["time_s"]) < FRESH_S
        drives = status["mode"] == Mode.RUN and status["v_x"] > DRIVING_M_S and not status["finished"]
        return bool(alive and drives)

    def complete(self, status: dict[str, Any]) -> bool:
        """Whether the car drives and every process of the session is there and ready."""
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
        """Wait until the car drives, break something, watch, repair it, watch again."""
        if self.wait(self.complete, RUNNING_S) is None:
            raise RuntimeError(f"the car does not drive: {self.why()}")
        self.wait(lambda status: False, self.rng.uniform(0.3, 2.0))
        trial = Trial(fault.name, self.status()["time_s"])
        before = self.pids()
        watch = ThrottleWatch(virtual_car(self.session)) if fault.zero_throttle_ms is not None else None
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
            return status["mode"] >= fault.mode and Reason(status["reason"]) in fault.reasons

        if self.wait(reached, REACTION_S) is None:
            return False
        status = self.status()
        trial.mode, trial.reason = Mode(status["mode"]).name, Reason(status["reason"]).name
        return True

    def killed(self, fault: Fault, before: dict[str, int]) -> bool:
        """Whether a killed process is replaced, and the car goes on meanwhile where it should."""
        goes_on = True
        if not fault.stops:
            paused = self.wait(lambda status: status["mode"] >= Mode.STOP, GOES_ON_S)
            goes_on = paused is None
        return self.wait(lambda status: self.pids() != before, REACTION_S) is not None and goes_on

    def pids(self) -> dict[str, int]:
        """The session's processes."""
        children = self.session.processes.children
        return {name: child.pid for name, child in children.items()} | {"device": self.session.body.pid}

    def why(self) -> str:
        """The control process's last reason."""
        return Reason(self.status()["reason"]).name


def run_session(config: CarOptions, root: Path, faults: list[Fault], rng: np.random.Generator, outcome: Outcome,
                report: Callable[[Trial], None]) -> None:  # fmt: skip
    """One session with a list of faults; adds to `outcome`, and tells `report` of each trial."""
    folder = new_run_folder(root, config.task, "safety")
    save_config(folder, config)
    outcome.folders.append(str(folder))
    driven_before = CarProgress(demo_lap_s=30.0, latency_s=0.04)
    session = Session(config, folder, PractisingCar(config), starting_policy(config), progress=driven_before)
    with session:
        trials = Trials(session, rng)
        for fault in faults:
            outcome.trials.append(trials.run(fault))
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


def run_campaign(config: CarOptions, kills: int, root: Path, report: Callable[[Trial], None]) -> Outcome:
    """All device faults once, then `kills` deaths of each process, each kind in a session of its own."""
    rng = np.random.default_rng([config.seed, 0x5AFE])
    outcome = Outcome()
    run_session(config, root, device_faults(), rng, outcome, report)
    for name in KILLED if kills else ():
        run_session(config, root, [kill_faults(name)] * kills, rng, outcome, report)
    return outcome
