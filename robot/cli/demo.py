"""`robot demo`: one slow lap, by keyboard or by itself, saved as a course."""

from dataclasses import asdict, dataclass
from typing import Literal

from robot.cli.output import finish, parse
from robot.robots.car.options import CarOptions, Drive
from robot.views.say import say


@dataclass(frozen=True)
class DemoConfig(Drive):
    """Drive one slow lap. It shows the car the course: map, centreline, widths and gates are saved, and what the lap
    tells of the car: its steering's trim and its latency.

    By keyboard: arrow keys or WASD; space stops at once; without a key for 0.3 s the car slows down and stops.
    """

    clock: Literal["realtime", "lockstep"] = "realtime"
    """`lockstep`: the virtual car waits for control, so the lap does not depend on this machine."""
    seed: int = 0


def main(arguments: list[str]) -> int:
    config, as_json = parse(DemoConfig, "demo", arguments)
    from robot.robots.car.drives import demonstrate

    figures = demonstrate(CarOptions(**asdict(config)))
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
