"""A small process beside a set-up: where that is killed, or hangs, while the drone hops, it lands the drone.

    python -m robot.robots.quadrotor.setup_drone.land_if_killed URI GROUND_M

Without set-points the firmware levels a drone after 500 ms and stops its motors after 2000 ms, in the air too. The set-up says
something on this process's standard input at each tick; silence for SILENT_S, or the input's end, is its death, unless the last
word was that the drone is down. Then the firmware's planner is told to land, over a link that needs no tables. A dongle is free once
its owner is dead; one that hangs keeps it, and then nothing can be said.
"""

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import cflib.crtp
from cflib.crazyflie.commander import Commander
from cflib.crazyflie.high_level_commander import HighLevelCommander
from cflib.crtp.crtpstack import CRTPPacket

from drivers.crazyflie_link import use_repeating_links
from robot.commissioning.guard_process import become_guard, guarded_by

ALIVE, DOWN = b".", b"!"
SILENT_S = 0.3
DOWN_S = 2.5  # for the landing: a hop is half a metre high
TRIES, EVERY_S = 20, 0.05  # packets are lost, and a dongle takes a moment to be free


@contextmanager
def landing_if_killed(uri: str, ground_m: float) -> Iterator[Callable[[], None]]:
    """While the block runs, this process's death or silence lands the drone; call what it gives at each tick.

    Raises OSError where the guard cannot be started.
    """
    with guarded_by(__name__, uri, str(ground_m), last_word=DOWN) as say:
        yield lambda: say(ALIVE)


def wait_for_silence(words: int) -> bool:
    """Whether the last word on a descriptor was not that the drone is down. Before the first one nothing flies yet."""
    limit_s, last = None, b""
    while select.select([words], [], [], limit_s)[0]:
        heard = os.read(words, 4096)
        if not heard:
            break
        limit_s, last = SILENT_S, heard[-1:]
    return last == ALIVE


class Sender:
    """What cflib's commanders need of a Crazyflie."""

    def __init__(self, link: Any) -> None:
        self._link = link

    def send_packet(self, packet: CRTPPacket) -> None:
        self._link.send_packet(packet)


def land(uri: str, ground_m: float) -> None:
    """Tell the planner to land, first, since without a plan it would stop the motors; then that set-points have ended."""
    use_repeating_links()
    link, begin_s = None, time.monotonic()
    for _ in range(TRIES):
        with suppress(Exception):  # whatever cflib raises of a dongle that is not free yet
            link = link or cflib.crtp.get_link_driver(uri, lambda *_: None, lambda *_: None)
        if link is not None:
            sender = Sender(link)
            HighLevelCommander(sender).land(ground_m, max(0.5, DOWN_S - (time.monotonic() - begin_s)), yaw=None)
            Commander(sender).send_notify_setpoint_stop()
        time.sleep(EVERY_S)
    if link is not None:
        link.close()


def main() -> None:
    become_guard()
    if wait_for_silence(0):
        land(sys.argv[1], float(sys.argv[2]))


if __name__ == "__main__":
    main()
