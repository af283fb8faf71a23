"""A practice session: starts the processes, keeps them alive, listens to what happens, ends in good order.

    device (or its emulator) <- control -> rings -> recorder
                                   |  ^
                        transitions|  |weights
                                   v  |
                                 learner            guardian: stops the car if control dies

The session itself touches neither the car nor the data: if it dies, control notices and brings the car to rest.
"""

import json
from pathlib import Path

from drivers.emulators.virtual_car import VirtualCarConfig
from policies.actor import weight_count
from policies.array_file import write_bytes_atomically
from policies.policy_file import PolicyFile
from robot.config import load_robot
from robot.demonstration.course_from_lap import load_course
from robot.logs.events import event_text
from robot.logs.setup_files import setup_path
from robot.pipeline_setup import PipelineSetup
from robot.practice.control import GONE
from robot.practice.processes import RESTARTS_MAX, Processes
from robot.practice.progress import Progress
from robot.practice.session_file import COURSE_FILE, SessionFile
from robot.practice.session_memory import SessionMemory
from robot.practice.settings import SCRATCH, PracticeConfig
from robot.practice.start import World
from sim.car import CarParameters, hidden_car, load_parameters

BASELINE_LAPS = 2
FAILURES_MAX = 3  # of control, by itself and not by a signal


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
        if config.people and not self.robot.virtual:
            raise ValueError(
                f"--people: found {config.people}, allowed for a real robot: 0; there, people come by themselves"
            )
        self.believed = load_parameters()
        self.true_car: CarParameters | None = None
        if self.robot.virtual:
            hidden = config.hidden_seed
            self.true_car = self.believed if hidden is None else hidden_car(hidden, self.believed)
        self.life = len(list(folder.glob("setup-*.npz")))
        self.session_path = folder / "session.json"
        self.processes = Processes(folder / "output", self._note_restart)
        self.shared: SessionMemory  # from `__enter__` on
        self.opened = False
        self.stop_level = 0
        self.failure = ""
        self.first_step = self.progress.step
        self.ticks = 0  # of control's present life

    # Start

    def __enter__(self) -> "Session":
        try:
            self.shared = SessionMemory(self.folder, self.policy.layers)
            self.opened = True
            self._start_device()
            self._write_session_file()
            self._start("recorder")
            if self.learning:
                self._start("learner")
                self.processes.await_ready("learner", lambda: bool(self.shared.learner.read()["ready"]))
                self.shared.orders.write(learner_up=1)
            self._start_control()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start_device(self) -> None:
        if self.robot.virtual:
            self.processes.start_device(
                VirtualCarConfig(
                    track=self.config.map or self.world.course.name,
                    clock=self.config.clock,
                    seed=self.config.seed,
                    hidden_seed=self.config.hidden_seed,
                    people=self.config.people,
                )
            )

    @property
    def _vesc_port(self) -> str:
        return self.processes.car.vesc_path if self.processes.car else self.robot.vesc.port

    def _write_session_file(self) -> None:
        car = self.processes.car
        SessionFile(
            folder=str(self.folder),
            robot=self.config.robot,
            names=self.shared.names,
            layers=self.policy.layers,
            weights_size=weight_count(self.policy.layers),
            lockstep=self.config.clock == "lockstep",
            clock_socket=str(car.directory / "lockstep") if car else "",
            vesc_port=self._vesc_port,
            lidar_port=car.lidar_path if car else self.robot.lidar.port,
            learning=self.learning,
        ).save(self.session_path)

    def _start(self, name: str, *arguments: str) -> None:
        self.processes.start(name, f"robot.practice.{name}", str(self.session_path), *arguments)

    def _setup(self) -> PipelineSetup:
        """What the pipeline starts with now: the first time, or after what `progress` says was done."""
        p = self.progress
        weights = self.policy.weights
        newest = self.shared.mailbox.read()
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
        self._start("control", str(self.life))
        self.processes.guard("control", self._vesc_port, self.shared.names["control"],
                             heartbeat=self.config.clock == "realtime")  # fmt: skip

    # While it runs

    def poll(self) -> bool:
        """Look after the processes and take in the news. True while the session goes on."""
        self._take_news()
        self._look_after_helpers()
        control = self.processes.children["control"]
        if control.running:
            if self.processes.device_died:
                control.kill()  # it would go on trying to reconnect, and its device is gone for good
            return True
        self._take_news()
        code = control.exit_status or 0
        if code == 0 or self.stop_level:
            return False
        if control.restarts >= RESTARTS_MAX:
            self.failure = f"control died {control.restarts} times; the last time: {control.last_words()}"
            return False
        self.processes.count_restart("control")
        if self.processes.device_died:
            self._start_device()
            self._write_session_file()
        elif code > 0 and code != GONE and control.restarts > FAILURES_MAX:
            self.failure = f"control failed: {control.last_words()}"
            return False
        self._start_control()
        return True

    def _look_after_helpers(self) -> None:
        """Recorder and learner. One that is done stays so: control, which may still be closing its devices, has said
        that nothing more will come."""
        if self.processes.died("recorder"):
            self.processes.revive("recorder")
        if not self.learning:
            return
        if self.processes.died("learner"):
            self.shared.orders.write(learner_up=0)
            self.shared.learner.write(ready=0)
            self.processes.revive("learner")
        if self.shared.learner.read()["ready"] and self.processes.children["learner"].running:
            self.shared.orders.write(learner_up=1)

    def _note_restart(self, name: str, code: int) -> None:
        status = self.shared.control.read()
        self.progress.restarts.append({"process": name, "exit": code, "practice_s": float(status["practice_s"])})

    def _take_news(self) -> None:
        news = self.shared.rings["news"].read()
        self.shared.rings["news"].release()
        for event in news:
            self.progress.note(json.loads(event_text(event)))
        status = self.shared.control.read()
        if status["time_s"] > 0.0:
            p = self.progress
            p.practice_s = max(p.practice_s, float(status["practice_s"]))
            p.step = max(p.step, self.first_step + self.shared.rings["spool"].written)
            self.ticks = int(status["tick"])
            p.episode = max(p.episode, int(status["episode"]))

    def steer(self, steer_rad: float, speed_m_s: float) -> None:
        """Pass on what the person at the keyboard wants."""
        self.shared.orders.write(key_steer_rad=steer_rad, key_speed_m_s=speed_m_s)

    def request_stop(self, level: int = 1) -> None:
        """1: bring the car to rest along the course, save, end. 2: emergency stop."""
        self.stop_level = max(self.stop_level, level)
        self.shared.orders.write(stop=self.stop_level)

    # End

    def close(self) -> None:
        """End every process in order: the car first, then what keeps the data, then the device."""
        if self.opened:
            self.shared.orders.write(stop=max(1, self.stop_level))
        self.processes.end("control")
        self.processes.end_guardian()
        if self.opened:
            self._take_news()
            self.shared.finish()
        self.processes.end("learner")
        self.processes.end("recorder")
        if self.opened:
            self.progress.missed_ticks = int(self.shared.control.read()["missed_ticks"])
            learner = self.shared.learner.read()
            self.progress.updates = int(learner["updates"])
            self.progress.learner_busy_s = (
                float(learner["updates"] / learner["updates_per_s"]) if learner["updates_per_s"] else 0.0
            )
            self.save_progress()
        if self.processes.car is not None:
            truth = self.processes.car.truth()
            self.progress.people_hit, self.progress.people_worst_m_s = int(truth.people_hit), truth.people_worst_m_s
            self.progress.true_collisions = self.processes.end_device()
        if self.opened:
            self.shared.close()
            self.opened = False

    def save_progress(self) -> None:
        """Write `state.json`, from which a later session resumes."""
        self.progress.save(self.folder)
