"""Moments of lifting, drawn: where the hand and the block are, from far above until it is lifted, and beside it. What the encoder learns from.

No arm is simulated for them: a picture shows the hand and the block, and no arm.
"""

from dataclasses import dataclass

import numpy as np

from robot.robots.arm.eyes.block_view import BLOCK
from robot.robots.arm.eyes.moments import frames_of, told_truly
from sim.arm.around_block import HALF_M, PEG_END_M
from sim.arm.insertion import PAN_M

SEEKS, REACHES, GRASPS, HOLDS = range(4)
SHARES = (0.3, 0.3, 0.2, 0.2)  # of moments: looking for the block, on the way, around it, with it in the hand
HEIGHT_M = ((0.04, 0.12), (0.0, 0.09), (-0.006, 0.008), (-0.012, 0.012))  # of the hand over the block's middle
ASIDE_M = ((0.07, 0.07), (0.04, 0.04), (0.012, 0.012), (0.008, 0.01))  # outwards and across, to either side
RAISED_M = 0.15  # at most, in the hand
TILTED_RAD, ROLLED_RAD = 0.15, 0.3  # of the hand from upright; of a block between its fingers
JAW_RAD = ((-0.06, 0.46), (-0.06, 0.46), (0.1, 0.46), (0.1, 0.24))
SPEED_M_S = (0.2, 0.15, 0.05, 0.15)
DISTANCE_M, BEARING_RAD = (0.14, 0.27), 0.45  # of blocks, from the first joint
SLOPES = np.array([0.9, 0.8])  # further aside is told as this: nothing of it is in the picture


@dataclass(frozen=True)
class BlockMoments:
    """pose (n, 9), of the end of a peg, motion (n, 3), place (n, 3), frame (n, 3, 3), below_m, jaw_rad (n,): as `sim.camera.wrist` takes them. told (n, 5):
    what an encoder should tell. within (n,): whether the block is in the hand, and height_m (n,) of the hand over it."""

    pose: np.ndarray
    motion: np.ndarray
    place: np.ndarray
    frame: np.ndarray
    below_m: np.ndarray
    jaw_rad: np.ndarray
    told: np.ndarray
    within: np.ndarray
    height_m: np.ndarray


def draw_block_moments(n: int, rng: np.random.Generator) -> BlockMoments:
    """n of them."""

    def either(sizes: np.ndarray | float) -> np.ndarray:
        return np.asarray(sizes * rng.uniform(-1.0, 1.0, n))

    def between(table: tuple[tuple[float, float], ...]) -> np.ndarray:
        return np.asarray(rng.uniform(*np.array(table)[kind].T))

    kind = rng.choice(len(SHARES), n, p=SHARES)
    holds, zero = kind == HOLDS, np.zeros(n)
    distance, bearing = rng.uniform(*DISTANCE_M, n), either(BEARING_RAD)
    raised = np.where(holds, rng.uniform(0.0, RAISED_M, n), 0.0)
    table_m = rng.uniform(-0.05, -0.03, n)
    place = np.stack([PAN_M + distance * np.cos(bearing), distance * np.sin(bearing), table_m + HALF_M + raised], 1)
    near = kind >= GRASPS
    hand = frames_of(bearing + either(0.2), either(TILTED_RAD), either(0.3))
    level = np.where(holds, np.arctan2(hand[:, 1, 1], hand[:, 0, 1]) - 0.5 * np.pi, bearing)
    lies = frames_of(level + np.where(near, either(0.3), either(0.25 * np.pi)), zero, zero)
    roll = either(ROLLED_RAD)  # about the way across the fingers
    frame = np.where(holds[:, None, None], hand @ about_x(roll) @ frames_of(either(0.12), zero, zero), lies)
    wide = np.array(ASIDE_M)[kind].T
    height = between(HEIGHT_M)
    off = np.stack([either(wide[0]), either(wide[1]), height], 1)
    middle = place + np.where(near[:, None], np.einsum("nij,nj->ni", hand, off), off)
    pose = np.concatenate([middle + hand @ PEG_END_M, -hand[:, :, 2], hand[:, :, 1]], 1)
    motion = np.array(SPEED_M_S)[kind, None] * rng.uniform(-1.0, 1.0, (n, 3))
    return BlockMoments(
        pose, motion, place, frame, HALF_M + raised, between(JAW_RAD), block_told(pose, place, frame), holds, height
    )


def block_told(pose: np.ndarray, place: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """The five numbers (n, 5) of blocks: pose (n, 9) of the end of a peg, place (n, 3), frame (n, 3, 3)."""
    numbers = np.zeros((len(pose), BLOCK.count))
    numbers[:, :3] = told_truly(pose, place, frame)[:, :3]
    numbers[:, :2] = np.clip(numbers[:, :2], -SLOPES, SLOPES)
    lying = np.abs(frame[:, 2]).argsort(1)[:, 0]  # one of its axes that lie
    side = frame[np.arange(len(pose)), :, lying]
    four = 4.0 * (np.arctan2(side[:, 1], side[:, 0]) - np.arctan2(pose[:, 7], pose[:, 6]))
    numbers[:, 3], numbers[:, 4] = np.cos(four), np.sin(four)
    return numbers


def about_x(angle: np.ndarray) -> np.ndarray:
    """Turns (n, 3, 3)."""
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    return np.stack([one, zero, zero, zero, c, -s, zero, s, c], 1).reshape(-1, 3, 3)
