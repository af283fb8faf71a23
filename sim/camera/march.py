"""Where the horizontal bearings of a camera meet walls: sphere tracing on a distance field (Hart, 1996).

A direction (forward, left, up) is scaled so that |forward| + |left| = 1, and its bearing is the diamond angle: left where forward
is positive, 2 - left or -2 - left behind. Along a straight wall the inverse distance, in such steps, is linear in the bearing;
so walls are exact between the bearings that were traced, and everything is compared without trigonometry or division.

Plain functions, compiled in single precision by `sim.camera.render`.
"""

import math

import numpy as np
from numba import uintp

BEARINGS = 128
STEPS_MAX = 64
NEAREST_M = 0.02  # a camera inside a wall sees it from here
ARRIVED_MM = 3.0
SAME_WALL = 0.8  # least ratio of the distances of two bearings between which the wall goes on
CLOSING_MAX = 8.0
WALL_LIGHT = 0.2  # brighter where a wall faces east, darker where it faces west


def look_up(distance_mm, first, height, width, column, row):
    """Bilinear distance, mm, at real-valued cells, and its changes from cell to cell along columns and rows."""
    column = min(max(column, 0.0), np.float32(width) - 1.01)
    row = min(max(row, 0.0), np.float32(height) - 1.01)
    j, i = int(column), int(row)
    u, v = column - np.float32(j), row - np.float32(i)
    at = uintp(first + i * width + j)
    above, one = at + uintp(width), uintp(1)
    a, b = np.float32(distance_mm[at]), np.float32(distance_mm[at + one])
    c, d = np.float32(distance_mm[above]), np.float32(distance_mm[above + one])
    low, high = a + u * (b - a), c + u * (d - c)
    return low + v * (high - low), (b - a) + v * ((d - c) - (b - a)), high - low


def nearest(distance_mm, first, height, width, column, row):
    """The distance, mm, at the nearest cell: within three quarters of a cell of the right one."""
    column = min(max(column, 0.0), np.float32(width) - 1.0)
    row = min(max(row, 0.0), np.float32(height) - 1.0)
    return np.float32(distance_mm[uintp(first + int(row + 0.5) * width + int(column + 0.5))])


def march(distance_mm, first, height, width, column, row, ahead_column, ahead_row, cells_per_m, far_m,
          lowest, step, nearness, change, closing, shade, along_columns):  # fmt: skip
    """Trace BEARINGS bearings from (column, row), cells; the camera's car heads along (ahead_column, ahead_row), unit length.

    lowest, step: the first bearing and how far it is from one to the next. Writes, for each bearing: nearness, 1/m, the inverse
    distance of the wall, 0 where there is none; change, its slope by bearing number; closing, how much nearer the wall comes
    for a metre that the car drives; shade, the wall's light; along_columns, whether it runs along the grid's columns (1) or
    rows (0), for its texture.
    """
    mm_to_m, cell_mm = 0.001, 1000.0 / cells_per_m
    for k in range(BEARINGS):
        bearing = lowest + np.float32(k) * step
        forward = 1.0 - abs(bearing)
        left = bearing if forward >= 0.0 else (2.0 - bearing if bearing > 0.0 else -2.0 - bearing)
        along_column = forward * ahead_column - left * ahead_row
        along_row = forward * ahead_row + left * ahead_column
        metres = 1.0 / math.sqrt(forward * forward + left * left)  # to go on by a metre
        distance, met = NEAREST_M, False
        free, slope_column, slope_row = 0.0, 1.0, 0.0
        for _ in range(STEPS_MAX):
            reach = distance * cells_per_m
            at_column, at_row = column + reach * along_column, row + reach * along_row
            free = nearest(distance_mm, first, height, width, at_column, at_row) - cell_mm
            if free < cell_mm:
                free, slope_column, slope_row = look_up(distance_mm, first, height, width, at_column, at_row)
            if free < ARRIVED_MM:
                met = True
                break
            distance += free * mm_to_m * metres
            if distance > far_m:
                break
        nearness[k], closing[k], shade[k], along_columns[k] = 0.0, 0.0, 1.0, 0.0
        if met:
            distance = max(NEAREST_M, distance + free * mm_to_m * metres)
            size = math.sqrt(slope_column * slope_column + slope_row * slope_row) + 1e-3
            facing = slope_column * along_column + slope_row * along_row
            heading = slope_column * ahead_column + slope_row * ahead_row
            ratio = heading / min(facing, -1e-3 * size)
            nearness[k] = 1.0 / distance
            closing[k] = min(CLOSING_MAX, max(-CLOSING_MAX, ratio))
            shade[k] = 1.0 + WALL_LIGHT * slope_column / size
            along_columns[k] = 1.0 if abs(slope_row) > abs(slope_column) else 0.0
    change[0] = change[BEARINGS - 1] = 0.0
    for k in range(1, BEARINGS - 1):
        before, here, after = nearness[k - 1], nearness[k], nearness[k + 1]
        goes_on = min(before, after) > SAME_WALL * here and here > SAME_WALL * max(before, after)
        change[k] = 0.5 * (after - before) if goes_on else 0.0
