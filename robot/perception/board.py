"""Boards that cameras are calibrated with."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["chessboard", "charuco"]
MARKERS = 50  # of the dictionary


@dataclass(frozen=True)
class Board:
    """columns, rows: squares, not corners. square_m: side of a square; marker_m: of a marker, for ChArUco.

    Markers are of OpenCV's dictionary 4x4_50, numbered row by row, as its own generator and calib.io print them today.
    """

    kind: Kind
    columns: int
    rows: int
    square_m: float
    marker_m: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("columns", self.columns), ("rows", self.rows)):
            if not 4 <= value <= 30:
                raise ValueError(f"--{name}: found {value}, allowed: 4 to 30 squares")
        if not 1e-3 <= self.square_m <= 1.0:
            raise ValueError(f"--square-m: found {self.square_m:g}, allowed: 0.001 to 1")
        if self.kind == "charuco":
            if not 0.0 < self.marker_m < self.square_m:
                raise ValueError(
                    f"--marker-m: found {self.marker_m:g}, allowed: above 0, below {self.square_m:g}, a square's side"
                )
            if self.columns * self.rows > 2 * MARKERS:
                raise ValueError(
                    f"--columns: found {self.columns} x {self.rows} squares, allowed: {2 * MARKERS}, with the dictionary's {MARKERS} markers"
                )
