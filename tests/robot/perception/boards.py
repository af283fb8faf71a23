"""Pictures of a board through a known lens, at known places: each pixel's ray meets the board's plane."""

import cv2
import numpy as np

from robot.perception.board import Board
from robot.perception.calibration import charuco_board
from robot.perception.lens import rays_of
from sim.camera.lens import Lens

PIXELS_A_SQUARE = 40
FINE = 3  # rays a pixel, each way
SURROUND = 150.0  # grey level


def picture_of(board: Board) -> np.ndarray:
    """The board itself, (rows, columns) uint8, with a white margin of one square."""
    size = (board.columns * PIXELS_A_SQUARE, board.rows * PIXELS_A_SQUARE)
    if board.kind == "charuco":
        drawn = charuco_board(board).generateImage(size)
    else:
        squares = (np.add.outer(np.arange(board.rows), np.arange(board.columns)) % 2 * 255).astype(np.uint8)
        drawn = np.kron(squares, np.ones((PIXELS_A_SQUARE, PIXELS_A_SQUARE), np.uint8))
    return np.pad(drawn, PIXELS_A_SQUARE, constant_values=255)


class Photographer:
    """Renders a board before a lens."""

    def __init__(self, board: Board, lens: Lens) -> None:
        self._drawn, self._board, self._lens = picture_of(board), board, lens
        fine = Lens(
            FINE * lens.width, FINE * lens.height, FINE * lens.focal_x_px, FINE * lens.focal_y_px,
            FINE * (lens.centre_x_px + 0.5) - 0.5, FINE * (lens.centre_y_px + 0.5) - 0.5, lens.distortion,
        )  # fmt: skip
        self._rays = np.concatenate([rays_of(fine), np.ones((fine.height, fine.width, 1))], -1)

    def take(self, turn: np.ndarray, place: np.ndarray, noise: float = 2.0, seed: int = 0) -> np.ndarray:
        """turn (3,): rotation vector of the board; place (3,), m: of its middle. (height, width, 3) uint8."""
        rotation = cv2.Rodrigues(np.asarray(turn, float))[0]
        depth = (rotation[:, 2] @ place) / (self._rays @ rotation[:, 2])
        on_board = (self._rays * depth[..., None] - place) @ rotation[:, :2] / self._board.square_m
        middle = 0.5 * np.array([self._board.columns, self._board.rows]) + 1.0
        at = ((on_board + middle) * PIXELS_A_SQUARE - 0.5).astype(np.float32)
        shown = cv2.remap(
            self._drawn, np.ascontiguousarray(at[..., 0]), np.ascontiguousarray(at[..., 1]), cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT, borderValue=SURROUND,
        )  # fmt: skip
        grey = cv2.resize(shown, (self._lens.width, self._lens.height), interpolation=cv2.INTER_AREA).astype(float)
        grey = 20.0 + 0.8 * grey + np.random.default_rng(seed).normal(0.0, noise, grey.shape)
        return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, 2)


def many_places(
    count: int, distance_m: float, aside: float = 0.45, seed: int = 1
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Boards up to `aside` metres beside the axis for each metre away, tilted to all sides: rotation vector and place of each."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        turn = np.array([*rng.uniform(-0.6, 0.6, 2), rng.uniform(-0.2, 0.2)])
        z = rng.uniform(0.9, 1.5) * distance_m
        found.append((turn, z * np.array([rng.uniform(-aside, aside), rng.uniform(-aside, aside) / 1.5, 1.0])))
    return found
