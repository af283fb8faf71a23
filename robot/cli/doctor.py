"""`robot doctor`: whether this computer and a robot's devices are ready, and what to do where not."""

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from robot.cli.output import finish, parse
from robot.commissioning.checks import Check
from robot.commissioning.commissioning import find_commissioning
from robot.commissioning.kinds import kind_of
from robot.commissioning.machine import Machine, checks_of


@dataclass(frozen=True)
class DoctorConfig:
    """Look at rights, priority, rules, disk and clock of this computer, and at a robot's devices. Nothing is changed, and
    nothing moves but a lidar's motor. Exit status 0 only if all is well.
    """

    robot: str = "f1tenth"
    """A robot of `robot tasks`, or the path of a robot's TOML file; a virtual one's devices are started."""


def main(arguments: list[str]) -> int:
    config, as_json = parse(DoctorConfig, "doctor", arguments)
    devices = find_commissioning(kind_of(config.robot)).checks(config.robot)
    checks = [*checks_of(Machine()), *devices]
    show(checks)
    finish({"checks": [{"name": each.name, "ok": each.ok, "remedy": each.remedy} for each in checks]}, as_json)
    return 0 if all(each.ok for each in checks) else 1


def show(checks: list[Check]) -> None:
    """For a person."""
    table = Table(box=None, padding=(0, 2))
    for each in checks:
        table.add_row(
            "[green]ok[/green]" if each.ok else "[red]no[/red]", each.name, each.found if each.ok else each.remedy
        )
    Console(stderr=True, highlight=False).print(table)
