"""What the log holds of each tick of an arm, beside what all robots have."""

from drivers.board_stage import BoardReading
from drivers.reading_record import Field, reading_fields
from drivers.servo_bus import ServoReading
from robot.robots.arm.arm_file import JOINTS
from robot.runtime.records import Records, compose
from robot.tasks import find_task

DEVICES: dict[str, list[Field]] = {
    "follower": [*reading_fields(ServoReading), ("up", "u4")],
    "leader": [*reading_fields(ServoReading), ("up", "u4")],  # zeros without points, where there is none
    "board": [*reading_fields(BoardReading), ("up", "u4")],
}
COMMAND: tuple[Field, ...] = (
    ("goal_rad", "f8", (JOINTS,)),
    ("moves", "u4"),  # of the board, that are to have been made
    ("rearmed", "u4"),  # how often servos that had let go were told to hold again, where they are
    ("torque", "u4"),  # 1: the servos hold; 0: they are let go
)
FIGURES: tuple[Field, ...] = (
    ("end_m", "f8", (3,)),  # of what the arm holds, in the base's frame
    ("aside_m", "f8", (3,)),  # in the frame of what is to be reached, as it is seen
    ("load", "f8"),  # of the servo that works hardest
    ("speed_rad_s", "f8"),  # of the joint that moves fastest
    ("demonstrations", "u4"),  # still to be shown
)


def records_of(task: str) -> Records:
    """The records of an arm with a task."""
    spec = find_task(task)
    return compose(spec.observation_size, spec.action_size, DEVICES, {"command": COMMAND, "figures": FIGURES})
