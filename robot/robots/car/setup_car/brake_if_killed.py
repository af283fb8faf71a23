"""A small process beside a set-up: where that is killed while the wheels turn, it brakes the car.

    python -m robot.robots.car.setup_car.brake_if_killed BAUD CAN_ID PORT

A VESC that hears nothing keeps its last command for 1000 ms.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from drivers.base import LinkLost
from drivers.vesc import VescSettings, take_over
from robot.commissioning.guard_process import become_guard, guarded_by
from robot.runtime.clock import RealClock

AT_REST = b"at rest"
BRAKE_A = 20.0
BRAKING_S = 1.5
EVERY_S = 0.02


@contextmanager
def braking_if_killed(settings: VescSettings) -> Iterator[None]:
    """While the block runs, this process's death brakes the car. Raises OSError where the guard cannot be started."""
    with guarded_by(__name__, str(settings.baud), str(settings.can_id), settings.port, last_word=AT_REST):
        yield


def brake(settings: VescSettings) -> None:
    """Brake over a port that its owner's death has freed, then let the motor go."""
    vesc = take_over(settings, RealClock())
    begin_s, connected = time.monotonic(), False
    while time.monotonic() - begin_s < BRAKING_S:
        try:
            connected = connected or vesc.reconnect()
            if connected:
                vesc.brake(BRAKE_A)
                vesc.read()
        except LinkLost:
            connected = False
        time.sleep(EVERY_S)
    with suppress(LinkLost):
        vesc.coast()
    vesc.close()


def main() -> None:
    settings = VescSettings(port=sys.argv[3], baud=int(sys.argv[1]), can_id=int(sys.argv[2]))
    become_guard()
    said = b""
    while piece := os.read(0, 64):
        said += piece
    if said != AT_REST:
        brake(settings)


if __name__ == "__main__":
    main()
