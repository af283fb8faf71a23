"""The camera of a virtual car: it sees the car's world from the car's true pose, and writes JPEGs into a named pipe (`camera_cable`).

What it looks like there, and how the camera is mounted, is drawn by a seed (`sim/camera/data/looks.toml`).
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from drivers.emulators.camera_cable import CameraCable
from drivers.emulators.world import ACCEL_X, V_X, YAW, YAW_RATE, World
from sim.camera.camera import Camera
from sim.camera.looks import Looks, draw_looks
from sim.tracks.built_in_tracks import BUILT_IN

MODEL = "calibrated"  # a camera of `looks.toml`
WIDTH, HEIGHT, FPS = 96, 32, 60.0  # grey
LOOKS, LOOKS_SEED = 64, 3_000_000  # of trainings' and judges' seeds none comes so far


@dataclass(frozen=True)
class SeenPlace:
    """Looks of one place, and which of them."""

    looks: Looks
    look: int


def place_with_walls(seed: int) -> SeenPlace:
    """The first place with walls that this seed draws: tape on a patterned floor no encoder of ours sees well enough."""
    looks = draw_looks(LOOKS, LOOKS_SEED + seed, WIDTH, HEIGHT, colour=False, camera=MODEL)
    return SeenPlace(looks, int(np.argmax(looks.values["wall_height_m"] > 0.0)))


class CarCamera(CameraCable):
    """Of a world's car, at a path. `run` after each step of the world."""

    def __init__(self, world: World, path: Path, seed: int) -> None:
        place = place_with_walls(seed)
        on = world.course if world.course.name in BUILT_IN else world.free_grid
        self._world, self._camera = world, Camera(on, place.looks, seed, place.look)
        super().__init__(path, self._scene, FPS, self._camera.latency_s)

    def _scene(self, time_s: float) -> np.ndarray:
        moving = self._world.at(time_s)
        grey = self._camera.render(moving[: YAW + 1], moving[V_X], moving[YAW_RATE], moving[ACCEL_X])
        return cv2.merge((grey, grey, grey))

    def run(self, time_s: float) -> None:
        """Take and send what is due by a time, which lies in the world's last step."""
        self.line.advance(time_s)
