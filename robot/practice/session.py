"""A practice session: starts the processes, keeps them alive, listens to what happens, ends in good order.

    device (or its emulator) <- control -> rings -> recorder
                                   |  ^
                        transitions|  |weights
                                   v  |
                                 learner            two guardians: stop the car if control dies or hangs

The session itself touches neither the car nor the data: if it dies, control notices and brings the car to rest. What
hangs is not dead: every process has a time by which it must have shown that it lives, and is killed after it. Asked to
stop, a session has ended within 30 s; asked twice, within 10 s.
"""

import json
import math
import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path

from drivers.emulators.virtual_car import VirtualCarConfig
from drivers.serial_port import SerialPort
from policies.actor import weight_count
from policies.array_file import write_bytes_atomically
from policies.policy_file import PolicyFile
from robot.practice.progress import Progress
from robot.practice.run_lock import RunLock
from robot.practice.settings import SCRATCH, PracticeConfig
from robot.robots.car.demonstration.course_from_lap import COURSE_FILE, load_course
from robot.robots.car.mind import Phase
from robot.robots.car.robot import ROBOT
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.starting_place import starting_place
from robot.robots.car.world import World, true_car
from robot.robots.robot_file import believed_car, load_robot, robot_path
from robot.runtime.events import event_text
from robot.runtime.left_behind import sweep_memory
from robot.runtime.process_ends import GONE, WRONG
from robot.runtime.processes import READY_S, Child, Processes
from robot.runtime.records import STAND
from robot.runtime.run_folder import setup_path, still_there
from robot.runtime.session_file import GUARDIANS, SessionFile
from robot.runtime.session_memory import SessionMemory
from robot.safety.supervisor import Mode
from robot.shared_memory.ring import Ring
from robot.views.say import say

MODULES = {
    "control": "robot.runtime.control_process",
    "recorder": "robot.logs.recorder_process",
    "learner": "robot.practice.learner",
}
BASELINE_LAPS = 2
STOP_S = (60.0, 8.0, 3.0)  # for the car to come to rest and control to end: time is up; asked to; emergency stop
SAVE_S = (30.0, 6.0, 1.5)  # for learner, then recorder, to finish
GUARDIANS_S = 5.5  # for them to stop a car whose control died
SILENT_S = 0.5  # without a heartbeat: a guardian hangs
HUNG_S = 20.0  # control hangs; the guardians stop the car much sooner
HUNG_STOPPING_S = 3.0  # the same, while the session ends
HUNG_LOCKSTEP_S = 700.0  # there it may wait for the learner
DEVICE_HUNG_S = 5.0
STANDING_M_S = 0.05
RECORDER_HUNG_S = 15.0  # leaves records waiting
STARTING_S = 120.0  # a recorder that was started again, on a busy machine
LEARNER_HUNG_S = 500.0  # it may be fitting the car


