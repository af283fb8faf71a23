"""Pure pursuit on a packed course: the driver that every backup, rejoin and demonstration falls back on.

The car drives the arc that joins its centre to a goal point ahead of it, beside the centreline (Coulter, Implementation
of the Pure Pursuit Path Tracking Algorithm, CMU-RI-TR-92-01, eq. 1). It uses no state, so it is a pure function.
"""

import math

from numba import njit

LOOKAHEAD_MIN_M = 0.6
LOOKAHEAD_PER_SPEED_S = 0.25


@njit(cache=True, inline="always")
def lookahead(v_x):
    """How far ahead to aim at a speed, m."""
    return LOOKAHEAD_MIN_M + LOOKAHEAD_PER_SPEED_S * max(0.0, v_x)


@njit(cache=True, inline="always")
def row_of(place, n):
    """Row of a closed course of n rows, of which `place` rows lie before; the remainder is seldom needed, and slow."""
    row = math.floor(place)
    return row if 0 <= row < n else row % n


@njit(cache=True)
def goal_in_car(course, spacing_m, s, lateral, heading_error, distance_m, offset_m):
    """(x, y) in the car's frame, m, of the point `distance_m` on along the course, `offset_m` left of its centreline.

    course: `Course.packed()`; s, lateral (m), heading_error (rad): the car's place on it.
    """
    n = course.shape[0]
    exact = s / spacing_m
    row = row_of(exact, n)
    along = (exact - math.floor(exact)) * spacing_m
    ahead = row_of(exact + distance_m / spacing_m, n)
    cos_h, sin_h = course[row, 2], course[row, 3]
    goal_x = course[ahead, 0] - offset_m * course[ahead, 3] - course[row, 0]
    goal_y = course[ahead, 1] + offset_m * course[ahead, 2] - course[row, 1]
    dx = goal_x * cos_h + goal_y * sin_h - along
    dy = goal_y * cos_h - goal_x * sin_h - lateral
    heading = heading_error + course[row, 4] * along
    cos_e, sin_e = math.cos(heading), math.sin(heading)
    return dx * cos_e + dy * sin_e, dy * cos_e - dx * sin_e


@njit(cache=True)
def pursue(course, spacing_m, s, lateral, heading_error, distance_m, offset_m, wheelbase_m, steer_max_rad):
    """Steering angle, rad, of the arc to the goal point; full lock towards a goal that lies behind the car."""
    x, y = goal_in_car(course, spacing_m, s, lateral, heading_error, distance_m, offset_m)
    if x <= 0.0:
        return math.copysign(steer_max_rad, y)
    steer = math.atan(2.0 * wheelbase_m * y / (x * x + y * y))
    return min(steer_max_rad, max(-steer_max_rad, steer))
