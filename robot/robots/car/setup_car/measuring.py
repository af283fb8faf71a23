"""The measurements of a car, in the order in which they are safe: wheels in the air, a first roll, arcs, quick turns."""

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from robot.commissioning.steps import Found, SetupError
from robot.robots.car.setup_car import geometry as shape
from robot.robots.car.setup_car import steering as steers
from robot.robots.car.setup_car import timing
from robot.robots.car.setup_car.geometry import Geometry
from robot.robots.car.setup_car.legs import AIM_S, Leg, Pace, out_and_back, roll
from robot.robots.car.setup_car.rig import Rig, Row
from robot.robots.car.setup_car.steering import Steering
from robot.robots.car.setup_car.values import Value, yes_or_no
from sim.car.model import CarParameters

SPIN_M_S, SPIN_S = 0.4, 0.6
MOVED_MAX_M = 0.05  # by a car whose wheels hang free
LEVEL_M_S2 = 7.0  # of gravity, along the IMU's z axis
STEER_SHOWN = 0.1  # of the servo's range
FIRST_M = 0.12  # by the file's gain, which may be far off
MOVED_MIN_M = 0.03
GAIN_MAX = 3.0
STEP = 0.07  # of the servo's range, from one arc to the next
FAR_RAD = 0.6  # no car steers farther
WIGGLE_RAD, WIGGLE_M, WIGGLES = 0.2, 0.15, 4  # before the steering is turned over
OVER_S = 0.45  # rolling on while the steering is turned over

Tell = Callable[[float, str], None]


def wheels_up(rig: Rig, tell: Tell) -> Found:
    """Motor and servo answer, gravity tells how the IMU lies, and nothing moves but the wheels."""
    before = rig.stand()
    gravity = float(np.mean([row.vesc.accel_z_m_s2 for row in rig.rows]))
    for k, sign in enumerate((1.0, -1.0)):
        tell(0.2 + 0.3 * k, f"the wheels turn {'the one way' if k == 0 else 'and the other way'}")
        begin_s, fastest = rig.clock.now(), 0.0
        while rig.clock.now() - begin_s < SPIN_S:
            fastest = max(fastest, sign * rig.tick(rig.file.servo_offset, sign * SPIN_M_S).vesc.erpm_speed_m_s)
        after = rig.stand()
        if fastest < 0.5 * SPIN_M_S:
            raise SetupError(
                f"told to turn at {SPIN_M_S} m/s, the wheels tell of {fastest:.2f} m/s: check the motor's cables, and run its "
                "detection in VESC Tool"
            )
        moved = after.motion_from(before, 0.0)
        if moved is not None and math.sqrt(moved[0] ** 2 + moved[1] ** 2) > MOVED_MAX_M:
            raise SetupError("the car moved: its wheels do not hang free. Put something under it, so that they do")
    for position in (STEER_SHOWN, -STEER_SHOWN, 0.0):
        tell(0.9, "the front wheels turn to one side, and to the other")
        rig.aim(rig.file.servo_offset + position, AIM_S)
    return {"firmware": rig.vesc.firmware, "lidar": getattr(rig.lidar, "model", ""), "gravity_m_s2": gravity}


def first_roll(rig: Rig, tell: Tell) -> Found:
    """A hand's breadth out and back: how far that really is."""
    legs: list[Leg] = []
    for k in range(2):
        tell(0.5 * k, "out and back, a hand's breadth")
        legs += out_and_back(rig, rig.file.servo_offset, 1.0, FIRST_M)
    ways = [math.sqrt(leg.moved[0] ** 2 + leg.moved[1] ** 2) for leg in legs]
    if max(ways) < MOVED_MIN_M:
        raise SetupError("the wheels turn but the car does not move: put it on the ground; or the lidar is covered")
    gain = sum(ways) / sum(abs(leg.rolled_m) for leg in legs)
    if not 1.0 / GAIN_MAX < gain < GAIN_MAX:
        raise SetupError(
            f"the car goes {gain:.2f} times as far as its wheels tell by erpm_per_m_s = {rig.file.erpm_per_m_s}: that is no "
            "matter of tyres; set the motor's poles and the gear's ratio in the robot's file first"
        )
    return {"gain": gain}


