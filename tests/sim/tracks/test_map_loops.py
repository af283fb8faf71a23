"""Of a map's loops, the one that a person would call the course: a lane between long walls."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sim.distance_field import OccupancyGrid
from sim.tracks.track import Course, closed_course
from sim.tracks.track_map import find_course, find_course_and_loops

CELL_M = 0.1
Fill = Callable[..., None]


def drawing(width_m: float, height_m: float, solid: bool) -> tuple[Image.Image, Fill]:
    """A picture of cells, 255 where solid, and a function that makes the box x0, y0, x1, y1 (m) solid or free."""
    image = Image.new("L", (round(width_m / CELL_M), round(height_m / CELL_M)), 255 * solid)
    pen = ImageDraw.Draw(image)

    def fill(x0: float, y0: float, x1: float, y1: float, solid: bool = False) -> None:
        pen.rectangle([round(v / CELL_M) - (k > 1) for k, v in enumerate((x0, y0, x1, y1))], fill=255 * solid)

    return image, fill


def grid_of(image: Image.Image) -> OccupancyGrid:
    return OccupancyGrid("hall", np.asarray(image) > 0, CELL_M, 0.0, 0.0)


def race_track(gaps: tuple[tuple[int, float], ...], lane_m: float = 2.0) -> tuple[Image.Image, Course]:
    """A closed track drawn as two lines on a free field full of pillars; gaps: (wall, share of the lap), 2 m wide."""
    angle = np.linspace(0.0, 2 * np.pi, 14, endpoint=False)
    radius = 11.0 * (1.0 + 0.3 * np.random.default_rng(3).uniform(-1, 1, 14))
    points = np.stack([35.0 + 1.6 * radius * np.cos(angle), 26.0 + radius * np.sin(angle)], axis=1)
    half = np.full(14, 0.5 * lane_m)
    course = closed_course("drawn", points, half, half)
    image, fill = drawing(70.0, 52.0, solid=False)
    line = np.stack([course.x, course.y], axis=1)
    for x in np.arange(2.0, 68.0, 3.5):
        for y in np.arange(2.0, 50.0, 3.5):
            if np.sqrt(((line - (x, y)) ** 2).sum(axis=1)).min() > 0.5 * lane_m + 1.5:
                fill(x, y, x + 0.8, y + 0.8, True)
    pen = ImageDraw.Draw(image)
    for wall in course.walls():
        corners = [(x / CELL_M, y / CELL_M) for x, y in wall]
        pen.line([*corners, corners[0]], fill=255, width=3)
    for wall_number, share in gaps:
        x, y = course.walls()[wall_number][int(share * len(course.x))]
        fill(x - 1.0, y - 1.0, x + 1.0, y + 1.0)
    return image, course


@pytest.mark.parametrize("gaps", [(), ((0, 0.3), (1, 0.3)), ((0, 0.05), (0, 0.55), (1, 0.3), (1, 0.8))])
def test_a_race_track_in_a_field_of_pillars_is_the_course_whatever_gaps_its_walls_have(
    gaps: tuple[tuple[int, float], ...],
) -> None:
    image, drawn = race_track(gaps)
    course = find_course(grid_of(image))
    assert course.length_m == pytest.approx(drawn.length_m, rel=0.03)
    line = np.stack([drawn.x, drawn.y], axis=1)
    off = [float(np.sqrt(((line - (x, y)) ** 2).sum(axis=1)).min()) for x, y in zip(course.x, course.y, strict=True)]
    assert max(off) < 1.0


def hall_and_corridor(doors: tuple[float, ...]) -> Image.Image:
    """A hall of 50 m x 40 m with 80 pillars; beside it, behind doors at these y, a corridor 1.8 m wide round a block."""
    image, fill = drawing(92.0, 44.0, solid=True)
    fill(2.0, 2.0, 52.0, 42.0)
    for x in np.arange(6.0, 50.0, 5.0):
        for y in np.arange(6.0, 40.0, 4.0):
            fill(x, y, x + 0.8, y + 0.8, True)
    fill(56.0, 8.0, 90.0, 36.0)
    fill(57.8, 9.8, 88.2, 34.2, True)
    for y in doors:
        fill(52.0, y, 56.0, y + 1.6)
    return image


@pytest.mark.parametrize("doors", [(), (20.0,), (12.0, 28.0)])
def test_the_corridor_beside_a_hall_of_pillars_is_the_course(doors: tuple[float, ...]) -> None:
    course = find_course(grid_of(hall_and_corridor(doors)))
    assert course.length_m == pytest.approx(2 * (32.2 + 26.2), rel=0.05)
    assert course.x.min() > 56.0


def test_a_corridor_round_rooms_with_doors_between_them_is_the_course() -> None:
    image, fill = drawing(60.0, 44.0, solid=True)
    fill(2.0, 2.0, 58.0, 42.0)
    fill(4.0, 4.0, 56.0, 40.0, True)
    rng = np.random.default_rng(0)
    for column in range(6):
        for row in range(4):
            x, y = 4.3 + 8.6 * column, 4.3 + 8.9 * row
            fill(x, y, x + 8.3, y + 8.6)
            for left, down in rng.uniform((x + 1, y + 1), (x + 6.5, y + 6.5), (2, 2)):
                fill(left, down, left + 0.9, down + 0.9, True)
            if column < 5:
                fill(x + 8.3, y + 4.0, x + 8.6, y + 4.9)
            if row < 3:
                fill(x + 4.0, y + 8.6, x + 4.9, y + 8.9)
        fill(x - 8.0 * (column == 5), 3.9, x + 0.9 - 8.0 * (column == 5), 4.4)
        fill(4.3 + 8.6 * column + 3.0, 3.9, 4.3 + 8.6 * column + 3.9, 4.4)
        fill(4.3 + 8.6 * column + 5.0, 39.5, 4.3 + 8.6 * column + 5.9, 40.1)
    course = find_course(grid_of(image))
    assert course.length_m == pytest.approx(2 * (54.0 + 38.0), rel=0.05)


def test_two_blocks_rooms_apart_are_no_figure_eight() -> None:
    image, fill = drawing(96.0, 50.0, solid=True)
    fill(2.0, 2.0, 50.0, 48.0)
    fill(18.0, 16.0, 34.0, 34.0, True)
    fill(54.0, 10.0, 94.0, 40.0)
    fill(55.6, 11.6, 92.4, 38.4, True)
    fill(50.0, 24.0, 54.0, 25.2)
    course, loops = find_course_and_loops(grid_of(image))
    assert course.length_m == pytest.approx(2 * (38.4 + 28.4), rel=0.05)
    assert "2 (about" in loops


def test_every_step_of_the_search_is_told() -> None:
    told: list[str] = []
    find_course(grid_of(hall_and_corridor((20.0,))), tell=told.append)
    assert told[0] == "distances to the walls" and told[-1] == "the course along the best of them"
    assert any(re.fullmatch(r"loops round \d\d islands", step) for step in told)


def test_a_corridor_of_half_the_width_at_one_place_is_still_the_course() -> None:
    image = hall_and_corridor((20.0,))
    ImageDraw.Draw(image).rectangle([565, 200, 573, 203], fill=255)  # the corridor's wall has a step: 0.9 m are left
    assert find_course(grid_of(image)).x.min() > 56.0
