"""Hundreds of stops in minutes: the whole stack in one process on lockstep time, judged by the simulator's truth.

A robot drives behind its shield; at random moments the process forks, and the fork stops it for one of its causes, or for
two of them at once, until it stands. The drive itself goes on as if nothing had happened.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from robot.safety.campaign.stops.drive import Drive, DriveCause
from robot.safety.campaign.stops.stops import SPIN_M_S, Stop, rounded
from robot.safety.campaign.trials import StopTrials
from sim.scratch_folder import scratch_folder

FIRST_S = 3.0  # of a drive before its first stop
BETWEEN_S = (0.3, 1.2)
STOPS_EACH = 20  # of one drive
WATCHED_S = 9.0  # on ice it stands after less
AT_REST_S = 0.2
GIVEN_UP_S = 60.0  # a drive that has not moved for so long is over
PAIRED_SHARE = 0.25


def stop(drive: Drive, causes: Mapping[str, DriveCause], apart_s: float) -> dict[str, Any]:
    """Let the causes happen, the second `apart_s` after the first, and watch until it stands: fields of `Stop`."""
    before = drive.seen()
    drive.forget_touches()
    begin_s, turned, still_s = drive.time_s, 0.0, 0.0
    waiting = [(begin_s + k * apart_s, cause) for k, cause in enumerate(causes.values())]
    rest_m_s = max(cause.rest_m_s for cause in causes.values())
    least_s = begin_s + max(k * apart_s + cause.lasts_s for k, cause in enumerate(causes.values()))
    ended = False
    while drive.time_s < max(begin_s, least_s) + WATCHED_S and not ended:
        while waiting and drive.time_s >= waiting[0][0]:
            waiting.pop(0)[1].do(drive)
        drive.tick()
        seen = drive.seen()
        if seen.speed_m_s > SPIN_M_S:
            turned = max(turned, seen.turned_rad)
        still_s = still_s + drive.loop.tick_s if seen.speed_m_s < rest_m_s else 0.0
        ended = still_s > AT_REST_S and not waiting and drive.time_s >= least_s
    touched = drive.seen().touches > before.touches
    return {"speed_m_s": before.speed_m_s, "impact_m_s": drive.worst_touch_m_s if touched else None, "turned_rad": turned,
            "ended": ended}  # fmt: skip


def forked(drive: Drive, causes: Mapping[str, DriveCause], apart_s: float) -> dict[str, Any]:
    """`stop`, in a fork of this process; the drive here is left as it is. Raises RuntimeError if the fork fails."""
    drive.settle()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        with suppress(BaseException):  # whatever it is, this process must end here: the parent sees that nothing came
            os.write(write, json.dumps(stop(drive, causes, apart_s)).encode())
            status = 0
        os._exit(status)
    os.close(write)
    with open(read, "rb") as answer:
        told = answer.read()
    _, status = os.waitpid(child, 0)
    drive.flush()  # of what the fork said and heard
    if status != 0:
        raise RuntimeError(f"a stop for {' and '.join(causes)} broke off")
    return json.loads(told)


def drive_with_stops(
    drive: Drive, causes: Mapping[str, DriveCause], moving_m_s: float, count: int, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Drive, and stop `count` times for something at random: fields of `Stop`. A drive that stands for good ends."""
    next_s, still_s = FIRST_S, 0.0
    names = list(causes)
    while count > 0 and still_s < GIVEN_UP_S and not drive.over:
        drive.tick()
        moves = drive.seen().speed_m_s > moving_m_s
        still_s = 0.0 if moves else still_s + drive.loop.tick_s
        if moves and drive.practises and drive.time_s >= next_s:
            chosen = rng.choice(names, 2 if rng.random() < PAIRED_SHARE else 1, replace=False).tolist()
            told = forked(drive, {name: causes[name] for name in chosen}, float(rng.uniform(0.0, 0.4)))
            next_s = drive.time_s + rng.uniform(*BETWEEN_S)
            count -= 1
            yield {"cause": " + ".join(chosen), **told}


def lockstep_stops(
    stops: StopTrials, moving_m_s: float, count: int, seed: int, report: Callable[[Stop], None], verified: bool = True
) -> list[Stop]:
    """`count` stops of drives of every variant; none of a robot that cannot be driven in lockstep.

    moving_m_s: slower, it is not worth stopping. verified: False drives the stops as they were before they were verified, to see that it makes a difference.
    """
    rng = np.random.default_rng([seed, 0x570])
    made: list[Stop] = []
    number = 0
    while stops.lockstep is not None and len(made) < count:
        variant = stops.variant(number, rng)
        with scratch_folder("robot-stops") as folder:
            drive = stops.lockstep.start(variant, seed + number, verified, folder)
            most = min(STOPS_EACH, count - len(made))
            for told in drive_with_stops(drive, stops.lockstep.causes, moving_m_s, most, rng):
                made.append(Stop(variant=rounded(variant), throttle_off_ms=None, **told))
                report(made[-1])
            drive.close()
        number += 1
    return made
