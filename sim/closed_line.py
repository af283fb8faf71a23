"""Closed lines of points: their length, turns, smoothing, and the curves through them.

A course is drawn with these, by the robot too, after a first lap without a map. So they are loops with the same bits on
every machine, see `sim.portable_math`; NumPy's and SciPy's counterparts are not.
"""

import math

import numpy as np
from numba import njit


def way_along(points: np.ndarray) -> np.ndarray:
    """The way along a line (n, 2) to each of its points, (n,) m, 0 first."""
    steps = np.diff(points, axis=0)
    return np.concatenate([[0.0], np.cumsum(np.sqrt(steps[:, 0] * steps[:, 0] + steps[:, 1] * steps[:, 1]))])


@njit(cache=True)
def turns(line):
    """By how much a closed line (n, 2) turns at each of its points, (n,) rad in [-pi, pi], left positive."""
    n = line.shape[0]
    out = np.empty(n)
    for k in range(n):
        before, after = (k - 1) % n, (k + 1) % n
        x0, y0 = line[k, 0] - line[before, 0], line[k, 1] - line[before, 1]
        x1, y1 = line[after, 0] - line[k, 0], line[after, 1] - line[k, 1]
        out[k] = math.atan2(x0 * y1 - y0 * x1, x0 * x1 + y0 * y1)
    return out


def gaussian(sigma: float, reach: int | None = None) -> np.ndarray:
    """Weights of a Gaussian for `smoothed`, sigma in points, up to `reach` points away (None: four sigmas)."""
    reach = int(4.0 * sigma + 0.5) if reach is None else reach
    half = np.array([math.exp(-0.5 * (k / sigma) * (k / sigma)) for k in range(reach + 1)])
    return half / (half[0] + 2.0 * half[1:].sum())


@njit(cache=True)
def smoothed(values, weights):
    """Values (n, m) along a closed line, each replaced by a mean of those around it.

    weights (reach + 1,): of a point's own value, and of those 1 to `reach` points away, the same to both sides.
    """
    n, columns = values.shape
    out = np.empty_like(values)
    for k in range(n):
        for column in range(columns):
            out[k, column] = weights[0] * values[k, column]
        before = after = k
        for away in range(1, weights.shape[0]):
            before = before - 1 if before > 0 else n - 1
            after = after + 1 if after < n - 1 else 0
            for column in range(columns):
                out[k, column] += weights[away] * (values[before, column] + values[after, column])
    return out


@njit(cache=True)
def spline(knots, points, at):
    """The periodic cubic spline through points (n, 2) at knots (n + 1,), the last of which is the first point again.

    Returns (k, 6): x, y, their first and their second derivatives by the knots' unit, at (k,) places between the knots.
    """
    bends = _second_derivatives(knots, points)
    n = points.shape[0]
    out = np.empty((at.shape[0], 6))
    for k in range(at.shape[0]):
        i, h = _piece(knots, at[k])
        b = (at[k] - knots[i]) / h
        a = 1.0 - b
        for axis in range(2):
            start, end = points[i, axis], points[(i + 1) % n, axis]
            bend_0, bend_1 = bends[i, axis], bends[(i + 1) % n, axis]
            out[k, axis] = a * start + b * end + ((a * a * a - a) * bend_0 + (b * b * b - b) * bend_1) * h * h / 6.0
            slope = (end - start) / h
            out[k, 2 + axis] = slope + ((3.0 * b * b - 1.0) * bend_1 - (3.0 * a * a - 1.0) * bend_0) * h / 6.0
            out[k, 4 + axis] = a * bend_0 + b * bend_1
    return out


@njit(cache=True)
def _piece(knots, at):
    """(index, length) of the piece between two knots in which a place lies; the outermost ones go on for ever."""
    i = min(max(np.searchsorted(knots, at, side="right") - 1, 0), knots.shape[0] - 2)
    return i, knots[i + 1] - knots[i]


@njit(cache=True)
def _second_derivatives(knots, points):
    """Second derivatives (n, 2) at the knots: they make the first ones continuous.

    The equations are tridiagonal but for two corners, which are taken out as an update of rank one (Sherman and
    Morrison 1950; as in Numerical Recipes, "Cyclic tridiagonal systems").
    """
    n = points.shape[0]
    h = knots[1:] - knots[:-1]
    diagonal, right = np.empty(n), np.zeros((n, 3))  # right-hand sides of x and y, and the update's
    for i in range(n):
        diagonal[i] = 2.0 * (h[i - 1] + h[i])
        for axis in range(2):
            here, before, after = points[i, axis], points[(i - 1) % n, axis], points[(i + 1) % n, axis]
            right[i, axis] = 6.0 * ((after - here) / h[i] - (here - before) / h[i - 1])
    corner, gamma = h[n - 1], -diagonal[0]
    diagonal[0] -= gamma
    diagonal[n - 1] -= corner * corner / gamma
    right[0, 2], right[n - 1, 2] = gamma, corner
    for i in range(1, n):  # eliminate downwards, then put in upwards
        factor = h[i - 1] / diagonal[i - 1]
        diagonal[i] -= factor * h[i - 1]
        for column in range(3):
            right[i, column] -= factor * right[i - 1, column]
    for i in range(n - 1, -1, -1):
        for column in range(3):
            if i < n - 1:
                right[i, column] -= h[i] * right[i + 1, column]
            right[i, column] /= diagonal[i]
    out = np.empty((n, 2))
    for axis in range(2):
        share = (right[0, axis] + corner / gamma * right[n - 1, axis]) / (
            1.0 + right[0, 2] + corner / gamma * right[n - 1, 2]
        )
        for i in range(n):
            out[i, axis] = right[i, axis] - share * right[i, 2]
    return out


@njit(cache=True)
def joined(knots, values, at):
    """Periodic values (n, m) at knots (n + 1,), joined smoothly and without overshoot: (k, m) at places (k,).

    Piecewise cubic with slopes that keep it monotone between two knots (Fritsch and Butland 1984).
    """
    n, columns = values.shape
    h = knots[1:] - knots[:-1]
    slopes = np.zeros((n, columns))
    for i in range(n):
        for column in range(columns):
            here = values[i, column]
            before = (here - values[(i - 1) % n, column]) / h[i - 1]
            after = (values[(i + 1) % n, column] - here) / h[i]
            if before * after > 0.0:
                near, far = 2.0 * h[i] + h[i - 1], h[i] + 2.0 * h[i - 1]
                slopes[i, column] = (near + far) / (near / before + far / after)
    out = np.empty((at.shape[0], columns))
    for k in range(at.shape[0]):
        i, length = _piece(knots, at[k])
        b = (at[k] - knots[i]) / length
        a = 1.0 - b
        for column in range(columns):
            start, end = values[i, column], values[(i + 1) % n, column]
            leaving, coming = slopes[i, column] * length, slopes[(i + 1) % n, column] * length
            out[k, column] = (
                a * a * (1.0 + 2.0 * b) * start + b * b * (1.0 + 2.0 * a) * end + a * b * (a * leaving - b * coming)
            )
    return out
