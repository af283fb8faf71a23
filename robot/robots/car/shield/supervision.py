"""What each thing that can be wrong with a car leads to, and what may be executed in each mode.

mode            what is executed
RUN             the proposed command, within the limits
BACKUP          the proposed command, no faster than BACKUP_SPEED_M_S
RECOVER         what the recovery proposes, no faster than RECOVERY_SPEED_M_S, backwards too
STOP            brake, as hard as proposed or fully, steering as proposed
EMERGENCY_STOP  the same: a stop that was verified is shorter than one that ends at a wall
"""

import math
from dataclasses import dataclass
from enum import IntEnum

from robot.robots.car.shield.monitors import Flag
from robot.safety.supervisor import FOR_EVER, Mode, Rule, Table
from robot.tasks.race_track.task import SPEED_MAX_M_S, SPEED_SLEW_M_S2, STEER_MAX_RAD, STEER_SLEW_RAD_S, TICK_S

FULL_BRAKE_A = 40.0
BACKUP_SPEED_M_S = 1.0
RECOVERY_SPEED_M_S = 1.2


class Reason(IntEnum):
    """Why the mode is what it is; logged in each tick."""

    NONE = 0
    EMERGENCY = 1
    NOT_FINITE = 2
    VESC_LOST = 3
    LIDAR_LOST = 4
    VALUES_STALE = 5
    IMU_STALE = 6
    LIDAR_STALE = 7
    VALUES_FROZEN = 8
    LIDAR_FROZEN = 9
    DEADLINE = 10
    VESC_FAULT = 11
    BATTERY_LOW = 12
    BATTERY_EMPTY = 13
    POSE_LOST = 14
    COLLISION = 15
    STUCK = 16
    OFF_COURSE = 17
    LEARNER_SILENT = 18
    RECOVERY_FAILED = 19
    CORNERED = 20
    BLOCKED = 21
    GIVES_WAY = 22
    HELD = 24
    EYES_LOST = 25
    EYES_STALE = 26


REASON_TEXTS: dict[int, str] = {
    Reason.NONE: "all is well",
    Reason.EMERGENCY: "emergency stop: restart the session to go on",
    Reason.NOT_FINITE: "a reading, the estimate or the action is not a finite number",
    Reason.VESC_LOST: "the motor controller's port is gone: check its cable",
    Reason.LIDAR_LOST: "the lidar's port is gone: check its cable",
    Reason.VALUES_STALE: "the motor controller does not answer",
    Reason.IMU_STALE: "the motor controller sends no IMU data",
    Reason.LIDAR_STALE: "the lidar sends no points",
    Reason.VALUES_FROZEN: "the motor controller repeats the same values while the car moves",
    Reason.LIDAR_FROZEN: "the lidar repeats the same scan while the car moves",
    Reason.DEADLINE: "the control loop misses its deadlines: the computer is too busy",
    Reason.VESC_FAULT: "the motor controller reports a fault",
    Reason.BATTERY_LOW: "the battery is low: charge it soon",
    Reason.BATTERY_EMPTY: "the battery is empty: charge it",
    Reason.POSE_LOST: "the car does not know where it is",
    Reason.COLLISION: "the car hit something",
    Reason.STUCK: "the car does not move although it is told to",
    Reason.OFF_COURSE: "the car touches a wall or faces backwards",
    Reason.CORNERED: "the car is slow, and no way on is predicted to keep it off the walls",
    Reason.BLOCKED: "somebody or something is in the way that is not on the map: waiting until it is gone",
    Reason.GIVES_WAY: "the car has waited long for what is in the way: it rolls back a little, where it sees room",
    Reason.HELD: "told to stand: suspended, no button of the gamepad is held, or a guardian or the session does not answer; drives when "
    "that is over",
    Reason.EYES_LOST: "nobody looks through the camera: the process that perceives is gone",
    Reason.EYES_STALE: "the camera delivers nothing new: see what it says in the run's folder, output/perception.txt",
    Reason.LEARNER_SILENT: "no new weights from the learner: driving on with the last ones",
    Reason.RECOVERY_FAILED: "the car cannot free itself: put it back on the course and restart the session",
}


def rule(flag: Flag, mode: Mode, hold_s: float, released_by: Flag = Flag.NONE) -> Rule:
    """A rule whose reason has its flag's name."""
    assert flag.name is not None
    return Rule(flag, mode, hold_s, Reason[flag.name], int(released_by))


