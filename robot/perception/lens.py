"""A camera's lens as OpenCV calibrates it, its file, and the way from its pictures to those that an encoder was trained on.

Frame of a camera: OpenCV's, x right, y down, z forward. A pixel's centre has whole coordinates.
"""

from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import tomli_w

from policies.array_file import write_bytes_atomically
from sim.camera.lens import Lens
from sim.input_files import from_table, read_toml


def read_lens(path: Path) -> Lens:
    """Raises ValueError, naming file and field."""
    return from_table(path, Lens, read_toml(path))


def lens_beside(robot: Path, lens: str) -> str:
    """The path of the lens file that a robot's file names, from its folder; empty where it names none. Raises ValueError for what is no lens,
    OSError for a file that cannot be read."""
    if not lens:
        return ""
    path = robot.parent / lens
    read_lens(path)
    return str(path)


def write_lens(path: Path, lens: Lens) -> None:
    write_bytes_atomically(path, [tomli_w.dumps({**asdict(lens), "distortion": list(lens.distortion)}).encode()])


class View:
    """Makes of a camera's pictures what an encoder takes: undistorted, or as another lens would have seen it.

    camera: None: its lens is not known, and pictures are only made smaller. seen_as: the lens that the encoder was trained with;
    None: a pinhole that shows as much as this camera sees without empty corners.
    """

    def __init__(
        self, height: int, width: int, channels: int, camera: Lens | None, seen_as: Lens | None = None
    ) -> None:
        self._size, self._channels = (width, height), channels
        self._camera, self._shrink = camera, 1
        if camera is None:
            return
        goal = seen_as or widest_pinhole(camera, width, height)
        if (goal.width, goal.height) != self._size:
            raise ValueError(
                f"lens of the encoder: found {goal.width}x{goal.height}, allowed: {width}x{height}, its input"
            )
        self._shrink = max(1, int(camera.focal_x_px / goal.focal_x_px))
        self._columns, self._rows = pixels_of(camera.shrunk(self._shrink), rays_of(goal))

    def of(self, frame: np.ndarray) -> np.ndarray:
        """What the encoder takes, (height, width, channels) uint8, red first, of a camera's (.., .., 3), blue first, or (.., ..).

        Raises ValueError for a frame of another size than the lens was calibrated for.
        """
        camera = self._camera
        if camera is not None and frame.shape[:2] != (camera.height, camera.width):
            raise ValueError(
                f"frame: found {frame.shape[1]}x{frame.shape[0]}, allowed: {camera.width}x{camera.height}, as the lens was calibrated for"
            )
        code = {(3, 1): cv2.COLOR_BGR2GRAY, (3, 3): cv2.COLOR_BGR2RGB, (2, 3): cv2.COLOR_GRAY2RGB}.get(
            (frame.ndim, self._channels)
        )
        picture = frame if code is None else cv2.cvtColor(frame, code)
        if camera is None:
            picture = cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA)
        else:
            if self._shrink > 1:
                size = (camera.width // self._shrink, camera.height // self._shrink)
                whole = picture[: size[1] * self._shrink, : size[0] * self._shrink]
                picture = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
            picture = cv2.remap(picture, self._columns, self._rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return picture.reshape(self._size[1], self._size[0], self._channels)


def widest_pinhole(camera: Lens, width: int, height: int) -> Lens:
    """Without distortion, with every pixel inside what the camera sees (OpenCV's alpha = 0)."""
    matrix, _ = cv2.getOptimalNewCameraMatrix(
        camera.matrix, np.array(camera.distortion), (camera.width, camera.height), 0.0, (width, height)
    )
    return Lens(width, height, matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2])


def rays_of(lens: Lens) -> np.ndarray:
    """Where each pixel looks: (height, width, 2), x/z and y/z."""
    grid = np.stack(np.meshgrid(np.arange(lens.width), np.arange(lens.height)), -1).astype(np.float64)
    until = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 100, 1e-9)
    found = cv2.undistortPoints(grid.reshape(-1, 1, 2), lens.matrix, np.array(lens.distortion), criteria=until)
    return found.reshape(lens.height, lens.width, 2)


def pixels_of(lens: Lens, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where rays (h, w, 2) meet a picture: columns and rows, (h, w) float32 each."""
    points = np.concatenate([rays, np.ones((*rays.shape[:2], 1))], -1).reshape(-1, 1, 3)
    found, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), lens.matrix, np.array(lens.distortion))
    columns, rows = found.reshape(*rays.shape[:2], 2).astype(np.float32).transpose(2, 0, 1)
    return np.ascontiguousarray(columns), np.ascontiguousarray(rows)
