"""What a spinning lidar measures in a map: sphere tracing on its distance field.

A ray may always advance by its distance to the nearest wall (Hart, Sphere Tracing, 1996); it has arrived where that is
under ARRIVED_CELLS. Against a ray march of a tenth of a millimetre on the same field: median 2 mm, 99 % within 15 mm.
"""

import math

import numpy as np
from numba import njit, uint32, uintp

from sim.distance_field import distance_at, to_cells
from sim.lane_math import cos, sin
from sim.single_precision import OPTIONS

ARRIVED_CELLS = 0.08
STEPS_MAX = 256  # only a ray within a tenth of a cell of a wall for many cells runs out of them: it ends there
BLOCK = uintp(32)  # beams that advance together: neighbours need much the same number of steps


@njit(cache=True)
def cast(distance_m, frame, x, y, angle_rad, range_max_m):
    """Range, m, of one beam from a point along an angle of the map frame; `range_max_m` if it meets nothing."""
    cos_a, sin_a = math.cos(angle_rad), math.sin(angle_rad)
    arrived_m = ARRIVED_CELLS / frame[4]
    travelled = 0.0
    for _ in range(STEPS_MAX):
        free = distance_at(distance_m, frame, x + travelled * cos_a, y + travelled * sin_a)
        travelled += max(0.0, free)
        if free < arrived_m or travelled >= range_max_m:
            break
    return min(travelled, range_max_m)


@njit(cache=True, **OPTIONS)
def cast_beams(distance_m, frame, pose_from, pose_to, angle_rad, range_max_m, range_m):
    """Ranges of a run of beams, fired one after the other while the lidar moves between two poses.

    distance_m, frame: of a `sim.distance_field.OccupancyGrid`. pose_from, pose_to (3,) float64: x, y (m), yaw (rad) in
    the map frame, just before the first beam and at the last one. angle_rad (n,) float32: of each beam in the lidar's
    frame, counter-clockwise. Writes range_m (n,) float32, m: 0 where a beam meets nothing within `range_max_m`.
    """
    n, width = uintp(angle_rad.shape[0]), uintp(distance_m.shape[1])
    column_max, row_max = np.float32(distance_m.shape[1] - 1.001), np.float32(distance_m.shape[0] - 1.001)
    field = distance_m.reshape(-1)
    column, row, per_m_column, per_m_row = _rays(frame, pose_from, pose_to, angle_rad)
    part_column, part_row = np.empty(n, dtype=np.float32), np.empty(n, dtype=np.float32)
    cell, free = np.empty(n, dtype=np.uint32), np.empty(n, dtype=np.float32)
    range_max, nothing = np.float32(range_max_m), np.float32(0.0)
    arrived = np.float32(ARRIVED_CELLS / frame[4])
    moved = math.sqrt((pose_to[0] - pose_from[0]) ** 2 + (pose_to[1] - pose_from[1]) ** 2)
    range_m[:] = max(0.0, distance_at(distance_m, frame, pose_from[0], pose_from[1]) - moved)
    # Three short loops instead of one: the arithmetic around the look-up of cells is done eight beams at a time.
    for first in range(uintp(0), n, BLOCK):
        last = min(first + BLOCK, n)
        for _ in range(STEPS_MAX):
            for k in range(first, last):
                at_column = min(max(column[k] + range_m[k] * per_m_column[k], nothing), column_max)
                at_row = min(max(row[k] + range_m[k] * per_m_row[k], nothing), row_max)
                whole_column, whole_row = np.int32(at_column), np.int32(at_row)
                part_column[k] = at_column - np.float32(whole_column)
                part_row[k] = at_row - np.float32(whole_row)
                cell[k] = np.uint32(whole_row * np.int32(width) + whole_column)
            for k in range(first, last):
                low, high = uintp(cell[k]), uintp(cell[k]) + width
                below = field[low] + part_column[k] * (field[low + uintp(1)] - field[low])
                above = field[high] + part_column[k] * (field[high + uintp(1)] - field[high])
                free[k] = below + part_row[k] * (above - below)
            under_way = uint32(0)
            for k in range(first, last):
                going = (free[k] > arrived) & (range_m[k] < range_max)
                range_m[k] += free[k] if going else nothing
                under_way = uint32(under_way | (uint32(1) if going else uint32(0)))
            if under_way == uint32(0):
                break
    for k in range(n):
        met = range_m[k] + max(free[k], nothing)
        range_m[k] = met if met < range_max else nothing


@njit(cache=True, **OPTIONS)
def _rays(frame, pose_from, pose_to, angle_rad):
    """(column, row) where each beam starts and (columns, rows) that it passes per metre, each (n,) float32."""
    n = angle_rad.shape[0]
    column, row = np.empty(n, dtype=np.float32), np.empty(n, dtype=np.float32)
    per_m_column, per_m_row = np.empty(n, dtype=np.float32), np.empty(n, dtype=np.float32)
    from_column, from_row = to_cells(frame, pose_from[0], pose_from[1])
    to_column, to_row = to_cells(frame, pose_to[0], pose_to[1])
    share = 1.0 / n
    turn = pose_from[2] - math.atan2(frame[3], frame[2])
    turn -= 2.0 * math.pi * math.floor(turn / (2.0 * math.pi) + 0.5)
    start_column, start_row, start_turn = np.float32(from_column), np.float32(from_row), np.float32(turn)
    move_column, move_row = np.float32((to_column - from_column) * share), np.float32((to_row - from_row) * share)
    move_turn = np.float32((pose_to[2] - pose_from[2]) * share)
    per_m = np.float32(frame[4])
    for k in range(uintp(n)):
        fired = np.float32(k + uintp(1))
        column[k] = start_column + fired * move_column
        row[k] = start_row + fired * move_row
        angle = angle_rad[k] + (start_turn + fired * move_turn)
        per_m_column[k] = per_m * cos(angle)
        per_m_row[k] = per_m * sin(angle)
    return column, row, per_m_column, per_m_row
