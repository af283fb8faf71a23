"""Finding the course that a map holds."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sim.distance_field import OccupancyGrid, distance_at, rasterise
from sim.tracks.built_in_tracks import BUILT_IN, built_in
from sim.tracks.random_tracks import random_course
from sim.tracks.track import WIDTH_TIMES_CURVATURE_MAX, Course, project
from sim.tracks.track_map import HALF_WIDTH_M, ROOM_MAX_M, ROOM_MIN_M, find_course, find_course_and_loops, load_map
from tests.sim.drawn_maps import FREE, UNKNOWN, WALL, swept, write_map


def drawing(width_m: float, height_m: float, resolution_m: float, shade: int) -> tuple[Image.Image, Any]:
    """An image and a function that fills the box x0, y0, x1, y1 (m, y upwards) of it."""
    image = Image.new("L", (round(width_m / resolution_m), round(height_m / resolution_m)), shade)
    pen = ImageDraw.Draw(image)

    def fill(x0: float, y0: float, x1: float, y1: float, shade: int) -> None:
        box = (x0, height_m - y1, x1, height_m - y0)
        pen.rectangle([round(value / resolution_m) - (k > 1) for k, value in enumerate(box)], fill=shade)

    return image, fill


def hallway(resolution_m: float = 0.05, with_noise: bool = True) -> Image.Image:
    """A building as a car's lidar maps it: a corridor 2 m wide round a block of 14 x 8 m, unknown beyond the walls.

    Beside it: a room behind a door, a second door to it, a dead end, an opening into which the lidar saw, speckles.
    """
    image, fill = drawing(28.0, 20.0, resolution_m, UNKNOWN)
    fill(3.8, 2.8, 22.2, 15.2, WALL)
    fill(4.0, 3.0, 22.0, 15.0, FREE)
    fill(6.0, 5.0, 20.0, 13.0, WALL)
    fill(6.2, 5.2, 19.8, 12.8, UNKNOWN)
    fill(8.0, 15.2, 14.0, 19.0, FREE)  # the room above, with a door at either end
    for door in (8.2, 12.8):
        fill(door, 15.0, door + 0.8, 15.2, FREE)
    fill(22.0, 9.0, 27.0, 10.6, FREE)  # a dead end
    fill(9.0, 0.5, 10.2, 3.0, FREE)  # an opening
    if with_noise:
        rng = np.random.default_rng(1)
        for x, y in [(5.0, 14.7), (12.0, 3.25), (21.6, 8.0), *rng.uniform((7, 6), (19, 12), (30, 2))]:
            fill(x, y, x + resolution_m, y + resolution_m, WALL)
    return image


def outline_drawing(course: Course, resolution_m: float, infield: int) -> tuple[Image.Image, list[float]]:
    """A course drawn as two thin lines on white, and the origin that puts it back in its place."""
    left, right = course.walls()
    corner = np.minimum(left.min(axis=0), right.min(axis=0)) - 2.0
    size = np.maximum(left.max(axis=0), right.max(axis=0)) + 2.0 - corner
    width, height = np.ceil(size / resolution_m).astype(int)
    image = Image.new("L", (int(width), int(height)), 255)
    pen = ImageDraw.Draw(image)
    for wall in (right, left):
        pixels = (wall - corner) / resolution_m
        line = [(x, height - y) for x, y in np.concatenate([pixels, pixels[:2]])]
        pen.polygon(line, fill=255 if wall is right else infield)
        pen.line(line, fill=0, width=3)
    return image, [float(corner[0]), float(corner[1]), 0.0]


def assert_is_drivable(course: Course, grid: OccupancyGrid) -> None:
    turning = course.curvature.sum() * course.spacing_m
    assert abs(turning) == pytest.approx(2 * np.pi, rel=2e-2)
    for width, side in ((course.width_left, 1), (course.width_right, -1)):
        assert width.min() >= ROOM_MIN_M and width.max() <= ROOM_MAX_M + 1e-9
        assert (side * width * course.curvature).max() <= WIDTH_TIMES_CURVATURE_MAX
    corridor = rasterise(course, 0.02)
    rows, columns = np.nonzero(~corridor.occupied)
    x = corridor.origin_x_m + (columns + 0.5) * 0.02
    y = corridor.origin_y_m + (rows + 0.5) * 0.02
    clearance = np.array([distance_at(grid.distance_m, grid.frame, px, py) for px, py in zip(x, y, strict=True)])
    assert clearance.min() > 0  # all that lies between the course's walls is free in the map


def off_centre(course: Course, reference: Course) -> np.ndarray:
    """How far each centreline point lies from the reference's middle, (n,) m."""
    packed = reference.packed()
    rows = [project(packed, reference.spacing_m, x, y, 0.0, 0, 0, len(packed) - 1)
            for x, y in zip(course.x, course.y, strict=True)]  # fmt: skip
    middle = 0.5 * (reference.width_left - reference.width_right)
    return np.array([abs(lateral - middle[row]) for row, _, lateral, _ in rows])


