"""How a robot is brought to rest by somebody who is not its mind: what a guardian asks of the robot.

It is in a module of its own, `robot/robots/KIND/rest.py`, or an entry point of the group `robot_practice.rests`: a guardian
must be there within a moment, and loads nothing of a mind.
"""

from collections.abc import Callable
from typing import Protocol

from robot.runtime.joining import brought
from robot.runtime.session_file import SessionFile

ENTRY_POINTS = "robot_practice.rests"


class Rest(Protocol):
    """One stop. trouble: why nothing can be said to the robot; empty while it can."""

    trouble: str

    def act(self) -> float:
        """Say what is due now; never raises LinkLost. Returns after how many seconds to act again; negative if nothing was
        said.
        """
        ...

    @property
    def at_rest(self) -> bool:
        """Take in what was answered: whether the robot says that it does not move."""
        ...

    def act_in_lockstep(self) -> str:
        """Say the one thing that can be said while the devices' time stands still; returns what came of it."""
        ...

    def release(self) -> None:
        """The robot stands: leave it without force."""
        ...

    def close(self) -> None: ...


Prepare = Callable[[SessionFile], Callable[[], Rest]]


def find_rest(kind: str) -> Prepare:
    """`prepare` of a kind of robot: reads what a stop needs, and returns what begins one. Raises ValueError."""
    prepare: Prepare = brought(kind, "rest", "prepare", ENTRY_POINTS)
    return prepare
