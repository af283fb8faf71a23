"""What a car is asked for, whatever it does: which one, where it drives, what is hidden from it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from robot.practice.settings import SHIPPED, From, PracticeConfig


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
    demonstration: Literal["gap-follower", "keyboard", "gamepad"] = "gap-follower"
    """Who drives the demonstration lap. `gap-follower`: the car itself, along the course where it knows one, otherwise by the lidar
    alone."""
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

    task: Literal["race_track"] = "race_track"
    start_from: From = SHIPPED
    """`shipped` (the policy that comes with the project), `scratch` (nothing but the demonstration lap), or a run."""
    minutes: float = 20.0
    """Robot time to practise for, after the demonstration."""
    people: int = 0
    """Let so many people walk across the virtual car's course."""
    predictive_brake: bool = True
    """Execute an action only if braking afterwards still keeps the car inside the corridor."""

    def __post_init__(self) -> None:
        PracticeConfig.__post_init__(self)
        Drive.__post_init__(self)
        if not 0 <= self.people <= 20:
            raise ValueError(f"--people: found {self.people}, allowed: 0 to 20")
