"""`robot run`: a policy flies a Crazyflie, or its virtual twin."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from robot.cli.output import finish, parse
from robot.views.say import say

if TYPE_CHECKING:
    from robot.robots.quadrotor.flown import Phase

COLUMNS = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
DOING = ("checking", "taking off", "the policy flies", "handing back", "landing", "landed")


@dataclass(frozen=True)
class RunConfig:
    """Fly the policy of a run: take-off and landing by the firmware, in between the policy's task.

    A hovering policy holds four points, one that tracks trajectories flies two laps of a figure-of-eight. Ctrl-C lands.
    Without this program or its link the drone comes down by itself.
    """

    run: Annotated[str, tyro.conf.Positional] = ""
    """A run's folder, or a policy file."""
    policy: str = ""
    """In place of RUN: `any`, the shipped policy that flies any quadrotor, also one that nobody here has seen; or a policy
    file. What it flies, a robot's file says: `quadrotor`, a name in `sim/quadrotor/data` or a file of parameters."""
    robot: str = "virtual-crazyflie"
    """`crazyflie`, `virtual-crazyflie`, or the path of a robot's TOML file."""
    policy_on: Literal["board", "host"] = "board"
    """`board`: the drone carries the policy (robot export, robot flash), which is checked. `host`: it decides here, and
    sends angular rates and thrust; the drone carries the app of any policy, which lands it when this computer dies."""
    loss: float = 0.0
    """Share of datagrams that the virtual drone's link loses, each way."""
    seed: int = 0
    """Of the virtual drone's vices and losses."""
    quadrotor: str = ""
    """Which one the virtual drone is, a Crazyflie of `sim/quadrotor/data`; otherwise the robot file's."""
    positioning: Literal["", "lighthouse", "flow", "loco", "motion-capture"] = ""
    """Where the virtual drone knows its place from, with all that such a system does wrong; otherwise the robot file's."""

    def __post_init__(self) -> None:
        if bool(self.run) == bool(self.policy):
            found = f"RUN {self.run} and --policy {self.policy}" if self.run else "neither"
            raise ValueError(f"RUN, --policy: found {found}, allowed: one of them")
        if not 0.0 <= self.loss < 1.0:
            raise ValueError(f"--loss: found {self.loss}, allowed: 0 to less than 1")
        if self.seed < 0:
            raise ValueError(f"--seed: found {self.seed}, allowed: 0 or more")


def main(arguments: list[str]) -> int:
    config, as_json = parse(RunConfig, "run", arguments)
    from drivers.base import LinkLost
    from robot.robots.quadrotor.run_mission import SHIPPED, run_mission

    with Progress(*COLUMNS, console=Console(stderr=True), disable=as_json) as bar:
        task = bar.add_task("connecting", total=1.0)

        def show(phase: "Phase", share: float) -> None:
            with suppress(OSError):  # the terminal is closed, and the drone is to land all the same
                bar.update(task, completed=share, description=DOING[phase])

        try:
            figures = run_mission(
                SHIPPED.get(config.policy, Path(config.run or config.policy)),
                config.robot,
                config.policy_on,
                config.loss,
                config.seed,
                config,
                show,
                quadrotor=config.quadrotor,
                positioning=config.positioning,
            )
        except LinkLost as error:
            say(f"robot run: {error}")
            return 1
    say_result(figures)
    finish(figures, as_json)
    if figures["interrupted"]:
        return 130
    return 0 if figures["landed"] and not figures["trouble"] else 1


def say_result(figures: dict) -> None:
    """The figures for a person."""
    if figures["trouble"]:
        say(f"ended early: {figures['trouble']}")
    if figures["position_error_m"] is not None:
        judge = "the simulator's truth" if figures["judged_by"] == "truth" else "the drone's own estimate"
        say(f"position error  {100 * figures['position_error_m']:.1f} cm on average, "
            f"{100 * figures['position_error_max_m']:.1f} cm at most, by {judge}")  # fmt: skip
    if not figures["took_off"]:
        say("it stayed on the ground")
    else:
        say("landed" if figures["landed"] else "NOT known to have landed")
    say(f"run      {figures['run']}, with log.mcap and picture.png")
