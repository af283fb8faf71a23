"""What a drone brings to practice: a session of its own kind."""

from pathlib import Path
from typing import Any

import numpy as np

from robot.practice.practice import Practice, PractisingRobot
from robot.robots.quadrotor.flown import Phase, Reason
from robot.robots.quadrotor.practising.options import DronePracticeOptions
from robot.robots.quadrotor.practising.progress import DroneProgress


def begin(options: DronePracticeOptions) -> PractisingRobot:
    """A session of processes is not for a drone."""
    raise ValueError(f"--robot: found {options.robot}, allowed: a robot whose control is a process of its own")


def session(options: DronePracticeOptions, root: Path) -> dict[str, Any]:
    """Loads what it needs when it is needed: whoever asks for the options alone does not wait for it."""
    from robot.robots.quadrotor.practising.session import practise

    return practise(options, root)


def stands(seen: np.ndarray) -> bool:
    """Whether it is on the ground."""
    return not seen["figures"]["airborne"]


PRACTICE = Practice(
    options=DronePracticeOptions,
    begin=begin,
    phases={int(phase): phase.name.lower().replace("_", " ") for phase in Phase},
    finishing=Phase.LANDING,
    stands=stands,
    progress=DroneProgress,
    reasons={int(reason): reason.name.lower().replace("_", " ") for reason in Reason},
    session=session,
)
