"""What a practice session is asked to do, and where it keeps what it makes."""

import os
import re
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
import tyro

from policies.array_file import write_bytes_atomically

SCRATCH, SHIPPED = "scratch", "shipped"


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


def new_run_folder(root: Path, task: str, name: str) -> Path:
    """Make `root/<task>/<time>-<name>/`."""
    stamp = time.strftime("%Y-%m-%dT%H-%M-%S")
    for suffix in ("", *(f"-{k}" for k in range(2, 100))):
        folder = root / task / f"{stamp}-{name}{suffix}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{root / task}: a hundred runs in one second")


def save_config(folder: Path, config: Any) -> None:
    """Write a config dataclass as `config.toml` beside the run's other files."""
    values = {key: value for key, value in asdict(config).items() if value is not None}
    write_bytes_atomically(folder / "config.toml", [tomli_w.dumps(values).encode()])


def load_config(folder: Path) -> PracticeConfig:
    """The configuration of an earlier run. Raises ValueError naming file and field."""
    import tomllib

    path = folder / "config.toml"
    if not path.is_file():
        raise ValueError(f"{folder}: not a run: it has no config.toml")
    values = tomllib.loads(path.read_text())
    known = {field.name for field in fields(PracticeConfig)}
    unknown = values.keys() - known
    if unknown:
        raise ValueError(f"{path}: unknown field {sorted(unknown)[0]}, allowed: {', '.join(sorted(known))}")
    return PracticeConfig(**values)


def shared_name(folder: Path, part: str) -> str:
    """Name of one of the session's blocks of shared memory."""
    return f"robot-{os.getpid()}-{re.sub('[^A-Za-z0-9]+', '', folder.name)[-24:]}-{part}"
