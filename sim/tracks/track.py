"""Courses: a closed centreline with the room on each side of it, and the way between map and course coordinates.

Course coordinates (Frenet frame) of a point: s, the distance along the centreline (m, wraps at the course's length),
and lateral, the distance to the left of it (m). Between two samples the centreline is taken as an arc of the nearer
sample's curvature, so that the formulas below are exact on straights and circles.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from sim.closed_line import gaussian, joined, smoothed, spline, way_along
from sim.portable_math import cos_sin

SPACING_M = 0.05
WIDTH_TIMES_CURVATURE_MAX = 0.75  # beyond 1 the normals cross: a place would have two course coordinates


@dataclass(frozen=True)
class Course:
    """A closed course, sampled every `spacing_m` along its centreline. All arrays (n,) float64, SI, map frame."""

    name: str
    spacing_m: float
    x: np.ndarray
    y: np.ndarray
    heading: np.ndarray  # rad, unwrapped
    curvature: np.ndarray  # 1/m, left positive
    width_left: np.ndarray  # m, centreline to the left wall
    width_right: np.ndarray

    @property
    def length_m(self) -> float:
        return self.spacing_m * len(self.x)

    def packed(self) -> np.ndarray:
        """(n, 7) float64 for the kernels: x, y, cos heading, sin heading, curvature, width_left, width_right."""
        cosines, sines = cos_sin(self.heading)
        columns = (self.x, self.y, cosines, sines, self.curvature, self.width_left, self.width_right)
        return np.ascontiguousarray(np.stack(columns, axis=1))

    def walls(self) -> tuple[np.ndarray, np.ndarray]:
        """The left and the right wall as closed polygons, each (n, 2) m in the map frame."""
        centre = np.stack([self.x, self.y], axis=1)
        cosines, sines = cos_sin(self.heading)
        normal = np.stack([-sines, cosines], axis=1)
        return centre + self.width_left[:, None] * normal, centre - self.width_right[:, None] * normal


def closed_course(
    name: str, points: np.ndarray, width_left: np.ndarray, width_right: np.ndarray, spacing_m: float = SPACING_M
) -> Course:
    """The course along a periodic cubic spline through `points`, driven in their order.

    points: (m, 2) m, m >= 4, the last one not repeating the first. width_left, width_right: (m,) m at the points,
    joined without overshoot. The spacing is rounded so that it divides the length.
    """
    closed = np.concatenate([points, points[:1]])
    # Centripetal knots keep the spline free of loops where points lie unevenly (Lee 1989).
    knots = np.concatenate([[0.0], np.cumsum(np.sqrt(np.diff(way_along(closed))))])
    fine = np.linspace(0.0, knots[-1], max(4000, 20 * len(points)) + 1)
    arc = way_along(spline(knots, points, fine)[:, :2])
    n = round(arc[-1] / spacing_m)
    at = np.interp(np.arange(n) * arc[-1] / n, arc, fine)
    curve = spline(knots, points, at)
    heading, curvature = _heading_and_curvature(curve[:, 2:])
    widths = joined(knots, np.stack([width_left, width_right], axis=1), at)
    return Course(
        name=name,
        spacing_m=float(arc[-1] / n),
        x=curve[:, 0].copy(),
        y=curve[:, 1].copy(),
        heading=heading,
        curvature=curvature,
        width_left=widths[:, 0].copy(),
        width_right=widths[:, 1].copy(),
    )


@njit(cache=True)
def _heading_and_curvature(derivatives):
    """(n,) rad, without jumps, and (n,) 1/m, of a curve's first and second derivatives (n, 4): dx, dy, ddx, ddy."""
    n = derivatives.shape[0]
    heading, curvature = np.empty(n), np.empty(n)
    for k in range(n):
        dx, dy, ddx, ddy = derivatives[k, 0], derivatives[k, 1], derivatives[k, 2], derivatives[k, 3]
        heading[k] = math.atan2(dy, dx)
        if k > 0:
            jump = heading[k] - heading[k - 1]
            heading[k] -= 2.0 * math.pi * math.floor(jump / (2.0 * math.pi) + 0.5)
        square = dx * dx + dy * dy
        curvature[k] = (dx * ddy - dy * ddx) / (square * math.sqrt(square))
    return heading, curvature


