"""The set-up of one car, step by step: from wheels in the air to a lap by itself."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from drivers.base import LinkLost
from drivers.declared import make_driver
from drivers.emulators.hidden_wiring import HiddenWiring, hidden_wiring, wired_as_documented
from drivers.emulators.virtual_car import VirtualCar, start_virtual_car
from drivers.vesc import VescSettings
from robot.commissioning.options import SetupOptions
from robot.commissioning.steps import Found, SetupError, Step
from robot.robots.car.car_file import believed_car, load_car
from robot.robots.car.demonstration.first_metres import rehearse
from robot.robots.car.drives import demonstrate
from robot.robots.car.options import CarOptions
from robot.robots.car.setup_car import measuring
from robot.robots.car.setup_car.brake_if_killed import braking_if_killed
from robot.robots.car.setup_car.file import file_of, write_car_file
from robot.robots.car.setup_car.rig import Rig
from robot.robots.car.setup_car.values import Value
from robot.robots.car.world import load_world
from robot.runtime.clock import LockstepClock, RealClock

CAR_FILE = "car.toml"
NAMES = (
    "servo_gain", "servo_offset", "servo_min", "servo_max", "erpm_per_m_s", "mount_yaw_rad", "mirrored", "mount_x_m",
    "mount_y_m", "imu_upside_down", "imu_yaw_rad", "actuation_s",
)  # fmt: skip
ON_A_STAND = "Put something under the car, so that all its wheels hang free and it cannot roll; switch it on."
ON_THE_GROUND = (
    "Put the car on the ground with 1.5 m free on every side, and walls in sight. It will go a hand's breadth out and back, "
    "then arcs of 0.3 m, slowly. Stay behind it; Ctrl-C stops it."
)
ON_THE_COURSE = (
    "Put the car on the course, pointing in the direction in which it is to drive. It will drive one slow lap."
)

Tell = Callable[[float, str], None]


@dataclass(frozen=True)
class CarSetupOptions(SetupOptions):
    """A car is measured, slowly, and its robot's file is written: servo, wheels, delay, lidar and IMU, each with the
    interval that holds the truth, or refused by name. Then it drives one slow lap by that file.

    It can be left with Ctrl-C and taken up again with --resume. The virtual car needs nobody to put it anywhere.
    """

    robot: str = "virtual-car"
    hidden_seed: int | None = None
    """Wire the virtual car, drawn with this seed, as owners do: anything reversed, turned, upside down, late."""
    track: str = "default"
    """Where the virtual car stands, and the check lap is driven."""
    clock: Literal["lockstep", "realtime"] = "lockstep"
    """Of the virtual car."""


class SettingUpCar:
    """One car's. Raises ValueError for options that do not fit it. Use as a context: it leaves nothing behind."""

    def __init__(self, options: CarSetupOptions, folder: Path) -> None:
        robot = load_car(options.robot)
        if options.hidden_seed is not None and not robot.virtual:
            raise ValueError(f"--hidden-seed: found {options.hidden_seed}, allowed: with a virtual car alone")
        if not isinstance(robot.motor, VescSettings):
            raise ValueError(
                f"--robot: found '{options.robot}', whose motor controller measures nothing; allowed: one with driver = 'vesc'. What "
                "a PCA9685's pulses are is measured as docs/donkeycar.md says"
            )
        self.options, self.folder, self.robot = options, folder, robot
        self.car, self.motor = believed_car(options.robot), robot.motor
        self.virtual = robot.virtual
        self.title = f"{options.robot}, into {folder / CAR_FILE}"
        self.wiring_seed = robot.wiring_seed if options.hidden_seed is None else options.hidden_seed
        self.touches = 0  # of walls, by the virtual car's truth, in a step that did not come to its end
        self._emulator: VirtualCar | None = None
        self._hidden: HiddenWiring | None = None
        if robot.virtual:
            self._hidden = wired_as_documented() if self.wiring_seed is None else hidden_wiring(self.wiring_seed)
            load_world(options.track, "")
        self.steps: Sequence[Step] = (
            Step("wheels_up", "motor, servo and IMU answer", ON_A_STAND, self._wheels_up),
            Step("first_roll", "how far the wheels go", ON_THE_GROUND, self._first_roll),
            Step("arcs", "steering, wheels, lidar and IMU", "", self._arcs),
            Step("delay", "how late commands act", "", self._delay),
            Step("file", "the robot's file", "", self._write),
            Step("check_lap", "a slow lap by that file", ON_THE_COURSE, self._lap),
        )

    def __enter__(self) -> "SettingUpCar":
        return self

    def __exit__(self, *raised: object) -> None:
        self._end_emulator()

    def _end_emulator(self) -> None:
        if self._emulator is not None:
            self._emulator.close()
            self._emulator = None

    @contextmanager
    def _rig(self) -> Iterator[Rig]:
        """The car's devices, open. Raises SetupError for a cable that is gone."""
        rehearse()
        if self._hidden is not None and self._emulator is None:
            track = load_world(self.options.track, "").course.name
            self._emulator = start_virtual_car(
                self._hidden.config(
                    track=track,
                    clock=self.options.clock,
                    seed=self.options.seed,
                    lidar_model=self.robot.emulated_lidar,
                )
            )
        motor, lidar, clock = self.motor, self.robot.lidar, RealClock()
        lockstep = None
        if self._emulator is not None:
            motor = replace(motor, port=self._emulator.vesc_path)
            lidar = replace(lidar, port=self._emulator.lidar_path)
            if self.options.clock == "lockstep":
                clock = lockstep = LockstepClock(str(self._emulator.directory / "lockstep"))  # type: ignore[assignment]
        lidar = replace(lidar, mount_yaw_rad=0.0, mirrored=False, mount_x_m=0.0, mount_y_m=0.0)
        try:
            with braking_if_killed(motor), Rig(motor, make_driver(lidar, clock), self.car, clock) as rig:
                yield rig
        except LinkLost as error:
            raise SetupError(str(error)) from error
        finally:
            if lockstep is not None:
                lockstep.close()

    def _measure(self, measure: Callable[[Rig], Found]) -> Found:
        """Carry out a measurement, and note how long it took the car."""
        with self._rig() as rig:
            begin_s, before = rig.clock.now(), self._touched
            try:
                found = measure(rig)
            except BaseException:
                self.touches += self._touched - before
                raise
            return found | {"robot_s": round(rig.clock.now() - begin_s, 2), "touches": self._touched - before}

    @property
    def _touched(self) -> int:
        return 0 if self._emulator is None else int(self._emulator.truth().collisions)

    def _wheels_up(self, found: dict[str, Found], tell: Tell) -> Found:
        def in_the_air(rig: Rig) -> Found:
            if self._emulator is not None:
                self._emulator.fault("lift", on=True)
            return measuring.wheels_up(rig, tell)

        try:
            return self._measure(in_the_air)
        finally:
            if self._emulator is not None:
                self._emulator.fault("lift", on=False)

    def _first_roll(self, found: dict[str, Found], tell: Tell) -> Found:
        return self._measure(lambda rig: measuring.first_roll(rig, tell))

    def _arcs(self, found: dict[str, Found], tell: Tell) -> Found:
        gain, gravity = found["first_roll"]["gain"], found["wheels_up"]["gravity_m_s2"]
        return self._measure(lambda rig: measuring.arcs(rig, gain, gravity, self.car, tell))

    def _delay(self, found: dict[str, Found], tell: Tell) -> Found:
        return self._measure(lambda rig: measuring.delay(rig, found["arcs"], self.car, tell))

    def _write(self, found: dict[str, Found], tell: Tell) -> Found:
        path = self.folder / CAR_FILE
        try:
            write_car_file(path, file_of(self.options.robot), measuring.values_in(found), self.wiring_seed)
        except ValueError as error:
            raise SetupError(str(error)) from error
        return {"config": str(path)}

    def _lap(self, found: dict[str, Found], tell: Tell) -> Found:
        self._end_emulator()
        figures = demonstrate(self._lap_options(found["file"]["config"]))
        if figures["failure"] or not figures["demo_lap_s"]:
            self.touches += figures["collisions"]
            if figures["interrupted"]:  # whatever came of stopping: somebody asked for it
                raise KeyboardInterrupt(
                    f"the slow lap was interrupted{(figures['failure'] and ': ' + figures['failure']) or ''}"
                )
            raise SetupError(f"the slow lap ended early: {figures['failure'] or 'it was stopped'}")
        kept = {name: figures[name] for name in ("run", "demo_lap_s", "trim_rad", "latency_s", "collisions")}
        return kept | {"robot_s": figures["demo_lap_s"], "touches": figures["collisions"]}

    def _lap_options(self, config: str) -> CarOptions:
        """A real car has no map yet: this lap makes one."""
        options = self.options
        if not self.virtual:
            return CarOptions(robot=config, mapless=True)
        return CarOptions(robot=config, track=options.track, clock=options.clock, seed=options.seed)

    def figures(self, found: dict[str, Found]) -> dict[str, Any]:
        """For `--json`. parameters: of the values that are believed. within: whether each holds the truth, if anybody
        knows that. refused: what is not believed, or was not found out. touches: of walls, in the whole set-up.
        """
        values = {value.name: value for value in measuring.values_in(found)}
        believed = {name: value for name, value in values.items() if not value.refused}
        truth = {name: self._truth(value) for name, value in believed.items()}
        within = (
            all(value.low <= truth[name] <= value.high for name, value in believed.items()) if self.virtual else None
        )
        return {
            "config": found.get("file", {}).get("config"),
            "parameters": {
                name: {"value": value.value, "interval": [value.low, value.high], "true": truth[name]}
                for name, value in believed.items()
            },
            "within": within,
            "refused": [name for name in NAMES if name not in believed],
            "reasons": {name: value.refused for name, value in values.items() if value.refused},
            "touches": self.touches + sum(each.get("touches", 0) for each in found.values()) if self.virtual else None,
            "check_lap_s": found.get("check_lap", {}).get("demo_lap_s"),
            "robot_min": round(sum(each.get("robot_s", 0.0) for each in found.values()) / 60.0, 2),
        }

    def _truth(self, value: Value) -> Any:
        """Of a virtual car, an angle as near to the value as whole turns bring it; None where nobody knows."""
        if self._hidden is None:
            return None
        true = self._hidden.right[value.name]
        if value.name.endswith("_yaw_rad"):
            true += math.tau * round((value.value - true) / (math.tau))
        return true

    def lines(self, found: dict[str, Found]) -> list[tuple[str, str]]:
        """Name and what was found, for a person."""
        return [(value.name, value.refused or value.text) for value in measuring.values_in(found)]

    def next_command(self, found: dict[str, Found]) -> str:
        """What to do after the last step."""
        place = f" --track {self.options.track}" if self.virtual and self.options.track != "default" else ""
        return f"robot practice --task race_track --robot {found['file']['config']}{place}{'' if self.virtual else ' --mapless'}"
