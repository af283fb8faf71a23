"""Where the walls say that the car is: points of the lidar against the map's distance field.

A point that belongs to a wall has distance zero, so the pose is found by least squares on the distances (Fitzgibbon,
Robust Registration of 2D and 3D Point Sets, 2003), with Geman and McClure's weights, so that what is not on the map
counts for little, and with the odometry's prediction as a prior: one iterated step of an extended Kalman filter.
"""

import math

import numpy as np
from numba import njit

from sim.distance_field import distance_at_cell

NEAREST_M = 0.1  # closer returns are the car's own
FARTHEST_M = 12.0  # farther, an error of heading moves a point more than the robust scale forgives
ON_WALL_M, ON_WALL_PER_M = 0.06, 0.01  # a point this close to a wall confirms the pose; and more, the farther it is
WALL_SIGMA_M = 0.05  # of a point: noise, and the map's cells, whose error neighbouring points share
NOISE_PER_M = 0.005  # what distance adds to it
ITERATIONS = 4


@njit(cache=True)
def deskew(angle_rad, distance_m, age_s, v_x, v_y, yaw_rate, points):
    """Bring the lidar's points (k,) into the car's frame of now; returns how many of them were returns.

    The car is taken to have moved at its present velocity (m/s, rad/s) since each point was measured. points (256, 3)
    float64: x, y, distance, m.
    """
    count = 0
    for k in range(min(angle_rad.shape[0], points.shape[0])):
        distance = float(distance_m[k])
        if not NEAREST_M < distance < FARTHEST_M:
            continue
        age = float(age_s[k])
        turn = -yaw_rate * age
        cos_h, sin_h = math.cos(0.5 * turn), math.sin(0.5 * turn)
        cos_p, sin_p = math.cos(angle_rad[k] + turn), math.sin(angle_rad[k] + turn)
        points[count, 0] = distance * cos_p - age * (v_x * cos_h - v_y * sin_h)
        points[count, 1] = distance * sin_p - age * (v_x * sin_h + v_y * cos_h)
        points[count, 2] = distance
        count += 1
    return count


@njit(cache=True, inline="always")
def distance_and_slope(field_m, frame, x, y):
    """(distance, its derivative by x, by y) of the bilinear field at a point of the map frame; slope 0 off it."""
    dx, dy = x - frame[0], y - frame[1]
    column = (dx * frame[2] + dy * frame[3]) * frame[4] - 0.5
    row = (dy * frame[2] - dx * frame[3]) * frame[4] - 0.5
    height, width = field_m.shape
    if not (0.0 <= column < width - 1 and 0.0 <= row < height - 1):
        return distance_at_cell(field_m, column, row), 0.0, 0.0
    i, j = int(row), int(column)
    v, u = row - i, column - j
    d00, d01, d10, d11 = field_m[i, j], field_m[i, j + 1], field_m[i + 1, j], field_m[i + 1, j + 1]
    by_column = ((d01 - d00) * (1.0 - v) + (d11 - d10) * v) * frame[4]
    by_row = ((d10 - d00) * (1.0 - u) + (d11 - d01) * u) * frame[4]
    distance = (d00 * (1.0 - u) + d01 * u) * (1.0 - v) + (d10 * (1.0 - u) + d11 * u) * v
    return distance, by_column * frame[2] - by_row * frame[3], by_column * frame[3] + by_row * frame[2]


@njit(cache=True)
def normal_equations(points, count, x, y, yaw, field_m, frame, robust_m, known_m, information, slope):
    """Gauss-Newton's matrix and vector at a pose; returns (cost, points on a wall, points that the map can judge).

    The cost is half the sum of r^2 / (sigma^2 (1 + (r / robust_m)^2)) over the points' distances r; `slope` (3,) is its
    gradient by x, y, yaw, and `information` (3, 3) Gauss and Newton's approximation of its curvature. A point farther
    than `known_m` from every wall lies where nothing is known yet, and counts for nothing.
    """
    information[:] = 0.0
    slope[:] = 0.0
    cos_yaw, sin_yaw = math.cos(yaw), math.sin(yaw)
    cost, on_wall, judged = 0.0, 0, 0
    for k in range(count):
        ox = points[k, 0] * cos_yaw - points[k, 1] * sin_yaw
        oy = points[k, 0] * sin_yaw + points[k, 1] * cos_yaw
        distance, by_x, by_y = distance_and_slope(field_m, frame, x + ox, y + oy)
        if distance >= known_m:
            continue
        judged += 1
        if by_x == 0.0 and by_y == 0.0:
            continue
        on_wall += abs(distance) < ON_WALL_M + ON_WALL_PER_M * points[k, 2]
        sigma = WALL_SIGMA_M + NOISE_PER_M * points[k, 2]
        share = 1.0 / (1.0 + (distance / robust_m) ** 2)
        weight = share * share / (sigma * sigma)
        cost += 0.5 * distance * distance * share / (sigma * sigma)
        by_yaw = by_y * ox - by_x * oy
        slope[0] += weight * distance * by_x
        slope[1] += weight * distance * by_y
        slope[2] += weight * distance * by_yaw
        information[0, 0] += weight * by_x * by_x
        information[0, 1] += weight * by_x * by_y
        information[0, 2] += weight * by_x * by_yaw
        information[1, 1] += weight * by_y * by_y
        information[1, 2] += weight * by_y * by_yaw
        information[2, 2] += weight * by_yaw * by_yaw
    information[1, 0], information[2, 0], information[2, 1] = information[0, 1], information[0, 2], information[1, 2]
    return cost, on_wall, judged


@njit(cache=True)
def solve3(a, b, out):
    """Solve a (3, 3) symmetric positive definite system by Cholesky's method into `out` (3,)."""
    l00 = math.sqrt(a[0, 0])
    l10, l20 = a[1, 0] / l00, a[2, 0] / l00
    l11 = math.sqrt(a[1, 1] - l10 * l10)
    l21 = (a[2, 1] - l20 * l10) / l11
    l22 = math.sqrt(a[2, 2] - l20 * l20 - l21 * l21)
    y0 = b[0] / l00
    y1 = (b[1] - l10 * y0) / l11
    y2 = (b[2] - l20 * y0 - l21 * y1) / l22
    out[2] = y2 / l22
    out[1] = (y1 - l21 * out[2]) / l11
    out[0] = (y0 - l10 * out[1] - l20 * out[2]) / l00


@njit(cache=True)
def match(points, count, pose, prior, field_m, frame, robust_m, known_m, iterations, information):
    """Move `pose` (3,), in place, to the best one for the points; returns (on_wall, judged) at that pose.

    prior (3, 3): how surely the pose was known before (the inverse of its covariance). information (3, 3) receives what
    the points say about the pose, at the last iteration.
    """
    predicted = pose.copy()
    slope, step = np.empty(3), np.empty(3)
    for _ in range(iterations):
        normal_equations(
            points, count, pose[0], pose[1], pose[2], field_m, frame, robust_m, known_m, information, slope
        )
        for i in range(3):
            for j in range(3):
                slope[i] += prior[i, j] * (pose[j] - predicted[j])
        solve3(information + prior, slope, step)
        pose -= step
        if abs(step[0]) + abs(step[1]) < 1e-4 and abs(step[2]) < 1e-5:
            break
    _, on_wall, judged = normal_equations(
        points, count, pose[0], pose[1], pose[2], field_m, frame, robust_m, known_m, information, slope
    )
    return on_wall, judged