# The course


@pytest.mark.parametrize("resolution_m", [0.05, 0.1])
def test_a_mapped_hallway_gives_the_corridor_round_its_block(tmp_path: Path, resolution_m: float) -> None:
    grid = load_map(write_map(tmp_path, hallway(resolution_m), resolution=resolution_m))
    course = find_course(grid)
    assert_is_drivable(course, grid)
    assert course.curvature.sum() > 0  # counter-clockwise
    assert course.length_m == pytest.approx(2 * (16 + 10), rel=0.08)
    # In the corridor, not in the room, the dead end or the opening: at most 1 m from its middle.
    x, y = course.x + 3.0 - 13.0, course.y + 2.0 - 9.0
    assert np.abs(np.maximum(np.abs(x) - 8, np.abs(y) - 5)).max() < 0.75
    assert np.median(course.width_left + course.width_right) > 1.7


def test_a_course_starts_on_a_straight(tmp_path: Path) -> None:
    grid = load_map(write_map(tmp_path, hallway()))
    course = find_course(grid)
    assert np.abs(np.r_[course.curvature[-20:], course.curvature[:20]]).max() < 0.1


@pytest.mark.parametrize("yaw", [0.4, -2.0])
def test_a_turned_map_gives_the_same_course_turned(tmp_path: Path, yaw: float) -> None:
    straight = find_course(load_map(write_map(tmp_path, hallway())))
    grid = load_map(write_map(tmp_path, hallway(), origin=[1.0, 2.0, yaw]))
    turned = find_course(grid)
    assert_is_drivable(turned, grid)
    dx, dy = turned.x - 1.0, turned.y - 2.0
    x, y = dx * math.cos(yaw) + dy * math.sin(yaw) - 3.0, dy * math.cos(yaw) - dx * math.sin(yaw) - 2.0
    packed = straight.packed()
    off = [project(packed, straight.spacing_m, px, py, 0.0, 0, 0, len(packed) - 1)[2]
           for px, py in zip(x, y, strict=True)]  # fmt: skip
    assert np.abs(off).max() < 0.05
    assert turned.length_m == pytest.approx(straight.length_m, rel=0.01)


@pytest.mark.parametrize("infield", [255, 0])
@pytest.mark.parametrize("name", BUILT_IN)
def test_a_drawn_outline_gives_back_the_course_that_was_drawn(tmp_path: Path, name: str, infield: int) -> None:
    drawn = built_in(name)
    image, origin = outline_drawing(drawn, 0.05, infield)
    grid = load_map(write_map(tmp_path, image, origin=origin))
    course = find_course(grid)
    assert_is_drivable(course, grid)
    assert off_centre(course, drawn).max() < 0.3
    room = np.mean(drawn.width_left + drawn.width_right)
    assert np.mean(course.width_left + course.width_right) == pytest.approx(room, abs=0.35)


@pytest.mark.parametrize("seed", range(8))
def test_the_course_of_a_rasterised_random_course_is_that_course(seed: int) -> None:
    drawn = random_course(seed)
    grid = rasterise(drawn)
    course = find_course(grid)
    assert_is_drivable(course, grid)
    assert course.length_m == pytest.approx(drawn.length_m, rel=0.06)
    assert np.percentile(off_centre(course, drawn), 90) < 0.35


def two_blocks(gap_m: float) -> Image.Image:
    """Two blocks side by side in a hall, a passage of `gap_m` between them."""
    image, fill = drawing(26.0, 14.0, 0.05, WALL)
    fill(1.0, 1.0, 25.0, 13.0, FREE)
    fill(3.0, 3.0, 13.0 - gap_m / 2, 11.0, WALL)
    fill(13.0 + gap_m / 2, 3.0, 23.0, 11.0, WALL)
    return image


