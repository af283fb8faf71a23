"""What an emulated camera's sensor sees, and how badly: a scene that moves, noise, and the vices that all cameras share.

Whoever has a renderer gives its own `scene`, which must bring noise: a sensor's pictures are never equal to the byte.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

NOISE = 3.0  # grey levels
SPEED = 40.0  # pixels a second
Scene = Callable[[float], np.ndarray]  # time, s -> (height, width, 3) uint8, BGR


@dataclass
class Vices:
    """As they are from now on. late_s: from a picture to when it may be sent; every: only each so manieth is."""

    silent: bool = False
    frozen: bool = False
    black: bool = False
    covered: bool = False
    torn: bool = False
    late_s: float = 0.0
    every: int = 1
    size: tuple[int, int] | None = None  # width, height


@dataclass(frozen=True)
class Shot:
    """A picture, when it was taken, and whether it is to arrive torn."""

    frame: np.ndarray
    taken_s: float
    torn: bool


def moving_scene(width: int, height: int, seed: int = 0) -> Scene:
    """Blotches of colour that move to the left, with noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 226, (height // 8 + 1, width // 2, 3), dtype=np.uint8)
    wide = cv2.resize(coarse, (4 * width, height), interpolation=cv2.INTER_LINEAR)

    def scene(time_s: float) -> np.ndarray:
        from_left = int(SPEED * time_s) % (3 * width)
        seen = wide[:, from_left : from_left + width]
        return np.clip(seen + rng.normal(0.0, NOISE, seen.shape), 0.0, 255.0).astype(np.uint8)

    return scene


class ImageSensor:
    """Takes pictures at a rate. vices: may be changed while it runs."""

    def __init__(self, scene: Scene, fps: float) -> None:
        self.scene, self.fps, self.vices = scene, fps, Vices()
        self._taken = 0
        self._waiting: list[Shot] = []
        self._last: np.ndarray | None = None

    def shots(self, time_s: float) -> Iterator[Shot]:
        """The pictures that leave the camera up to now, oldest first."""
        while self._taken / self.fps <= time_s + 1e-9:
            taken_s = self._taken / self.fps
            self._taken += 1
            if self._taken % self.vices.every == 0 and not self.vices.silent:
                self._waiting.append(Shot(self._frame(taken_s), taken_s, self.vices.torn))
        late_s = self.vices.late_s
        while self._waiting and self._waiting[0].taken_s + late_s <= time_s + 1e-9:
            yield self._waiting.pop(0)

    def _frame(self, taken_s: float) -> np.ndarray:
        vices = self.vices
        frame = self.scene(taken_s)
        if vices.frozen and self._last is not None:
            frame = self._last
        self._last = frame
        if vices.black:
            return frame // 64
        if vices.covered:
            return np.full_like(frame, (30, 40, 90)) + frame % 2
        return frame if vices.size is None else cv2.resize(frame, vices.size)