def arcs(rig: Rig, gain: float, gravity_m_s2: float, car: CarParameters, tell: Tell) -> Found:
    """Arcs from the middle outwards, to both stops: everything that does not depend on time."""
    if abs(gravity_m_s2) < LEVEL_M_S2:
        raise SetupError(
            f"the IMU feels {gravity_m_s2:.1f} m/s^2 along its z axis at rest: it stands on edge, or the car does not stand "
            "level; turn it in VESC Tool (App Settings, IMU)"
        )
    over = math.copysign(1.0, gravity_m_s2)
    legs: list[Leg] = []
    middle = rig.file.servo_offset
    for side in (1.0, -1.0):
        positions, angles = [], []
        position = middle
        while True:
            tell(
                0.5 * (side < 0.0) + 0.5 * min(1.0, abs(position - middle) / 0.5),
                f"an arc at servo position {position:.2f}",
            )
            pair = out_and_back(rig, position, gain)
            legs += pair
            positions.append(position)
            angles.append(float(np.mean([
                steers.angle_of(leg.moved[2], gain * leg.rolled_m, car.wheelbase_m) for leg in pair
            ])))  # fmt: skip
            at_end = position in (0.0, 1.0)
            if at_end or abs(angles[-1]) > FAR_RAD or steers.stopped(positions, angles):
                break
            position = min(1.0, max(0.0, position + side * STEP))
    found = shape.fit_geometry(legs, over)
    steering = steers.fit_steering(*angles_of(legs, found, car.wheelbase_m))
    values = [
        *steers.values_of(steering),
        *shape.values_of(found, rig.file.erpm_per_m_s, car.rear_axle_m),
        yes_or_no("imu_upside_down", over < 0.0),
        timing.imu_yaw(legs, found.gain, over),
    ]
    return {
        "geometry": asdict(found),
        "steering": asdict(steering),
        "over": over,
        "values": [asdict(value) for value in values],
    }


def angles_of(legs: list[Leg], found: Geometry, wheelbase_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Servo positions and the angles of the front wheels that the arcs show."""
    positions = np.array([leg.servo for leg in legs])
    angles = [steers.angle_of(found.left * leg.moved[2], found.gain * leg.rolled_m, wheelbase_m) for leg in legs]
    return positions, np.array(angles)


def delay(rig: Rig, arcs_found: Found, car: CarParameters, tell: Tell) -> Found:
    """Turn the steering over while the car rolls, out and back."""
    told = arcs_found["geometry"]
    found = Geometry(**told | {"sigma": tuple(told["sigma"])})
    told = arcs_found["steering"]
    steering = Steering(**told | {"sigma": tuple(told["sigma"]), "met": tuple(told["met"])})
    reach = min(abs(float(a)) for a in steering.angle_rad(np.array([steering.low, steering.high])))
    angle = min(WIGGLE_RAD, 0.9 * reach)
    wiggles: list[tuple[list[Row], np.ndarray, np.ndarray]] = []
    for k in range(WIGGLES):
        tell(k / WIGGLES, "the steering is turned over as the car rolls")
        for forwards in (True, False):
            side = 1.0 if (k % 2 == 0) == forwards else -1.0
            wiggles.append(wiggle(rig, steering, found, side * angle, forwards, arcs_found["over"]))
    value = timing.delay(wiggles, found.gain, car.wheelbase_m, car.steer_rate_max_rad_s)
    return {"values": [asdict(value)]}


def wiggle(
    rig: Rig, steering: Steering, found: Geometry, angle_rad: float, forwards: bool, over: float
) -> tuple[list[Row], np.ndarray, np.ndarray]:
    """One of them: ticks, angles told, and the yaw rates measured."""
    rig.stand()
    pace = Pace.of(rig, abs(found.gain), WIGGLE_M)
    speed = math.copysign(pace.speed_m_s, found.gain) * (1.0 if forwards else -1.0)
    one, other = (steering.gain * each + steering.offset for each in (angle_rad, -angle_rad))
    rig.aim(one, AIM_S)
    first = len(rig.rows)
    rig.aim(one, AIM_S)
    rest = float(np.mean([row.vesc.yaw_rate_rad_s for row in rig.rows[first:]]))
    roll(rig, one, speed, pace.leg_m)
    begin_s = rig.clock.now()
    while rig.clock.now() - begin_s < OVER_S and rig.nearest_m > rig.reach_m:
        rig.tick(other, speed)
    rows = rig.rows[first:]
    rig.stand()
    angles = steering.angle_rad(np.array([row.servo for row in rows]))
    measured = over * (np.array([row.vesc.yaw_rate_rad_s for row in rows]) - rest)
    return rows, angles, measured


def values_in(found: dict[str, Found]) -> list[Value]:
    """All that the steps measured."""
    told: list[dict[str, Any]] = [value for each in found.values() for value in each.get("values", [])]
    return [Value(**value) for value in told]
