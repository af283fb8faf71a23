"""`robot plot`: a picture of a run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from robot.cli.output import finish, parse


@dataclass(frozen=True)
class PlotConfig:
    """Draw a run: the lines that it drove, its lap times, rewards and timing, or a Crazyflie's flight. Writes
    RUN/picture.png."""

    run: Annotated[Path, tyro.conf.Positional]
    """The run's folder."""


def main(arguments: list[str]) -> int:
    config, as_json = parse(PlotConfig, "plot", arguments)
    from policies.array_file import try_writing
    from robot.robots.car.plots import plot_run
    from robot.robots.quadrotor.mission_plot import is_flight, plot_flight

    if config.run.is_dir():
        try_writing(config.run)
    picture = plot_flight(config.run) if is_flight(config.run) else plot_run(config.run)
    if not as_json:
        print(picture)
    finish({"picture": str(picture)}, as_json)
    return 0
