"""What the runtime is told of a robot: one value, `ROBOT`, in the `robot.py` of the robot's folder.

A robot of another project joins through an entry point of the group `robot_practice.robots`, whose name is its kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from robot.runtime.clock import Clock
from robot.runtime.joining import brought
from robot.runtime.records import Records
from robot.runtime.session_file import RESTS_WITHIN_S, SessionFile

ENTRY_POINTS = "robot_practice.robots"


class Mind(Protocol):
    """All that decides: a function of READINGS, of the setup that it was made from, and of nothing else.

    tick_s: how often it thinks. After `tick`: outputs (OUTPUTS); events, what there is to say of this tick, by kind; transition, completed in it, or
    None; episode, which ended in it: practice_s, merit, outcome, baseline, or None; files, by name, to be kept in the run's
    folder; stop_plan, how to come to rest if nobody thinks any more, as the robot's `plan` takes it.
    """

    tick_s: float
    records: Records
    outputs: np.ndarray
    events: list[tuple[str, dict[str, Any]]]
    transition: np.ndarray | None
    episode: dict[str, Any] | None
    files: dict[str, bytes]
    stop_plan: np.ndarray

    @property
    def takes_weights(self) -> bool:
        """Whether newer weights may be taken into use now."""
        ...

    @property
    def weights(self) -> np.ndarray:
        """The actor's, in use."""
        ...

    def tick(self, readings: np.ndarray) -> None:
        """One tick: `readings` (READINGS) in."""
        ...

    def set_weights(self, weights: np.ndarray, belief: Mapping[str, float]) -> None:
        """Take an actor's weights into use, from the next decision on, and what has been found of the robot: of the names in
        `records.belief`, those that are known.
        """
        ...


class Device(Protocol):
    """A driver, on the robot's own terms: its part of READINGS in, what OUTPUTS say out."""

    def open(self) -> None:
        """Raises LinkLost, as every driver."""
        ...

    def check(self) -> None:
        """After all are open, before anything is commanded: raises ConnectionError or ValueError if it is not fit."""
        ...

    def read(self, record: np.ndarray) -> None:
        """Fill in what it delivered. Raises LinkLost."""
        ...

    def absent(self, record: np.ndarray) -> None:
        """Let the record say that nothing was delivered."""
        ...

    def write(self, outputs: np.ndarray) -> None:
        """Carry out what a tick decided; nothing where the device only senses. Raises LinkLost."""
        ...

    def reconnect(self) -> bool: ...

    def stop(self) -> None:
        """Bring it to rest. Never raises."""
        ...

    def close(self) -> None: ...


class Plan(Protocol):
    """Where control leaves what a guardian is to do without it."""

    def write(self, plan: np.ndarray, now_ns: int) -> None: ...

    def close(self) -> None: ...


class PlanKind(Protocol):
    """A class of plans in shared memory."""

    def create(self, name: str) -> Plan: ...

    def attach(self, name: str) -> Plan: ...


NOTHING_PLANNED = np.zeros(0)


class NoPlan:
    """Of a robot that comes to rest by itself when nobody says anything to it."""

    def create(self, name: str) -> "NoPlan":
        return self

    attach = create

    def write(self, plan: np.ndarray, now_ns: int) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Robot:
    """A kind of robot.

    records: by the task's name. devices: those of a session, by name, in the order in which they are read. mind: from a
    setup's bytes, told the path for what is wrong with them; raises ValueError. rehearse: compiles and touches all that
    the first tick of a mind with this setup needs. by_hand(steer to the left, throttle): from a gamepad's sticks, each -1 to 1,
    to what `operator` holds; None where nobody can drive it by hand. rests_within_s: for how long a guardian brings it to rest, at
    most, once its control is dead.
    """

    kind: str
    tick_s: float
    records: Callable[[str], Records]
    devices: Callable[[SessionFile, Clock], dict[str, Device]]
    mind: Callable[[bytes, Path], Mind]
    rehearse: Callable[[bytes], None] = lambda setup: None
    plan: PlanKind = NoPlan()
    by_hand: Callable[[float, float], tuple[float, ...]] | None = None
    rests_within_s: float = RESTS_WITHIN_S


def find_robot(kind: str) -> Robot:
    """The robot of a kind: one of this project, or one that joined. Raises ValueError if there is none."""
    robot: Robot = brought(kind, "robot", "ROBOT", ENTRY_POINTS)
    return robot
