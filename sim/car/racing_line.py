"""How fast a line is: the quasi-steady-state lap along it, and the lap of a car that is driven along it.

A line is the offset to the left of the centreline, m, at every sample of a course. The car is driven by pure pursuit of
the line at 50 Hz, with the limits of the task; its motion is `sim.car.model`'s on the plane.
"""

import math

import numpy as np
from numba import njit

from sim.car.model import (
    GRAVITY_M_S2,
    P_DELAY,
    P_FRONT,
    P_HALF_LENGTH,
    P_HALF_WIDTH,
    P_REAR,
    P_TRIM,
    PHYSICS_STEP_S,
    drive_on_battery,
    steering_rate,
    step_pose,
)
from sim.tracks.track import project

STEPS_PER_TICK = 2
DELAY_STEPS_MAX = 32
TIMEOUT_S = 90.0
CRASH_COST = 1000.0
RUN_UP_M, RUN_OUT_M = 10.0, 3.0
START_M_S = 2.5
BACK, AHEAD = np.int64(2), np.int64(7)  # rows of the course between which the car is looked for: more than a step's way
# Limits of the commands, (5,) float64.
L_STEER_MAX, L_STEER_SLEW, L_SPEED_MIN, L_SPEED_MAX, L_SPEED_SLEW = range(5)
# How the car is driven, (N_GAINS,) float64.
G_LOOKAHEAD_M, G_LOOKAHEAD_S, G_SPEED_AHEAD_S, G_UNDERSTEER, G_DAMPING = range(5)
N_GAINS = 5


@njit(cache=True)
def line_points(course, offset, points):
    """Points (n, 2) m of the line at `offset` (n,) of a packed course, in place."""
    for k in range(course.shape[0]):
        points[k, 0] = course[k, 0] - offset[k] * course[k, 3]
        points[k, 1] = course[k, 1] + offset[k] * course[k, 2]


@njit(cache=True)
def steady_state_lap(points, grip, drive_m_s2, brake_m_s2, speed_max_m_s, speed):
    """Seconds of a lap along points (n, 2) by a point of mass inside its friction ellipse; fills `speed` (n,) m/s.

    Curvature from the circle through each point and its third neighbours; forward pass for the drive, backward for the
    brakes, twice each, so that the end meets the start.
    """
    n = points.shape[0]
    length = np.empty(n)
    used = np.empty(n)  # curvature over what grip can hold: the share of grip at a speed v is v^2 * used
    for k in range(n):
        before, after, ahead = (k - 3) % n, (k + 3) % n, (k + 1) % n
        x1, y1 = points[k, 0] - points[before, 0], points[k, 1] - points[before, 1]
        x2, y2 = points[after, 0] - points[k, 0], points[after, 1] - points[k, 1]
        turn = math.atan2(x1 * y2 - y1 * x2, x1 * x2 + y1 * y2)
        used[k] = abs(turn) * 2.0 / (math.hypot(x1, y1) + math.hypot(x2, y2)) / (grip * GRAVITY_M_S2)
        length[k] = math.hypot(points[ahead, 0] - points[k, 0], points[ahead, 1] - points[k, 1])
        speed[k] = min(speed_max_m_s, math.sqrt(1.0 / max(used[k], 1e-5)))
    for _ in range(2):
        for k in range(n):
            ahead = (k + 1) % n
            share = min(1.0, speed[k] * speed[k] * used[k])
            gain = 2.0 * drive_m_s2 * math.sqrt(1.0 - share * share) * length[k]
            speed[ahead] = min(speed[ahead], math.sqrt(speed[k] * speed[k] + gain))
    for _ in range(2):
        for back in range(n):
            k = n - 1 - back
            ahead = (k + 1) % n
            share = min(1.0, speed[ahead] * speed[ahead] * used[ahead])
            gain = 2.0 * brake_m_s2 * math.sqrt(1.0 - share * share) * length[k]
            speed[k] = min(speed[k], math.sqrt(speed[ahead] * speed[ahead] + gain))
    seconds = 0.0
    for k in range(n):
        seconds += 2.0 * length[k] / (speed[k] + speed[(k + 1) % n])
    return seconds


@njit(cache=True)
def overlap(course, spacing_m, row, lateral, heading_error, p):
    """How far the car's box reaches beyond the course's walls, m; negative: the room that is left.

    The corners and the middles of the sides, each against the wall beside it.
    """
    n = course.shape[0]
    cos_e, sin_e = math.cos(heading_error), math.sin(heading_error)
    curvature = course[row, 4]
    most = -1e9
    for end in range(-1, 2):
        for side in range(-1, 2, 2):
            ahead, left = p[P_HALF_LENGTH] * end, p[P_HALF_WIDTH] * side
            forward = ahead * cos_e - left * sin_e
            out = lateral + ahead * sin_e + left * cos_e - 0.5 * curvature * forward * forward
            beside = (row + round(forward / spacing_m)) % n
            reach = out - course[beside, 5] if side > 0 else -out - course[beside, 6]
            most = max(most, reach)
    return most


