"""The control process: devices, mind, and nothing that could make it wait. No torch here.

    python -m robot.runtime.control_process SESSION.json LIFE

LIFE counts the starts of control in a run; what it starts from is in `setup-LIFE.npz`.
It may die at any moment: the guardian stops the robot, the session starts a successor.
"""

import hashlib
import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from drivers.gamepad import Gamepad, GamepadSettings
from robot.runtime.by_hand import HandOnRobot
from robot.runtime.clock import Clock, LockstepClock, RealClock
from robot.runtime.control_loop import ControlLoop
from robot.runtime.episodes import episode_dtype, make_episode
from robot.runtime.events import EVENT, make_event, make_weights, weights_dtype
from robot.runtime.file_writer import FileWriter
from robot.runtime.process_ends import end_with_reason
from robot.runtime.realtime import become_realtime
from robot.runtime.records import FINISH, STAND
from robot.runtime.robot import find_robot
from robot.runtime.run_folder import setup_path
from robot.runtime.session_file import GUARDIANS, PUBLISH_EVERY, SessionFile
from robot.shared_memory.blocks import GUARDIAN_STATUS, SharedRecord, control_status, session_status
from robot.shared_memory.mailbox import Mailbox, Weights
from robot.shared_memory.ring import Ring
from sim.with_parent import outlive_parent

TIMING_WINDOW = 3000  # ticks
STATUS_EVERY = 5  # ticks between two looks at the figures; the heartbeat goes out in each
LEARNER_PATIENCE_S = 600.0  # in lockstep: a learner that takes longer hangs; one that dies is noticed at once
ROOM_PATIENCE_S = 60.0  # in lockstep: for the recorder to make room
SESSION_SILENT_S = 3.0  # without a heartbeat: the session hangs, or was stopped
UNGUARDED = "no guardian watches"
GUARDIANS_SILENT_S = 0.09  # both of them: the throttle has to be off 0.2 s after they died, with the delay of a car
ORPHAN_S = 8.0  # without a session, the robot stands by then, or never will


class Timing:
    """Lateness and period of the last ticks, and of all: a histogram is kept by the log, this is for the eye."""

    def __init__(self, tick_s: float) -> None:
        self.late_s = np.zeros(TIMING_WINDOW)
        self.period_s = np.full(TIMING_WINDOW, tick_s)
        self.ticks = 0
        self.last_s = 0.0

    def add(self, now_s: float, late_s: float) -> None:
        slot = self.ticks % TIMING_WINDOW
        self.late_s[slot] = late_s
        if self.ticks:
            self.period_s[slot] = now_s - self.last_s
        self.last_s = now_s
        self.ticks += 1

    def percentiles_us(self) -> dict[str, float]:
        """p50, p99 and p99.9 of lateness and period, microseconds."""
        n = min(self.ticks, TIMING_WINDOW)
        late, period = (1e6 * np.percentile(x[:n], (50, 99, 99.9)) for x in (self.late_s, self.period_s))
        names = ("p50_us", "p99_us", "p999_us")
        return {f"late_{k}": v for k, v in zip(names, late, strict=True)} | {
            f"period_{k}": v for k, v in zip(names, period, strict=True)
        }


