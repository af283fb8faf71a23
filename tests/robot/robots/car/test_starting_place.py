"""A virtual car is put where it can find itself: at the course's beginning, or where that looks like elsewhere, later."""

import math

import numpy as np

from drivers.emulators.process import build_world
from drivers.emulators.virtual_car import VirtualCarConfig
from robot.robots.car.starting_place import starting_place
from sim.distance_field import OccupancyGrid, rasterise, to_cells
from sim.tracks.built_in_tracks import built_in
from sim.tracks.track import closed_course, place


def test_where_the_beginning_is_like_no_other_place_it_is_taken() -> None:
    course = built_in("ell")
    assert starting_place(rasterise(course), course, seed=1) == 0.0


def test_where_the_beginning_looks_like_another_place_one_is_taken_that_does_not() -> None:
    angles = np.linspace(0.0, 2.0 * math.pi, 16, endpoint=False)
    ellipse = np.stack([7.0 * np.cos(angles), 4.0 * np.sin(angles)], axis=1)  # the same turned by half a turn
    course = closed_course("ellipse", ellipse, np.full(16, 0.8), np.full(16, 0.8))
    grid = rasterise(course)
    occupied, pillar_s = grid.occupied.copy(), 0.6 * course.length_m
    x, y, _ = place(course.packed(), course.spacing_m, pillar_s, -0.6)
    column, row = (round(value) for value in to_cells(grid.frame, x, y))
    occupied[row - 4 : row + 5, column - 4 : column + 5] = True  # a pillar tells, where it is seen
    grid = OccupancyGrid("ellipse", occupied, grid.resolution_m, grid.origin_x_m, grid.origin_y_m)
    assert starting_place(grid, course, seed=1) > 0.0  # there, or half a turn from there


def test_the_virtual_car_is_put_there() -> None:
    world = build_world(VirtualCarConfig(track="oval", start_s_m=7.5))
    assert abs(world.place[0] - 7.5) < 0.01 and abs(world.place[1]) < 0.01
