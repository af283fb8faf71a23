"""What a tick of the control loop took in and gave out: the records of the log, composed for a robot and its task.

READINGS is everything that a mind gets to know in a tick: a head that all robots have, and a part for each device. OUTPUTS
is everything that it decides: a head, and parts that the robot names. Replay feeds the one and compares the bytes of the
other.

A record's key is (life, tick). In each life of the control process ticks count up from 1, and tick - missed_ticks goes
up by exactly 1 from record to record, so that a gap shows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from drivers.reading_record import Field
from policies.replay import transition_dtype

FINISH, EMERGENCY_STOP, STAND, BY_HAND = 1, 2, 3, 4  # of `stop_requested`; 0: none
ALIGNMENT = 8  # bytes

READINGS_HEAD: tuple[Field, ...] = (
    ("tick", "u8"),
    ("time_s", "f8"),
    ("lateness_s", "f8"),  # of this tick
    ("missed_ticks", "u8"),
    ("weights_version", "u8"),  # taken into use before this tick's decision; 0: the initial ones
    ("weights_age_s", "f8"),
    ("life", "u4"),  # which start of the control process in this run, from 1; its setup is in setup-<life>.npz
    (
        "stop_requested",
        "u4",
    ),  # FINISH (Ctrl-C); EMERGENCY_STOP; STAND: until it is withdrawn; BY_HAND: `operator` drives
    ("learner_up", "u4"),
)
OUTPUTS_HEAD: tuple[Field, ...] = (
    ("tick", "u8"),
    ("time_s", "f8"),
    ("practice_s", "f8"),  # robot time since practice began
    ("decision", "u8"),
    ("step", "u8"),  # transitions so far
    ("reward", "f8"),
    ("life", "u4"),  # copied from the readings
    ("phase", "u4"),
    ("mode", "u4"),  # robot.safety.supervisor.Mode
    ("reason", "u4"),  # for the mode; of the robot's table
    ("flags", "u4"),  # of the robot's table
    ("episode", "u4"),
    ("is_decision", "u4"),
    ("terminated", "u4"),
    ("truncated", "u4"),
    ("overrides", "u4"),  # decisions that were executed otherwise than proposed
    ("finished", "u4"),
)


@dataclass(frozen=True)
class Records:
    """The records of one robot with one task. belief: what of a fit's findings its mind is told, by names with units."""

    readings: np.dtype
    outputs: np.dtype
    transition: np.dtype
    belief: tuple[str, ...] = ()


def record(fields: Iterable[Field | tuple[str, np.dtype]]) -> np.dtype:
    """A record of these fields, widest first, without padding: what is left of the last eight bytes is `reserved`."""
    formats = [(field[0], np.dtype(field[1]), *field[2:]) for field in fields]
    widths = [kind.alignment if kind.fields else kind.itemsize for _, kind, *_ in formats]
    order = sorted(range(len(formats)), key=lambda k: -max(widths[k], ALIGNMENT * bool(formats[k][1].fields)))
    packed = np.dtype([formats[k] for k in order])
    rest = -packed.itemsize % ALIGNMENT
    return np.dtype([*(formats[k] for k in order), *([("reserved", "u1", (rest,))] if rest else [])])


def compose(
    observation_size: int,
    action_size: int,
    devices: Mapping[str, Iterable[Field]],
    parts: Mapping[str, Iterable[Field]],
    belief: tuple[str, ...] = (),
) -> Records:
    """The records of a robot with these devices, whose minds give out `parts`, and a task of this size."""
    readings = [*READINGS_HEAD, ("operator", "f8", (action_size,))]
    decision: list[Field] = [
        ("observation", "f4", (observation_size,)),
        ("proposed", "f4", (action_size,)),
        ("executed", "f4", (action_size,)),
    ]
    return Records(
        readings=record([*((name, record(fields)) for name, fields in devices.items()), *readings]),
        outputs=record([*((name, record(fields)) for name, fields in parts.items()), *OUTPUTS_HEAD, *decision]),
        transition=transition_dtype(observation_size, action_size),
        belief=belief,
    )
