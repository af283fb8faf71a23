"""`robot plot`: a picture of a run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from robot.cli.output import finish, parse


@dataclass(frozen=True)
class PlotConfig:
    """Draw a run: the lines that it drove, its lap times, rewards and timing, a Crazyflie's flight, or what a training found on its way.
    Writes RUN/picture.png."""

    run: Annotated[Path, tyro.conf.Positional]
    """The run's folder."""


def main(arguments: list[str]) -> int:
    config, as_json = parse(PlotConfig, "plot", arguments)
    from policies.array_file import try_writing
    from robot.robots.quadrotor.mission_plot import is_flight, plot_flight
    from robot.training.picture import is_training, plot_training

    if config.run.is_dir():
        try_writing(config.run)
    draw = plot_flight if is_flight(config.run) else plot_training if is_training(config.run) else plot_practice
    picture = draw(config.run)
    if not as_json:
        print(picture)
    finish({"picture": str(picture)}, as_json)
    return 0


def plot_practice(run: Path) -> Path:
    """The picture of a run of practice, as its robot draws it. Raises ValueError if it draws none."""
    from robot.practice.practice import find_practice
    from robot.runtime.run_folder import CONFIG_FILE, read_config
    from robot.tasks import find_task
    from sim.input_files import checked, with_article

    kind = find_task(checked(run / CONFIG_FILE, "task", read_config(run).get("task"), str)).robot
    picture = find_practice(kind).picture
    if picture is None:
        raise ValueError(f"{run}: found a run of {with_article(kind)}, of which there is no picture")
    drawn = picture(run)
    if drawn is None:
        raise ValueError(f"{run}: found nothing that could be drawn on, allowed: a run that came to know its course")
    return drawn