def with_room(course: Course, left: np.ndarray, right: np.ndarray, apart_m: float, reach: int = 12) -> Course:
    """The course with its widths cut to `left`, `right` (n,) m and to where its own normals would meet.

    Every place between its walls then has one pair of course coordinates. Stretches that run side by side stay
    `apart_m` from each other. Widths change smoothly, over `reach` samples.
    """
    widths = []
    for limit, side in ((left, 1.0), (right, -1.0)):
        bend = np.maximum(side * course.curvature, 1e-6)
        own_axis = _room_to_own_axis(course.packed(), course.spacing_m, side, limit.max() + apart_m / 2)
        meeting = np.minimum(0.97 * WIDTH_TIMES_CURVATURE_MAX / bend, own_axis - apart_m / 2)
        widths.append(smooth_below(np.minimum(limit, meeting), reach))
    return replace(course, width_left=widths[0], width_right=widths[1])


@njit(cache=True)
def _room_to_own_axis(course, spacing_m, side, room_max):
    """How far one can go along each normal before another part of the centreline is nearer, (n,) m.

    A circle that touches the centreline at p, with its centre at p + w * normal, passes through r where
    w = |r - p|^2 / (2 normal . (r - p)). Of no interest above `room_max`: then r is within 2 room_max, and what lies
    farther is skipped, since no sample is more than the spacing from the next.
    """
    n = course.shape[0]
    room = np.full(n, np.inf)
    for k in range(n):
        other = 0
        while other < n:
            dx, dy = course[other, 0] - course[k, 0], course[other, 1] - course[k, 1]
            across = side * (dy * course[k, 2] - dx * course[k, 3])
            square = dx * dx + dy * dy
            if across > 1e-6:
                room[k] = min(room[k], square / (2.0 * across))
            other += max(1, int((math.sqrt(square) - 2.0 * room_max) / (1.05 * spacing_m)))
    return room


def smooth_below(limit: np.ndarray, reach: int) -> np.ndarray:
    """A smooth closed profile (n,) that is nowhere above `limit` (n,), blending over `reach` samples to either side."""
    lowest = np.min([np.roll(limit, away) for away in range(-reach, reach + 1)], axis=0)
    return smoothed(lowest[:, None], gaussian(reach / 2, reach))[:, 0].copy()


@njit(cache=True)
def project(course, spacing_m, x, y, yaw, row, back, ahead):
    """Place on a packed course: (row, s, lateral, heading_error), searching rows row-back .. row+ahead.

    Pass back = 0, ahead = len(course) - 1 to search the whole course. yaw and heading_error in rad, error in (-pi, pi].
    """
    n = course.shape[0]
    k = (row - back) % n
    best, nearest = 1e30, k
    for _ in range(back + ahead + 1):
        dx, dy = x - course[k, 0], y - course[k, 1]
        distance = dx * dx + dy * dy
        if distance < best:
            best, nearest = distance, k
        k += 1
        if k == n:
            k = 0
    dx, dy = x - course[nearest, 0], y - course[nearest, 1]
    cos_h, sin_h, curvature = course[nearest, 2], course[nearest, 3], course[nearest, 4]
    forward = dx * cos_h + dy * sin_h
    left = dy * cos_h - dx * sin_h
    # The arc's centre is at left = 1/curvature; written so that curvature 0 needs no case of its own.
    towards_centre = max(0.2, 1.0 - curvature * left)
    turn = np.arctan(curvature * forward / towards_centre)
    along = turn / curvature if abs(turn) > 1e-9 else forward / towards_centre
    radius_ratio = np.sqrt((curvature * forward) ** 2 + towards_centre**2)
    lateral = (2.0 * left - curvature * (forward * forward + left * left)) / (1.0 + radius_ratio)
    error = yaw - np.arctan2(sin_h, cos_h) - turn
    error -= 2.0 * np.pi * np.ceil(error / (2.0 * np.pi) - 0.5)
    s = nearest * spacing_m + along
    length = n * spacing_m
    if s < 0.0:
        s += length
    if s >= length:
        s -= length
    return nearest, s, lateral, error


@njit(cache=True)
def place(course, spacing_m, s, lateral):
    """The inverse of `project`: (x, y, heading of the centreline) of the course coordinates s, lateral."""
    n = course.shape[0]
    nearest = int(np.floor(s / spacing_m + 0.5))
    along = s - nearest * spacing_m
    k = nearest % n
    cos_h, sin_h, curvature = course[k, 2], course[k, 3], course[k, 4]
    turn = curvature * along
    if abs(turn) > 1e-9:
        forward = (1.0 / curvature - lateral) * np.sin(turn)
        left = lateral + (1.0 / curvature - lateral) * (1.0 - np.cos(turn))
    else:
        forward, left = along, lateral
    x = course[k, 0] + forward * cos_h - left * sin_h
    y = course[k, 1] + forward * sin_h + left * cos_h
    return x, y, np.arctan2(sin_h, cos_h) + turn
