"""`robot train`: a policy from the simulator, in seconds."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from robot.cli.output import finish, parse, say

if TYPE_CHECKING:
    from robot.pretraining import Check


def main(arguments: list[str]) -> int:
    if any(argument.split("=")[0] == "--sweep" for argument in arguments):
        from robot.cli.sweep import main as sweep

        return sweep(arguments)
    from robot.training import TrainConfig, recipe_for, train

    config, as_json = parse(TrainConfig, "train", arguments)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=as_json) as bar:
        task = bar.add_task("compiling, once", total=recipe_for(config).iterations)

        def show(check: "Check") -> None:
            lap_s, crashes = check.laps.median_s[0], int(check.laps.crashes.sum())
            bar.update(task, completed=check.iteration, description=f"lap {lap_s:6.2f} s, {crashes:2d} crashes")

        figures = train(config, show)
    say_result(figures)
    finish(figures, as_json)
    return 0 if figures["ratio"] is not None else 1


def say_result(figures: dict) -> None:
    """The figures for a person."""

    def laps(ratio: float | None, crashes: int) -> str:
        pace = "no lap" if ratio is None else f"{ratio:.3f} x the best possible lap"
        return f"{pace}, {crashes} crashes"

    say(f"nominal car     {laps(figures['ratio'], figures['crashes'])}")
    say(f"grip -15 %      {laps(figures['ratio_low_grip'], figures['crashes_low_grip'])}")
    say(f"trained in {figures['wall_s']:.1f} s, after {figures['compile_s']:.1f} s of compiling or loading")
    say(f"run      {figures['run']}")
