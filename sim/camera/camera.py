"""Cameras on cars: a batch of them, or one, with the frames that they deliver."""

from collections.abc import Sequence

import numpy as np

from sim.camera.looks import Looks
from sim.camera.meet import WIDTH_MAX
from sim.camera.render import render_frames
from sim.camera.textures import textures
from sim.camera.worlds import Worlds, worlds_of, worlds_of_courses
from sim.distance_field import OccupancyGrid
from sim.tracks.track import Course


class Cameras:
    """Frames for any number of cars in some worlds. Same seed and same calls: same bytes."""

    def __init__(self, worlds: Worlds, looks: Looks, seed: int) -> None:
        """Raises ValueError for frames that are too wide."""
        if looks.frame_shape[1] > WIDTH_MAX:
            raise ValueError(f"looks: found frames {looks.frame_shape[1]} pixels wide, allowed: up to {WIDTH_MAX}")
        self.worlds, self.looks = worlds, looks
        self._textures = textures(seed)
        self._random = np.random.default_rng([seed, 0xE4E5])

    def render(
        self, out: np.ndarray, pose: np.ndarray, motion: np.ndarray, world: np.ndarray, look: np.ndarray
    ) -> np.ndarray:
        """Write and return out (n, height, width, channels) uint8; channels are red, green, blue, or grey.

        pose (n, 3): x, y (m), yaw (rad) of the cars in their maps' frames, in the middle of the exposure. motion (n, 3): speed (m/s),
        yaw rate (rad/s), acceleration (m/s^2), which blur, roll and dive. world, look (n,): which of each. Raises ValueError
        for arrays that do not fit each other, for worlds and looks that are not there, and for a car that is nowhere.
        """
        n = len(pose)
        shapes = {"out": (n, *self.looks.frame_shape), "pose": (n, 3), "motion": (n, 3), "world": (n,), "look": (n,)}
        found = {"out": out, "pose": pose, "motion": motion, "world": world, "look": look}
        for name, shape in shapes.items():
            if found[name].shape != shape:
                raise ValueError(f"{name}: found an array {found[name].shape}, allowed: {shape}")
        for name, index, count in (("world", world, len(self.worlds.shapes)), ("look", look, len(self.looks))):
            if n and not (index.min() >= 0 and index.max() < count):
                raise ValueError(f"{name}: found {index.min()} to {index.max()}, allowed: 0 to {count - 1}")
        if not (np.isfinite(pose).all() and np.isfinite(motion).all()):
            raise ValueError("pose, motion: found what is no finite number, allowed: finite numbers")
        bits = np.uint32(self._random.integers(1, 2**32))
        render_frames(
            out, np.asarray(pose, np.float64), np.asarray(motion, np.float32), np.asarray(world, np.int64),
            np.asarray(look, np.int64), *self.worlds, self.looks.values, self.looks.colours, self.looks.rays,
            self._textures, bits,
        )  # fmt: skip
        return out


class Camera:
    """One camera with one look in one map or on one course: a device's frames."""

    def __init__(self, place: OccupancyGrid | Course, looks: Looks, seed: int, look: int = 0) -> None:
        worlds = worlds_of([place]) if isinstance(place, OccupancyGrid) else worlds_of_courses([place])
        self._cameras, self._look = Cameras(worlds, looks, seed), np.array([look])
        self.latency_s = float(looks.values["latency_s"][look])

    def render(
        self, pose: Sequence[float] | np.ndarray, speed: float = 0.0, yaw_rate: float = 0.0, acceleration: float = 0.0
    ) -> np.ndarray:
        """The frame exposed at a pose (x m, y m, yaw rad): a new uint8 (height, width, 3) RGB, or (height, width) grey.

        It may be used `latency_s` later. speed in m/s, yaw_rate in rad/s, acceleration in m/s^2.
        """
        out = np.empty((1, *self._cameras.looks.frame_shape), np.uint8)
        motion = np.array([[speed, yaw_rate, acceleration]])
        self._cameras.render(out, np.asarray(pose, np.float64).reshape(1, 3), motion, np.zeros(1, np.int64), self._look)
        return out[0, :, :, 0] if out.shape[3] == 1 else out[0]


def looked_back(pose: np.ndarray, motion: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Where cars were some seconds (n,) ago: poses (n, 3), from what they did since (speed, yaw rate); to first order."""
    turned = motion[:, 1] * seconds
    on_the_way = pose[:, 2] - 0.5 * turned
    driven = motion[:, 0] * seconds
    return np.stack(
        [pose[:, 0] - driven * np.cos(on_the_way), pose[:, 1] - driven * np.sin(on_the_way), pose[:, 2] - turned], 1
    )
