"""Out and back along one arc: the car ends where it began, so it needs only the room that it has seen to be free.

Between two views of a standing car lies a leg: how far the wheels say it went, how much the gyro says it turned, and how
the lidar moved, found by matching the view after it with the view before it. No map is needed.
"""

from dataclasses import dataclass

import numpy as np

from robot.commissioning.steps import SetupError
from robot.robots.car.demonstration.looking_round import View
from robot.robots.car.setup_car.rig import STOPPING_M, TICK_S, Rig, Row

LEG_M, LEG_MIN_M = 0.35, 0.1
SPEED_M_S = 0.45
SLOWEST_ERPM = 1000.0  # the controller holds no speed below 900
AIM_S = 0.6  # for the servo, with the longest delay
STARTED_S = 1.0  # for the wheels to turn
LEG_MAX_S = 3.0
BRAKING_S = 0.15  # a leg goes on for about so long after it is to end


@dataclass(frozen=True)
class Leg:
    """servo: its position. rolled_m: by the file's gain. turned_rad: by the gyro, in the IMU's own axes. moved: x, y (m),
    yaw (rad) of the lidar in the view before it, in the lidar's own axes. rows: the ticks from the aiming on.
    """

    servo: float
    rolled_m: float
    turned_rad: float
    moved: tuple[float, float, float]
    rows: list[Row]


@dataclass(frozen=True)
class Pace:
    """How fast the wheels are told to turn, and how far, by the file's gain.

    gain: way over way by the file; 1 before it is known.
    """

    speed_m_s: float
    leg_m: float

    @staticmethod
    def of(rig: Rig, gain: float, leg_m: float = LEG_M, speed_m_s: float = SPEED_M_S) -> "Pace":
        """As far as there is room. Raises SetupError where there is too little."""
        room_m = rig.room_m
        if room_m < LEG_MIN_M:
            need_m = rig.reach_m + STOPPING_M + LEG_MIN_M
            raise SetupError(
                f"something is {rig.nearest_m:.2f} m from the lidar: put the car where {need_m:.1f} m are free in every "
                "direction, better 1.5"
            )
        slowest_m_s = SLOWEST_ERPM / abs(rig.file.erpm_per_m_s)
        speed = max(speed_m_s / gain, slowest_m_s)
        return Pace(speed, max(0.03, min(leg_m, room_m) / gain - BRAKING_S * speed))


def roll(rig: Rig, servo: float, speed_m_s: float, leg_m: float) -> None:
    """Roll until the wheels have made a way, the time is over, or something comes near; the brakes are not on yet."""
    begin_s, from_m = rig.clock.now(), rig.reading.tachometer_m
    while abs(rig.reading.tachometer_m - from_m) < leg_m:
        rig.tick(servo, speed_m_s)
        elapsed_s = rig.clock.now() - begin_s
        if rig.nearest_m < rig.reach_m or elapsed_s > LEG_MAX_S:
            return
        if elapsed_s > STARTED_S and abs(rig.reading.tachometer_m - from_m) < 0.01:
            raise SetupError(
                "the wheels do not turn although the motor is told to: check its cables, and its detection in VESC Tool"
            )


def one_way(rig: Rig, servo: float, forwards: bool, pace: Pace, before: View) -> tuple[Leg, View]:
    """A leg, and the view after it. before: the view of the car that stands."""
    first = len(rig.rows)
    rig.aim(servo, AIM_S)
    rest = np.mean([row.vesc.yaw_rate_rad_s for row in rig.rows[first:]])
    from_m, rolling = rig.reading.tachometer_m, len(rig.rows)
    roll(rig, servo, pace.speed_m_s if forwards else -pace.speed_m_s, pace.leg_m)
    after = rig.stand()
    rows = rig.rows[first:]
    turned = TICK_S * sum(row.vesc.yaw_rate_rad_s - rest for row in rig.rows[rolling:])
    moved = after.motion_from(before, turned)
    if moved is None:
        raise SetupError(
            "the lidar does not see how far the car moves: put it where there are walls ahead and beside it, within 7 m"
        )
    return Leg(servo, rig.reading.tachometer_m - from_m, turned, moved, rows), after


def out_and_back(rig: Rig, servo: float, gain: float, leg_m: float = LEG_M) -> list[Leg]:
    """Two legs with the same steering."""
    view = rig.stand()
    pace = Pace.of(rig, gain, leg_m)
    legs = []
    for forwards in (True, False):
        leg, view = one_way(rig, servo, forwards, pace, view)
        legs.append(leg)
    return legs
