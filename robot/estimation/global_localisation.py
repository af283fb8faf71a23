"""Where on the whole map the car can be: every free place and heading scored, the best refined, beams cast to check.

Three steps: a coarse search (a jittered lattice of positions, HEADINGS headings each, few points, truncated distances),
Gauss-Newton from the best of them with all points, and a comparison of the refined poses by casting each beam through
the map. A pose is accepted only if it explains the scan and no other comes near: wrongly sure is worse than lost.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from robot.estimation.scan_matching import match
from sim.distance_field import OccupancyGrid
from sim.lidar import cast

POSITIONS_MAX = 8000
SPACING_MIN_M = 0.2
HEADINGS = 72
COARSE_POINTS = 48
COARSE_TRUNCATION_M = 0.4
CLEARANCE_M = 0.12  # no car has a wall nearer to its middle
STARTS = 48  # coarse poses to refine
APART_M, APART_RAD = 0.5, 0.35  # poses nearer than this are the same answer
WIDE_M, NARROW_M = 0.4, 0.12  # robust scales of the refinement
AGREES_M, AGREES_PER_M = 0.10, 0.02  # a beam agrees with the map within this
CONFIDENT = 0.75  # share of beams that must agree
AHEAD_OF_RIVALS = 0.08  # and by how much more than for any other pose
POINTS_MIN = 60
CAST_BEAMS = 200


@dataclass(frozen=True)
class Candidate:
    """A pose in the map's frame and the share of beams that agree with it."""

    x: float
    y: float
    yaw: float
    agreement: float


@njit(cache=True)
def score_lattice(columns, rows, rotated, field_m, truncation_m, scores):
    """Mean truncated distance, m, by position (n,) in cells and heading; rotated (h, k, 2) cells, scores (n, h)."""
    height, width = field_m.shape
    for i in range(columns.shape[0]):
        for h in range(rotated.shape[0]):
            total = 0.0
            for k in range(rotated.shape[1]):
                column, row = int(columns[i] + rotated[h, k, 0]), int(rows[i] + rotated[h, k, 1])
                if 0 <= column < width and 0 <= row < height:
                    total += min(truncation_m, abs(field_m[row, column]))
                else:
                    total += truncation_m
            scores[i, h] = total / rotated.shape[1]


@njit(cache=True)
def agreement(points, pose, field_m, frame, every):
    """Share of every `every`-th point (k, 3), car frame, whose distance is what the map shows from `pose` (3,)."""
    agreed, beams = 0, 0
    for k in range(0, points.shape[0], every):
        distance = math.hypot(points[k, 0], points[k, 1])
        bearing = pose[2] + math.atan2(points[k, 1], points[k, 0])
        seen = cast(field_m, frame, pose[0], pose[1], bearing, distance + 1.0)
        agreed += abs(seen - distance) < AGREES_M + AGREES_PER_M * distance
        beams += 1
    return agreed / beams


def positions(grid: OccupancyGrid, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(columns, rows) in cells of a lattice over the free space, jittered; hardly more than POSITIONS_MAX."""
    free = grid.distance_m > CLEARANCE_M
    area = np.count_nonzero(free) * grid.resolution_m**2
    spacing = max(SPACING_MIN_M, math.sqrt(area / POSITIONS_MAX)) / grid.resolution_m
    height, width = free.shape
    at_row, at_column = np.meshgrid(np.arange(0.0, height - spacing, spacing), np.arange(0.0, width - spacing, spacing))
    rows = (at_row + rng.uniform(0.0, spacing, at_row.shape)).ravel()
    columns = (at_column + rng.uniform(0.0, spacing, at_row.shape)).ravel()
    inside = free[rows.astype(int), columns.astype(int)]
    return columns[inside], rows[inside]


def candidates(grid: OccupancyGrid, scan: np.ndarray, rng: np.random.Generator) -> list[Candidate]:
    """The poses from which the scan (k, 3), car frame, could have been taken, most likely first, all APART."""
    field_m, frame = grid.distance_m, grid.frame
    columns, rows = positions(grid, rng)
    headings = (np.arange(HEADINGS) + rng.uniform()) * (2.0 * math.pi / HEADINGS)
    few = scan[:: max(1, len(scan) // COARSE_POINTS)] * frame[4]
    cos_h, sin_h = np.cos(headings)[:, None], np.sin(headings)[:, None]
    rotated = np.stack([few[:, 0] * cos_h - few[:, 1] * sin_h, few[:, 0] * sin_h + few[:, 1] * cos_h], axis=2)
    scores = np.empty((len(columns), HEADINGS), np.float32)
    score_lattice(columns, rows, rotated, field_m, COARSE_TRUNCATION_M, scores)

    order = np.argpartition(scores.ravel(), min(40 * STARTS, scores.size - 1))[: 40 * STARTS]
    order = order[np.argsort(scores.ravel()[order], kind="stable")]
    starts: list[np.ndarray] = []
    for flat in order:
        i, h = divmod(int(flat), HEADINGS)
        u, v = (columns[i]) / frame[4], (rows[i]) / frame[4]
        pose = np.array([
            frame[0] + u * frame[2] - v * frame[3],
            frame[1] + u * frame[3] + v * frame[2],
            headings[h] + grid.origin_yaw_rad,
        ])  # fmt: skip
        if all(_apart(pose, other) for other in starts):
            starts.append(pose)
            if len(starts) == STARTS:
                break
    no_prior, information = 1e-6 * np.eye(3), np.empty((3, 3))
    found = []
    every = max(1, len(scan) // CAST_BEAMS)
    for pose in starts:
        for robust_m in (WIDE_M, NARROW_M):
            match(scan, len(scan), pose, no_prior, field_m, frame, robust_m, 10, information)
        found.append((agreement(scan, pose, field_m, frame, every), pose))
    found.sort(key=lambda entry: -entry[0])
    distinct: list[Candidate] = []
    for share, pose in found:
        if all(_apart(pose, np.array([c.x, c.y, c.yaw])) for c in distinct):
            distinct.append(Candidate(float(pose[0]), float(pose[1]), math.remainder(pose[2], 2.0 * math.pi), share))
    return distinct


def _apart(a: np.ndarray, b: np.ndarray) -> bool:
    turned = abs(math.remainder(a[2] - b[2], 2.0 * math.pi))
    return math.hypot(a[0] - b[0], a[1] - b[1]) > APART_M or turned > APART_RAD


def localise(grid: OccupancyGrid, scan: np.ndarray, rng: np.random.Generator) -> Candidate | None:
    """The one pose that explains the scan (k, 3), x, y, distance in the car's frame; None if no pose or several do."""
    if len(scan) < POINTS_MIN:
        return None
    found = candidates(grid, scan, rng)
    if not found or found[0].agreement < CONFIDENT:
        return None
    if len(found) > 1 and found[1].agreement > found[0].agreement - AHEAD_OF_RIVALS:
        return None
    return found[0]
