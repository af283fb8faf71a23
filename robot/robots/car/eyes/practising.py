"""A car with a camera in a session: its emulators, who looks through its camera, and what each life of its mind starts from."""

from pathlib import Path
from typing import Any

from drivers.declared import make_driver
from drivers.emulators.virtual_car import VirtualCar, VirtualCarConfig, start_virtual_car
from robot.perception.encoder import Encoder
from robot.perception.encoder_file import ENCODER_FILE
from robot.perception.lens import lens_beside
from robot.perception.process import PerceptionFile
from robot.practice.body import Body
from robot.practice.practice import PractisingRobot, Start
from robot.practice.settings import SCRATCH
from robot.robots.car.car_file import as_believed
from robot.robots.car.eyes.encoder_file import encoder_beside
from robot.robots.car.eyes.seeing_car import load_seeing_car
from robot.robots.car.options import CarOptions
from robot.robots.car.progress import CarProgress
from robot.robots.car.scene import CourseScene
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.world import load_world, true_car
from robot.runtime.clock import RealClock
from robot.runtime.robot_file import robot_path
from sim.car.yardstick import lookup_or_compute

BASELINE_LAPS = 2


class SeeingPractisingCar(PractisingRobot):
    """The car of one session. encoder: the path of the one that its policy was trained with. Raises ValueError."""

    def __init__(self, config: CarOptions, policy: Path) -> None:
        self.config, self.file = config, load_seeing_car(config.robot)
        self.encoder = encoder_beside(policy)
        self.lens = lens_beside(robot_path(self.config.robot), self.file.lens)
        self.version = Encoder(policy.with_name(ENCODER_FILE), self.encoder).version
        self.world = load_world(config.track, config.map, config.loop)
        self.title = f"{config.robot} on {self.world.course.name}"
        robot = self.file
        self.body = Body({"motor": robot.motor.port}, self._reach, self._emulate if robot.virtual else None)

    def _reach(self) -> None:
        """Raises LinkLost if the motor controller's port cannot be used; who looks through the camera says so itself."""
        driver = make_driver(self.file.motor, RealClock())
        driver.open()
        driver.close()

    def _emulate(self) -> VirtualCar:
        config = self.config
        looks = config.seed if config.hidden_seed is None else config.hidden_seed
        return start_virtual_car(
            VirtualCarConfig(
                track=config.map or self.world.course.name,
                clock=config.clock,
                seed=config.seed,
                hidden_seed=config.hidden_seed,
                loop=config.loop,
                camera_seed=looks,
                motor_model="vesc" if self.file.measures_speed else "pca9685",
            )
        )

    def eyes(self, folder: Path) -> PerceptionFile:
        """The camera as it is now, and the encoder, of which the run keeps a copy."""
        emulated = self.body.ports["camera"] if self.file.virtual else None
        return PerceptionFile.of_run(
            folder, self.file.camera, emulated, self.encoder, self.lens, self.config.frames, self.file.mount
        )

    def setup(self, start: Start) -> bytes:
        """What a life starts with. Where the car stands nobody knows, so each life begins with a lap of its own."""
        config, p = self.config, start.progress
        assert isinstance(p, CarProgress)
        as_it_came = start.learning and config.start_from != SCRATCH and p.practice_s == 0.0
        return PipelineSetup(
            seed=config.seed + 1000 * start.life,
            practice_s=start.practice_s,
            laps=start.episodes,
            explore=start.learning,
            predictive_brake=False,
            demonstrate=True,
            keyboard=False,
            car=as_believed(config.robot, self.file).packed(),
            layers=start.policy.layers,
            weights=start.policy.weights if start.newest is None else start.newest,
            grid=None,
            course=None,
            practice_done_s=p.practice_s,
            baseline_laps=BASELINE_LAPS if as_it_came else 0,
            step=p.step,
            episode=p.episode,
            encoder=self.version,
            measured_speed=self.file.measures_speed,
        ).to_bytes()

    def in_words(self, failure: dict[str, Any]) -> str:
        """What the mind's event `failure` says."""
        return str(failure["reason"])

    def best_possible(self) -> float | None:
        """The yardstick of the virtual car's own parameters on this course, s; None of a real car."""
        car = true_car(self.config)
        return None if car is None else lookup_or_compute(self.world.course, car).lap_s

    def scene(self) -> CourseScene | None:
        """Of a car that knows no map there is none to show."""
        return None
