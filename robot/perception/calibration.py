"""A camera's lens from pictures of a chessboard or a ChArUco board (Zhang, 2000, by OpenCV), or the reason why not.

What is refused is what a small error would hide: few pictures, pictures that are all alike, a board that was never tilted (focal
length and distance cannot be told apart), one that never came near the border (distortion there is made up).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from robot.perception.board import Board
from sim.camera.lens import STRAIGHT, Lens

POINTS_MIN = 8  # of a board in one picture
VIEWS_MIN = 10  # pictures that differ
ALIKE = 0.03  # of the width: a board whose points have moved by less on average is where it was
TILT_MIN_RAD = 0.35  # between the two boards that are turned the most from each other
COVERED_MIN = 0.7  # of the fields that a picture is divided into
FIELDS = 5  # across, and down
ERROR_MAX = 1.5e-3  # of the width, root mean square: 1 px of 640
RATIONAL_GAIN = (
    0.8  # the rational model has three numbers more, and is taken if it leaves less than so much of the error
)
WINDOW = (2, 2)  # pixels to each side of a corner that tell where it is: no marker may be among them
UNTIL = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 50, 1e-3)
STILL_PX = 1.0  # that a board moves between two pictures and is still sharp


@dataclass(frozen=True)
class BoardView:
    """A board in one picture. on_board (n, 3) m, in_picture (n, 2) px, float32."""

    on_board: np.ndarray
    in_picture: np.ndarray


def charuco_board(board: Board) -> cv2.aruco.CharucoBoard:
    markers = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    return cv2.aruco.CharucoBoard((board.columns, board.rows), board.square_m, board.marker_m, markers)


def finder(board: Board) -> Callable[[np.ndarray], BoardView | None]:
    """What finds the board in a picture (height, width) or (height, width, 3) uint8; None where it is not seen."""
    corners = board.columns - 1, board.rows - 1
    grid = np.zeros((corners[0] * corners[1], 3), np.float32)
    grid[:, :2] = board.square_m * np.mgrid[: corners[0], : corners[1]].T.reshape(-1, 2)
    charuco = charuco_board(board) if board.kind == "charuco" else None
    detector = None if charuco is None else cv2.aruco.CharucoDetector(charuco)
    if detector is not None:
        fine = cv2.aruco.DetectorParameters()
        fine.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
        detector.setDetectorParameters(fine)

    def find(frame: np.ndarray) -> BoardView | None:
        grey = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        if charuco is None or detector is None:
            found, points = cv2.findChessboardCornersSB(grey, corners, flags=cv2.CALIB_CB_ACCURACY)
            return BoardView(grid, points.reshape(-1, 2)) if found else None
        points, numbers, _, _ = detector.detectBoard(grey)
        if numbers is None or len(numbers) < POINTS_MIN:
            return None
        every = np.array(charuco.getChessboardCorners(), np.float32)
        if charuco.checkCharucoCornersCollinear(numbers):
            return None
        exact = cv2.cornerSubPix(grey, points.astype(np.float32), WINDOW, (-1, -1), UNTIL)
        return BoardView(every[numbers.ravel()], exact.reshape(-1, 2))

    return find


def is_new(view: BoardView, among: Iterable[BoardView], width: int) -> bool:
    """Whether the board is elsewhere than in all of those pictures, or seen otherwise."""
    return all(distance_px(view, other) > ALIKE * width for other in among)


def distance_px(one: BoardView, other: BoardView) -> float:
    """How far the points have moved that both have, on average; inf if they share none."""
    places = {tuple(place): point for place, point in zip(one.on_board, one.in_picture, strict=True)}
    moved = [
        np.hypot(*(places[tuple(place)] - point))
        for place, point in zip(other.on_board, other.in_picture, strict=True)
        if tuple(place) in places
    ]
    return float(np.mean(moved)) if moved else np.inf


@dataclass(frozen=True)
class Calibration:
    """refused: why the lens is not to be believed; empty if it is. covered: share of the picture's fields with points."""

    lens: Lens | None
    worst_view_px: float
    tilt_rad: float
    covered: float
    refused: str


def calibrate(views: list[BoardView], width: int, height: int) -> Calibration:
    """The lens that explains the views best."""
    apart: list[BoardView] = []
    for view in views:
        if is_new(view, apart, width):
            apart.append(view)
    points = np.concatenate([view.in_picture for view in apart]) if apart else np.empty((0, 2))
    covered = covered_share(points, width, height)
    if len(apart) < VIEWS_MIN:
        alike = f", of {len(views)} in which it was seen; the others are like these" if len(views) > len(apart) else ""
        words = f"found {len(apart)} pictures of the board that differ{alike}; needed: {VIEWS_MIN}"
        return Calibration(None, 0.0, 0.0, covered, words)
    lens, tilt_rad, worst_px = fitted(apart, width, height)
    limit_px = ERROR_MAX * width
    refused = ""
    if not np.isfinite(lens.error_px) or lens.error_px > limit_px:
        refused = f"its points are off by {lens.error_px:.2f} px, allowed: {limit_px:.2f}; is the board flat and its squares as told?"
    elif tilt_rad < TILT_MIN_RAD:
        refused = (
            f"the pictures are all alike: the board was turned by {tilt_rad:.2f} rad, needed: {TILT_MIN_RAD}; tilt it"
        )
    elif covered < COVERED_MIN:
        refused = f"the board was seen in {covered:.0%} of the picture, needed: {COVERED_MIN:.0%}; bring it to the borders too"
    return Calibration(lens, worst_px, tilt_rad, covered, refused)


def fitted(views: list[BoardView], width: int, height: int) -> tuple[Lens, float, float]:
    """Lens, the largest turn between two boards (rad), and the error of the worst view (px)."""
    best: tuple[float, np.ndarray, np.ndarray, list[np.ndarray], list[np.ndarray]] | None = None
    for flags in (0, cv2.CALIB_RATIONAL_MODEL):
        error_px, matrix, distortion, turns, places = cv2.calibrateCamera(
            [view.on_board for view in views], [view.in_picture for view in views], (width, height),
            np.eye(3), np.zeros(8 if flags else 5), flags=flags,
        )  # fmt: skip
        if best is None or error_px < RATIONAL_GAIN * best[0]:
            best = error_px, matrix, distortion, list(turns), list(places)
    assert best is not None
    error_px, matrix, found, turns, places = best
    numbers = (*found.ravel().tolist(), *STRAIGHT)[:8]
    k1, k2, p1, p2, k3, k4, k5, k6 = numbers
    lens = Lens(
        width, height, float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]), float(matrix[1, 2]),
        (k1, k2, p1, p2, k3, k4, k5, k6), float(error_px), len(views),
    )  # fmt: skip
    normals = np.array([cv2.Rodrigues(turn)[0][:, 2] for turn in turns])
    tilt_rad = float(np.arccos(np.clip(normals @ normals.T, -1.0, 1.0)).max())
    errors_px = []
    for view, turn, place in zip(views, turns, places, strict=True):
        shown, _ = cv2.projectPoints(view.on_board, turn, place, matrix, found)
        errors_px.append(np.sqrt(np.square(shown.reshape(-1, 2) - view.in_picture).sum(1).mean()))
    return lens, tilt_rad, float(max(errors_px))


def covered_share(points: np.ndarray, width: int, height: int) -> float:
    """Of FIELDS x FIELDS fields of the picture, how many have a point in them."""
    fields = np.floor(points / (width, height) * FIELDS).clip(0, FIELDS - 1).astype(int)
    return len(np.unique(fields, axis=0)) / FIELDS**2