@pytest.mark.parametrize("gap_m", [0.4, 1.0, 2.0])
def test_of_several_loops_the_longest_is_taken(tmp_path: Path, gap_m: float) -> None:
    grid = load_map(write_map(tmp_path, two_blocks(gap_m)))
    course = find_course(grid)
    assert_is_drivable(course, grid)
    assert course.length_m == pytest.approx(2 * (22 + 10), rel=0.08)


def test_a_longer_loop_through_narrow_doors_is_not_preferred(tmp_path: Path) -> None:
    image = two_blocks(2.0)
    pen = ImageDraw.Draw(image)
    pen.rectangle([18 * 20, 20, 18 * 20 + 4, 48], fill=WALL)  # leaves 0.6 m of the right block's corridor
    course = find_course(load_map(write_map(tmp_path, image)))
    assert course.length_m == pytest.approx(2 * (10 + 11), rel=0.1)
    assert course.x.max() < 13.0


def test_a_start_pose_chooses_loop_direction_and_origin(tmp_path: Path) -> None:
    grid = load_map(write_map(tmp_path, two_blocks(2.0), origin=[0.0, 0.0, 0.0]))
    course = find_course(grid, start=(13.1, 6.0, -math.pi / 2))  # in the passage between the blocks, facing down
    assert_is_drivable(course, grid)
    assert math.hypot(course.x[0] - 13.0, course.y[0] - 6.0) < 0.5
    assert math.cos(course.heading[0] + math.pi / 2) > 0.9
    opposite = find_course(grid, start=(13.1, 6.0, math.pi / 2))
    assert math.cos(opposite.heading[0] - math.pi / 2) > 0.9
    assert opposite.length_m == pytest.approx(course.length_m, rel=0.01)


def test_pillars_and_a_box_in_the_way_are_driven_round(tmp_path: Path) -> None:
    image, fill = drawing(26.0, 16.0, 0.05, WALL)
    fill(1.0, 1.0, 25.0, 15.0, FREE)
    fill(5.0, 5.0, 21.0, 11.0, WALL)
    for x in (8.0, 13.0, 18.0):
        fill(x, 2.4, x + 0.3, 2.7, WALL)
    fill(22.0, 8.0, 22.8, 8.6, WALL)
    grid = load_map(write_map(tmp_path, image))
    course = find_course(grid)
    assert_is_drivable(course, grid)
    assert course.length_m > 50


def test_specks_all_over_the_floor_are_passed_without_detours(tmp_path: Path) -> None:
    image, fill = drawing(40.0, 24.0, 0.05, WALL)
    fill(1.0, 1.0, 39.0, 23.0, FREE)
    fill(5.0, 5.0, 18.0, 19.0, WALL)
    fill(22.0, 5.0, 35.0, 19.0, WALL)
    for x, y in np.random.default_rng(0).uniform((1, 1), (39, 23), (60, 2)):
        fill(x, y, x + 0.05, y + 0.05, WALL)
    grid = load_map(write_map(tmp_path, image))
    course = find_course(grid)
    assert_is_drivable(course, grid)
    assert course.length_m == pytest.approx(2 * (34 + 18), rel=0.06)


def test_a_map_without_a_loop_is_refused(tmp_path: Path) -> None:
    image, fill = drawing(10.0, 10.0, 0.05, WALL)
    fill(1.0, 1.0, 9.0, 9.0, FREE)
    with pytest.raises(ValueError, match=r"map map: found no closed loop, allowed: free space round an island"):
        find_course(load_map(write_map(tmp_path, image)))
    with pytest.raises(ValueError, match=r"found no closed loop"):
        find_course(load_map(write_map(tmp_path, np.full((50, 50), WALL, np.uint8))))


def test_a_loop_too_narrow_for_a_car_is_refused(tmp_path: Path) -> None:
    image, fill = drawing(10.0, 10.0, 0.05, WALL)
    fill(1.0, 1.0, 9.0, 9.0, FREE)
    fill(1.4, 1.4, 8.6, 8.6, WALL)
    with pytest.raises(ValueError, match=r"found no closed loop"):
        find_course(load_map(write_map(tmp_path, image)))


