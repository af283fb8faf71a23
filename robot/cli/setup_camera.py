"""`robot setup camera`: the lens of a camera, from a board that somebody holds before it, or from pictures of one."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robot.cli.extras import require
from robot.cli.output import finish, parse
from robot.perception.board import Board, Kind
from robot.views.say import say

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class SetupCameraConfig:
    """Find a camera's lens, and write it to a file for whoever undoes it. Show the board in all parts of the picture, near
    and far, tilted to every side; hold it still for a moment. Exit status 1 if the lens is refused: nothing is written then.
    """

    source: str
    """A folder of pictures; or a camera, as `source` of the driver `camera` in a robot's file: /dev/video0, http://... (docs/cameras.md)."""
    into: Path = Path("lens.toml")
    """The file to write."""
    board: Kind = "chessboard"
    columns: int = 9
    """Squares across, not corners."""
    rows: int = 7
    square_m: float = 0.025
    """Side of a square."""
    marker_m: float = 0.018
    """Side of a marker; of a ChArUco board alone."""
    width: int = 0
    """What the camera is asked for; 0: as it likes."""
    height: int = 0
    views: int = 20
    """Pictures to take from a camera."""
    seconds: float = 180.0
    """After which it makes do with what it has."""

    def __post_init__(self) -> None:
        if not 10 <= self.views <= 200:
            raise ValueError(f"--views: found {self.views}, allowed: 10 to 200")
        if not 0.0 < self.seconds <= 3600.0:
            raise ValueError(f"--seconds: found {self.seconds:g}, allowed: above 0, up to 3600")


def main(arguments: list[str]) -> int:
    config, as_json = parse(SetupCameraConfig, "setup camera", arguments)
    require("cv2")
    from policies.array_file import try_writing
    from robot.perception.calibration import calibrate, finder
    from robot.perception.lens import write_lens

    marker_m = config.marker_m if config.board == "charuco" else 0.0
    board = Board(config.board, config.columns, config.rows, config.square_m, marker_m)
    try_writing(config.into.parent)
    pictures = from_folder(Path(config.source)) if Path(config.source).is_dir() else from_camera(config)
    views, size = take_views(pictures, finder(board), config)
    found = calibrate(views, *size)
    lens = found.lens
    if not found.refused and lens is not None:
        write_lens(config.into, lens)
        say(
            f"lens     {config.into}: focal length {lens.focal_x_px:.1f} px, off by {lens.error_px:.2f} px in {lens.views} pictures"
        )
    else:
        say(f"refused  {found.refused}")
    figures: dict[str, Any] = {
        "lens": None if found.refused else str(config.into),
        "refused": found.refused,
        "error_px": None if lens is None else lens.error_px,
        "worst_view_px": None if lens is None else found.worst_view_px,
        "focal_px": None if lens is None else [lens.focal_x_px, lens.focal_y_px],
        "views": 0 if lens is None else lens.views,
        "tilt_rad": found.tilt_rad,
        "covered": found.covered,
    }
    finish(figures, as_json)
    return 1 if found.refused else 0


def from_folder(folder: Path) -> Iterator["np.ndarray"]:
    """The pictures in a folder, by name. Raises ValueError for one that is none, or a folder without."""
    import cv2

    from drivers.camera_sources import PICTURES

    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    if not paths:
        raise ValueError(f"--source: {folder}: found no pictures, allowed: {', '.join(PICTURES)}")
    for path in paths:
        frame = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if frame is None:
            raise ValueError(f"{path}: found no picture that can be read, allowed: {', '.join(PICTURES)}")
        yield frame


def from_camera(config: SetupCameraConfig) -> Iterator["np.ndarray"]:
    """Good pictures of a camera, for as long as the set-up may take. Raises LinkLost if it is gone."""
    from drivers.camera import Camera, CameraSettings
    from robot.runtime.clock import RealClock

    camera = Camera(CameraSettings(config.source, config.width, config.height), RealClock())
    camera.open()
    until_s, told = time.monotonic() + config.seconds, ""
    try:
        while time.monotonic() < until_s:
            frame = camera.read().frame
            if frame is not None:
                yield frame
                continue
            if (trouble := camera.trouble()) != told:
                told = trouble
                say(told or "the camera is well again")
            time.sleep(0.005)
    finally:
        camera.close()


def take_views(
    pictures: Iterator["np.ndarray"], find: Any, config: SetupCameraConfig
) -> tuple[list[Any], tuple[int, int]]:
    """The pictures with the board in them, all of a folder's; of a camera's those that differ, held still. And their size, width
    and height. Raises ValueError for pictures of several sizes."""
    from robot.perception.calibration import STILL_PX, distance_px, is_new

    live = not Path(config.source).is_dir()
    views: list[Any] = []
    size, before = (0, 0), None
    for frame in pictures:
        found_size = (frame.shape[1], frame.shape[0])
        if size not in ((0, 0), found_size):
            raise ValueError(f"--source: found pictures of {size} and of {found_size}, allowed: one size")
        size = found_size
        view = find(frame)
        if view is None:
            continue
        still = before is not None and distance_px(view, before) < STILL_PX
        before = view
        if live and not (still and is_new(view, views, size[0])):
            continue
        views.append(view)
        if live:
            say(f"picture {len(views)} of {config.views}: now elsewhere, or tilted otherwise")
            if len(views) == config.views:
                break
    return views, size
