"""Moments of insertions, drawn: where the hand and the hole are, from far above until the peg is in. What the encoder learns from.

No arm is simulated for them: a picture shows the hand and the hole, and no arm.
"""

from dataclasses import dataclass

import numpy as np

from robot.robots.arm.eyes.wrist_view import CAMERA_M, TOLD, VIEW
from robot.robots.arm.hidden_arm import CLEARANCE_M
from robot.robots.arm.training.labelled import ASIDE_M as IN_ASIDE_M
from robot.robots.arm.training.labelled import IN_M
from sim.arm.insertion import PAN_M, Spread
from sim.arm.kinematics import ACROSS, APPROACH
from sim.arm.peg import PegScene

WIDE = Spread(
    distance_either_m=0.03, bearing_either_rad=0.15, height_either_m=0.008, tilt_either_rad=0.2, yaw_either_rad=0.2
)
FAR, OVER, TOUCHING, WITHIN = range(4)
SHARES = (0.25, 0.35, 0.15, 0.25)  # of moments: looking for the hole, on the way, on the board, in the hole
HEIGHT_M = ((0.02, 0.075), (0.0, 0.05), (-0.0005, 0.0005), (-0.0148, 0.0))
ASIDE_M = (0.035, 0.02, 0.012, 0.0)  # to either side
TURNED_RAD = (0.15, 0.15, 0.12, 0.02)  # of the hand, from upright; in the hole, from its axis
LED_SHARE = 0.5
SPEED_M_S = (0.2, 0.06, 0.03, 0.02)
OFF_THE_WALL_M = 0.0005  # what a peg may press itself into its hole's walls


@dataclass(frozen=True)
class Moments:
    """pose (n, 9), motion (n, 3), place (n, 3), frame (n, 3, 3), half_m (n,): as `sim.camera.wrist` takes them. told (n, 6): what an encoder
    should tell. within (n,): whether the peg is in, and height_m (n,) of its end over the board."""

    pose: np.ndarray
    motion: np.ndarray
    place: np.ndarray
    frame: np.ndarray
    half_m: np.ndarray
    told: np.ndarray
    within: np.ndarray
    height_m: np.ndarray


def draw_moments(n: int, rng: np.random.Generator) -> Moments:
    """n of them."""

    def either(sizes: np.ndarray | float) -> np.ndarray:
        return np.asarray(sizes * rng.uniform(-1.0, 1.0, n))

    kind = rng.choice(len(SHARES), n, p=SHARES)
    half_m = PegScene().half_width + 0.5 * rng.uniform(*CLEARANCE_M, n)
    bearing, distance = either(WIDE.bearing_either_rad), WIDE.distance_m + either(WIDE.distance_either_m)
    frame = frames_of(bearing, either(WIDE.tilt_either_rad), either(WIDE.yaw_either_rad))
    place = np.stack([PAN_M + distance * np.cos(bearing), distance * np.sin(bearing),
                      WIDE.height_m + either(WIDE.height_either_m)], 1)  # fmt: skip
    low, high = np.array(HEIGHT_M)[kind].T
    height = rng.uniform(low, high)
    within = kind == WITHIN
    wide = np.where(within, half_m - PegScene().half_width + OFF_THE_WALL_M, np.array(ASIDE_M)[kind])
    aside = np.stack([either(wide), either(wide)], 1)
    tilt, turn = either(np.array(TURNED_RAD)[kind]), either(np.array(TURNED_RAD)[kind])
    led = within | (rng.random(n) < LED_SHARE)  # to the hole's attitude
    level = frames_of(np.arctan2(place[:, 1], place[:, 0] - PAN_M), tilt, turn)
    hand = np.where(led[:, None, None], np.einsum("nij,njk->nik", frame, frames_of(np.zeros(n), tilt, turn)), level)
    off = np.concatenate([aside, height[:, None]], 1)
    pose = np.concatenate([place + np.einsum("nij,nj->ni", frame, off), -hand[:, :, 2], hand[:, :, 1]], 1)
    motion = np.array(SPEED_M_S)[kind, None] * rng.uniform(-1.0, 1.0, (n, 3))
    inside = (height < -IN_M) & ((aside * aside).sum(1) < IN_ASIDE_M * IN_ASIDE_M)
    return Moments(pose, motion, place, frame, half_m, told_truly(pose, place, frame), inside, height)


def told_truly(pose: np.ndarray, place: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """The six numbers (n, 6) of holes: pose (n, 9), place (n, 3), frame (n, 3, 3)."""
    up, across = -pose[:, APPROACH], pose[:, ACROSS]
    hands = np.stack([np.cross(across, up), across, up], 2)
    numbers = np.zeros((len(pose), TOLD))
    away = np.einsum("ij,ni->nj", VIEW, np.einsum("nij,ni->nj", hands, place - pose[:, :3]) - CAMERA_M)
    numbers[:, :2], numbers[:, 2] = away[:, :2] / away[:, 2:], away[:, 2]
    numbers[:, 3:5] = np.einsum("nij,ni->nj", hands[:, :, :2], frame[:, :, 2])
    along = np.einsum("nij,ni->nj", hands, frame[:, :, 0])
    numbers[:, 5] = along[:, 1] / np.sqrt(along[:, 0] ** 2 + along[:, 1] ** 2)
    return numbers


def frames_of(bearing_rad: np.ndarray, tilt_rad: np.ndarray, yaw_rad: np.ndarray) -> np.ndarray:
    """As `sim.arm.insertion.frame_of`, of (n,) each: (n, 3, 3)."""
    return np.einsum("nij,njk,nkl->nil", _about_z(bearing_rad), _about_y(tilt_rad), _about_z(yaw_rad))


def _about_z(angle: np.ndarray) -> np.ndarray:
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    return np.stack([c, -s, zero, s, c, zero, zero, zero, one], 1).reshape(-1, 3, 3)


def _about_y(angle: np.ndarray) -> np.ndarray:
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    return np.stack([c, zero, s, zero, one, zero, -s, zero, c], 1).reshape(-1, 3, 3)
