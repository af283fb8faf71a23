"""What a car is asked for, whatever it does: which one, where it drives, what is hidden from it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from robot.practice.settings import SHIPPED, From, PracticeConfig, option
from robot.robots.car.eyes.seeing_car import has_eyes

BY_CAMERA = "race_track_by_camera"  # a task


@dataclass(frozen=True)
class Drive:
    """Which car, and where it drives."""

    robot: str = "virtual-car"
    track: str = "default"
    """A built-in track (see `robot tasks`): the virtual car's world, and the map that the car localises on."""
    map: str = ""
    """A ROS map_server YAML file instead of a built-in track."""
    loop: int = 0
    """Which loop of a map that has several; the terminal names them. 0: the best, or the one nearest to `--start`."""
    start: Annotated[tuple[float, float, float] | None, tyro.conf.arg(metavar="X Y YAW_DEG")] = None
    """Where the car stands on the map, m, m, degrees: looked at first, and verified. A virtual car is put there."""
    mapless: bool = False
    """Localise without a map: the demonstration lap makes one."""
    demonstration: Literal["gap-follower", "keyboard", "gamepad", "policy"] = "gap-follower"
    """Who drives the demonstration lap. `gap-follower`: the car itself, along the course where it knows one, otherwise by the lidar
    alone. `policy`: of a car with a camera, the policy that practice begins from."""
    gamepad: str = ""
    hidden_seed: int | None = None
    """Give the virtual car a mass, grip, delay and trim that nobody is told, drawn with this seed."""
    hidden_tyres: Literal["alike", "apart"] = "alike"
    """`apart`: the hidden car's front and rear tyres are different ones, each with 0.6 to 1.1 of the nominal grip."""

    def __post_init__(self) -> None:
        if self.demonstration == "gamepad" and not self.gamepad:
            raise ValueError("--demonstration: found 'gamepad', allowed: with --gamepad")
        if self.hidden_tyres == "apart" and self.hidden_seed is None:
            raise ValueError("--hidden-tyres: found 'apart', allowed: with --hidden-seed")
        if self.map and not Path(self.map).is_file():
            raise ValueError(f"--map: found '{self.map}', which is no file; allowed: a map_server YAML file")
        if self.loop < 0 or (self.loop > 0 and not self.map):
            raise ValueError(f"--loop: found {self.loop}, allowed: 1 or more, with --map")
        if self.start is not None:
            object.__setattr__(self, "start", tuple(self.start))  # a file has it as a list
            if self.mapless or len(self.start) != 3 or not all(math.isfinite(value) for value in self.start):
                raise ValueError(f"--start: found {self.start}, allowed: x m, y m, yaw in degrees, without --mapless")

    @property
    def start_pose(self) -> tuple[float, float, float] | None:
        """`start` with the yaw in rad."""
        return None if self.start is None else (self.start[0], self.start[1], math.radians(self.start[2]))


@dataclass(frozen=True)
class CarOptions(Drive, PracticeConfig):
    """A car practises a task by itself: a slow demonstration lap first, then laps that get faster.

    Ctrl-C stops the car first, then saves; `--resume RUN` goes on with the same memory, optimiser and counters.
    """

    task: Literal["race_track", "race_track_by_camera"] = "race_track"
    """`race_track` means `race_track_by_camera` where the robot's file has a camera and no lidar."""
    start_from: From = SHIPPED
    """`shipped` (the policy that comes with the project), `scratch` (nothing but the demonstration lap), or a run."""
    minutes: float = 20.0
    """Robot time to practise for, after the demonstration."""
    people: int = 0
    """Let so many people walk across the virtual car's course."""
    predictive_brake: bool = True
    """Execute an action only if braking afterwards still keeps the car inside the corridor."""

    frames: Literal["none", "lossless", "lossy"] = "none"
    """Keep what a car's camera sees in the run's folder, and how."""

    def __post_init__(self) -> None:
        PracticeConfig.__post_init__(self)
        Drive.__post_init__(self)
        if has_eyes(self.robot):
            self._drive_by_camera()
        elif self.task == BY_CAMERA or self.demonstration == "policy":
            raise ValueError(
                f"--task, --demonstration: found {self.task}, {self.demonstration}, allowed of {self.robot}, which has no "
                "camera: race_track, others than policy"
            )
        if not 0 <= self.people <= 20:
            raise ValueError(f"--people: found {self.people}, allowed: 0 to 20")

    def _drive_by_camera(self) -> None:
        """What follows from a camera in the place of a lidar. Raises ValueError for options that need a lidar or a map."""
        refused = {"people": 0, "start": None, "hidden_tyres": "alike", "predictive_brake": True}
        for name, usual in refused.items():
            if getattr(self, name) != usual:
                raise ValueError(
                    f"{option(name)}: found {getattr(self, name)}, allowed of a car without a lidar: nothing"
                )
        if self.demonstration == "keyboard":
            raise ValueError("--demonstration: found 'keyboard', allowed of a car with a camera: policy, gamepad")
        if self.demonstration == "gap-follower":
            object.__setattr__(self, "demonstration", "policy")
        object.__setattr__(self, "task", BY_CAMERA)
        object.__setattr__(self, "mapless", True)
