"""What a kind of robot brings to the campaign of faults and stops: one value, `TRIALS`, in its `safety_trials.py`.

A robot of another project joins through an entry point of the group `robot_practice.safety_trials`, whose name is its kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np

from robot.practice.body import Emulator
from robot.practice.session import Session
from robot.runtime.joining import brings, brought
from robot.safety.campaign.sessions import emulated
from robot.safety.campaign.stops.causes import ENDING, GOING_ON, Cause
from robot.safety.campaign.stops.drive import Drive, DriveCause
from robot.safety.campaign.stops.held_up import HeldUp
from robot.safety.campaign.stops.stops import Stop
from robot.safety.campaign.truth import Seen
from robot.safety.supervisor import Mode
from robot.tasks import find_task, task_names

ENTRY_POINTS = "robot_practice.safety_trials"
WATCHED_S = 4.0
Variant = dict[str, Any]  # of a drive: which world, which robot, as its kind names it


@dataclass(frozen=True)
class Fault:
    """One thing to break while a robot practises, and what must follow.

    reasons: any of them; none for Mode.RUN: the robot goes on. zero_throttle_ms: from the fault to nothing that drives it; None: nothing to
    measure. hold_s: between reaction and end. stops: False: it must drive on all the while. designed: in words.
    """

    name: str
    begin: Callable[[Session], None]
    end: Callable[[Session], None] | None
    mode: Mode
    reasons: tuple[IntEnum, ...]
    zero_throttle_ms: float | None
    hold_s: float = 2.0
    stops: bool = True
    designed: str = ""


def order(do: str, **arguments: Any) -> Callable[[Session], None]:
    """For a Fault: what the emulated devices do on request."""
    return lambda session: emulated(session).fault(do, **arguments)


@dataclass(frozen=True)
class Rig:
    """A robot on emulated devices that belong to nobody but the judge.

    config: options of practice that let a session drive it through its ports. progress: what earlier practice left.
    scheduling: what the emulated devices were granted to keep their time. command: program and arguments,
    of a robot that is driven by that instead of by a session of practice.
    """

    emulated: Emulator
    config: dict[str, Any] = field(default_factory=dict)
    progress: dict[str, Any] = field(default_factory=dict)
    scheduling: str = "as every program"
    command: tuple[str, ...] = ()

    def close(self) -> None:
        self.emulated.close()


@dataclass(frozen=True)
class LockstepTrials:
    """Stops of a whole stack in one process. start: puts a robot of a variant on its way, with a seed, in a folder;
    verified: False drives its stops as they were before anything verified them, to see that it makes a difference.
    """

    start: Callable[[Variant, int, bool, Path], Drive]
    causes: Mapping[str, DriveCause]


@dataclass(frozen=True)
class StopTrials:
    """Stops in every way and at any moment.

    variant(n, rng): what the nth drive is to be, drawn. rig(variant, seed, rng, folder): with real processes. going_on: causes
    of these that a drive survives, none where every stop is the end of it; ending: those that end one. between_s: from
    when it drives, or has gone on, to the next cause. repair: gives the robot all that causes took away. lockstep: None
    where it cannot be driven so. counted: figures of its own, the number of stops that are so, which should be none. watched_s:
    of real processes; it stands after less, or does not stop at all. held_up: of a robot that may fall, which counts as a touch.
    """

    variant: Callable[[int, np.random.Generator], Variant]
    rig: Callable[[Variant, int, np.random.Generator, Path], Rig]
    repair: Callable[[Emulator], None]
    going_on: tuple[Cause, ...] = GOING_ON
    ending: tuple[Cause, ...] = ENDING
    between_s: tuple[float, float] = (0.3, 2.0)
    lockstep: LockstepTrials | None = None
    counted: Mapping[str, Callable[[Stop], bool]] = field(default_factory=dict)
    watched_s: float = WATCHED_S
    held_up: HeldUp | None = None


@dataclass(frozen=True)
class SafetyTrials:
    """A kind of robot.

    see: the emulator's truth, to a judge. reasons: of its supervisor. moving_m_s: slower, it is not worth stopping.
    faults: what can happen to devices, cables and world; none of a robot whose sessions have no processes. driven_before: what
    earlier practice left, for the faults' sessions. stops: None where it brings none. robots: the virtual ones that are
    tried, by the names of their files; others: of the same kind, which sense something else, with trials of their own.
    """

    see: Callable[[Any], Seen]
    reasons: type[IntEnum]
    moving_m_s: float
    faults: tuple[Fault, ...]
    driven_before: dict[str, Any] = field(default_factory=dict)
    stops: StopTrials | None = None
    robots: tuple[str, ...] = ()
    others: Mapping[str, "SafetyTrials"] = field(default_factory=dict)

    def of(self, robot: str) -> "SafetyTrials":
        """Those of a virtual robot; of one that nothing is said of, these."""
        return self.others.get(robot, self)


def find_trials(kind: str) -> SafetyTrials:
    """What a kind of robot brings to the campaign. Raises ValueError if it brings nothing."""
    trials: SafetyTrials = brought(kind, "safety_trials", "TRIALS", ENTRY_POINTS)
    return trials


def tried_robots() -> dict[str, str]:
    """The virtual robots that are tried, and their kinds."""
    kinds = dict.fromkeys(find_task(name).robot for name in task_names())
    brought_by = [kind for kind in kinds if brings(kind, "safety_trials", ENTRY_POINTS)]
    found = {kind: find_trials(kind) for kind in brought_by}
    return {robot: kind for kind, trials in found.items() for robot in (*trials.robots, *trials.others)}
