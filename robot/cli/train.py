"""`robot train`: a policy from the simulator, in seconds."""

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from robot.cli.output import finish, parse
from robot.tasks import find_task
from robot.views.say import say

if TYPE_CHECKING:
    from robot.robots.car.training.pretraining import Check
    from robot.robots.quadrotor.training.training import Check as FlightCheck

COLUMNS = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())


def main(arguments: list[str]) -> int:
    if any(argument.split("=")[0] == "--sweep" for argument in arguments):
        from robot.cli.sweep import main as sweep

        return sweep(arguments)
    task = task_in(arguments)
    if task is None and ("--help" in arguments or "-h" in arguments):
        return help_for_all()
    return fly(arguments) if task is not None and find_task(task).robot == "quadrotor" else race(arguments)


def task_in(arguments: list[str]) -> str | None:
    """The task that is asked for, if one is. Raises ValueError for one that there is not."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, _, value = argument.partition("=")
        if name == "--task":
            return find_task(value or following).name
    return None


def help_for_all() -> int:
    """The options of a car's training, then those of a quadrotor's."""
    from robot.robots.car.training.training import TrainConfig
    from robot.robots.quadrotor.training.settings import FlightTrainConfig

    for config, verb in ((TrainConfig, "train --task race_track"), (FlightTrainConfig, "train --task hover")):
        try:
            parse(config, verb, ["--help"])
        except SystemExit:
            print()
    return 0


def race(arguments: list[str]) -> int:
    from robot.robots.car.training.training import TrainConfig, recipe_for, train

    config, as_json = parse(TrainConfig, "train", arguments)
    with Progress(*COLUMNS, console=Console(stderr=True), disable=as_json) as bar:
        task = bar.add_task("compiling, once", total=recipe_for(config).iterations)

        def show(check: "Check") -> None:
            lap_s, crashes = check.laps.median_s[0], int(check.laps.crashes.sum())
            bar.update(task, completed=check.iteration, description=f"lap {lap_s:6.2f} s, {crashes:2d} crashes")

        figures = train(config, show)
    say_result(figures)
    finish(figures, as_json)
    return 0 if figures["ratio"] is not None else 1


def fly(arguments: list[str]) -> int:
    began = time.perf_counter()
    from robot.robots.quadrotor.training.settings import FlightTrainConfig

    config, as_json = parse(FlightTrainConfig, "train", arguments)
    from robot.robots.quadrotor.training.training import iterations_for, train

    with Progress(*COLUMNS, console=Console(stderr=True), disable=as_json) as bar:
        task = bar.add_task("loading kernels; the first time ever, compiling them", total=iterations_for(config))

        def show(check: "FlightCheck") -> None:
            found = check.figures
            error = "" if found["position_error_m"] is None else f", {100 * found['position_error_m']:5.1f} cm off"
            text = f"{100 * (found['survival'] or 0.0):5.1f} % of flights{error}"
            bar.update(task, completed=check.iteration, description=text)

        figures = train(config, show)
    error_m = figures["position_error_m"]
    off = (
        "" if error_m is None else f", {100 * error_m:.1f} cm off, action change {figures['action_change']:.4f} a step"
    )
    say(f"nominal drones     {100 * figures['survival']:.1f} % of flights{off}")
    if len(figures["airframes"]) > 1:
        for name, found in figures["airframes"].items():
            error_m = found["position_error_m"]
            off = "" if error_m is None else f", {100 * error_m:.1f} cm off"
            say(f"  {name:24s} {100 * found['survival']:.1f} % of flights{off}")
    say(f"drones +-20 %      {100 * figures['survival_randomised']:.1f} % of flights")
    if "settled" in figures:
        say(f"thrown, after 3 s  {100 * figures['settled']:.1f} % settled")
    if config.task == "track_trajectory":
        say_laps(figures)
    say(f"trained in {figures['wall_s']:.1f} s, after {figures['compile_s']:.1f} s of compiling or loading; "
        f"{time.perf_counter() - began:.1f} s in all")  # fmt: skip
    say(f"run      {figures['run']}")
    finish(figures, as_json)
    if figures.get("interrupted"):
        return 130
    return 0 if figures["position_error_m"] is not None else 1


def say_laps(figures: dict) -> None:
    """Position errors on figures-of-eight, beside the classical controllers'."""

    def off(field: str) -> str:
        return "every flight lost" if figures[field] is None else f"{100 * figures[field]:5.2f} cm"

    for lap in ("5_5", "3_5"):
        field = f"position_error_{lap}_s_m"
        errors = f"{off(field)} off; PID {off('pid_' + field)}, LQR {off('lqr_' + field)}"
        say(f"eight in {lap.replace('_', '.')} s     {errors}")


def say_result(figures: dict) -> None:
    """The figures for a person."""

    def laps(ratio: float | None, crashes: int) -> str:
        pace = "no lap" if ratio is None else f"{ratio:.3f} x the best possible lap"
        return f"{pace}, {crashes} crashes"

    say(f"nominal car     {laps(figures['ratio'], figures['crashes'])}")
    say(f"grip -15 %      {laps(figures['ratio_low_grip'], figures['crashes_low_grip'])}")
    say(f"trained in {figures['wall_s']:.1f} s, after {figures['compile_s']:.1f} s of compiling or loading")
    say(f"run      {figures['run']}")
