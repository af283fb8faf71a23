"""What every practice session is asked to do, whatever the robot; a robot's own options are a subclass."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import tyro

from drivers.gamepad import GamepadSettings
from robot.runtime.run_folder import CONFIG_FILE, read_config
from sim.input_files import from_table

ConfigT = TypeVar("ConfigT", bound="PracticeConfig")
SCRATCH, SHIPPED = "scratch", "shipped"
From = Annotated[str, tyro.conf.arg(name="from")]
CHANGES_ON_RESUME = ("minutes", "clock", "gamepad", "resume")


@dataclass(frozen=True)
class PracticeConfig:
    """A robot practises a task by itself.

    Ctrl-C brings it to rest first, then saves; `--resume RUN` goes on with the same memory, optimiser and counters.
    """

    task: str = ""
    """A task of `robot tasks`."""
    robot: str = ""
    """A robot of `robot tasks`, or the path of a robot's TOML file."""
    start_from: From = SHIPPED
    """`shipped` (the policy that comes with the project), `scratch` (none), or a run."""
    clock: Literal["realtime", "lockstep"] = "realtime"
    """`lockstep`: the virtual robot waits for control and learner, so the result does not depend on this machine."""
    minutes: float = 20.0
    """Robot time to practise for."""
    seed: int = 0
    gamepad: str = ""
    """Hold to run: the robot stands unless a shoulder button of this gamepad is held, and a thumb rests on a stick. Right: it
    drives by itself. Left: you drive, and it learns from that. `auto`, an event device, or f710:, xbox:, ps: and a device."""
    resume: str = ""
    """Go on with this run."""
    reward: str = ""
    """What is learned from, in the place of the task's own reward: PACKAGE:FUNCTION, or PACKAGE:FUNCTION:WHAT IT IS TOLD. `robot label RUN --pairs`
    fits one to what a person prefers."""

    def __post_init__(self) -> None:
        if not 0.0 < self.minutes <= 24 * 60:
            raise ValueError(f"--minutes: found {self.minutes}, allowed: more than 0, at most 1440")
        if self.seed < 0:
            raise ValueError(f"--seed: found {self.seed}, allowed: 0 or more")
        if self.gamepad and self.clock == "lockstep":
            raise ValueError(f"--gamepad: found '{self.gamepad}', allowed: with --clock realtime, in which people live")
        if self.gamepad:
            GamepadSettings(self.gamepad)


def load_config(folder: Path, kind: type[ConfigT]) -> ConfigT:
    """The configuration of an earlier run. Raises ValueError naming file and field."""
    return from_table(folder / CONFIG_FILE, kind, read_config(folder))


def resumed(asked: ConfigT, earlier: ConfigT) -> ConfigT:
    """The configuration of a run that goes on: its own, but for CHANGES_ON_RESUME.

    What `asked` has at its default was not asked for. Raises ValueError like `refuse_changes` for what was.
    """
    of_run = {field.name: getattr(earlier, field.name) for field in fields(earlier)
              if field.name not in CHANGES_ON_RESUME and getattr(asked, field.name) == field.default}  # fmt: skip
    refuse_changes(replace(asked, **of_run), earlier)
    return replace(earlier, **{name: getattr(asked, name) for name in CHANGES_ON_RESUME})


def refuse_changes(asked: PracticeConfig, earlier: PracticeConfig) -> None:
    """Raises ValueError for the first option that a run cannot change when it goes on, and that is not the run's."""
    for field in fields(earlier):
        found, of_run = getattr(asked, field.name), getattr(earlier, field.name)
        if field.name not in CHANGES_ON_RESUME and found != of_run:
            raise ValueError(f"{option(field.name)}: found {found!r}, allowed with --resume {asked.resume}: {of_run!r}, as "
                             "the run began, or nothing; for another, begin a new run")  # fmt: skip


def own_settings(config: PracticeConfig) -> str:
    """What a run has of its own, as options: all that is not at its default."""
    return " ".join(f"{option(field.name)} {getattr(config, field.name)}" for field in fields(config)
                    if field.name not in CHANGES_ON_RESUME and getattr(config, field.name) != field.default)  # fmt: skip


def option(field: str) -> str:
    """A field's name on the command line."""
    return "--from" if field == "start_from" else f"--{field.replace('_', '-')}"
