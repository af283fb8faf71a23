"""`robot demo`: one slow lap, by keyboard or by itself, saved as a course."""

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from robot.cli.output import finish, parse
from robot.views.say import say


@dataclass(frozen=True)
class DemoConfig:
    """Drive one slow lap. It shows the car the course: map, centreline, widths and gates are saved, and what the lap
    tells of the car: its steering's trim and its latency.

    By keyboard: arrow keys or WASD; space stops at once; without a key for 0.3 s the car slows down and stops.
    """

    robot: str = "virtual-car"
    track: str = "default"
    map: str = ""
    loop: int = 0
    """Which loop of a map that has several; the terminal names them."""
    start: Annotated[tuple[float, float, float] | None, tyro.conf.arg(metavar="X Y YAW_DEG")] = None
    """Where the car stands on the map, m, m, degrees: looked at first, and verified. A virtual car is put there."""
    mapless: bool = False
    """Make the map from this lap."""
    demonstration: Literal["gap-follower", "keyboard", "gamepad"] = "gap-follower"
    gamepad: str = ""
    """Hold to run: the car stands unless a shoulder button of this gamepad is held; with the left one, its sticks drive."""
    clock: Literal["realtime", "lockstep"] = "realtime"
    seed: int = 0
    hidden_seed: int | None = None


def main(arguments: list[str]) -> int:
    config, as_json = parse(DemoConfig, "demo", arguments)
    from robot.robots.car.drives import demonstrate
    from robot.robots.car.options import CarOptions

    figures = demonstrate(
        CarOptions(
            robot=config.robot,
            track=config.track,
            map=config.map,
            loop=config.loop,
            start=config.start,
            mapless=config.mapless,
            demonstration=config.demonstration,
            gamepad=config.gamepad,
            clock=config.clock,
            seed=config.seed,
            hidden_seed=config.hidden_seed,
        )
    )
    if figures["failure"]:
        say(f"ended early: {figures['failure']}")
    if not figures["demo_lap_s"]:
        say(f"no demonstration lap was driven to its end; run {figures['run']}")
        finish(figures, as_json)
        return 1
    say(f"lap {figures['demo_lap_s']} s, trim {figures['trim_rad']} rad, latency {figures['latency_s']} s")
    say(f"course   {figures['course']}: {figures['length_m']} m, {figures['gates']} gates")
    finish(figures, as_json)
    return 1 if figures["failure"] else 0
