"""What a kind of robot brings to be set up and checked: one value, `COMMISSIONING`, in its folder's `commissioning.py`.

A robot of another project joins through an entry point of the group `robot_practice.commissionings`, whose name is its kind.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from robot.commissioning.checks import Check
from robot.commissioning.options import SetupOptions
from robot.commissioning.steps import Found, Step
from robot.runtime.joining import brought

ENTRY_POINTS = "robot_practice.commissionings"


class SettingUp(Protocol):
    """The set-up of one robot."""

    title: str
    virtual: bool
    steps: Sequence[Step]

    def figures(self, found: dict[str, Found]) -> dict[str, Any]:
        """For `--json`: config, parameters, within, refused, touches, and what else there is."""
        ...

    def lines(self, found: dict[str, Found]) -> list[tuple[str, str]]:
        """Names and what was found, for a person."""
        ...

    def next_command(self, found: dict[str, Found]) -> str: ...


@dataclass(frozen=True)
class Commissioning:
    """options: its own. begin(options, folder): the set-up; raises ValueError for options that do not fit the robot.

    knows(robot's name): whether that file is one of this kind's. checks(robot's name): of its devices, and of what it
    needs on this computer. called: what `robot setup` calls it, where that is not the kind.
    """

    options: type[SetupOptions]
    begin: Callable[[Any, Path], AbstractContextManager[SettingUp]]
    knows: Callable[[str], bool]
    checks: Callable[[str], list[Check]]
    called: str = ""


def find_commissioning(kind: str) -> Commissioning:
    """What a kind of robot brings. Raises ValueError if it brings nothing."""
    found: Commissioning = brought(kind, "commissioning", "COMMISSIONING", ENTRY_POINTS)
    return found
