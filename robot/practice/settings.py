"""What a practice session is asked to do, and where it keeps what it makes."""

import math
import os
import re
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
import tyro

from policies.array_file import write_bytes_atomically
from sim.input_files import from_table, read_toml, shown, wrong

SCRATCH, SHIPPED = "scratch", "shipped"
RUN_FORMAT = 1  # of what is in a run's folder; goes up when an older program could misread it
CHANGES_ON_RESUME = ("minutes", "clock", "resume")


@dataclass(frozen=True)
class PracticeConfig:
    """A robot practises a task by itself: a slow demonstration lap first, then laps that get faster.

    Ctrl-C stops the car first, then saves; `--resume RUN` goes on with the same memory, optimiser and counters.
    """

    task: Literal["race_track"] = "race_track"
    robot: str = "virtual-car"
    """A robot of `robot tasks`, or the path of a robot's TOML file."""
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
    start_from: Annotated[str, tyro.conf.arg(name="from")] = SHIPPED
    """`shipped` (the policy that comes with the project), `scratch` (nothing but the demonstration lap), or a run."""
    demonstration: Literal["gap-follower", "keyboard"] = "gap-follower"
    """Who drives the demonstration lap."""
    clock: Literal["realtime", "lockstep"] = "realtime"
    """`lockstep`: the virtual car waits for control and learner, so the result does not depend on this machine."""
    minutes: float = 20.0
    """Robot time to practise for, after the demonstration."""
    seed: int = 0
    hidden_seed: int | None = None
    """Give the virtual car a mass, grip, delay and trim that nobody is told, drawn with this seed."""
    people: int = 0
    """Let so many people walk across the virtual car's course."""
    predictive_brake: bool = True
    """Execute an action only if braking afterwards still keeps the car inside the corridor."""
    resume: str = ""
    """Go on with this run."""

    def __post_init__(self) -> None:
        if not 0.0 < self.minutes <= 24 * 60:
            raise ValueError(f"--minutes: found {self.minutes}, allowed: more than 0, at most 1440")
        if not 0 <= self.people <= 20:
            raise ValueError(f"--people: found {self.people}, allowed: 0 to 20")
        if self.seed < 0:
            raise ValueError(f"--seed: found {self.seed}, allowed: 0 or more")
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


def new_run_folder(root: Path, task: str, name: str) -> Path:
    """Make `root/<task>/<time>-<name>/`."""
    stamp = time.strftime("%Y-%m-%dT%H-%M-%S")
    for suffix in ("", *(f"-{k}" for k in range(2, 100))):
        folder = root / task / f"{stamp}-{name}{suffix}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if folder.is_dir():
                continue
            raise  # a link that leads nowhere, in place of one of its folders
        return folder
    raise FileExistsError(f"{root / task}: a hundred runs in one second")


def save_config(folder: Path, config: Any) -> None:
    """Write a config dataclass as `config.toml` beside the run's other files."""
    values = {"format": RUN_FORMAT} | {key: value for key, value in asdict(config).items() if value is not None}
    write_bytes_atomically(folder / "config.toml", [tomli_w.dumps(values).encode()])


def load_config(folder: Path) -> PracticeConfig:
    """The configuration of an earlier run. Raises ValueError naming file and field."""
    path = folder / "config.toml"
    if not path.is_file():
        raise ValueError(f"{folder}: not a run: it has no config.toml")
    return from_table(path, PracticeConfig, of_this_format(path, read_toml(path)))


def of_this_format(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """What is in a file of a run's folder, without the format's number. Raises ValueError for another format."""
    found = values.pop("format", RUN_FORMAT)  # the first runs had no number
    if found != RUN_FORMAT:
        raise wrong(path, "format", shown(found), f"{RUN_FORMAT}; the run is of another version of this project")
    return values


def resumed(asked: PracticeConfig, earlier: PracticeConfig) -> PracticeConfig:
    """The configuration of a run that goes on: its own, but for CHANGES_ON_RESUME.

    What `asked` has at its default was not asked for. Raises ValueError like `refuse_changes` for what was.
    """
    of_run = {field.name: getattr(earlier, field.name) for field in fields(PracticeConfig)
              if field.name not in CHANGES_ON_RESUME and getattr(asked, field.name) == field.default}  # fmt: skip
    refuse_changes(replace(asked, **of_run), earlier)
    return replace(earlier, **{name: getattr(asked, name) for name in CHANGES_ON_RESUME})


def refuse_changes(asked: PracticeConfig, earlier: PracticeConfig) -> None:
    """Raises ValueError for the first option that a run cannot change when it goes on, and that is not the run's."""
    for field in fields(PracticeConfig):
        found, of_run = getattr(asked, field.name), getattr(earlier, field.name)
        if field.name not in CHANGES_ON_RESUME and found != of_run:
            raise ValueError(f"{option(field.name)}: found {found!r}, allowed with --resume {asked.resume}: {of_run!r}, as "
                             "the run began, or nothing; for another, begin a new run")  # fmt: skip


def own_settings(config: PracticeConfig) -> str:
    """What a run has of its own, as options: all that is not at its default."""
    return " ".join(f"{option(field.name)} {getattr(config, field.name)}" for field in fields(PracticeConfig)
                    if field.name not in CHANGES_ON_RESUME and getattr(config, field.name) != field.default)  # fmt: skip


def option(field: str) -> str:
    """A field's name on the command line."""
    return "--from" if field == "start_from" else f"--{field.replace('_', '-')}"


def shared_name(folder: Path, part: str) -> str:
    """Name of one of the session's blocks of shared memory."""
    return f"robot-{os.getpid()}-{re.sub('[^A-Za-z0-9]+', '', folder.name)[-24:]}-{part}"
