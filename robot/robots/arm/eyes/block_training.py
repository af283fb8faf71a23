"""`robot train --task lift --eyes`: teach an encoder to tell where a block is, and keep it in a run's folder. Who lifts by it learns that by practice."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from policies.array_file import try_writing
from robot.perception.encoder import Encoder
from robot.perception.encoder_file import ENCODER_FILE
from robot.robots.arm.eyes.block_estimate import SEEN_SLOPE
from robot.robots.arm.eyes.block_moments import BlockMoments, draw_block_moments
from robot.robots.arm.eyes.block_view import BLOCK
from robot.robots.arm.eyes.learner import EncoderLearner, Subject
from robot.robots.arm.eyes.seeing_arm import LIFT_BY_CAMERA
from robot.robots.arm.eyes.wrist_view import HEIGHT, WIDTH, place_of
from robot.runtime.run_folder import new_run_folder
from robot.tasks.lift import HELD_M
from sim.arm.around_block import PEG_END_M
from sim.arm.kinematics import attitude_of
from sim.camera.wrist import BlockCameras
from sim.camera.wrist_looks import draw_block_looks, nominal_wrist_lens

ITERATIONS, LOOKS = 100, 192
JUDGED, JUDGED_SEED = 4096, 2_000_000  # pictures, and looks that nobody learned from or calibrated by
BLOCKS = Subject(
    told=BLOCK,
    names=("right", "down", "depth_m", "turn_cos", "turn_sin"),
    unit=np.array([0.1, 0.1, 0.01, 0.5, 0.5]),
    draw=draw_block_moments,
    draw_looks=draw_block_looks,
    cameras=BlockCameras,
    render=lambda cameras, frames, moments, look: cameras.render_block(
        frames, moments.pose, moments.motion, moments.place, moments.frame, moments.below_m, moments.jaw_rad, look
    ),
    frames_of_look=32,
)


def train_eyes(seed: int, effort: float, root: Path = Path("runs")) -> dict[str, Any]:
    """Figures: of looks that it did not learn from. Raises OSError, before the work, where nothing can be written."""
    begin_s = time.perf_counter()
    try_writing(root / LIFT_BY_CAMERA)
    looks, iterations = draw_block_looks(LOOKS, seed, WIDTH, HEIGHT), max(1, round(ITERATIONS * effort))
    learner = EncoderLearner(BLOCKS, looks, nominal_wrist_lens(WIDTH, HEIGHT), iterations, seed)
    for _ in range(iterations):
        learner.iterate()
    learner.calibrate()
    folder = new_run_folder(root, LIFT_BY_CAMERA, "eyes")
    (folder / ENCODER_FILE).write_bytes(learner.encoder)
    return judged(learner.encoder, seed) | {
        "run": str(folder), "file": str(folder / ENCODER_FILE), "wall_s": round(time.perf_counter() - begin_s, 1),
    }  # fmt: skip


def judged(data: bytes, seed: int) -> dict[str, Any]:
    """How far off single pictures place a block, m, root mean square, along the table and up; and what they say of a block in the hand."""
    encoder, rng = Encoder(Path(ENCODER_FILE), data), np.random.default_rng([seed, JUDGED_SEED])
    looks, moments = draw_block_looks(JUDGED // 64, JUDGED_SEED + seed, WIDTH, HEIGHT), draw_block_moments(JUDGED, rng)
    frames = np.empty((JUDGED, *looks.frame_shape), np.uint8)
    BLOCKS.render(BlockCameras(looks, seed), frames, moments, rng.integers(0, len(looks), JUDGED))
    told, deviation = BLOCK.of(np.stack([encoder.embed(frame) for frame in frames]))
    places = np.stack([place_of(pose, each)[0] for pose, each in zip(moments.pose, told, strict=True)])
    return errors(moments, places, told, deviation[:, :2].max(1) <= SEEN_SLOPE)


def errors(moments: BlockMoments, places: np.ndarray, told: np.ndarray, sure: np.ndarray) -> dict[str, Any]:
    """Of places (n, 3), told numbers (n, 5), and whether a picture shows a block at all (n,), as is said of it. In the hand is what is within HELD_M of it."""
    in_view = (np.abs(moments.told[:, :2]) < [0.5, 0.4]).all(1)
    off = (places - moments.place)[in_view]
    turn = np.arctan2(told[:, 4], told[:, 3]) - np.arctan2(moments.told[:, 4], moments.told[:, 3])
    turn_rad = (np.angle(np.exp(1j * turn)) / 4.0)[in_view]
    hands = np.stack([pose[:3] - attitude_of(pose) @ PEG_END_M for pose in moments.pose])
    said = sure & (np.linalg.norm(places - hands, axis=1) < HELD_M)
    far = np.linalg.norm(moments.place - hands, axis=1) > 2.0 * HELD_M
    return {
        "along_mm": round(1e3 * float(np.sqrt((off[:, :2] ** 2).mean())), 2), "up_mm": round(1e3 * float(np.sqrt((off[:, 2] ** 2).mean())), 2),
        "turn_rad": round(float(np.sqrt((turn_rad**2).mean())), 4), "pictures": len(far), "without_block": int(far.sum()),
        "false_positive_rate": round(float(said[far].mean()), 5), "found": round(float(said[moments.within].mean()), 5),
    }  # fmt: skip


def lines(figures: dict[str, Any]) -> list[str]:
    """For a person."""
    return [
        f"of {figures['pictures']} pictures with looks that it has not learned:",
        f"  a block in view is placed {figures['along_mm']} mm off along the table, {figures['up_mm']} mm in height, turned by {figures['turn_rad']} rad",
        f"  in the hand       {100.0 * figures['found']:.1f} % of the blocks that are; {100.0 * figures['false_positive_rate']:.3f} % of the pictures of one that is not",
        f"use it   put {figures['file']} beside a policy of {LIFT_BY_CAMERA}",
    ]
