"""A practice session: starts the processes, keeps them alive, listens to what happens, ends in good order.

    device (or its emulator) <- control -> rings -> recorder
                                   |  ^
                        transitions|  |weights
                                   v  |
                                 learner            guardian: stops the car if control dies

The session itself touches neither the car nor the data: if it dies, control notices and brings the car to rest.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drivers.emulators.virtual_car import VirtualCar, VirtualCarConfig, start_virtual_car
from policies.array_file import write_bytes_atomically
from policies.policy_file import PolicyFile
from policies.replay import TRANSITION, load_folder
from robot.config import load_robot
from robot.demonstration.course_from_lap import load_course
from robot.logs.events import EVENT, event_text, weights_dtype
from robot.logs.records import OUTPUTS, READINGS
from robot.pipeline_setup import PipelineSetup, setup_path
from robot.practice.blocks import CONTROL_STATUS, LEARNER_STATUS, SESSION_STATUS, SharedRecord
from robot.practice.control import GONE
from robot.practice.mailbox import Mailbox
from robot.practice.ring import Ring
from robot.practice.session_file import COURSE_FILE, SessionFile, learned_size
from robot.practice.settings import SCRATCH, PracticeConfig, shared_name
from robot.practice.start import World
from robot.safety.guardian import Guardian, start_guardian
from sim.car import CarParameters, hidden_car, load_parameters

READY_S = 400.0  # for a process to import, compile and say that it is ready
END_S = 20.0  # for a process to finish by itself
BASELINE_LAPS = 3
CONTROL_RESTARTS = 25
TICK_RING = 2048
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


@dataclass
class Child:
    """One of the session's processes, and how often it had to be started again."""

    name: str
    command: list[str]
    output: Path
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    died_s: float = 0.0

    def start(self) -> None:
        with open(self.output, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | ONE_THREAD
            )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    def last_words(self) -> str:
        """The last line that it printed."""
        lines = self.output.read_text(errors="replace").strip().splitlines() if self.output.exists() else []
        return lines[-1] if lines else "no word"


