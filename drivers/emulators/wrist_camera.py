"""The camera on a virtual arm's hand: it sees the board from where the hand truly is, and writes JPEGs into a named pipe (`camera_cable`).

What the board looks like, and how the camera is mounted, is drawn by a seed (`sim/camera/data/wrist.toml`).
"""

from pathlib import Path

import cv2
import numpy as np

from drivers.emulators.arm_worlds import TABLE_M
from drivers.emulators.camera_cable import CameraCable
from sim.arm.around_block import peg_end
from sim.arm.insertion import Hole
from sim.camera.wrist import BlockCameras, WristCameras
from sim.camera.wrist_looks import WristLooks, draw_block_looks, draw_wrist_looks

WIDTH, HEIGHT, FPS = 64, 48, 30.0  # grey
LOOKS_SEED = 3_000_000  # of trainings' and judges' seeds none comes so far
FIRST = np.zeros(1, np.int64)  # of its looks


class WristCamera(CameraCable):
    """At a path, of a hand with a peg at a pose (9,). `run` after each step of the arm."""

    def __init__(self, path: Path, seed: int, pose: np.ndarray) -> None:
        looks = self.drawn(LOOKS_SEED + seed)
        self._frame = np.empty((1, *looks.frame_shape), np.uint8)
        self._before = self._now = (0.0, pose.copy())
        self._goal, self._told = Hole(np.zeros(3), np.eye(3)), 0.0
        self.make(looks, seed)
        super().__init__(path, self._scene, FPS, float(looks.values["latency_s"][0]))

    def drawn(self, seed: int) -> WristLooks:
        """One look."""
        return draw_wrist_looks(1, seed, WIDTH, HEIGHT)

    def make(self, looks: WristLooks, seed: int) -> None:
        """Who renders them."""
        self._cameras = WristCameras(looks, seed)

    def render(self, pose: np.ndarray, motion: np.ndarray) -> None:
        """Into `_frame`, from a pose (9,) that moves by (3,), m/s."""
        half_m = np.array([self._told])
        self._cameras.render(
            self._frame, pose[None], motion[None], self._goal.place_m[None], self._goal.frame[None], half_m, FIRST
        )

    def _scene(self, time_s: float) -> np.ndarray:
        (before_s, before), (now_s, now) = self._before, self._now
        passed_s = max(now_s - before_s, 1e-9)
        pose = before + min(1.0, max(0.0, (time_s - before_s) / passed_s)) * (now - before)
        self.render(pose, (now[:3] - before[:3]) / passed_s)
        grey = self._frame[0, :, :, 0]
        return cv2.merge((grey, grey, grey))

    def run(self, time_s: float, pose: np.ndarray, goal: Hole, told: float) -> None:
        """Take and send what is due by a time, at which the hand is at a pose, beside a hole of half a width `told`, m."""
        self._before, self._now = self._now, (time_s, pose.copy())
        self._goal, self._told = goal, told
        self.line.advance(time_s)


class BlockCamera(WristCamera):
    """Of a hand that reaches for a block on a table; `told`: the angle of its jaw, rad."""

    def drawn(self, seed: int) -> WristLooks:
        return draw_block_looks(1, seed, WIDTH, HEIGHT)

    def make(self, looks: WristLooks, seed: int) -> None:
        self._blocks = BlockCameras(looks, seed)

    def render(self, pose: np.ndarray, motion: np.ndarray) -> None:
        place, below_m = self._goal.place_m, np.array([self._goal.place_m[2] - TABLE_M])
        self._blocks.render_block(self._frame, peg_end(pose)[None], motion[None], place[None], self._goal.frame[None],
                                  below_m, np.array([self._told]), FIRST)  # fmt: skip


CAMERAS: dict[str, type[WristCamera]] = {"peg": WristCamera, "block": BlockCamera}
