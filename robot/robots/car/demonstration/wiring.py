"""What two slow legs say of how the car is wired, by wheels, gyro and lidar, and what to do about it."""

import math
from dataclasses import dataclass

SPEED_M_S = 0.5  # of a leg
LEG_MIN_M = 0.1  # shorter ones say too little
RUNAWAY_M_S = 1.2  # by the accelerometer alone: much faster than asked for
RESPONSE_MIN, RESPONSE_MAX = 0.5, 1.8  # turning, as a multiple of what the steering should give
NO_RESPONSE = 0.25
WHEELS_MAX = 1.15  # by how much wheels and lidar may differ, either way
LIDAR_YAW_MAX_RAD = math.radians(7.0)
TRIM_MAX_RAD = 0.17


@dataclass(frozen=True)
class Leg:
    """What a leg showed. moved: x, y (m), yaw (rad) in the view before it, by the lidar; None where that is not known."""

    steer_rad: float
    rolled_m: float
    turned_rad: float  # by the gyro
    moved: tuple[float, float, float] | None


@dataclass(frozen=True)
class Measured:
    """How the car differs from its file: 1, 1, 0, 0 for a perfect one. None: not seen by the lidar."""

    response: float  # turning by the gyro, over what the steering should give
    lidar_response: float | None  # the same by the lidar
    wheels: float | None  # way by the lidar, over way by the wheels
    lidar_yaw_rad: float | None  # direction in which the lidar sees the car go ahead
    trim_rad: float  # angle of the wheels when told to point ahead


def measure(legs: list[Leg], wheelbase_m: float, rear_axle_m: float) -> Measured:
    """What two legs say together."""
    first, second = legs
    expected = (math.tan(first.steer_rad) - math.tan(second.steer_rad)) / wheelbase_m
    curvatures = [leg.turned_rad / leg.rolled_m for leg in legs]
    response = (curvatures[0] - curvatures[1]) / expected
    aimed = 0.5 * (math.tan(first.steer_rad) + math.tan(second.steer_rad))
    trim = math.atan(0.5 * (curvatures[0] + curvatures[1]) * wheelbase_m - math.copysign(1.0, response) * aimed)
    seen = [leg.moved for leg in legs if leg.moved is not None]
    if len(seen) < len(legs):
        return Measured(response, None, None, None, trim)
    lidar_response = (seen[0][2] / first.rolled_m - seen[1][2] / second.rolled_m) / expected
    # The way of the centre of gravity: the rear axle's along the heading, and what the turn adds ahead of it. Seen and
    # expected as complex numbers, their ratio is a length and a direction.
    mirrored = -1.0 if lidar_response * response < 0.0 else 1.0
    real = imaginary = squares = 0.0
    for leg, (x, y, yaw) in zip(legs, seen, strict=True):
        y, yaw = mirrored * y, mirrored * yaw
        way_x = leg.rolled_m * math.cos(0.5 * yaw) + rear_axle_m * (math.cos(yaw) - 1.0)
        way_y = leg.rolled_m * math.sin(0.5 * yaw) + rear_axle_m * math.sin(yaw)
        real += x * way_x + y * way_y
        imaginary += y * way_x - x * way_y
        squares += way_x * way_x + way_y * way_y
    return Measured(
        response, lidar_response, math.sqrt(real * real + imaginary * imaginary) / squares,
        math.atan2(imaginary, real), trim,
    )  # fmt: skip


def judge_wheels(leg: Leg, ran_away: bool) -> str:
    """What is wrong where the wheels told of hardly any way, or the car speeded away."""
    way_m = 0.0 if leg.moved is None else math.sqrt(leg.moved[0] ** 2 + leg.moved[1] ** 2)
    if not ran_away and way_m < LEG_MIN_M:
        return "the wheels do not turn although the motor is told to: check the motor's cables and its setup"
    seen = f"went {way_m:.2f} m" if way_m > LEG_MIN_M else f"was pushed to more than {RUNAWAY_M_S} m/s"
    return f"the car {seen} while its wheels told of {leg.rolled_m:.2f} m at {SPEED_M_S} m/s: erpm_per_m_s is far too large"


def judge(m: Measured) -> str:
    """What is wrong with a car that showed this, and what to do about it; empty if nothing is."""
    if abs(m.response) < NO_RESPONSE:
        if m.lidar_response is not None and abs(m.lidar_response) > RESPONSE_MIN:
            return "the gyro does not measure how the car turns: check the IMU in VESC Tool"
        return (
            "the wheels do not follow the steering: check the servo's cable, and enable the servo output in VESC Tool"
        )
    backwards = m.lidar_yaw_rad is not None and abs(m.lidar_yaw_rad) > 0.5 * math.pi
    if m.response < 0.0:
        if m.lidar_response is not None and m.lidar_response > 0.0:
            return (
                "the gyro measures the car turning the other way than the lidar sees it: the IMU lies upside down; "
                "change imu_upside_down, or tell VESC Tool how it lies"
            )
        if m.lidar_response is not None and backwards:
            return "the motor runs backwards: change the sign of erpm_per_m_s, or invert its direction in VESC Tool"
        doubt = "" if m.lidar_response is not None else ", or the IMU lies upside down"
        return f"the steering is reversed (it turns {m.response:.2f} times as it should){doubt}: change the sign of servo_gain"
    if m.lidar_yaw_rad is not None and m.lidar_response is not None and m.wheels is not None:
        yaw_rad, side = m.lidar_yaw_rad, "left" if m.lidar_yaw_rad > 0.0 else "right"
        off = f"it sees the car go {abs(math.degrees(yaw_rad)):.0f} deg to the {side} of ahead"
        if m.lidar_response < 0.0:
            also = f"; then set mount_yaw_rad to {-yaw_rad:.2f} less its present value"
            return f"the lidar sees left and right exchanged: change mirrored{also if abs(yaw_rad) > LIDAR_YAW_MAX_RAD else ''}"
        if abs(yaw_rad) > LIDAR_YAW_MAX_RAD:
            return f"the lidar is turned on the car, {off}: add {-yaw_rad:+.2f} to mount_yaw_rad"
        if not 1.0 / WHEELS_MAX < m.wheels < WHEELS_MAX:
            return f"the car goes {m.wheels:.2f} times as far as its wheels tell: divide erpm_per_m_s by {m.wheels:.2f}"
    response = m.response / (m.wheels or 1.0)
    if not RESPONSE_MIN < response < RESPONSE_MAX:
        return f"the car turns {response:.2f} times as much as its steering should make it: divide servo_gain by {response:.2f}"
    if abs(m.trim_rad) > TRIM_MAX_RAD:
        return (
            f"told to point ahead the wheels point {m.trim_rad:+.2f} rad to the left: take servo_gain times "
            f"{m.trim_rad:+.2f} off servo_offset"
        )
    return ""
