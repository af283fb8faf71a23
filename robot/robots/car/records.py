"""What a car's log holds of each tick, beside what all robots have."""

from enum import IntEnum

from drivers.reading_record import Field
from robot.robots.car.devices import FIELDS
from robot.runtime.records import compose
from robot.tasks.race_track.task import ACTION_SIZE, OBSERVATION_SIZE


class Phase(IntEnum):
    """What the robot is up to. Recovering is a mode of the supervisor, and can happen in any phase."""

    LOCALISE = 0  # stands still until it knows where it is
    DEMONSTRATE = 1
    DRAW_MAP = 2  # after a first lap without a map: stands, and makes map and course of it
    PRACTISE = 3
    FINISH = 4  # stops along the course
    DONE = 5


ESTIMATE: tuple[Field, ...] = (  # where the car believes to be
    ("x", "f8"),
    ("y", "f8"),
    ("yaw", "f8"),
    ("v_x", "f8"),
    ("v_y", "f8"),
    ("yaw_rate", "f8"),
    ("quality", "f8"),
    ("pose_age_s", "f8"),
    ("s", "f8"),  # along the course
    ("lateral", "f8"),
    ("heading_error", "f8"),
    ("lost", "u4"),
)
COMMAND: tuple[Field, ...] = (
    ("steer_rad", "f8"),  # before the trim is taken off
    ("speed_m_s", "f8"),
    ("brake_a", "f8"),
    ("servo_rad", "f8"),  # what the servo is told: the command less the measured trim
)
FIGURES: tuple[Field, ...] = (
    ("last_lap_s", "f8"),
    ("best_lap_s", "f8"),
    ("demo_lap_s", "f8"),
    ("recovery_s", "f8"),  # duration of the last recovery
    ("trim_rad", "f8"),  # as calibrated
    ("latency_s", "f8"),
    ("brake_reason", "u4"),
    ("laps", "u4"),  # clean, while practising
    ("laps_driven", "u4"),  # clean or not, the baseline's too
    ("lap_clean", "u4"),
    ("baseline", "u4"),  # 1 while the policy drives as it came, before it learns
    ("collisions", "u4"),
    ("recoveries", "u4"),
    ("recoveries_failed", "u4"),
)
RECORDS = compose(OBSERVATION_SIZE, ACTION_SIZE, FIELDS, {"estimate": ESTIMATE, "command": COMMAND, "figures": FIGURES})
READINGS, OUTPUTS, TRANSITION = RECORDS.readings, RECORDS.outputs, RECORDS.transition
