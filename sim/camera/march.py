"""Where the horizontal bearings of a camera meet walls: sphere tracing on a distance field (Hart, 1996).

A direction (forward, left, up) is scaled so that |forward| + |left| = 1, and its bearing is the diamond angle: left where forward
is positive, 2 - left or -2 - left behind. Along a straight wall the inverse distance, in such steps, is linear in the bearing;
so walls are exact between the bearings that were traced, and everything is compared without trigonometry or division.

Plain functions, compiled in single precision by `sim.camera.render`.
"""

import math

import numpy as np
from numba import int32, uint32, uintp

BEARINGS = 128
BLOCK = uintp(16)  # bearings that are traced together: neighbours need much the same number of steps
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


def march(distance_mm, first, height, width, column, row, ahead_column, ahead_row, cells_per_m, far_m,
          lowest, step, nearness, change, closing, shade, along_columns):  # fmt: skip
    """Trace BEARINGS bearings from (column, row), cells; the camera's car heads along (ahead_column, ahead_row), unit length.

    lowest, step: the first bearing and how far it is from one to the next. Writes, for each bearing: nearness, 1/m, the inverse
    distance of the wall, 0 where there is none; change, its slope by bearing number; closing, how much nearer the wall comes
    for a metre that the car drives; shade, the wall's light; along_columns, whether it runs along the grid's columns (1) or
    rows (0), for its texture.
    """
    along_column, along_row = np.empty(BEARINGS, np.float32), np.empty(BEARINGS, np.float32)
    metres, distance = np.empty(BEARINGS, np.float32), np.empty(BEARINGS, np.float32)
    free, cell = np.empty(BEARINGS, np.float32), np.empty(BEARINGS, np.uint32)
    part_column, part_row = np.empty(BEARINGS, np.float32), np.empty(BEARINGS, np.float32)
    for k in range(uintp(BEARINGS)):
        bearing = lowest + np.float32(int32(k)) * step
        forward = 1.0 - abs(bearing)
        behind = 2.0 - bearing if bearing > 0.0 else -2.0 - bearing
        left = bearing if forward >= 0.0 else behind
        along_column[k] = (forward * ahead_column - left * ahead_row) * cells_per_m
        along_row[k] = (forward * ahead_row + left * ahead_column) * cells_per_m
        metres[k] = 0.001 / math.sqrt(forward * forward + left * left)  # of a step, for a millimetre
        distance[k] = NEAREST_M
    column_max, row_max = np.float32(width) - 1.01, np.float32(height) - 1.01
    wide, one = uintp(width), uintp(1)
    for begin in range(uintp(0), uintp(BEARINGS), BLOCK):
        end = begin + BLOCK
        for _ in range(STEPS_MAX):
            # Short loops instead of one: the arithmetic around the look-up of cells is done for eight bearings at a time.
            for k in range(begin, end):
                at_column = min(max(column + distance[k] * along_column[k], 0.0), column_max)
                at_row = min(max(row + distance[k] * along_row[k], 0.0), row_max)
                j, i = int32(at_column), int32(at_row)
                part_column[k], part_row[k] = at_column - np.float32(j), at_row - np.float32(i)
                cell[k] = uint32(i * int32(width) + j)
            for k in range(begin, end):
                low = uintp(first) + uintp(cell[k])
                high = low + wide
                a, b = np.float32(distance_mm[low]), np.float32(distance_mm[low + one])
                c, d = np.float32(distance_mm[high]), np.float32(distance_mm[high + one])
                below, over = a + part_column[k] * (b - a), c + part_column[k] * (d - c)
                free[k] = below + part_row[k] * (over - below)
            under_way = uint32(0)
            for k in range(begin, end):
                going = (free[k] > ARRIVED_MM) & (distance[k] < far_m)
                distance[k] += free[k] * metres[k] if going else 0.0
                under_way = uint32(under_way | (uint32(1) if going else uint32(0)))
            if under_way == uint32(0):
                break
    for k in range(uintp(BEARINGS)):
        nearness[k], closing[k], shade[k], along_columns[k] = 0.0, 0.0, 1.0, 0.0
        if free[k] <= ARRIVED_MM:
            _, slope_column, slope_row = look_up(
                distance_mm, first, height, width,
                column + distance[k] * along_column[k], row + distance[k] * along_row[k],
            )  # fmt: skip
            size = math.sqrt(slope_column * slope_column + slope_row * slope_row) + 1e-3
            facing = (slope_column * along_column[k] + slope_row * along_row[k]) / cells_per_m
            heading = slope_column * ahead_column + slope_row * ahead_row
            nearness[k] = 1.0 / max(NEAREST_M, distance[k] + free[k] * metres[k])
            closing[k] = min(CLOSING_MAX, max(-CLOSING_MAX, heading / min(facing, -1e-3 * size)))
            shade[k] = 1.0 + WALL_LIGHT * slope_column / size
            along_columns[k] = 1.0 if abs(slope_row) > abs(slope_column) else 0.0
    change[0] = change[BEARINGS - 1] = 0.0
    for k in range(1, BEARINGS - 1):
        before, here, after = nearness[k - 1], nearness[k], nearness[k + 1]
        goes_on = min(before, after) > SAME_WALL * here and here > SAME_WALL * max(before, after)
        change[k] = 0.5 * (after - before) if goes_on else 0.0
