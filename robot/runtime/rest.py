"""How a robot is brought to rest by somebody who is not its mind: what a guardian asks of the robot.

It is in a module of its own, `robot/robots/KIND/rest.py`, or an entry point of the group `robot_practice.rests`: a guardian
must be there within a moment, and loads nothing of a mind.
"""

from collections.abc import Callable
from typing import Any, Protocol

from drivers.base import Driver, LinkLost
from robot.runtime.joining import brought
from robot.runtime.session_file import SessionFile

ENTRY_POINTS = "robot_practice.rests"
STOP_EVERY_S = 0.02
FRESH_S = 0.2


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


class DriverRest:
    """One stop of a robot that comes to rest when its one device is told to stop.

    stands: whether a reading of the driver, whose field `age_s` is young, is that of a robot at rest.
    """

    def __init__(self, driver: Driver[Any], stands: Callable[[Any], bool]) -> None:
        self.driver, self.stands, self.trouble = driver, stands, ""
        self._connected = False

    def act(self) -> float:
        """Tell it to stop, once more."""
        self._connected = self._connected or self.driver.reconnect()
        self.trouble = "" if self._connected else self.driver.trouble()
        if not self._connected:
            return -STOP_EVERY_S
        self.driver.stop()
        return STOP_EVERY_S

    @property
    def at_rest(self) -> bool:
        """Take in what was answered: whether the robot says that it does not move."""
        try:
            seen = self.driver.read() if self._connected else None
            return seen is not None and seen.age_s < FRESH_S and bool(self.stands(seen))
        except LinkLost:
            self._connected = False
            return False

    def act_in_lockstep(self) -> str:
        """Leave one stop for the moment at which the device's time goes on."""
        return "the next thing that the device hears is a stop" if self.act() > 0.0 else self.trouble

    def release(self) -> None:
        """It has been told to stop: there is nothing to leave."""

    def close(self) -> None:
        self.driver.close()


Prepare = Callable[[SessionFile], Callable[[], Rest]]


def find_rest(kind: str) -> Prepare:
    """`prepare` of a kind of robot: reads what a stop needs, and returns what begins one. Raises ValueError."""
    prepare: Prepare = brought(kind, "rest", "prepare", ENTRY_POINTS)
    return prepare
