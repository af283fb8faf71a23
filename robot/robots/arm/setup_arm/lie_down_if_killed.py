"""A small process beside a set-up: where that is killed while the arm is raised, it brings the arm home and lets go.

    python -m robot.robots.arm.setup_arm.lie_down_if_killed SETTINGS

SETTINGS: the driver's name and its settings, as JSON. Servos keep their last goals, so a raised arm whose set-up died holds, for ever. The
set-up says the way home whenever it changes; the last one is gone.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

import numpy as np

from drivers.declared import driver_of, make_driver, settings_of
from drivers.servo_bus import ServoSettings
from robot.commissioning.guard_process import become_guard, guarded_by
from robot.robots.arm.rest import ArmRest
from robot.robots.arm.way_home import SHAPE, WAY_HOME_S
from robot.runtime.clock import RealClock

AT_REST = b"lies\n"
EVERY_S = 0.02
TRIES_S = 2.0 * WAY_HOME_S


class LastWay:
    """The way home that was said last."""

    def __init__(self, numbers: list[float]) -> None:
        self._plan = np.array(numbers).reshape(SHAPE)

    def read(self) -> tuple[int, np.ndarray]:
        return 0, self._plan


@contextmanager
def lying_down_if_killed(settings: ServoSettings) -> Iterator[Callable[[np.ndarray], None]]:
    """While the block runs, this process's death lays the arm down, on the way that was said last by what this gives.

    Raises OSError where the guard cannot be started.
    """
    told = json.dumps({"driver": driver_of(settings).name} | asdict(settings))
    with guarded_by(__name__, told, last_word=AT_REST) as say:
        yield lambda way: say(json.dumps(way.ravel().tolist()).encode() + b"\n")


def lie_down(settings: ServoSettings, way: list[float]) -> None:
    """Over a port that its owner's death has freed."""
    rest = ArmRest(make_driver(settings, RealClock()), LastWay(way))
    end_s = time.monotonic() + TRIES_S
    while not rest.at_rest and time.monotonic() < end_s:
        rest.act()
        time.sleep(EVERY_S)
    rest.release()
    rest.close()


def main() -> None:
    settings = settings_of(json.loads(sys.argv[1]))
    become_guard()
    said = b""
    while piece := os.read(0, 1 << 16):
        said += piece
    *_, last = [b"", *said.split(b"\n")[:-1]]
    if last and last + b"\n" != AT_REST:
        lie_down(settings, json.loads(last))


if __name__ == "__main__":
    main()