@njit(cache=True)
def _walk_nearer(points, x, y, k):
    """Index of the point (n, 2) of a closed line nearest to x, y, walking ahead from index k."""
    n = points.shape[0]
    here = (points[k, 0] - x) ** 2 + (points[k, 1] - y) ** 2
    while True:
        ahead = k + 1 if k < n - 1 else 0
        there = (points[ahead, 0] - x) ** 2 + (points[ahead, 1] - y) ** 2
        if there > here:
            return k
        k, here = ahead, there


@njit(cache=True)
def driven_lap(course, spacing_m, points, speed, gains, limits, p):
    """Seconds of a flying lap along points (n, 2) at `speed` (n,) m/s, or CRASH_COST less the metres driven.

    The car starts on the line RUN_UP_M before s = 0, no faster than START_M_S, and must also come through the RUN_OUT_M
    after its lap.
    """
    n = course.shape[0]
    nearest = n - int(RUN_UP_M / spacing_m)
    tick_s = STEPS_PER_TICK * PHYSICS_STEP_S
    delay = min(DELAY_STEPS_MAX - 1, round(p[P_DELAY] / PHYSICS_STEP_S))
    wheelbase = p[P_FRONT] + p[P_REAR]
    state = np.zeros(7)
    state[0], state[1] = points[nearest]
    state[2] = math.atan2(points[nearest, 1] - points[nearest - 1, 1], points[nearest, 0] - points[nearest - 1, 0])
    state[3] = min(START_M_S, speed[nearest])
    steer, wanted = -p[P_TRIM], state[3]
    steer_sent, speed_sent = np.full(DELAY_STEPS_MAX, steer), np.full(DELAY_STEPS_MAX, wanted)
    row, step = nearest, 0
    s_before, crossed_s, lap_s, crossings, driven = nearest * spacing_m, 0.0, 0.0, 0, 0.0
    while step * PHYSICS_STEP_S < TIMEOUT_S:
        # Where on the line, and the point of it to drive to.
        nearest = _walk_nearer(points, state[0], state[1], nearest)
        lookahead = gains[G_LOOKAHEAD_M] + gains[G_LOOKAHEAD_S] * state[3]
        goal, distance, tries = nearest, 0.0, 0
        while distance < lookahead * lookahead and tries < n // 3:
            goal = goal + 1 if goal < n - 1 else 0
            tries += 1
            distance = (points[goal, 0] - state[0]) ** 2 + (points[goal, 1] - state[1]) ** 2
        dx, dy = points[goal, 0] - state[0], points[goal, 1] - state[1]
        left = dy * math.cos(state[2]) - dx * math.sin(state[2])
        bend = 2.0 * left / max(distance, 1e-6)
        steer_goal = math.atan(wheelbase * bend) * (1.0 + gains[G_UNDERSTEER] * state[3] * state[3])
        steer_goal += gains[G_DAMPING] * (bend * state[3] - state[5]) - p[P_TRIM]
        steer_goal = min(limits[L_STEER_MAX], max(-limits[L_STEER_MAX], steer_goal))
        most = limits[L_STEER_SLEW] * tick_s
        steer += min(most, max(-most, steer_goal - steer))
        speed_goal = speed[(nearest + int(gains[G_SPEED_AHEAD_S] * state[3] / spacing_m)) % n]
        speed_goal = min(limits[L_SPEED_MAX], max(limits[L_SPEED_MIN], speed_goal))
        most = limits[L_SPEED_SLEW] * tick_s
        wanted += min(most, max(-most, speed_goal - wanted))
        for _ in range(STEPS_PER_TICK):
            steer_sent[step % DELAY_STEPS_MAX], speed_sent[step % DELAY_STEPS_MAX] = steer, wanted
            arrived = (step - delay) % DELAY_STEPS_MAX
            accel = drive_on_battery(state[3], speed_sent[arrived], 1.0, p)
            step_pose(state, steering_rate(state[6], steer_sent[arrived], p, PHYSICS_STEP_S), accel, p, PHYSICS_STEP_S)
            step += 1
        row, s, lateral, heading_error = project(course, spacing_m, state[0], state[1], state[2], row, BACK, AHEAD)
        moved = s - s_before
        if moved < -0.5 * n * spacing_m:
            moved += n * spacing_m
        driven += moved
        if overlap(course, spacing_m, row, lateral, heading_error, p) > 0.0 or math.cos(heading_error) < -0.2:
            return CRASH_COST - driven
        if s < s_before and moved > 0.0:
            now = step * PHYSICS_STEP_S - tick_s * s / moved
            lap_s, crossed_s = now - crossed_s, now
            crossings += 1
        s_before = s
        if crossings == 2 and s > RUN_OUT_M:
            return lap_s
    return CRASH_COST - driven
