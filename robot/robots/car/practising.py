"""A car in a session: its world, its devices or their emulators, and what each life of its mind starts from."""

import sys
import time
from typing import Any

from drivers.declared import make_driver
from drivers.emulators.hidden_wiring import hidden_wiring
from drivers.emulators.lidars import find_lidar
from drivers.emulators.virtual_car import MotorModel, VirtualCar, VirtualCarConfig, start_virtual_car
from drivers.pca9685 import Pca9685Settings
from robot.practice.body import Body
from robot.practice.practice import PractisingRobot, Start
from robot.practice.settings import SCRATCH
from robot.robots.car.car_file import believed_car, load_car
from robot.robots.car.compiled import EVERY_DRIVE, is_compiled
from robot.robots.car.demonstration.course_from_lap import COURSE_FILE, load_course
from robot.robots.car.demonstration.keyboard import Hand
from robot.robots.car.options import CarOptions
from robot.robots.car.progress import CarProgress
from robot.robots.car.scene import CourseScene
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.starting_place import starting_place
from robot.robots.car.world import World, about_loops, true_car, world_of
from robot.runtime.clock import RealClock
from robot.runtime.robot_file import robot_path
from robot.views.say import say
from sim.car.yardstick import lookup_or_compute

BASELINE_LAPS = 2
TELL_EVERY_S = 10.0


class PractisingCar(PractisingRobot):
    """The car of one session. Raises ValueError for options that do not fit it or its world; says what of a map is driven."""

    def __init__(self, config: CarOptions) -> None:
        self.config = config
        robot = load_car(config.robot)
        if config.people and not robot.virtual:
            raise ValueError(
                f"--people: found {config.people}, allowed for a real robot: 0; there, people come by themselves"
            )
        if config.frames != "none":
            raise ValueError(f"--frames: found '{config.frames}', allowed of {config.robot}, which has no camera: none")
        self.world = world_of(config)
        for line in filter(None, [about_loops(self.world, config.loop)]):
            say(f"map      {line}")
        self.believed = believed_car(config.robot)
        self.title = f"{config.robot} on {self.world.course.name}"
        self._wirings, self._lidar = (robot.motor, robot.lidar), robot.emulated_lidar
        self._wiring_seed = robot.wiring_seed
        self._motor: MotorModel = "pca9685" if isinstance(robot.motor, Pca9685Settings) else "vesc"
        self._measures_speed = robot.measures_speed
        ports = {"motor": robot.motor.port, "lidar": robot.lidar.port}
        self.body = Body(ports, self._reach, self._emulate if robot.virtual else None)

    def _reach(self) -> None:
        """Raises LinkLost if a port cannot be used."""
        for wiring in self._wirings:
            driver = make_driver(wiring, RealClock())
            driver.open()
            driver.close()

    def _emulate(self) -> VirtualCar:
        config, world = self.config, self.world
        view_rad = find_lidar(self._lidar).view_rad
        must_find_itself = config.map and config.start is None and not config.mapless
        make = VirtualCarConfig if self._wiring_seed is None else hidden_wiring(self._wiring_seed).config
        return start_virtual_car(
            make(
                track=config.map or world.course.name,
                clock=config.clock,
                seed=config.seed,
                lidar_model=self._lidar,
                motor_model=self._motor,
                hidden_seed=config.hidden_seed,
                tyres_apart=config.hidden_tyres == "apart",
                start=config.start_pose,
                start_s_m=starting_place(world.grid, world.course, config.seed, view_rad) if must_find_itself else 0.0,
                loop=config.loop,
                people=config.people,
            )
        )

    def setup(self, start: Start) -> bytes:
        """What the pipeline starts with now: the first time, or after what the progress says was done."""
        config, p = self.config, start.progress
        assert isinstance(p, CarProgress)
        learned = start.newest is not None and p.demo_lap_s > 0.0
        known: World | None = self.world
        if config.mapless:
            stored = start.folder / COURSE_FILE  # of its demonstration
            known = None
            if stored.exists():
                course, grid = load_course(stored)
                known = World(grid, course)
        as_it_came = start.learning and config.start_from != SCRATCH and p.practice_s == 0.0
        return PipelineSetup(
            seed=config.seed + 1000 * start.life,
            practice_s=start.practice_s,
            laps=start.episodes,
            explore=start.learning,
            predictive_brake=config.predictive_brake,
            demonstrate=p.demo_lap_s == 0.0,
            keyboard=config.demonstration != "gap-follower",
            baseline_laps=BASELINE_LAPS if as_it_came else 0,
            car=self.believed.packed(),
            layers=start.policy.layers,
            weights=start.newest if learned and start.newest is not None else start.policy.weights,
            grid=known.grid if known else None,
            course=known.course if known else None,
            trim_rad=p.trim_rad,
            latency_s=p.latency_s,
            demo_lap_s=p.demo_lap_s,
            proved=p.proved,
            measured_speed=self._measures_speed,
            practice_done_s=p.practice_s,
            step=p.step,
            episode=p.episode,
            told=None if start.later_life else config.start_pose,  # it has moved since
        ).to_bytes()

    def in_words(self, failure: dict[str, Any]) -> str:
        """What the mind's event `failure` says; where the robot's file is at fault, with its name."""
        file = f"{robot_path(self.config.robot)}: " if failure.get("in_robot_file") else ""
        return file + str(failure["reason"])

    def best_possible(self) -> float | None:
        """The yardstick of the virtual car's own parameters on this course, s; None of a real car."""
        car, told_s = true_car(self.config), time.monotonic()

        def tell(share: float) -> None:
            nonlocal told_s
            if time.monotonic() - told_s > TELL_EVERY_S:
                told_s = time.monotonic()
                say(f"computing the best possible lap of this course, once: {100.0 * share:.0f} %")

        return None if car is None else lookup_or_compute(self.world.course, car, progress=tell).lap_s

    @property
    def compiled(self) -> bool:
        """Whether this machine has compiled what drives."""
        return is_compiled(EVERY_DRIVE)

    def hand(self) -> Hand | None:
        """The person at the keyboard, if one is to drive the demonstration."""
        by_keys = self.config.demonstration == "keyboard"
        return Hand(sys.stdin.fileno(), self.believed.steer_max_rad) if by_keys else None

    def scene(self) -> CourseScene:
        return CourseScene(self.world.course)
