"""The camera on a virtual arm's hand: it sees the board from where the hand truly is, and writes JPEGs into a named pipe (`camera_cable`).

What the board looks like, and how the camera is mounted, is drawn by a seed (`sim/camera/data/wrist.toml`).
"""

from pathlib import Path

import cv2
import numpy as np

from drivers.emulators.camera_cable import CameraCable
from sim.arm.insertion import Hole
from sim.camera.wrist import WristCameras
from sim.camera.wrist_looks import draw_wrist_looks

WIDTH, HEIGHT, FPS = 64, 48, 30.0  # grey
LOOKS_SEED = 3_000_000  # of trainings' and judges' seeds none comes so far


class WristCamera(CameraCable):
    """At a path, of a hand at a pose (9,). `run` after each step of the arm."""

    def __init__(self, path: Path, seed: int, pose: np.ndarray) -> None:
        looks = draw_wrist_looks(1, LOOKS_SEED + seed, WIDTH, HEIGHT)
        self._cameras = WristCameras(looks, seed)
        self._frame = np.empty((1, *looks.frame_shape), np.uint8)
        self._before = self._now = (0.0, pose.copy())
        self._hole, self._half_m = Hole(np.zeros(3), np.eye(3)), 0.0
        super().__init__(path, self._scene, FPS, float(looks.values["latency_s"][0]))

    def _scene(self, time_s: float) -> np.ndarray:
        (before_s, before), (now_s, now) = self._before, self._now
        passed_s = max(now_s - before_s, 1e-9)
        pose = before + min(1.0, max(0.0, (time_s - before_s) / passed_s)) * (now - before)
        motion = (now[:3] - before[:3]) / passed_s
        self._cameras.render(self._frame, pose[None], motion[None], self._hole.place_m[None], self._hole.frame[None],
                             np.array([self._half_m]), np.zeros(1, np.int64))  # fmt: skip
        grey = self._frame[0, :, :, 0]
        return cv2.merge((grey, grey, grey))

    def run(self, time_s: float, pose: np.ndarray, hole: Hole, half_m: float) -> None:
        """Take and send what is due by a time, at which the hand is at a pose, beside a hole of half a width."""
        self._before, self._now = self._now, (time_s, pose.copy())
        self._hole, self._half_m = hole, half_m
        self.line.advance(time_s)