# Bends and narrow lanes


def round_a_thin_wall(lane_m: float) -> OccupancyGrid:
    """A hall with one wall of 0.1 m x 5 m in its middle, driven round."""
    lane = round(lane_m / 0.05)
    occupied = np.ones((2 * lane + 22, 2 * lane + 120), bool)
    occupied[10:-10, 10:-10] = False
    occupied[10 + lane : 12 + lane, 10 + lane : -10 - lane] = True
    return OccupancyGrid(f"lane {lane_m} m", occupied, 0.05, 0.0, 0.0)


@pytest.mark.parametrize("lane_m", [1.1, 1.3, 2.0])
def test_a_thin_wall_is_driven_round(lane_m: float) -> None:
    grid = round_a_thin_wall(lane_m)
    course = find_course(grid)
    assert_is_drivable(course, grid)
    assert course.length_m == pytest.approx(2 * (5.0 + 0.1) + math.pi * lane_m, rel=0.12)


def test_a_bend_that_no_car_gets_round_is_named() -> None:
    with pytest.raises(
        ValueError, match=r"map lane 0.7 m: the bend at x [\d.]+, y 1.\d is tighter than a car turns: found"
    ):
        find_course(round_a_thin_wall(0.7))


@pytest.mark.parametrize("resolution_m", [0.05, 0.025])
def test_a_lane_of_twice_the_cars_width_is_a_course(resolution_m: float) -> None:
    angle = np.linspace(0.0, 2 * np.pi, 2000)
    grid = swept("lane", 5.0 * np.cos(angle), 3.0 * np.sin(angle), 0.6, resolution_m)
    course = find_course(grid)
    assert_is_drivable(course, grid)
    assert min(course.width_left.min(), course.width_right.min()) > HALF_WIDTH_M + 0.03


# Several loops


def test_loops_are_numbered_and_chosen(tmp_path: Path) -> None:
    grid = load_map(write_map(tmp_path, two_blocks(2.0), origin=[0.0, 0.0, 0.0]))
    told = find_course_and_loops(grid)[1]
    assert told.startswith("1 (about 6") and "2 (about 4" in told and "3 (about 4" in told
    courses = [find_course(grid, number=number) for number in (1, 2, 3)]
    assert [round(course.length_m, -1) for course in courses] == [60, 40, 40]
    assert sorted(float(course.x.mean()) > 13.0 for course in courses[1:]) == [False, True]
    assert find_course(grid).length_m == courses[0].length_m
    for number in (-1, 4):
        with pytest.raises(ValueError, match=rf"loop: found {number}, allowed: 1 \(about 6.* 3 \(about"):
            find_course(grid, number=number)


@pytest.mark.parametrize(("width", "height", "lane_m"), [(8.0, 4.0, 1.6), (8.0, 3.0, 2.2), (6.0, 6.0, 1.6)])
def test_a_figure_eight_is_refused_by_name_and_its_loops_are_driven(width: float, height: float, lane_m: float) -> None:
    angle = np.linspace(0.0, 2 * np.pi, 2000)
    grid = swept("eight", width * np.sin(angle), height * np.sin(2 * angle), lane_m)
    beside = (width * math.sin(0.8), height * math.sin(1.6), 0.0)  # on one of its halves
    for start in (None, beside, (0.0, 0.0, 0.0)):
        with pytest.raises(
            ValueError, match=r"found a figure-eight, whose lanes cross at x -?0.\d, y -?0.\d.* 1 \(about"
        ):
            find_course(grid, start)
    assert find_course(grid, number=2).length_m > 15.0
    assert find_course(grid, beside, number=2).length_m > 15.0


def test_a_hall_full_of_tables_has_a_course() -> None:
    occupied = np.ones((24 * 15 + 60, 24 * 15 + 60), bool)
    occupied[10:-10, 10:-10] = False
    for k in range(15 * 15):
        row, column = 40 + 24 * (k // 15), 40 + 24 * (k % 15)
        occupied[row : row + 12, column : column + 12] = True
    grid = OccupancyGrid("tables", occupied, 0.075, 0.0, 0.0)
    course = find_course(grid, number=1)
    assert course.length_m > 100.0 and min(course.width_left.min(), course.width_right.min()) >= ROOM_MIN_M
