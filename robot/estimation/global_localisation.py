"""Where on the whole map the car can be: every free place and heading scored, the best refined, beams cast to check.

Three steps: a coarse search (a lattice of positions, HEADINGS headings each, few points, truncated distances),
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
from sim.portable_math import cos_sin

POSITIONS_MAX = 8000
SPACING_MIN_M = 0.2
HEADINGS = 72
COARSE_POINTS = 48
COARSE_TRUNCATION_M = 0.4
CLEARANCE_M = 0.12  # no car has a wall nearer to its middle
STARTS = 48  # coarse poses to refine
CONSIDERED = 40 * STARTS  # coarse poses among which they are chosen
APART_M, APART_RAD = 0.4, 0.25  # poses nearer than this are the same answer
ROBUST_SCALES_M = (0.4, 0.15, 0.08)  # of the refinement
ITERATIONS = 15
AGREES_M, AGREES_PER_M = 0.04, 0.01  # how far a beam's end may be from the map's, as a standard deviation
CONFIDENT = 0.6  # agreement that is needed
AHEAD_OF_RIVALS = 0.06  # and how much more of it than any other pose has
POINTS_MIN = 60
CAST_BEAMS = 200


@dataclass(frozen=True)
class Candidate:
    """A pose in the map's frame and how well the scan's beams agree with it, 0 to 1."""

    x: float
    y: float
    yaw: float
    agreement: float


@njit(cache=True)
def score_lattice(cells, offsets, field, scores):
    """Mean of `field` (flat, uint8) over the scan's points, by position and heading.

    cells (n,) int64: of the positions. offsets (h, k) int32: from a position's cell to each point's cell, by heading.
    scores (n, h) float32, written.
    """
    for i in range(cells.shape[0]):
        for h in range(offsets.shape[0]):
            total = 0
            for k in range(offsets.shape[1]):
                total += field[cells[i] + offsets[h, k]]
            scores[i, h] = total / offsets.shape[1]


@njit(cache=True)
def agreement(points, pose, field_m, frame, every):
    """How well every `every`-th point (k, 3), car frame, agrees with the beam cast from `pose` (3,): 0 to 1."""
    agreed, beams = 0.0, 0
    for k in range(0, points.shape[0], every):
        distance = math.hypot(points[k, 0], points[k, 1])
        bearing = pose[2] + math.atan2(points[k, 1], points[k, 0])
        seen = cast(field_m, frame, pose[0], pose[1], bearing, distance + 1.0)
        error = (seen - distance) / (AGREES_M + AGREES_PER_M * distance)
        agreed += math.exp(-0.5 * error * error)
        beams += 1
    return agreed / beams


def coarse_poses(grid: OccupancyGrid, scan: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """The STARTS best poses (3,), APART from each other, of a lattice over all free positions and headings."""
    free = grid.distance_m > CLEARANCE_M
    spacing = max(SPACING_MIN_M, math.sqrt(np.count_nonzero(free) / POSITIONS_MAX) * grid.resolution_m)
    step = max(1, round(spacing / grid.resolution_m))
    mask = np.zeros_like(free)
    mask[rng.integers(step) :: step, rng.integers(step) :: step] = True
    rows, columns = np.nonzero(free & mask)

    few = scan[:: max(1, len(scan) // COARSE_POINTS), :2] * grid.frame[4]
    reach = math.ceil(np.abs(few).max() * math.sqrt(2.0)) + 1
    cost = np.minimum(255.0, np.abs(grid.distance_m) * (255.0 / COARSE_TRUNCATION_M)).astype(np.uint8)
    field = np.pad(cost, reach, constant_values=255)
    headings = (np.arange(HEADINGS) + rng.uniform()) * (2.0 * math.pi / HEADINGS)
    cos_h, sin_h = (values[:, None] for values in cos_sin(headings))
    to_column = np.rint(few[:, 0] * cos_h - few[:, 1] * sin_h).astype(np.int32)
    to_row = np.rint(few[:, 0] * sin_h + few[:, 1] * cos_h).astype(np.int32)
    width = field.shape[1]
    scores = np.empty((len(rows), HEADINGS), np.float32)
    cells = (rows + reach).astype(np.int64) * width + columns + reach
    score_lattice(cells, to_row * np.int32(width) + to_column, field.ravel(), scores)

    flat = scores.ravel()
    best = np.argpartition(flat, min(CONSIDERED, flat.size - 1))[:CONSIDERED]
    poses: list[np.ndarray] = []
    for index in best[np.lexsort((best, flat[best]))]:
        i, h = divmod(int(index), HEADINGS)
        x, y = from_cells(grid, columns[i], rows[i])
        pose = np.array([x, y, headings[h] + grid.origin_yaw_rad])
        if all(_apart(pose, other) for other in poses):
            poses.append(pose)
            if len(poses) == STARTS:
                break
    return poses


def from_cells(grid: OccupancyGrid, column: float, row: float) -> tuple[float, float]:
    """The point of the map frame, m, at a cell's centre: the inverse of `sim.distance_field.to_cells`."""
    frame = grid.frame
    u, v = (column + 0.5) / frame[4], (row + 0.5) / frame[4]
    return frame[0] + u * frame[2] - v * frame[3], frame[1] + u * frame[3] + v * frame[2]


def candidates(grid: OccupancyGrid, scan: np.ndarray, rng: np.random.Generator) -> list[Candidate]:
    """The poses from which the scan (k, 3), car frame, could have been taken, most likely first, all APART."""
    field_m, frame = grid.distance_m, grid.frame
    no_prior, information = 1e-6 * np.eye(3), np.empty((3, 3))
    every = max(1, len(scan) // CAST_BEAMS)
    found = []
    for pose in coarse_poses(grid, scan, rng):
        for robust_m in ROBUST_SCALES_M:
            match(scan, len(scan), pose, no_prior, field_m, frame, robust_m, math.inf, ITERATIONS, information)
        found.append((agreement(scan, pose, field_m, frame, every), pose))
    found.sort(key=lambda entry: -entry[0])
    distinct: list[tuple[float, np.ndarray]] = []
    for share, pose in found:
        if all(_apart(pose, other) for _, other in distinct):
            distinct.append((share, pose))
    return [Candidate(float(q[0]), float(q[1]), math.remainder(q[2], 2.0 * math.pi), share) for share, q in distinct]


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
