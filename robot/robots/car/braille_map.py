"""A map in a terminal: braille characters as a canvas of 2 by 4 dots each."""

import itertools
import math
from collections.abc import Iterable

import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from sim.tracks.track import Course

DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # Unicode 2800: bit of (row, column)
ARROWS = "→↗↑↖←↙↓↘"  # heading 0, 45, 90 ... degrees
BLANK_BRAILLE = 0x2800
SPEED_STYLES = [Style(color=colour) for colour in ("#6a5fdf", "#9a5fcf", "#d8518f", "#ee6c4d", "#f7b538")]
STYLES = [Style(color="grey42"), Style(color="grey70"), Style(color="black", bgcolor="bright_white", bold=True),
          *SPEED_STYLES]  # fmt: skip
CAR_STYLE, FIRST_SPEED_STYLE = 2, 3
JUMP_M = 2.0  # farther than a car drives between two looks at it: it was carried


class BrailleMap:
    """A course, drawn into a rectangle of characters. Walls are drawn once; car and trail at every call."""

    def __init__(self, course: Course, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        walls = course.walls()
        points = np.concatenate(walls)
        low, high = points.min(axis=0), points.max(axis=0)
        self.turned = (high - low)[0] < (high - low)[1] and columns > 2 * rows  # a tall course in a wide terminal
        if self.turned:
            points = turn(points)
            low, high = points.min(axis=0), points.max(axis=0)
        width, height = 2 * columns - 2, 4 * rows - 2
        self.dots_per_m = min(width / (high - low)[0], height / (high - low)[1])
        self.low = low - 0.5 * (np.array([width, height]) / self.dots_per_m - (high - low))
        self.walls = np.zeros((rows, columns), np.int64)
        for wall in walls:
            self._draw(self.walls, dense(wall, 0.5 / self.dots_per_m))
        start, end = walls[0][0], walls[1][0]
        self.finish = np.zeros((rows, columns), np.int64)
        self._draw(self.finish, np.linspace(start, end, int(math.dist(start, end) * self.dots_per_m) + 2)[1:-1:2])

    def _dots(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Dots of those points (n, 2) in m that lie inside: (column, row from the top, which points (n,) bool)."""
        points = turn(points) if self.turned else points
        dots = np.rint((points - self.low) * self.dots_per_m).astype(int)
        column, row = dots[:, 0], 4 * self.rows - 1 - dots[:, 1]
        inside = (column >= 0) & (column < 2 * self.columns) & (row >= 0) & (row < 4 * self.rows)
        return column[inside], row[inside], inside

    def _draw(self, canvas: np.ndarray, points: np.ndarray) -> None:
        column, row, _ = self._dots(points)
        np.bitwise_or.at(canvas, (row // 4, column // 2), DOTS[row % 4, column % 2])

    def render(self, trail: Iterable[tuple[float, float, float]], x: float, y: float, yaw: float,
               speed_max_m_s: float) -> "Picture":  # fmt: skip
        """The map with the trail (x, y, speed in m/s; coloured by speed) and the car as an arrow."""
        dots = self.walls | self.finish
        styles = np.where(self.walls > 0, 1, 0)  # index into STYLES
        points = joined(np.array(list(trail)).reshape(-1, 3), 1.0 / self.dots_per_m)
        column, row, inside = self._dots(points[:, :2])
        np.bitwise_or.at(dots, (row // 4, column // 2), DOTS[row % 4, column % 2])
        shade = np.clip(points[inside, 2] / speed_max_m_s, 0.0, 0.999) * len(SPEED_STYLES)
        styles[row // 4, column // 2] = FIRST_SPEED_STYLE + shade.astype(int)
        characters = np.where(dots > 0, dots + BLANK_BRAILLE, ord(" "))
        column, row, inside = self._dots(np.array([[x, y]]))
        if inside.any():
            heading = yaw - math.pi / 2 if self.turned else yaw
            characters[row // 4, column // 2] = ord(ARROWS[round(heading / (math.pi / 4)) % 8])
            styles[row // 4, column // 2] = CAR_STYLE
        return Picture(characters, styles)


class Picture:
    """Characters (rows, columns) and their styles, as runs of one style: much cheaper than a styled Text."""

    def __init__(self, characters: np.ndarray, styles: np.ndarray) -> None:
        self.characters, self.styles = characters.astype("<u4"), styles

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for characters, styles in zip(self.characters, self.styles, strict=True):
            line = characters.tobytes().decode("utf-32-le")
            starts = [0, *(np.flatnonzero(np.diff(styles)) + 1), len(line)]
            for start, end in itertools.pairwise(starts):
                yield Segment(line[start:end], STYLES[styles[start]])
            yield Segment.line()


def turn(points: np.ndarray) -> np.ndarray:
    """Points turned by a quarter, clockwise."""
    return np.stack([points[:, 1], -points[:, 0]], axis=1)


def joined(trail: np.ndarray, spacing_m: float) -> np.ndarray:
    """A trail (n, 3) with points in between, spacing_m apart, except across jumps of more than JUMP_M."""
    pieces = [trail[:1]]
    for before, after in itertools.pairwise(trail):
        gap_m = math.dist(before[:2], after[:2])
        count = int(gap_m / spacing_m) + 1 if gap_m < JUMP_M else 1
        pieces.append(before + (after - before) * np.arange(1, count + 1)[:, None] / count)
    return np.concatenate(pieces)


def dense(polygon: np.ndarray, spacing_m: float) -> np.ndarray:
    """A closed polygon (n, 2) with so many points that none is farther than spacing_m from the next."""
    closed = np.concatenate([polygon, polygon[:1]])
    distance = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = np.linspace(0.0, distance[-1], int(distance[-1] / spacing_m) + 2)
    return np.stack([np.interp(at, distance, closed[:, k]) for k in (0, 1)], axis=1)