class ControlProcess:
    """The control loop, and its ends of what it shares with the other processes."""

    def __init__(self, session: SessionFile, life: int) -> None:
        self.session = session
        self.robot = find_robot(session.kind)
        names, kinds = session.names, self.robot.records(session.task)
        self.readings = Ring.attach(names["readings"], kinds.readings)
        self.outputs = Ring.attach(names["outputs"], kinds.outputs)
        self.events = Ring.attach(names["events"], EVENT)
        self.episodes = Ring.attach(names["episodes"], episode_dtype(session.layers))
        self.weights = Ring.attach(names["weights"], weights_dtype(session.weights_size, kinds.belief))
        self.transitions = Ring.attach(names["transitions"], kinds.transition)
        self.recorded = (self.readings, self.outputs, self.events, self.weights, self.transitions)
        self.mailbox = Mailbox.attach(names["mailbox"], session.weights_size, kinds.belief)
        self.status = SharedRecord.attach(names["control"], control_status(kinds.outputs))
        self.orders = SharedRecord.attach(names["session"], session_status(*kinds.readings["operator"].shape))
        self.guardians = [SharedRecord.attach(names[name], GUARDIAN_STATUS) for name in GUARDIANS]
        self.plan = self.robot.plan.attach(names["plan"])
        path = setup_path(Path(session.folder), life)
        setup = path.read_bytes()
        self.setup_digest = hashlib.sha256(setup).hexdigest()[:16]
        self.robot.rehearse(setup)
        self.mind = self.robot.mind(setup, path)
        self.clock: Clock = LockstepClock(session.clock_socket) if session.lockstep else RealClock()
        self.devices = self.robot.devices(session, self.clock)
        self.hand: HandOnRobot | None = None
        if session.gamepad and self.robot.by_hand is not None:
            pad = Gamepad(GamepadSettings(session.gamepad), self.clock)
            self.hand = HandOnRobot(pad, self.robot.by_hand, self.clock)
        self.loop = ControlLoop(
            self.clock, self.devices, self.mind, np.zeros((), kinds.readings), life, self.robot.tick_s
        )
        self.timing = Timing(self.robot.tick_s)
        self.in_use: Weights | None = None
        self.pending: Weights | None = None
        self.life = life
        self.orphaned_s = 0.0
        self.held = ""  # why the robot is to stand, by this process's own judgement
        self.files = FileWriter(Path(session.folder), waits=session.lockstep)

    def run(self) -> None:
        """Open the devices, keep the loop until the mind has finished, leave everything stopped.

        Raises ConnectionError where a device cannot be reached, OSError where something could not be saved.
        """
        for device in self.devices.values():
            device.open()
        for device in self.devices.values():
            device.check()
        if self.hand is not None:
            self.hand.open()
        granted = "lockstep" if self.session.lockstep else become_realtime()
        loop = self.loop
        loop.start()
        self.log_event("start", loop, life=self.life, scheduling=granted, setup=self.setup_digest)
        self.plan.write(self.mind.stop_plan, time.monotonic_ns())
        outlive_parent(math.inf)  # who drives brings the robot to rest first
        self.status.write(pid=os.getpid(), generation=self.life, finished=0, heartbeat_ns=time.monotonic_ns())
        try:
            while not loop.outputs["finished"] and not self.abandoned:
                loop.wait()
                self.run_tick(loop)
        finally:
            loop.stop()
            self.report(loop, figures=True)
        for ring in (*self.recorded, self.episodes):
            ring.finish()
        for device in self.devices.values():
            device.close()
        if self.hand is not None:
            self.hand.close()
        self.files.close()

    def run_tick(self, loop: ControlLoop) -> None:
        """One tick, and what the others are to know of it."""
        orders = self.orders.read()
        now = self.clock.now()
        self.take_weights(loop, now)
        version = self.in_use.version if self.in_use else 0
        age = time.monotonic() - self.in_use.published_s if self.in_use else 0.0
        order = self.order(loop, orders)
        operator = orders["operator"] if self.hand is None else np.array(self.hand.operator)
        loop.run_tick(order, bool(orders["learner_up"]), version, 0.0 if self.session.lockstep else age, operator)
        self.plan.write(self.mind.stop_plan, time.monotonic_ns())
        self.timing.add(float(loop.readings["time_s"]), float(loop.readings["lateness_s"]))
        if self.session.lockstep:
            patience = time.monotonic() + ROOM_PATIENCE_S  # then records are dropped, and counted
            while min(ring.free_slots for ring in self.recorded) < 8 and time.monotonic() < patience:
                if self.alone():
                    break
                time.sleep(0.0002)
        self.readings.write(loop.readings)
        self.outputs.write(loop.outputs)
        for kind, fields in self.mind.events:
            self.log_event(kind, loop, **fields)
        for name, contents in self.mind.files.items():
            self.files.write(name, contents)
        if self.mind.episode is not None and self.session.learning:
            self.hand_over_episode(self.mind.episode)
        if self.mind.transition is not None:
            self.hand_over(self.mind.transition, orders)
        self.report(loop, figures=loop.tick % (50 * STATUS_EVERY) == 0)

    def order(self, loop: ControlLoop, orders: np.ndarray) -> int:
        """What the mind is told: the session's order, or what follows from the state of the other processes."""
        order = int(orders["stop"])
        if order in (0, STAND) and (self.files.failed or self.alone()):
            order = FINISH  # a file cannot be saved, or the session is gone: bring the robot to rest
        if order == 0 and not self.session.lockstep:
            held = self.unwatched(int(orders["heartbeat_ns"]))
            if self.hand is not None:
                order = self.hand.order()
                held = held or self.hand.reason
            if held != self.held:
                self.held = held
                told = {} if self.hand is None else {"text": f"stands: {held}" if held else "drives"}
                self.log_event("held", loop, reason=held or "no longer", **told)
            order = STAND if held else order
        return order

    def unwatched(self, session_ns: int) -> str:
        """Why nobody could help if this process died now; empty if somebody could.

        One guardian is enough to drive on; a robot that stands because there was none waits for all that there were.
        """
        now_ns = time.monotonic_ns()
        beats_ns = [beat_ns for one in self.guardians if (beat_ns := one.peek("heartbeat_ns"))]
        watching = sum(now_ns - beat_ns <= 1e9 * GUARDIANS_SILENT_S for beat_ns in beats_ns)
        if watching < (max(1, len(beats_ns)) if self.held == UNGUARDED else 1):
            return UNGUARDED
        return "the session does not answer" if now_ns - session_ns > 1e9 * SESSION_SILENT_S else ""

    @property
    def abandoned(self) -> bool:
        """Whether the session has been gone for so long that the robot stands, or cannot be made to."""
        if not self.alone():
            return False
        self.orphaned_s = self.orphaned_s or time.monotonic()
        return time.monotonic() - self.orphaned_s > ORPHAN_S

    def alone(self) -> bool:
        """Whether the session, which would restart a dead recorder, is gone."""
        return os.getppid() != int(self.orders.read()["pid"])

    def take_weights(self, loop: ControlLoop, now: float) -> None:
        """Take newer weights into use, if there are any and the mind is ready for them."""
        if not self.session.learning or not self.mind.takes_weights:
            return
        newest = self.pending if self.session.lockstep else self.mailbox.read(self.in_use.version if self.in_use else 0)
        self.pending = None
        if newest is not None:
            self.in_use = newest
            self.mind.set_weights(newest.vector, newest.belief)
            self.weights.write(make_weights(newest, loop.tick, now, self.mind.records.belief))

    def hand_over(self, transition: np.ndarray, orders: np.ndarray) -> None:
        """Give a transition to learner and recorder; in lockstep, first wait for what the learner owes."""
        count = int(transition["step"]) + 1
        if self.session.lockstep and self.session.learning and count % PUBLISH_EVERY == 0:
            owed = count - PUBLISH_EVERY
            patience = time.monotonic() + LEARNER_PATIENCE_S
            while orders["learner_up"] and time.monotonic() < patience and owed > 0:
                newest = self.mailbox.read(self.in_use.version if self.in_use else 0)
                if newest is not None and newest.step >= owed:
                    self.pending = newest
                    break
                if (self.in_use is not None and self.in_use.step >= owed) or self.alone():
                    break
                time.sleep(0.0001)
                orders = self.orders.read()
        self.transitions.write(transition)

    def hand_over_episode(self, episode: dict[str, Any]) -> None:
        """Tell the learner of an episode, before the transition that it is to be known with."""
        transition = self.mind.transition
        step = int(self.mind.outputs["step"] if transition is None else transition["step"])
        self.episodes.write(make_episode(self.session.layers, step, episode, self.mind.weights))

    def log_event(self, kind: str, loop: ControlLoop, **fields: object) -> None:
        self.events.write(make_event(kind, loop.tick, self.clock.now(), **fields))

    def report(self, loop: ControlLoop, figures: bool) -> None:
        """Heartbeat in every tick; what is shown to a person, less often."""
        values: dict[str, object] = {"heartbeat_ns": time.monotonic_ns()}
        if figures or loop.tick % STATUS_EVERY == 0:
            values |= {
                "outputs": loop.outputs,
                "tick": loop.tick,
                "finished": loop.outputs["finished"],
                "weights_version": loop.readings["weights_version"],
                "weights_age_s": loop.readings["weights_age_s"],
                "missed_ticks": loop.missed_ticks,
            }
        if figures and self.timing.ticks:
            values |= self.timing.percentiles_us()
        self.status.write(**values)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the session decides
    with end_with_reason("control"):
        ControlProcess(SessionFile.load(Path(sys.argv[1])), int(sys.argv[2])).run()


if __name__ == "__main__":
    main()
