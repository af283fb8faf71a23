"""A practice session: starts the processes, keeps them alive, listens to what happens, ends in good order.

    device (or its emulator) <- control -> rings -> recorder
                                   |  ^
                        transitions|  |weights
                                   v  |
                                 learner            two guardians: stop the robot if control dies or hangs

The session itself touches neither the robot nor the data: if it dies, control notices and brings the robot to rest. Asked
to stop, a session has ended within 30 s; asked twice, within 10 s. What it asks of its processes is in `crew.py`.
"""

import json
import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from policies.actor import weight_count
from policies.array_file import write_bytes_atomically
from policies.policy_file import PolicyFile
from robot.practice.crew import Crew
from robot.practice.practice import PractisingRobot, Start, find_practice
from robot.practice.progress import Progress
from robot.practice.run_lock import RunLock
from robot.practice.settings import PracticeConfig
from robot.runtime.events import event_text
from robot.runtime.left_behind import sweep_memory
from robot.runtime.process_ends import GONE, WRONG
from robot.runtime.processes import Processes
from robot.runtime.records import STAND
from robot.runtime.robot import find_robot
from robot.runtime.run_folder import newest_life, setup_path, still_there
from robot.runtime.session_file import GUARDIANS, SessionFile
from robot.runtime.session_memory import SessionMemory
from robot.safety.supervisor import Mode
from robot.tasks import find_task
from robot.views.say import say

if TYPE_CHECKING:
    from robot.perception.start import PerceptionProcess


