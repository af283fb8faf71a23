"""A small process beside a set-up: where that is killed while the wheels turn, it brakes the car.

    python -m robot.robots.car.setup_car.brake_if_killed BAUD CAN_ID PORT

A VESC that hears nothing keeps its last command for 1000 ms. The process waits for the end of its standard input, which
the set-up holds open; a word on it says that the set-up has brought the car to rest by itself. It is in a session of its
own, where no terminal's signal reaches it.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from drivers.base import LinkLost
from drivers.vesc import VescSettings, take_over
from robot.runtime.clock import RealClock
from sim.with_parent import command_line

AT_REST = b"at rest"
READY = b"ready\n"
BRAKE_A = 20.0
BRAKING_S = 1.5
EVERY_S = 0.02
END_S = 5.0


@contextmanager
def braking_if_killed(settings: VescSettings) -> Iterator[None]:
    """While the block runs, this process's death brakes the car. Raises OSError where the guard cannot be started."""
    guard = subprocess.Popen(
        command_line(__name__, str(settings.baud), str(settings.can_id), settings.port, patience_s=float("inf")), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert guard.stdin is not None and guard.stdout is not None
    try:
        if guard.stdout.readline() != READY:
            raise OSError(f"the process that brakes the car if this one is killed ended with {guard.wait()}")
        yield
    finally:
        with suppress(OSError):
            guard.stdin.write(AT_REST)
            guard.stdin.close()
        try:
            guard.wait(END_S)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait()
        guard.stdout.close()


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
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # its set-up's end, or its death, is what ends it
    settings = VescSettings(port=sys.argv[3], baud=int(sys.argv[1]), can_id=int(sys.argv[2]))
    os.write(1, READY)
    said = b""
    while piece := os.read(0, 64):
        said += piece
    if said != AT_REST:
        brake(settings)


if __name__ == "__main__":
    main()