class Session:
    """One session of practice (or of evaluation, when `learning` is False), as a context manager."""

    def __init__(
        self,
        config: PracticeConfig,
        folder: Path,
        world: World,
        policy: PolicyFile,
        learning: bool = True,
        laps: int = 0,
        progress: Progress | None = None,
        demo_only: bool = False,
        lock: RunLock | None = None,
    ) -> None:
        self.config, self.folder, self.world, self.policy = config, folder, world, policy
        self.learning = learning
        self.laps = laps
        self.demo_only = demo_only
        self.progress = progress or Progress()
        self.robot = load_robot(config.robot)
        if config.clock == "lockstep" and not self.robot.virtual:
            raise ValueError("--clock: found 'lockstep', allowed for a real robot: realtime")
        if config.people and not self.robot.virtual:
            raise ValueError(
                f"--people: found {config.people}, allowed for a real robot: 0; there, people come by themselves"
            )
        self.believed = believed_car(config.robot)
        self.true_car = true_car(config)
        self.realtime = config.clock == "realtime"
        self.guardians: tuple[str, ...] = GUARDIANS  # by rank
        self.life = self.lives_before = len(list(folder.glob("setup-*.npz")))
        self.session_path = folder.resolve() / "session.json"
        self.processes = Processes(folder / "output", self._note_restart)
        self.lock = lock
        self.shared: SessionMemory  # from `__enter__` on
        self.opened = False
        self.starting = True
        self.stop_level = 0
        self.held = False
        self.stopping_s = 0.0  # since when the car is to come to rest for good, by this level
        self.failure = ""
        self.first_step = self.progress.step
        self.ticks = 0  # of control's present life
        self.since_s = time.monotonic()  # nothing can have hung before
        self.device_seen = (0.0, 0.0)  # the device's time, and when it was first seen
        self.stalls = {"recorder": Stall(RECORDER_HUNG_S), "learner": Stall(LEARNER_HUNG_S)}

    # Start

    def __enter__(self) -> "Session":
        """Raises OSError with the reason if the run has an owner, a port cannot be used, or a process does not start."""
        try:
            self.lock = self.lock or RunLock(self.folder)
            self.processes.lock = self.lock.descriptor
            self._try_ports()
            sweep_memory()
            self.shared = SessionMemory(self.folder, ROBOT, self.config.task, self.policy.layers)
            self.opened = True
            self._write_session_file()
            self._start_guardians()
            self._start_device()
            self._write_session_file()
            self._start("recorder")
            if self.learning:
                self._start("learner")
                self.processes.await_ready("learner", lambda: bool(self.shared.learner.read()["ready"]))
                self.shared.orders.write(learner_up=1)
            self._start_control()
            self.starting = False
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _try_ports(self) -> None:
        """Find out before anything is started whether the devices' ports can be used. Raises LinkLost."""
        if not self.robot.virtual:
            for wiring in (self.robot.motor, self.robot.lidar):
                port = SerialPort(wiring.port, wiring.baud)
                port.open()
                port.close()

    def _start_guardians(self) -> None:
        for rank, name in enumerate(self.guardians):
            self.processes.start(name, "robot.safety.guardian", str(self.session_path), str(rank),
                                 outlives_s=math.inf)  # fmt: skip
        for rank, name in enumerate(self.guardians):
            self.processes.await_ready(name, lambda rank=rank: self._guards(rank))  # type: ignore[misc]

    def _guards(self, rank: int) -> bool:
        """Whether a guardian is up."""
        return self.shared.guardians[rank].peek("pid") == self.processes.children[self.guardians[rank]].pid

    def _start_device(self) -> None:
        if self.robot.virtual:
            config, world = self.config, self.world
            must_find_itself = config.map and config.start is None and not config.mapless
            self.processes.start_device(
                VirtualCarConfig(
                    track=self.config.map or self.world.course.name,
                    clock=self.config.clock,
                    seed=self.config.seed,
                    hidden_seed=self.config.hidden_seed,
                    start=self.config.start_pose,
                    start_s_m=starting_place(world.grid, world.course, config.seed) if must_find_itself else 0.0,
                    loop=self.config.loop,
                    people=self.config.people,
                )
            )

    def _write_session_file(self) -> None:
        car = self.processes.car
        SessionFile(
            folder=str(self.folder),
            robot=self.config.robot,
            kind=ROBOT.kind,
            task=self.config.task,
            names=self.shared.names,
            layers=self.policy.layers,
            weights_size=weight_count(self.policy.layers),
            lockstep=self.config.clock == "lockstep",
            clock_socket=str(car.directory / "lockstep") if car else "",
            ports={
                "motor": car.vesc_path if car else self.robot.motor.port,
                "lidar": car.lidar_path if car else self.robot.lidar.port,
            },
            learning=self.learning,
            device_folder=str(car.directory) if car else "",
            session_pid=os.getpid(),
        ).save(self.session_path)

    def _start(self, name: str, *arguments: str) -> None:
        self.processes.start(name, MODULES[name], str(self.session_path), *arguments)

    def _setup(self) -> PipelineSetup:
        """What the pipeline starts with now: the first time, or after what `progress` says was done."""
        p = self.progress
        weights = self.policy.weights
        newest = self.shared.mailbox.read()
        if newest is not None and newest.step > 0 and p.demo_lap_s > 0.0:
            weights = newest.vector
        known: World | None = self.world
        if self.config.mapless:
            stored = self.folder / COURSE_FILE
            known = None
            if stored.exists():
                course, grid = load_course(stored)
                known = World(grid, course)
        as_it_came = self.learning and self.config.start_from != SCRATCH and p.practice_s == 0.0
        return PipelineSetup(
            seed=self.config.seed + 1000 * self.life,
            practice_s=0.0 if self.demo_only else 60.0 * self.config.minutes,
            laps=self.laps,
            explore=self.learning,
            predictive_brake=self.config.predictive_brake,
            demonstrate=p.demo_lap_s == 0.0,
            keyboard=self.config.demonstration == "keyboard",
            baseline_laps=BASELINE_LAPS if as_it_came else 0,
            car=self.believed.packed(),
            layers=self.policy.layers,
            weights=weights,
            grid=known.grid if known else None,
            course=known.course if known else None,
            trim_rad=p.trim_rad,
            latency_s=p.latency_s,
            demo_lap_s=p.demo_lap_s,
            proved=p.proved,
            practice_done_s=p.practice_s,
            step=p.step,
            episode=p.episode,
            told=self.config.start_pose if self.life == self.lives_before + 1 else None,  # it has moved since
        )

    def _start_control(self) -> None:
        self.life += 1
        write_bytes_atomically(setup_path(self.folder, self.life), [self._setup().to_bytes()])
        self._start("control", str(self.life))

    # While it runs

    def poll(self) -> bool:
        """Look after the processes and take in the news. True while the session goes on."""
        self.shared.orders.write(heartbeat_ns=time.monotonic_ns())
        self._take_news()
        self._look_after_helpers()
        control = self.processes.children["control"]
        if control.running:
            if self.processes.device_died or self._hangs(control):
                control.kill()  # the guardians stop the car
            if self._device_hangs():
                self.processes.kill_device()
            return True
        self._take_news()
        if control.exit_status == 0 or self.stop_level:
            return False
        self.processes.count_restart("control")
        if self._give_up(control):
            return False
        if self.processes.car is not None and (self.processes.device_died or control.exit_status == GONE):
            control.failures = 0
            self._start_device()
            self._write_session_file()
        self._start_control()
        return True

    def _give_up(self, control: Child) -> bool:
        """Whether control, which has ended, would only end again."""
        never_drove = self.shared.control.peek("pid") != control.pid
        first = control.restarts == 1 and control.exit_status == GONE and not self.robot.virtual
        wrong = never_drove and (first or control.exit_status == WRONG)
        if wrong or control.cannot_save or control.hopeless:
            self.failure = self._why("control")
            if control.restarts > 1:
                self.failure = f"control died {control.restarts} times; the last time: {self.failure}"
            return True
        return False

    def _hangs(self, control: Child) -> bool:
        """Whether control shows no sign of life, or does not come to an end."""
        now_s = time.monotonic()
        status = self.shared.control.read()
        in_charge = int(status["pid"]) == control.pid
        if self.stop_level or (in_charge and status["outputs"]["phase"] >= Phase.FINISH):
            self.stopping_s = self.stopping_s or now_s
            if now_s - self.stopping_s > STOP_S[self.stop_level]:
                self.fail(f"control did not end within {STOP_S[self.stop_level]:.0f} s")
                return True
        if not in_charge:
            return control.age_s > READY_S
        silent_s = min(now_s - 1e-9 * int(status["heartbeat_ns"]), now_s - self.since_s)
        return silent_s > (HUNG_S if self.realtime else HUNG_LOCKSTEP_S)

    def _device_hangs(self) -> bool:
        """Whether the emulated devices' own clock stands still."""
        if self.processes.car is None or not self.realtime:
            return False
        time_s, now_s = self.processes.car.truth().time_s, time.monotonic()
        if time_s != self.device_seen[0]:
            self.device_seen = time_s, now_s
        return now_s - max(self.device_seen[1], self.since_s) > DEVICE_HUNG_S

    def _look_after_helpers(self) -> None:
        """Guardians, recorder and learner. One that is done stays so: control, which may still be closing its devices,
        has said that nothing more will come."""
        for rank, name in enumerate(self.guardians):
            child, age_s = self.processes.children[name], 0.0
            if child.running and self._guards(rank):
                age_s = time.monotonic() - 1e-9 * self.shared.guardians[rank].peek("heartbeat_ns")
            self._replace(name, hangs=age_s > SILENT_S)
        self._replace("recorder", hangs=self._stalls("recorder", "readings"))
        if not self.learning:
            return
        ready = bool(self.shared.learner.read()["ready"])
        if self._replace("learner", hangs=ready and self._stalls("learner", "transitions")):
            self.shared.orders.write(learner_up=0)
            self.shared.learner.write(ready=0)
        elif ready and self.processes.children["learner"].running:
            self.shared.orders.write(learner_up=1)

    def _stalls(self, name: str, ring: str) -> bool:
        return self.stalls[name].noticed(self.shared.rings[ring], self.processes.children[name].age_s)

    def _replace(self, name: str, hangs: bool) -> bool:
        """Start a child again that died, after killing it if it hangs; end the session in order where that is no use."""
        child = self.processes.children[name]
        if hangs and child.running:
            child.end(no_patience)
        if child.exit_status in (None, 0):
            return False
        if child.cannot_save or not self.processes.revive(name):
            self.fail(self._why(name))
        return True

    def _why(self, name: str) -> str:
        """What ended a child, in one line."""
        child = self.processes.children[name]
        return (
            f"{self.folder}: the {name} {child.last_words()}" if child.cannot_save else f"{name}: {child.last_words()}"
        )

    def _note_restart(self, name: str, code: int) -> None:
        practice_s = float(self.shared.control.read()["outputs"]["practice_s"])
        self.progress.restarts.append({"process": name, "exit": code, "practice_s": practice_s})
        told = self.processes.children[name].last_words() if name in self.processes.children else f"exit status {code}"
        say(f"the {name} ended ({told})")

    def _take_news(self) -> None:
        news = self.shared.rings["news"].read()
        self.shared.rings["news"].release()
        for event in news:
            told = json.loads(event_text(event))
            self.progress.note(told)
            if told["kind"] == "failure":
                file = f"{robot_path(self.config.robot)}: " if told.get("in_robot_file") else ""
                self.failure = self.failure or file + told["reason"]
            if "text" in told:
                say(told["text"])
        status = self.shared.control.read()
        seen = status["outputs"]
        if seen["time_s"] > 0.0:
            p = self.progress
            p.practice_s = max(p.practice_s, float(seen["practice_s"]))
            p.step = max(p.step, self.first_step + self.shared.rings["spool"].written)
            self.ticks = int(status["tick"])
            p.episode = max(p.episode, int(seen["episode"]))

    def steer(self, steer_rad: float, speed_m_s: float) -> None:
        """Pass on what the person at the keyboard wants."""
        self.shared.orders.write(operator=(steer_rad, speed_m_s))

    def request_stop(self, level: int = 1) -> None:
        """1: bring the car to rest along the course, save, end. 2: emergency stop."""
        if level > self.stop_level:
            self.stop_level, self.stopping_s = level, 0.0
        self._give_orders()

    def fail(self, reason: str) -> None:
        """End in order, and remember why."""
        self.failure = self.failure or reason
        self.request_stop()

    def hold(self, on: bool) -> None:
        """Let the car stand where it is, or let it go on. In lockstep its time stands still instead."""
        self.held = on
        self.since_s = time.monotonic()
        if not self.realtime:
            self.processes.children["control"].signal(signal.SIGSTOP if on else signal.SIGCONT)
        self._give_orders()

    @property
    def stands(self) -> bool:
        """Whether a car that is held has come to rest."""
        seen = self.shared.control.read()["outputs"]
        standing = seen["mode"] >= Mode.STOP and abs(seen["estimate"]["v_x"]) < STANDING_M_S
        return not self.realtime or bool(standing)

    def _give_orders(self) -> None:
        if self.opened:
            self.shared.orders.write(stop=self.stop_level or (STAND if self.held and self.realtime else 0))

    # End

    def close(self) -> None:
        """End every process in order: the car first, then what keeps the data, then the device.

        A step that fails does not keep the others from being done; its error is raised after them.
        """
        self.starting = False
        with ExitStack() as steps:  # the last one is done first
            steps.callback(self._let_go)
            steps.callback(self._end_device)
            if self.opened:
                steps.callback(self._end_data)
                steps.callback(self._end_guardians)
                steps.callback(self._end_control)

    def _end_control(self) -> None:
        if self.held:
            self.hold(False)
        self.shared.orders.write(stop=max(1, self.stop_level))
        if "control" in self.processes.children:
            control, begin_s = self.processes.children["control"], time.monotonic()

            def patience_s() -> float:
                drives = self.shared.control.peek("pid") == control.pid and not self._silent()
                return begin_s + STOP_S[max(1, self.stop_level)] - time.monotonic() if drives else 0.0

            control.end(patience_s)

    def _silent(self) -> bool:
        age_s = time.monotonic() - 1e-9 * self.shared.control.peek("heartbeat_ns")
        return self.realtime and not self.shared.control.peek("finished") and age_s > HUNG_STOPPING_S

    def _end_guardians(self) -> None:
        """Let them go; where control did not bring the car to rest, only after they have."""
        pid, begin_s = self.shared.control.peek("pid"), time.monotonic()

        def patience_s() -> float:
            attended = any(guardian.peek("stopped_pid") == pid for guardian in self.shared.guardians)
            at_rest = pid == 0 or self.shared.control.peek("finished") or attended
            return 0.0 if at_rest else begin_s + GUARDIANS_S - time.monotonic()

        for name in self.guardians:
            self.processes.end(name, patience_s)

    def _end_data(self) -> None:
        self._take_news()
        self.shared.finish()
        ready = bool(self.shared.learner.read()["ready"])
        for name in ("learner", "recorder"):
            begin_s = time.monotonic()

            def patience_s(begin_s: float = begin_s) -> float:
                return begin_s + SAVE_S[self.stop_level] - time.monotonic()

            # What a learner has not begun, it need not save.
            self.processes.end(name, patience_s if ready or name == "recorder" else no_patience)
            if name in self.processes.children and self.processes.children[name].cannot_save:
                self.failure = self.failure or self._why(name)
        self.progress.missed_ticks = int(self.shared.control.read()["missed_ticks"])
        learner = self.shared.learner.read()
        self.progress.updates = int(learner["updates"])
        self.progress.learner_busy_s = (
            float(learner["updates"] / learner["updates_per_s"]) if learner["updates_per_s"] else 0.0
        )
        self.save_progress()

    def _end_device(self) -> None:
        if self.processes.car is not None:
            truth = self.processes.car.truth()
            self.progress.people_hit, self.progress.people_worst_m_s = int(truth.people_hit), truth.people_worst_m_s
            self.progress.true_collisions = self.processes.end_device()

    def _let_go(self) -> None:
        if self.opened:
            self.opened = False
            self.shared.close()
        if self.lock is not None:
            self.lock.release()

    def save_progress(self) -> None:
        """Write `state.json`, from which a later session resumes."""
        still_there(self.folder)
        self.progress.save(self.folder)


def no_patience() -> float:
    """For a child that is not to be waited for."""
    return 0.0


class Stall:
    """Notices the reader of a ring that leaves records waiting and does not move on for `limit_s`."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._released, self._since_s, self._looked_s = -1, 0.0, 0.0

    def noticed(self, ring: Ring, age_s: float) -> bool:
        """True as long as it does so. age_s: since the reader's start, which may take it STARTING_S."""
        now_s = time.monotonic()
        suspended = now_s - self._looked_s > self.limit_s
        self._looked_s = now_s
        if ring.released != self._released or ring.written == ring.released or suspended:
            self._released, self._since_s = ring.released, now_s
        still_s = now_s - self._since_s
        return still_s > self.limit_s and (age_s > still_s or age_s > STARTING_S)
