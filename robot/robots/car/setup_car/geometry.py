"""Where the lidar sits, how far the wheels go and which end is the front: from legs of which only their motion is known.

A car that steers with its front wheels turns about a point beside its rear axle. On an arc of length s that turns it by
theta, a lidar at (a, b) from the middle of the rear axle moves by

    t(s, theta) + (R(theta) - 1) (a, b),     t = s (sin theta / theta, (1 - cos theta) / theta)

in the car's axes, and by that turned by minus its mounting yaw in its own. theta the lidar measures itself; s is a gain
times the way that the wheels tell. Legs to the left and to the right, out and back, tell gain, yaw, a and b at once
(least squares). The lidar sits ahead of the rear axle: where a comes out negative, the motor runs backwards.

Which side is left, only gravity and the gyro tell: a lidar that hangs upside down sees a mirrored world, in which all
else fits as well.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from robot.commissioning.steps import SetupError
from robot.robots.car.setup_car.legs import Leg
from robot.robots.car.setup_car.values import Value, measured, yes_or_no

NOISE_M = 0.001  # of a leg's motion, at the least
TURNED_MIN_RAD = 0.2  # by all legs together, to tell left from right
GYRO_SHARE_MAX = 0.15  # by which gyro and lidar may differ
AHEAD_SURE = 5.0  # standard deviations of the lidar's place before the rear axle
WHEELS_FLOOR, YAW_FLOOR_RAD, PLACE_FLOOR_M = 0.006, 0.006, 0.006  # wheel slip, tyres that give way, data sheet


@dataclass(frozen=True)
class Geometry:
    """gain: way ahead over way by the file, negative where the motor runs backwards. left: of the lidar's own turning, +1
    or -1. yaw, ahead, aside: of the lidar, from the middle of the rear axle.
    """

    gain: float
    yaw_rad: float
    ahead_m: float
    aside_m: float
    left: float
    sigma: tuple[float, float, float, float]


def handedness(legs: list[Leg], imu_over: float) -> float:
    """+1 where the lidar sees a turn to the left as one, -1 where it sees a mirrored world.

    imu_over: +1, or -1 for an IMU that lies upside down, by gravity. Raises SetupError where gyro and lidar do not agree.
    """
    gyro = np.array([imu_over * leg.turned_rad for leg in legs])
    lidar = np.array([leg.moved[2] for leg in legs])
    if np.abs(lidar).sum() < TURNED_MIN_RAD:
        raise SetupError(
            "the car goes straight wherever it is steered: check the servo's cable, and enable the servo output in VESC "
            "Tool (App Settings, General)"
        )
    share = float(gyro @ lidar / (lidar @ lidar))
    if abs(abs(share) - 1.0) > GYRO_SHARE_MAX:
        raise SetupError(
            f"the gyro tells {share:.2f} times the turns that the lidar sees: check the IMU in VESC Tool, and that the car "
            "stands level"
        )
    return math.copysign(1.0, share)


def motions(p: np.ndarray, rolled: np.ndarray, turned: np.ndarray) -> np.ndarray:
    """Of the lidar, (n, 2) m, in its own axes. p (4,): gain, yaw, ahead, aside."""
    gain, yaw, ahead, aside = map(float, p)
    s = gain * rolled
    half = 0.5 * turned
    chord = s * np.sinc(half / math.pi)
    cos_turn, sin_turn = np.cos(turned) - 1.0, np.sin(turned)
    x = chord * np.cos(half) + cos_turn * ahead - sin_turn * aside
    y = chord * np.sin(half) + sin_turn * ahead + cos_turn * aside
    cos_yaw, sin_yaw = math.cos(yaw), math.sin(yaw)
    return np.stack([cos_yaw * x + sin_yaw * y, cos_yaw * y - sin_yaw * x], axis=1)


def fit_geometry(legs: list[Leg], imu_over: float) -> Geometry:
    """Raises SetupError where the legs do not tell which end is the front."""
    left = handedness(legs, imu_over)
    seen = np.array([(leg.moved[0], left * leg.moved[1]) for leg in legs])
    turned = np.array([left * leg.moved[2] for leg in legs])
    rolled = np.array([leg.rolled_m for leg in legs])
    along = (seen * np.sign(rolled)[:, None]).sum(axis=0)
    start = (float(np.hypot(*seen.T).sum() / np.abs(rolled).sum()), -math.atan2(along[1], along[0]), 0.0, 0.0)

    def misfit(p: np.ndarray) -> np.ndarray:
        return ((motions(p, rolled, turned) - seen) / NOISE_M).ravel()

    fit = least_squares(misfit, start, loss="soft_l1", f_scale=3.0)
    residual = motions(fit.x, rolled, turned) - seen
    noise = max(1.0, 1.4826 * float(np.median(np.abs(residual))) / NOISE_M)
    plain = np.array(fit.jac)
    sigma = noise * np.sqrt(np.diag(np.linalg.pinv(plain.T @ plain)))
    gain, yaw, ahead, aside = map(float, fit.x)
    if abs(ahead) < AHEAD_SURE * sigma[2]:
        raise SetupError(
            f"which end of the car is the front is not identifiable: its lidar turns about itself, {ahead:+.3f} m from the "
            "rear axle"
        )
    if ahead < 0.0:
        gain, yaw, ahead, aside = -gain, yaw + math.pi, -ahead, -aside
    yaw -= math.tau * round(yaw / math.tau)
    return Geometry(gain, yaw, ahead, aside, left, tuple(map(float, sigma)))  # type: ignore[arg-type]


def values_of(geometry: Geometry, file_erpm_per_m_s: float, rear_axle_m: float) -> list[Value]:
    """For the robot's file: the wheels' gain, and the lidar's mounting from the centre of gravity."""
    gain_sigma, yaw_sigma, ahead_sigma, aside_sigma = geometry.sigma
    erpm = file_erpm_per_m_s / geometry.gain
    share = gain_sigma / abs(geometry.gain)
    return [
        measured("erpm_per_m_s", erpm, share * abs(erpm), WHEELS_FLOOR * abs(erpm)),
        measured("mount_yaw_rad", geometry.yaw_rad, yaw_sigma, YAW_FLOOR_RAD),
        yes_or_no("mirrored", geometry.left < 0.0),
        measured("mount_x_m", geometry.ahead_m - rear_axle_m, ahead_sigma, PLACE_FLOOR_M),
        measured("mount_y_m", geometry.aside_m, aside_sigma, PLACE_FLOOR_M),
    ]