RULES = (
    rule(Flag.EMERGENCY, Mode.EMERGENCY_STOP, FOR_EVER),
    rule(Flag.BATTERY_EMPTY, Mode.STOP, FOR_EVER),
    rule(Flag.RECOVERY_FAILED, Mode.STOP, FOR_EVER),
    rule(Flag.VESC_LOST, Mode.STOP, 1.0),
    rule(Flag.VALUES_STALE, Mode.STOP, 0.5),
    rule(Flag.IMU_STALE, Mode.STOP, 0.5),
    rule(Flag.VALUES_FROZEN, Mode.STOP, 1.0),
    rule(Flag.VESC_FAULT, Mode.STOP, 1.0),
    rule(Flag.LIDAR_LOST, Mode.STOP, 1.0),
    rule(Flag.LIDAR_STALE, Mode.STOP, 1.0),
    rule(Flag.LIDAR_FROZEN, Mode.STOP, 1.0),
    rule(Flag.EYES_LOST, Mode.STOP, 1.0),
    rule(Flag.EYES_STALE, Mode.STOP, 1.0),
    rule(Flag.POSE_LOST, Mode.STOP, 0.5),
    rule(Flag.BLOCKED, Mode.STOP, 0.4),
    rule(Flag.HELD, Mode.STOP, 0.5),
    rule(Flag.NOT_FINITE, Mode.STOP, 0.0),
    rule(Flag.GIVES_WAY, Mode.RECOVER, 0.0),
    rule(Flag.COLLISION, Mode.RECOVER, FOR_EVER, released_by=Flag.RECOVERED),
    rule(Flag.STUCK, Mode.RECOVER, FOR_EVER, released_by=Flag.RECOVERED),
    rule(Flag.OFF_COURSE, Mode.RECOVER, FOR_EVER, released_by=Flag.RECOVERED),
    rule(Flag.CORNERED, Mode.RECOVER, FOR_EVER, released_by=Flag.RECOVERED),
    rule(Flag.NOT_FINITE, Mode.BACKUP, 0.5),
    rule(Flag.DEADLINE, Mode.BACKUP, 2.0),
    rule(Flag.BATTERY_LOW, Mode.RUN, 5.0),
    rule(Flag.LEARNER_SILENT, Mode.RUN, 0.0),
)


TABLE = Table(RULES, Reason.NONE)


@dataclass(frozen=True, slots=True)
class Command:
    """What the motor controller is to do: hold a speed, or, where `brake_a` is above 0, brake."""

    steer_rad: float
    speed_m_s: float
    brake_a: float = 0.0


def execute(mode: Mode, proposed: Command, last: Command, steer_max_rad: float = STEER_MAX_RAD) -> Command:
    """The command to send instead of `proposed`, given the mode, the one that was sent in the last tick, and how far the wheels turn.

    What a policy asks for comes here slewed already, bit by bit as the task and its simulators say (`task.slew`); whoever
    else has the wheel is held to the same rate here.
    """
    finite = math.isfinite(proposed.steer_rad) and math.isfinite(proposed.speed_m_s) and math.isfinite(proposed.brake_a)
    most = STEER_SLEW_RAD_S * TICK_S
    steer = proposed.steer_rad if math.isfinite(proposed.steer_rad) else last.steer_rad
    steer = min(last.steer_rad + most, max(last.steer_rad - most, steer))
    steer = min(steer_max_rad, max(-steer_max_rad, steer))
    if not finite or (mode >= Mode.STOP and proposed.brake_a <= 0.0):
        return Command(steer, 0.0, FULL_BRAKE_A)
    if proposed.brake_a > 0.0:
        return Command(steer, 0.0, min(FULL_BRAKE_A, proposed.brake_a))
    fastest = {Mode.RUN: SPEED_MAX_M_S, Mode.BACKUP: BACKUP_SPEED_M_S, Mode.RECOVER: RECOVERY_SPEED_M_S}[mode]
    slowest = -RECOVERY_SPEED_M_S if mode is Mode.RECOVER else 0.0
    change = SPEED_SLEW_M_S2 * TICK_S
    speed = min(fastest, max(slowest, proposed.speed_m_s))
    return Command(steer, min(last.speed_m_s + change, max(last.speed_m_s - change, speed)))
