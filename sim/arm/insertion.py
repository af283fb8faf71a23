"""Where the hole of an insertion is: on a board that is moved between episodes, and where a camera would say that it is.

Frames: the base's, z upwards. The hole's frame: x outwards from the base as the board lies, z out of its surface.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PAN_M = 0.0388353  # the first joint's axis, along the base's x
NOISE_MAX = 2.0  # standard deviations
LEAST_W = 0.2  # of a quaternion whose other numbers are found by it


@dataclass(frozen=True)
class Spread:
    """What differs from one place of the board to the next: m and rad, to either side, or standard deviations."""

    distance_m: float = 0.20  # of the hole from the first joint's axis
    distance_either_m: float = 0.025
    bearing_either_rad: float = 0.12
    height_m: float = -0.055  # the arm stands higher than the board
    height_either_m: float = 0.005
    tilt_either_rad: float = 0.17
    yaw_either_rad: float = 0.17
    seen_aside_m: float = 0.002  # standard deviation of what the camera says, along the surface
    seen_height_m: float = 0.001
    seen_turn_rad: float = 0.017


@dataclass(frozen=True)
class Hole:
    """The middle of a hole, (3,), m, and its frame, (3, 3): columns x, y, z."""

    place_m: np.ndarray
    frame: np.ndarray


def frame_of(bearing_rad: float, tilt_rad: float, yaw_rad: float) -> np.ndarray:
    """Turned about z by the bearing, then about y, then about z."""
    c, s = math.cos(bearing_rad), math.sin(bearing_rad)
    ct, st = math.cos(tilt_rad), math.sin(tilt_rad)
    cy, sy = math.cos(yaw_rad), math.sin(yaw_rad)
    return np.array([
        [c * ct * cy - s * sy, -c * ct * sy - s * cy, c * st],
        [s * ct * cy + c * sy, -s * ct * sy + c * cy, s * st],
        [-st * cy, st * sy, ct],
    ])  # fmt: skip


def middle(spread: Spread) -> Hole:
    """Of all the places where a hole may be."""
    return Hole(np.array([PAN_M + spread.distance_m, 0.0, spread.height_m]), np.eye(3))


def draw(spread: Spread, rng: np.random.Generator, offset_m: Sequence[float] | np.ndarray = (0.0, 0.0, 0.0),
         turn_rad: Sequence[float] | np.ndarray = (0.0, 0.0)) -> tuple[Hole, Hole]:  # fmt: skip
    """A hole, and where the camera sees it.

    offset_m (3,), turn_rad (2,), of the hole's tilt and yaw: what the arm's own hand-eye calibration is wrong by, always.
    """

    def either(size: float) -> float:
        return float(rng.uniform(-size, size))

    def noise(size: float) -> float:
        return size * float(np.clip(rng.standard_normal(), -NOISE_MAX, NOISE_MAX))

    bearing, distance = either(spread.bearing_either_rad), spread.distance_m + either(spread.distance_either_m)
    tilt, yaw = either(spread.tilt_either_rad), either(spread.yaw_either_rad)
    place = np.array([
        PAN_M + distance * math.cos(bearing),
        distance * math.sin(bearing),
        spread.height_m + either(spread.height_either_m),
    ])  # fmt: skip
    frame = frame_of(bearing, tilt, yaw)
    wrong = np.array([noise(spread.seen_aside_m), noise(spread.seen_aside_m), noise(spread.seen_height_m)])
    tilt_seen, yaw_seen = (
        angle + off + noise(spread.seen_turn_rad) for angle, off in zip((tilt, yaw), turn_rad, strict=True)
    )
    seen = place + sum(frame[:, k] * wrong[k] for k in range(3)) + np.asarray(offset_m)
    return Hole(place, frame), Hole(seen, frame_of(bearing, tilt_seen, yaw_seen))


def quaternion_of(frame: np.ndarray) -> tuple[float, float, float, float]:
    """w, x, y, z of a rotation, (3, 3)."""
    w = 0.5 * math.sqrt(max(0.0, 1.0 + frame[0, 0] + frame[1, 1] + frame[2, 2]))
    x, y, z = frame[2, 1] - frame[1, 2], frame[0, 2] - frame[2, 0], frame[1, 0] - frame[0, 1]
    if w > LEAST_W:
        return w, float(x) / (4.0 * w), float(y) / (4.0 * w), float(z) / (4.0 * w)
    most = int(np.diag(frame).argmax())  # about half a turn: by the axis that it is mostly about
    following = frame[:, most] + frame[most]
    part = 0.5 * math.sqrt(1.0 + 2.0 * frame[most, most] - frame[0, 0] - frame[1, 1] - frame[2, 2])
    axis = [part if k == most else float(following[k]) / (4.0 * part) for k in range(3)]
    return float((x, y, z)[most]) / (4.0 * part), axis[0], axis[1], axis[2]
