"""What a flight's log holds of each tick, beside what all robots have."""

import numpy as np

from drivers.crazyflie_reading import CrazyflieReading
from drivers.motion_capture import PoseReading
from drivers.reading_record import Field, reading_fields
from robot.robots.quadrotor.app_words import FIELDS, LOGGED, PARAMETERS
from robot.runtime.records import Records, compose
from robot.tasks import find_task

NOTHING, POSITION, RATES = 0, 1, 2  # of `sends`
KEEP, ARM_MOTORS, DISARM_MOTORS = 0, 1, 2  # of `motors`
TEXT_BYTES = 200
APP_PACKETS, APP_BYTES = 4, 32  # of the app channel, in a tick; of each, its length first

DEVICES: dict[str, list[Field]] = {
    "crazyflie": [
        *reading_fields(CrazyflieReading),
        *((FIELDS[name], "f8") for name in LOGGED),  # NaN: not heard yet
        *((FIELDS[name], "f8") for name in PARAMETERS),  # as the drone reported it last; NaN: it has none of this name
        ("app_packets", "u1", (APP_PACKETS * APP_BYTES,)),  # what the app on board sent
        ("firmware", "u1", (32,)),  # text
        ("trouble", "u1", (TEXT_BYTES,)),  # text: what its driver says is wrong, or why the link is lost
        ("up", "u4"),  # 0: the link is lost
    ],
    "motion_capture": [  # where poses are forwarded to the drone; all zero otherwise
        *reading_fields(PoseReading),
        ("trouble", "u1", (TEXT_BYTES,)),
        ("up", "u4"),
    ],
}
COMMAND: tuple[Field, ...] = (  # to the drone's driver
    ("position_m", "f8", (3,)),  # world, within the box
    ("rate_rad_s", "f8", (3,)),  # body
    ("thrust", "f8"),  # share of the greatest
    ("ground_m", "f8"),  # to land on
    *((FIELDS[name], "f8") for name in PARAMETERS),  # to be set; NaN: left alone
    ("sends", "u4"),  # NOTHING, a POSITION, RATES
    ("motors", "u4"),  # KEEP them, ARM_MOTORS, DISARM_MOTORS
    ("land", "u4"),
    ("cut", "u4"),
)
FIGURES: tuple[Field, ...] = (
    ("set_point_m", "f8", (3,)),  # where the drone is told to be, world; NaN where it is told nothing
    (
        "goal_m",
        "f8",
        (3,),
    ),  # where it should be, by its own clock: on a path, ahead of the set-point; NaN while unjudged
    ("home_m", "f8", (3,)),  # where figures begin
    ("began_board_s", "f8"),  # when the policy took over, by the drone's clock
    ("battery_min_v", "f8"),  # while it flew; NaN before
    ("decisions_checked", "u4"),  # of the policy on board: those that it told whole, and that its weights give
    ("share", "f8"),  # of the phase, so far
    ("policy_flies", "u4"),  # 1: the policy has the rotors
    ("airborne", "u4"),
    ("took_off", "u4"),
    ("landed", "u4"),
)


def records_of(task: str) -> Records:
    """The records of a flight with a policy for this task."""
    spec = find_task(task)
    return compose(spec.observation_size, spec.action_size, DEVICES, {"command": COMMAND, "figures": FIGURES})


def blank(part: np.ndarray) -> np.ndarray:
    """A part of OUTPUTS before anything is decided: what are numbers of the drone's, is none."""
    empty = np.zeros_like(part)
    for name in part.dtype.names or ():
        if part.dtype[name].base.kind == "f":
            empty[name] = np.nan
    return empty
