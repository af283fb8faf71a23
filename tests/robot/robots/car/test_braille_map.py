"""The map in the terminal."""

import io
import math

import numpy as np
import pytest
from rich.console import Console

from robot.robots.car.braille_map import ARROWS, CAR_STYLE, FIRST_SPEED_STYLE, SPEED_STYLES, BrailleMap, Picture, joined
from sim.tracks.built_in_tracks import BUILT_IN, built_in
from sim.tracks.track import closed_course


def picture(drawn: Picture) -> list[str]:
    """The lines that a terminal would show, without their colours."""
    console = Console(file=io.StringIO(), width=200, height=100)
    return ["".join(segment.text for segment in line).rstrip() for line in console.render_lines(drawn, pad=False)]


@pytest.mark.parametrize("track", BUILT_IN)
@pytest.mark.parametrize(("columns", "rows"), [(80, 30), (30, 10), (12, 40)])
def test_both_walls_are_closed_lines_that_fill_the_picture(track: str, columns: int, rows: int) -> None:
    drawn = BrailleMap(built_in(track), columns, rows)
    assert drawn.walls.shape == (rows, columns)
    bits = (drawn.walls[:, :, None, None] >> np.array([[0, 3], [1, 4], [2, 5], [6, 7]])) & 1
    dots = bits.transpose(0, 2, 1, 3).reshape(4 * rows, 2 * columns)
    used = np.argwhere(dots)
    extent = used.max(axis=0) - used.min(axis=0)
    assert extent[0] >= 4 * rows - 6 or extent[1] >= 2 * columns - 6
    for row, column in used:  # a closed line has no ends: every dot has a neighbour on it
        assert dots[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].sum() >= 2


def test_a_tall_course_is_turned_in_a_wide_terminal() -> None:
    y = np.array([0.0, 0.0, 10.0, 10.0])
    x = np.array([0.0, 2.0, 2.0, 0.0])
    course = closed_course("tall", np.stack([x, y], axis=1), np.full(4, 0.5), np.full(4, 0.5))
    assert BrailleMap(course, 80, 20).turned
    assert not BrailleMap(course, 20, 40).turned


@pytest.mark.parametrize("eighth", range(8))
def test_the_car_points_where_it_drives(eighth: int) -> None:
    course = built_in("oval")
    drawn = BrailleMap(course, 80, 24).render([], course.x[0], course.y[0], eighth * math.pi / 4 + 0.1, 6.0)
    assert "".join(picture(drawn)).count(ARROWS[eighth]) == 1
    assert (drawn.styles == CAR_STYLE).sum() == 1


def test_the_car_is_drawn_where_it_is() -> None:
    course = built_in("oval")
    right = int(np.argmax(course.x))
    lines = picture(BrailleMap(course, 80, 24).render([], course.x[right], course.y[right], 0.0, 6.0))
    line = next(line for line in lines if "→" in line)
    assert line.index("→") > 60


def test_the_trail_is_coloured_by_speed() -> None:
    course = built_in("oval")
    trail = [(x, y, 6.0 * k / 99) for k, (x, y) in enumerate(zip(course.x[:100], course.y[:100], strict=True))]
    drawn = BrailleMap(course, 80, 24).render(trail, 1e9, 1e9, 0.0, 6.0)
    assert set(range(FIRST_SPEED_STYLE, FIRST_SPEED_STYLE + len(SPEED_STYLES))) <= set(drawn.styles.ravel())
    assert CAR_STYLE not in drawn.styles  # far outside the picture


def test_a_sparse_trail_is_drawn_as_a_line_but_not_across_a_jump() -> None:
    trail = [(0.0, 0.0, 1.0), (1.0, 0.0, 3.0), (9.0, 0.0, 2.0)]
    points = joined(np.array(trail), 0.1)
    assert (np.diff(points[:11, 0]) == pytest.approx(0.1, abs=0.01)) and points[5, 2] == pytest.approx(2.0, abs=0.2)
    assert len(points) == pytest.approx(12, abs=1) and tuple(points[-1]) == trail[-1]
    assert len(joined(np.zeros((0, 3)), 0.1)) == 0
