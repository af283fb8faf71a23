"""The control process: drivers, pipeline, and nothing that could make it wait. No torch here.

    python -m robot.runtime.control_process SESSION.json LIFE

LIFE counts the starts of control in a run; what it starts from is in `setup-LIFE.npz`.
It may die at any moment: the guardian stops the car, the session starts a successor.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from drivers.rplidar import RPLidar
from drivers.vesc import Vesc
from policies.replay import TRANSITION
from robot.practice.best_policy import lap_dtype, make_lap
from robot.robots.car.demonstration.course_from_lap import save_course
from robot.robots.car.mind import Pipeline
from robot.robots.car.rehearsal import rehearse
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.shield.stop_plan import StopPlan
from robot.robots.car.wiring import lidar_settings, vesc_settings
from robot.robots.robot_file import RobotConfig, load_robot
from robot.runtime.clock import LockstepClock, RealClock
from robot.runtime.control_loop import ControlLoop
from robot.runtime.events import (
    EVENT,
    make_event,
    make_weights,
    weights_dtype,
)
from robot.runtime.process_ends import end_with_reason
from robot.runtime.realtime import become_realtime
from robot.runtime.records import (
    FINISH,
    OUTPUTS,
    READINGS,
    STAND,
)
from robot.runtime.run_folder import setup_path
from robot.runtime.session_file import (
    COURSE_FILE,
    GUARDIANS,
    PUBLISH_EVERY,
    SessionFile,
)
from robot.shared_memory.blocks import (
    CONTROL_STATUS,
    GUARDIAN_STATUS,
    SESSION_STATUS,
    SharedRecord,
)
from robot.shared_memory.mailbox import Mailbox, Weights
from robot.shared_memory.ring import Ring
from robot.tasks.race_track.task import TICK_S

TIMING_WINDOW = 3000  # ticks
STATUS_EVERY = 5  # ticks between two looks at the figures; the heartbeat goes out in each
LEARNER_PATIENCE_S = 600.0  # in lockstep: a learner that takes longer hangs; one that dies is noticed at once
ROOM_PATIENCE_S = 60.0  # in lockstep: for the recorder to make room
SESSION_SILENT_S = 3.0  # without a heartbeat: the session hangs, or was stopped
GUARDIANS_SILENT_S = 0.2
VERSION_PATIENCE_S = 1.0  # for the motor controller to tell its firmware's version
ORPHAN_S = 8.0  # without a session, the car stands by then, or never will
COPIED = ("tick", "time_s", "practice_s", "phase", "mode", "reason", "x", "y", "yaw", "v_x", "quality", "s", "lateral",
          "laps", "last_lap_s", "best_lap_s", "demo_lap_s", "trim_rad", "latency_s", "step", "episode", "collisions",
          "recoveries", "recoveries_failed", "overrides", "finished")  # fmt: skip


class Timing:
    """Lateness and period of the last ticks, and of all: a histogram is kept by the log, this is for the eye."""

    def __init__(self) -> None:
        self.late_s = np.zeros(TIMING_WINDOW)
        self.period_s = np.full(TIMING_WINDOW, TICK_S)
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

    def __init__(self, session: SessionFile, setup: PipelineSetup, robot: RobotConfig, life: int) -> None:
        self.session = session
        names = session.names
        self.readings = Ring.attach(names["readings"], READINGS)
        self.outputs = Ring.attach(names["outputs"], OUTPUTS)
        self.events = Ring.attach(names["events"], EVENT)
        self.news = Ring.attach(names["news"], EVENT)
        self.laps = Ring.attach(names["laps"], lap_dtype(session.layers))
        self.weights = Ring.attach(names["weights"], weights_dtype(session.weights_size))
        self.spool = Ring.attach(names["spool"], TRANSITION)
        self.transitions = Ring.attach(names["transitions"], TRANSITION)
        self.recorded = (self.readings, self.outputs, self.events, self.weights, self.spool)
        self.mailbox = Mailbox.attach(names["mailbox"], session.weights_size)
        self.status = SharedRecord.attach(names["control"], CONTROL_STATUS)
        self.orders = SharedRecord.attach(names["session"], SESSION_STATUS)
        self.guardians = [SharedRecord.attach(names[name], GUARDIAN_STATUS) for name in GUARDIANS]
        self.plan = StopPlan.attach(names["plan"])
        rehearse(setup)
        self.pipeline = Pipeline(setup)
        self.clock = LockstepClock(session.clock_socket) if session.lockstep else RealClock()
        self.vesc = Vesc(vesc_settings(session.vesc_port, robot), self.clock)
        self.lidar = RPLidar(lidar_settings(session.lidar_port, robot), self.clock)
        self.timing = Timing()
        self.in_use: Weights | None = None
        self.pending: Weights | None = None
        self.life = life
        self.orphaned_s = 0.0
        self.held = ""  # why the car is to stand, by this process's own judgement
        self.save_error: OSError | None = None

    def run(self) -> None:
        """Open the devices, keep the loop until the pipeline has finished, leave everything stopped.

        Raises ConnectionError where a device cannot be reached, OSError where something could not be saved.
        """
        self.vesc.open()
        self.lidar.open()
        self.check_firmware()
        granted = "lockstep" if self.session.lockstep else become_realtime()
        loop = ControlLoop(self.clock, self.vesc, self.lidar, self.pipeline, self.life)
        self.log_event("start", loop, life=self.life, scheduling=granted, setup=self.pipeline.setup.digest())
        self.plan.write(self.pipeline.stop_plan, time.monotonic_ns())
        self.status.write(pid=os.getpid(), generation=self.life, finished=0, heartbeat_ns=time.monotonic_ns())
        try:
            while not loop.outputs["finished"] and not self.abandoned:
                loop.wait()
                self.run_tick(loop)
        finally:
            loop.stop()
            self.report(loop, figures=True)
        for ring in (*self.recorded, self.laps, self.transitions):
            ring.finish()
        self.vesc.close()
        self.lidar.close()
        if self.save_error is not None:
            raise self.save_error

    def check_firmware(self) -> None:
        """Let the motor controller tell its version, before anything is commanded. Raises ConnectionError if it does
        not, ValueError if it is too old.
        """
        begin_s = self.clock.now()
        while not self.vesc.firmware:
            if self.clock.now() - begin_s > VERSION_PATIENCE_S:
                raise ConnectionError(self.vesc.trouble())
            self.clock.sleep_until(self.clock.now() + TICK_S)
            self.vesc.read()
        if self.vesc.too_old:
            raise ValueError(self.vesc.trouble())

    def run_tick(self, loop: ControlLoop) -> None:
        """One tick, and what the others are to know of it."""
        orders = self.orders.read()
        now = self.clock.now()
        self.take_weights(loop, now)
        version = self.in_use.version if self.in_use else 0
        age = time.monotonic() - self.in_use.published_s if self.in_use else 0.0
        loop.run_tick(
            self.order(loop, orders), bool(orders["learner_up"]), version, 0.0 if self.session.lockstep else age,
            (float(orders["key_steer_rad"]), float(orders["key_speed_m_s"])),
        )  # fmt: skip
        self.plan.write(self.pipeline.stop_plan, time.monotonic_ns())
        self.timing.add(float(loop.readings["time_s"]), float(loop.readings["lateness_s"]))
        if self.session.lockstep:
            patience = time.monotonic() + ROOM_PATIENCE_S  # then records are dropped, and counted
            while min(ring.free_slots for ring in self.recorded) < 8 and time.monotonic() < patience:
                if self.alone():
                    break
                time.sleep(0.0002)
        self.readings.write(loop.readings)
        self.outputs.write(loop.outputs)
        for kind, fields in self.pipeline.events:
            self.log_event(kind, loop, **fields)
            if kind == "lap" and self.session.learning:
                self.hand_over_lap(fields)
            if kind == "course" and self.pipeline.place.course is not None and self.pipeline.grid is not None:
                self.save_course()
        if self.pipeline.transition is not None:
            self.hand_over(self.pipeline.transition, orders)
        self.report(loop, figures=loop.tick % (50 * STATUS_EVERY) == 0)

    def order(self, loop: ControlLoop, orders: np.ndarray) -> int:
        """What the pipeline is told: the session's order, or what follows from the state of the other processes."""
        order = int(orders["stop"])
        if order in (0, STAND) and (self.save_error is not None or self.alone()):
            order = FINISH  # the session is gone: bring the car to rest
        if order == 0 and not self.session.lockstep:
            held = self.unwatched(int(orders["heartbeat_ns"]))
            if held != self.held:
                self.held = held
                self.log_event("held", loop, reason=held or "no longer")
            order = STAND if held else 0
        return order

    def unwatched(self, session_ns: int) -> str:
        """Why nobody could help if this process died now; empty if somebody could."""
        now_ns = time.monotonic_ns()
        newest_ns = max(guardian.peek("heartbeat_ns") for guardian in self.guardians)
        if now_ns - newest_ns > 1e9 * GUARDIANS_SILENT_S:
            return "no guardian watches"
        return "the session does not answer" if now_ns - session_ns > 1e9 * SESSION_SILENT_S else ""

    @property
    def abandoned(self) -> bool:
        """Whether the session has been gone for so long that the car stands, or cannot be made to."""
        if not self.alone():
            return False
        self.orphaned_s = self.orphaned_s or time.monotonic()
        return time.monotonic() - self.orphaned_s > ORPHAN_S

    def save_course(self) -> None:
        """Save what the first lap made. Where that fails the car is brought to rest, and `run` raises the reason."""
        assert self.pipeline.place.course is not None and self.pipeline.grid is not None
        try:
            save_course(Path(self.session.folder) / COURSE_FILE, self.pipeline.place.course, self.pipeline.grid)
        except OSError as error:
            self.save_error = error

    def alone(self) -> bool:
        """Whether the session, which would restart a dead recorder, is gone."""
        return os.getppid() != int(self.orders.read()["pid"])

    def take_weights(self, loop: ControlLoop, now: float) -> None:
        """Take newer weights into use, if there are any and the pipeline is ready for them."""
        if not self.session.learning or not self.pipeline.takes_weights:
            return
        newest = self.pending if self.session.lockstep else self.mailbox.read(self.in_use.version if self.in_use else 0)
        self.pending = None
        if newest is not None:
            self.in_use = newest
            self.pipeline.set_weights(newest.vector)
            self.weights.write(make_weights(newest, loop.tick, now))

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
                if self.in_use is not None and self.in_use.step >= owed:
                    break
                time.sleep(0.0001)
                orders = self.orders.read()
        self.spool.write(transition)
        if self.session.learning:
            self.transitions.write(transition)

    def hand_over_lap(self, lap: dict[str, Any]) -> None:
        """Tell the learner of a lap, before the transition that it is to be known with."""
        transition = self.pipeline.transition
        step = self.pipeline.decisions.step if transition is None else int(transition["step"])
        self.laps.write(make_lap(self.session.layers, step, lap, self.pipeline.actor.weights))

    def log_event(self, kind: str, loop: ControlLoop, **fields: object) -> None:
        event = make_event(kind, loop.tick, self.clock.now(), **fields)
        self.events.write(event)
        self.news.write(event)

    def report(self, loop: ControlLoop, figures: bool) -> None:
        """Heartbeat in every tick; what is shown to a person, less often."""
        values: dict[str, object] = {"heartbeat_ns": time.monotonic_ns()}
        if figures or loop.tick % STATUS_EVERY == 0:
            out = loop.outputs
            values |= {name: out[name] for name in COPIED}
            values |= {
                "decisions": out["decision"],
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
        session = SessionFile.load(Path(sys.argv[1]))
        life = int(sys.argv[2])
        setup = PipelineSetup.from_bytes(setup_path(Path(session.folder), life).read_bytes())
        ControlProcess(session, setup, load_robot(session.robot), life).run()


if __name__ == "__main__":
    main()