@dataclass
class Progress:
    """What happened so far, over resumed sessions and restarted processes; kept in `state.json`."""

    practice_s: float = 0.0
    demo_lap_s: float = 0.0
    trim_rad: float = 0.0
    latency_s: float = 0.05
    step: int = 0
    episode: int = 0
    laps: list[dict[str, Any]] = field(default_factory=list)
    collisions: list[dict[str, Any]] = field(default_factory=list)
    recoveries: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    restarts: list[dict[str, Any]] = field(default_factory=list)
    missed_ticks: int = 0
    true_collisions: int = 0
    updates: int = 0
    learner_busy_s: float = 0.0

    def note(self, event: dict[str, Any]) -> None:
        """Take in one event of the control process."""
        lists = {"lap": self.laps, "collision": self.collisions, "recovery": self.recoveries, "fault": self.faults}
        if event["kind"] in lists:
            lists[event["kind"]].append(event)
        elif event["kind"] == "calibration":
            self.demo_lap_s = event["demo_lap_s"]
            self.trim_rad = event["trim_rad"]
            self.latency_s = event["latency_s"]


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
    ) -> None:
        self.config, self.folder, self.world, self.policy = config, folder, world, policy
        self.learning = learning
        self.laps = laps
        self.demo_only = demo_only
        self.progress = progress or Progress()
        self.robot = load_robot(config.robot)
        if config.clock == "lockstep" and not self.robot.virtual:
            raise ValueError("--clock: found 'lockstep', allowed for a real robot: realtime")
        self.believed = load_parameters()
        self.true_car: CarParameters | None = None
        if self.robot.virtual:
            hidden = config.hidden_seed
            self.true_car = self.believed if hidden is None else hidden_car(hidden, self.believed)
        self.car: VirtualCar | None = None
        self.guardian: Guardian | None = None
        self.children: dict[str, Child] = {}
        self.life = len(list(folder.glob("setup-*.npz")))
        self.blocks: list[Any] = []
        self.stop_level = 0
        self.failure = ""
        self.started_s = 0.0
        self.first_step = self.progress.step
        self.ticks = 0  # of control's present life

    # Start

    def __enter__(self) -> "Session":
        try:
            self._make_shared_memory()
            self._start_device()
            self._write_session_file()
            self._start_child("recorder", "robot.practice.recorder")
            if self.learning:
                self._start_child("learner", "robot.practice.learner")
                self._await_learner()
            self._start_control()
        except BaseException:
            self.close()
            raise
        self.started_s = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _make_shared_memory(self) -> None:
        size = learned_size(self.policy.layers)
        self.names = {part: shared_name(self.folder, part) for part in (
            "readings", "outputs", "events", "news", "weights", "spool", "transitions", "mailbox", "control",
            "learner", "session")}  # fmt: skip
        rings = {
            "readings": (READINGS, TICK_RING),
            "outputs": (OUTPUTS, TICK_RING),
            "events": (EVENT, 256),
            "news": (EVENT, 1024),
            "weights": (weights_dtype(size), 64),
            "spool": (TRANSITION, 1024),
            "transitions": (TRANSITION, 4096),
        }
        self.rings = {part: Ring.create(self.names[part], *what) for part, what in rings.items()}
        self.mailbox = Mailbox.create(self.names["mailbox"], size)
        self.control_status = SharedRecord.create(self.names["control"], CONTROL_STATUS)
        self.learner_status = SharedRecord.create(self.names["learner"], LEARNER_STATUS)
        self.orders = SharedRecord.create(self.names["session"], SESSION_STATUS)
        self.orders.write(pid=os.getpid())
        self.blocks = [*self.rings.values(), self.mailbox, self.control_status, self.learner_status, self.orders]

    def _start_device(self) -> None:
        if not self.robot.virtual:
            return
        self.car = start_virtual_car(
            VirtualCarConfig(
                track=self.config.map or self.world.course.name,
                clock=self.config.clock,
                seed=self.config.seed,
                hidden_seed=self.config.hidden_seed,
            )
        )

    def _write_session_file(self) -> None:
        self.session_path = self.folder / "session.json"
        SessionFile(
            folder=str(self.folder),
            robot=self.config.robot,
            names=self.names,
            layers=self.policy.layers,
            weights_size=learned_size(self.policy.layers),
            lockstep=self.config.clock == "lockstep",
            clock_socket=str(self.car.directory / "lockstep") if self.car else "",
            vesc_port=self.car.vesc_path if self.car else self.robot.vesc.port,
            lidar_port=self.car.lidar_path if self.car else self.robot.lidar.port,
            learning=self.learning,
        ).save(self.session_path)

    def _start_child(self, name: str, module: str, *arguments: str) -> Child:
        child = self.children.get(name)
        command = [sys.executable, "-m", module, str(self.session_path), *arguments]
        if child is None:
            (self.folder / "output").mkdir(exist_ok=True)
            child = self.children[name] = Child(name, command, self.folder / "output" / f"{name}.txt")
        child.command = command
        child.start()
        return child

    def _await_learner(self) -> None:
        patience = time.monotonic() + READY_S
        learner = self.children["learner"]
        while not self.learner_status.read()["ready"]:
            if not learner.running:
                raise RuntimeError(f"the learner did not start: {learner.last_words()}")
            if time.monotonic() > patience:
                raise RuntimeError(f"the learner was not ready within {READY_S:.0f} s")
            time.sleep(0.05)
        self.orders.write(learner_up=1)

    def _setup(self) -> PipelineSetup:
        """What the pipeline starts with now: the first time, or after what `progress` says was done."""
        p = self.progress
        weights = self.policy.weights
        newest = self.mailbox.read()
        if newest is not None and newest.step > 0 and p.demo_lap_s > 0.0:
            weights = newest.vector[:-2]
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
            practice_done_s=p.practice_s,
            step=p.step,
            episode=p.episode,
        )

    def _start_control(self) -> None:
        self.life += 1
        write_bytes_atomically(setup_path(self.folder, self.life), [self._setup().to_bytes()])
        control = self._start_child("control", "robot.practice.control", str(self.life))
        if self.guardian is not None:
            self.guardian.stop()
        port = self.car.vesc_path if self.car else self.robot.vesc.port
        heartbeat = self.config.clock == "realtime"
        log = self.folder / "output" / "guardian.txt"
        self.guardian = start_guardian(port, self.names["control"], control.pid, heartbeat, log)

    # While it runs

    def poll(self) -> bool:
        """Look after the processes and take in the news. True while the session goes on."""
        self._take_news()
        self._look_after("recorder")
        if self.learning:
            self._look_after("learner")
            if self.learner_status.read()["ready"] and self.children["learner"].running:
                self.orders.write(learner_up=1)
        control = self.children["control"]
        assert control.process is not None
        if control.running:
            if self.car is not None and self.car.process.poll() is not None:
                control.process.kill()  # it would go on trying to reconnect, and its device is gone for good
            return True
        code = control.process.returncode
        self._take_news()
        if code == 0:
            return False
        if self.stop_level:
            return False
        if control.restarts >= CONTROL_RESTARTS:
            self.failure = f"control died {control.restarts} times; the last time: {control.last_words()}"
            return False
        self._note_restart("control", code)
        control.restarts += 1
        if self.car is not None and self.car.process.poll() is not None:
            self._restart_device()
        elif code > 0 and code != GONE and control.restarts > 3:
            self.failure = f"control failed: {control.last_words()}"
            return False
        self._start_control()
        return True

    def _look_after(self, name: str) -> None:
        child = self.children[name]
        if child.running or child.process is None:
            return
        if child.process.returncode == 0:
            return  # it is done: control, which may still be closing its devices, has said that nothing more will come
        if name == "learner":
            self.orders.write(learner_up=0)
            self.learner_status.write(ready=0)
        if child.restarts < CONTROL_RESTARTS:
            self._note_restart(name, child.process.returncode)
            child.restarts += 1
            child.start()

    def _restart_device(self) -> None:
        assert self.car is not None
        self._note_restart("device", -9)
        self.car.close()
        self._start_device()
        self._write_session_file()

    def _note_restart(self, name: str, code: int) -> None:
        status = self.control_status.read()
        self.progress.restarts.append({"process": name, "exit": code, "practice_s": float(status["practice_s"])})

    def _take_news(self) -> None:
        news = self.rings["news"].read()
        self.rings["news"].release()
        for event in news:
            self.progress.note(json.loads(event_text(event)))
        status = self.control_status.read()
        if status["time_s"] > 0.0:
            p = self.progress
            p.practice_s = max(p.practice_s, float(status["practice_s"]))
            p.step = max(p.step, self.first_step + self.rings["spool"].written)
            self.ticks = int(status["tick"])
            p.episode = max(p.episode, int(status["episode"]))

    def steer(self, steer_rad: float, speed_m_s: float) -> None:
        """Pass on what the person at the keyboard wants."""
        self.orders.write(key_steer_rad=steer_rad, key_speed_m_s=speed_m_s)

    def request_stop(self, level: int = 1) -> None:
        """1: bring the car to rest along the course, save, end. 2: emergency stop."""
        self.stop_level = max(self.stop_level, level)
        self.orders.write(stop=self.stop_level)

    # End

    def close(self) -> None:
        """End every process in order: the car first, then what keeps the data, then the device."""
        self.orders.write(stop=max(1, self.stop_level)) if self.blocks else None
        self._end("control", END_S)
        if self.guardian is not None:
            self.guardian.stop()
            self.guardian = None
        if self.blocks:
            self._take_news()
            for part in ("readings", "outputs", "events", "weights", "spool", "transitions"):
                self.rings[part].finish()
        self._end("learner", END_S)
        self._end("recorder", END_S)
        if self.blocks:
            self.progress.missed_ticks = int(self.control_status.read()["missed_ticks"])
            learner = self.learner_status.read()
            self.progress.updates = int(learner["updates"])
            self.progress.learner_busy_s = (
                float(learner["updates"] / learner["updates_per_s"]) if learner["updates_per_s"] else 0.0
            )
            self.save_progress()
        if self.car is not None:
            self.progress.true_collisions = int(self.car.truth().collisions)
            self.car.close()
            self.car = None
        for block in self.blocks:
            block.close()
        self.blocks = []

    def _end(self, name: str, patience_s: float) -> None:
        child = self.children.get(name)
        if child is None or child.process is None:
            return
        try:
            child.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            child.process.terminate()
            try:
                child.process.wait(5.0)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()

    def save_progress(self) -> None:
        """Write `state.json`, from which a later session resumes."""
        write_bytes_atomically(self.folder / "state.json", [json.dumps(self.progress.__dict__, indent=1).encode()])


def load_progress(folder: Path) -> Progress:
    """What an earlier session of this run reached: its `state.json`, and the transitions on disk beyond it."""
    path = folder / "state.json"
    progress = Progress(**json.loads(path.read_text())) if path.exists() else Progress()
    stored = load_folder(folder / "replay")
    if len(stored):
        progress.step = max(progress.step, int(stored["step"][-1]) + 1)
        progress.episode = max(progress.episode, int(stored["episode"][-1]) + 1)
    return progress