class Session:
    """One session of practice (or of evaluation, when `learning` is False), as a context manager.

    robot: as its practice's `begin` makes it of `config`. episodes: to end after; 0: when the time is up. practice_s: the
    time, instead of the config's.
    """

    def __init__(self, config: PracticeConfig, folder: Path, robot: PractisingRobot, policy: PolicyFile,
                 learning: bool = True, episodes: int = 0, progress: Progress | None = None,
                 practice_s: float | None = None, lock: RunLock | None = None) -> None:  # fmt: skip
        self.config, self.folder, self.robot, self.policy = config, folder, robot, policy
        self.spec = find_task(config.task)
        self.practice = find_practice(self.spec.robot)
        self.body = robot.body
        if config.clock == "lockstep" and not self.body.virtual:
            raise ValueError("--clock: found 'lockstep', allowed for a real robot: realtime")
        if config.gamepad and find_robot(self.spec.robot).by_hand is None:
            raise ValueError(f"--gamepad: found '{config.gamepad}', allowed: for a robot that can be driven by hand")
        self.learning = learning
        self.episodes = episodes
        self.practice_s = 60.0 * config.minutes if practice_s is None else practice_s
        self.progress = progress or self.practice.progress()
        self.realtime = config.clock == "realtime"
        self.guardians: tuple[str, ...] = GUARDIANS  # by rank
        self.life = self.lives_before = newest_life(folder)
        self.session_path = folder.resolve() / "session.json"
        self.processes = Processes(folder / "output", self._note_restart)
        self.lock = lock
        self.perception: PerceptionProcess | None = None  # of a robot with a camera
        self.shared: SessionMemory  # from `__enter__` on
        self.crew: Crew
        self.opened = False
        self.starting = True
        self.stop_level = 0
        self.held = False
        self.stopping_s = 0.0  # since when the robot is to come to rest for good, by this level
        self.failure = ""
        self.first_step = self.progress.step
        self.ticks = 0  # of control's present life
        self.since_s = time.monotonic()  # nothing can have hung before

    # Start

    def __enter__(self) -> "Session":
        """Raises OSError with the reason if the run has an owner, a port cannot be used, or a process does not start."""
        try:
            self.lock = self.lock or RunLock(self.folder)
            self.processes.lock = self.lock.descriptor
            if not self.body.virtual:
                self.body.reach()
            sweep_memory()
            robot = find_robot(self.spec.robot)
            self.shared = SessionMemory(self.folder, robot, self.config.task, self.policy.layers)
            self.crew = Crew(self.processes, self.shared, self.folder, self.session_path, self.guardians, self.learning,
                             self.realtime, robot.rests_within_s)  # fmt: skip
            self.opened = True
            self._write_session_file()
            self.crew.start_guardians()
            self.body.start()
            self._start_perception()
            self._write_session_file()
            self.crew.start_helpers()
            self._start_control()
            self.starting = False
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write_session_file(self) -> None:
        SessionFile(
            folder=str(self.folder),
            robot=self.config.robot,
            kind=self.spec.robot,
            task=self.config.task,
            names=self.shared.names | ({} if self.perception is None else self.perception.blocks),
            layers=self.policy.layers,
            weights_size=weight_count(self.policy.layers),
            lockstep=not self.realtime,
            clock_socket=self.body.clock_socket,
            ports=self.body.ports,
            learning=self.learning,
            device_folder=self.body.folder,
            session_pid=os.getpid(),
            rests_within_s=find_robot(self.spec.robot).rests_within_s,
            gamepad=self.config.gamepad,
            perception=None if self.perception is None else self.perception.place,
        ).save(self.session_path)

    def _start_perception(self) -> None:
        """Let somebody look through the robot's camera, if it has one: at the port that it has now."""
        self._end_perception()
        told = self.robot.eyes(self.folder)
        if told is not None:
            from robot.perception.start import PerceptionProcess  # OpenCV and ONNX Runtime

            self.perception = PerceptionProcess(told, self.folder, self._note_restart, lockstep=not self.realtime)

    def _end_perception(self) -> None:
        if self.perception is not None:
            self.perception.close()
            self.perception = None

    def _start_control(self) -> None:
        self.life += 1
        newest = self.shared.mailbox.read()
        start = Start(
            folder=self.folder,
            progress=self.progress,
            policy=self.policy,
            newest=newest.vector if newest is not None and newest.step > 0 else None,
            life=self.life,
            later_life=self.life > self.lives_before + 1,
            learning=self.learning,
            practice_s=self.practice_s,
            episodes=self.episodes,
        )
        write_bytes_atomically(setup_path(self.folder, self.life), [self.robot.setup(start)])
        self.crew.start("control", str(self.life))

    # While it runs

    def poll(self) -> bool:
        """Look after the processes and take in the news. True while the session goes on."""
        self.shared.orders.write(heartbeat_ns=time.monotonic_ns())
        self._take_news()
        self.crew.look_after()
        if self.crew.trouble:
            self.fail(self.crew.trouble)
        if self.perception is not None and not self.perception.poll():
            self.fail(f"perception: {self.perception.last_words}")
        control = self.crew.control
        if control.running:
            if self.body.died or self._takes_too_long() or self.crew.control_hangs(self.since_s):
                control.kill()  # the guardians stop the robot
            if self.realtime and self.body.hangs(self.since_s):
                self.body.kill()
            return True
        self._take_news()
        if control.exit_status == 0 or self.stop_level:
            return False
        self.processes.count_restart("control")
        if self._give_up():
            return False
        if self.body.emulator is not None and (self.body.died or control.exit_status == GONE):
            control.failures = 0
            self._note_restart("device", self.body.exit_status)
            self.body.start()
            self._start_perception()
            self._write_session_file()
        self._start_control()
        return True

    def _give_up(self) -> bool:
        """Whether control, which has ended, would only end again."""
        control = self.crew.control
        first = control.restarts == 1 and control.exit_status == GONE and not self.body.virtual
        wrong = not self.crew.in_charge and (first or control.exit_status == WRONG)
        if wrong or control.cannot_save or control.hopeless:
            self.failure = self.crew.why("control")
            if control.restarts > 1:
                self.failure = f"control died {control.restarts} times; the last time: {self.failure}"
            return True
        return False

    def _takes_too_long(self) -> bool:
        """Whether control does not come to an end; remembers why."""
        now_s = time.monotonic()
        finishing = self.shared.control.read()["outputs"]["phase"] >= self.practice.finishing
        if self.stop_level or (self.crew.in_charge and finishing):
            self.stopping_s = self.stopping_s or now_s
            if now_s - self.stopping_s > self.crew.stop_s(self.stop_level):
                self.fail(f"control did not end within {self.crew.stop_s(self.stop_level):.0f} s")
                return True
        return False

    def _note_restart(self, name: str, code: int) -> None:
        practice_s = float(self.shared.control.read()["outputs"]["practice_s"])
        self.progress.restarts.append({"process": name, "exit": code, "practice_s": practice_s})
        told = self.processes.children[name].last_words() if name in self.processes.children else f"exit status {code}"
        say(f"the {name} ended ({told})")

    def _take_news(self) -> None:
        news = self.shared.rings["events"]
        for event in news.read():
            told = json.loads(event_text(event))
            self.progress.note(told)
            if told["kind"] == "failure":
                self.failure = self.failure or self.robot.in_words(told)
            if "text" in told:
                say(told["text"])
        news.release()
        status = self.shared.control.read()
        seen = status["outputs"]
        if seen["time_s"] > 0.0:
            p = self.progress
            p.practice_s = max(p.practice_s, float(seen["practice_s"]))
            p.step = max(p.step, self.first_step + self.shared.rings["transitions"].written)
            self.ticks = int(status["tick"])
            p.episode = max(p.episode, int(seen["episode"]))

    def steer(self, command: tuple[float, ...]) -> None:
        """Pass on what the person who drives by hand wants."""
        self.shared.orders.write(operator=command)

    def request_stop(self, level: int = 1) -> None:
        """1: bring the robot to rest, save, end. 2: emergency stop."""
        if level > self.stop_level:
            self.stop_level, self.stopping_s = level, 0.0
        self._give_orders()

    def fail(self, reason: str) -> None:
        """End in order, and remember why."""
        self.failure = self.failure or reason
        self.request_stop()

    def hold(self, on: bool) -> None:
        """Let the robot stand where it is, or let it go on. In lockstep its time stands still instead."""
        self.held = on
        self.since_s = time.monotonic()
        if not self.realtime:
            self.crew.control.signal(signal.SIGSTOP if on else signal.SIGCONT)
        self._give_orders()

    @property
    def stands(self) -> bool:
        """Whether a robot that is held has come to rest."""
        seen = self.shared.control.read()["outputs"]
        return not self.realtime or bool(seen["mode"] >= Mode.STOP and self.practice.stands(seen))

    def _give_orders(self) -> None:
        if self.opened:
            self.shared.orders.write(stop=self.stop_level or (STAND if self.held and self.realtime else 0))

    # End

    def close(self) -> None:
        """End every process in order: the robot first, then what keeps the data, then the device.

        A step that fails does not keep the others from being done; its error is raised after them.
        """
        self.starting = False
        with ExitStack() as steps:  # the last one is done first
            steps.callback(self._let_go)
            steps.callback(self._end_device)
            steps.callback(self._end_perception)
            if self.opened:
                steps.callback(self._end_data)
                steps.callback(self.crew.end_guardians)
                steps.callback(self._end_control)

    def _end_control(self) -> None:
        if self.held:
            self.hold(False)
        self.shared.orders.write(stop=max(1, self.stop_level))
        self.crew.end_control(max(1, self.stop_level))

    def _end_data(self) -> None:
        self._take_news()
        self.shared.finish()
        self.crew.end_helpers(self.stop_level)
        self.failure = self.failure or self.crew.trouble
        self.progress.missed_ticks = int(self.shared.control.read()["missed_ticks"])
        learner = self.shared.learner.read()
        self.progress.updates = int(learner["updates"])
        self.progress.learner_busy_s = (
            float(learner["updates"] / learner["updates_per_s"]) if learner["updates_per_s"] else 0.0
        )
        self.save_progress()

    def _end_device(self) -> None:
        truth = self.body.end()
        if truth is not None:
            self.progress.judge(truth)
            self.save_progress()

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
