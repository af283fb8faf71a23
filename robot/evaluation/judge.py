"""What a kind of robot brings to have a policy judged: one value, `JUDGE`, in the `judge.py` of the robot's folder.

A robot of another project joins through an entry point of the group `robot_practice.judges`, whose name is its kind.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.table import Table

from robot.runtime.joining import brought

ENTRY_POINTS = "robot_practice.judges"


@dataclass(frozen=True)
class EvaluateConfig:
    """Options of every evaluation; a robot's own are a subclass."""

    run: Annotated[str, tyro.conf.Positional]
    """A run's folder (its best.npz, or its policy.npz if there is none), or a policy file."""
    robot: str = ""
    """Judge it on the devices of this robot, real or emulated: a robot of `robot tasks`, or the path of its TOML file.
    Otherwise it is judged in the simulator."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"--seed: found {self.seed}, allowed: 0 or more")


@dataclass(frozen=True)
class Scores:
    """One table: a row for each condition, or figure, and a column for each of those that are compared."""

    title: str
    pilots: tuple[str, ...]
    rows: Sequence[tuple[str, tuple[str, ...]]]

    def as_table(self) -> Table:
        """For a terminal."""
        table = Table(title=self.title, title_justify="left")
        table.add_column("")
        for pilot in self.pilots:
            table.add_column(pilot, justify="right")
        for name, cells in self.rows:
            table.add_row(name, *cells)
        return table


@dataclass(frozen=True)
class Verdict:
    """What came of it. figures: for `--json`. lines: for a person, below the tables. passed: it did its task at all."""

    figures: dict[str, Any]
    tables: list[Scores]
    passed: bool
    lines: list[str] = field(default_factory=list)
    interrupted: bool = False


@dataclass(frozen=True)
class Judge:
    """What a kind of robot brings.

    simulator(options, policy file, progress): told the share that is done, 0 to 1. options: its own. devices(options, policy file):
    judges on the devices of `options.robot`, if anybody does. Both raise ValueError for a policy or an option that does not fit.
    """

    simulator: Callable[[Any, Path, Callable[[float], None]], Verdict]
    options: type[EvaluateConfig] = EvaluateConfig
    devices: Callable[[Any, Path], Verdict] | None = None


def find_judge(kind: str) -> Judge:
    """The judge of a kind of robot. Raises ValueError if it brings none."""
    judge: Judge = brought(kind, "judge", "JUDGE", ENTRY_POINTS)
    return judge
