"""How the servo steers: from the curvature of slow arcs, by the positions that it was told.

At walking pace a car's curvature is tan(angle) / wheelbase. The angle is a straight line over the servo's position, up
to the steering's end stops, where it stays: centre, slope and both stops are fitted together (least squares).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from robot.commissioning.steps import SetupError
from robot.robots.car.setup_car.values import Value, measured

NOISE_RAD = 0.002
GAIN_FLOOR, OFFSET_FLOOR, STOP_FLOOR = 0.015, 0.005, 0.008
FLAT = 0.3  # of the slope: beyond a stop
MOVES_RAD = 0.15  # between the two ends of what was tried, for a servo that moves


@dataclass(frozen=True)
class Steering:
    """angle = (position - offset) / gain between low and high. met: whether each stop was seen."""

    gain: float
    offset: float
    low: float
    high: float
    met: tuple[bool, bool]
    sigma: tuple[float, float, float, float]

    def angle_rad(self, position: np.ndarray) -> np.ndarray:
        return (np.clip(position, self.low, self.high) - self.offset) / self.gain


def stopped(positions: list[float], angles: list[float]) -> bool:
    """Whether the newest of positions, outwards, lies beyond a stop: the wheels hardly followed its last step.

    positions, angles: the first ones about the middle.
    """
    if len(positions) < 4:
        return False
    slope = (angles[2] - angles[0]) / (positions[2] - positions[0])
    last = (angles[-1] - angles[-2]) / (positions[-1] - positions[-2])
    return last / slope < FLAT


def fit_steering(positions: np.ndarray, angles: np.ndarray) -> Steering:
    """Raises SetupError where the wheels do not follow the servo."""
    order = np.argsort(positions)
    positions, angles = positions[order], angles[order]
    if np.ptp(angles) < MOVES_RAD:
        raise SetupError(
            "the wheels do not follow the steering: check the servo's cable, and enable the servo output in VESC Tool (App "
            "Settings, General)"
        )
    middle = np.abs(angles - 0.5 * (angles.min() + angles.max())) < 0.3 * np.ptp(angles)
    slope, constant = np.polyfit(positions[middle], angles[middle], 1)
    ends = np.sort([(each - constant) / slope for each in (angles.min(), angles.max())])

    def residual(p: np.ndarray) -> np.ndarray:
        return (p[0] * (np.clip(positions, p[2], p[3]) - p[1]) - angles) / NOISE_RAD

    start = (slope, -constant / slope, *ends)
    fit = least_squares(residual, start, loss="soft_l1", f_scale=3.0)
    slope, offset, low, high = map(float, fit.x)
    noise = max(1.0, 1.4826 * float(np.median(np.abs(residual(fit.x)))))
    jacobian = np.array(fit.jac)
    sigma = noise * np.sqrt(np.diag(np.linalg.pinv(jacobian.T @ jacobian)))
    met = (int(np.sum(positions < low - STOP_FLOOR)) > 0, int(np.sum(positions > high + STOP_FLOOR)) > 0)
    of_slope, of_offset, of_low, of_high = map(float, sigma)
    return Steering(
        gain=1.0 / slope,
        offset=offset,
        low=low if met[0] else float(positions[0]),
        high=high if met[1] else float(positions[-1]),
        met=met,
        sigma=(of_slope / slope**2, of_offset, of_low, of_high),
    )


def values_of(steering: Steering) -> list[Value]:
    """For the robot's file."""
    gain_sigma, offset_sigma, low_sigma, high_sigma = steering.sigma
    return [
        measured("servo_gain", steering.gain, gain_sigma, GAIN_FLOOR * abs(steering.gain)),
        measured("servo_offset", steering.offset, offset_sigma, OFFSET_FLOOR),
        measured("servo_min", steering.low, low_sigma if steering.met[0] else 0.0, STOP_FLOOR),
        measured("servo_max", steering.high, high_sigma if steering.met[1] else 0.0, STOP_FLOOR),
    ]


def angle_of(turned_rad: float, way_m: float, wheelbase_m: float) -> float:
    """Of the front wheels, from an arc of the rear axle."""
    return math.atan(wheelbase_m * turned_rad / way_m)
