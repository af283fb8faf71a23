"""Where on the whole map the car can be: every free place and heading scored, the best refined, beams cast to check.

Stages, each only if those before have found nothing: around the pose that was told, within the course's corridor, on
all the rest of the map. A stage is a coarse search (a lattice of positions, HEADINGS headings each, few points,
truncated distances), Gauss-Newton from the best of them with all points, and a comparison of the refined poses by
casting each beam through the map. A pose is accepted only if it explains the scan and no other comes near: wrongly sure
is worse than lost.

A search is cut into steps of a few milliseconds, one a tick, so that control never waits for it.
"""

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit

from robot.robots.car.estimation.scan_matching import FARTHEST_M, match
from sim.car.lidar import cast
from sim.distance_field import OccupancyGrid, to_cells
from sim.portable_math import cos_sin
from sim.tracks.track import Course

Pose = tuple[float, float, float]  # x, y (m), yaw (rad) in the map's frame

SPACING_M, SPACING_ELSEWHERE_M = 0.2, 0.3  # of the lattice: in the first area that is searched, and in others
HEADINGS = 144
COARSE_POINTS = 48
COARSE_TRUNCATION_M = 0.4
CLEARANCE_M = 0.12  # no car has a wall nearer to its middle
CONSIDERED = 8000  # coarse poses, of which ...
STARTS, STARTS_EVERY = 400, 4  # ... so many that are APART are refined with every fourth point, ...
FINALISTS = 48  # ... and of what comes of them so many with all, ...
POLISHED, BESIDE_M = 8, 0.2  # ... and the best of those once more from beside them: along a lane the match may stick
APART_M, APART_RAD = 0.4, 0.25  # poses nearer than this are the same answer
ROBUST_SCALES_M = (0.4, 0.15, 0.08)  # of the refinement
ITERATIONS = 15
AGREES_M, AGREES_PER_M = 0.04, 0.01  # how far a beam's end may be from the map's, as a standard deviation
CONFIDENT = 0.6  # agreement that is needed
CONFIDENT_IN_CORRIDOR = 0.8  # and before the rest of the map has been looked at
AHEAD_OF_RIVALS = 0.03, 0.06  # and how much more of it than any other pose has: the surer, the less
TOLD_M, TOLD_RAD = 1.0, 0.6  # how far off a pose may be told
TOLD_STEPS_M, TOLD_STEPS_RAD = (0.0, -0.4, 0.4), (0.0, -0.25, 0.25)  # starts of the refinement around it
POINTS_MIN = 60
CAST_BEAMS = 200
POSITIONS_AT_FIRST, POSITIONS_A_STEP, STARTS_A_STEP, FINALISTS_A_STEP = 60, 250, 10, 2  # a few milliseconds each
POINTS_A_LOOK = 6


@dataclass(frozen=True)
class Candidate:
    """A pose in the map's frame and how well the scan's beams agree with it, 0 to 1."""

    x: float
    y: float
    yaw: float
    agreement: float


@njit(cache=True)
def score_lattice(cells, offsets, field, worst, scores):
    """Mean of `field` (flat, uint8) over the scan's points, by position and heading; infinite where it exceeds `worst`.

    cells (n,) int64: of the positions. offsets (h, k) int32: from a position's cell to each point's cell, by heading.
    scores (n, h) float32, written.
    """
    points = offsets.shape[1]
    for i in range(cells.shape[0]):
        for h in range(offsets.shape[0]):
            total, k = 0, 0
            while k < points and total <= worst * points:  # what is too much already need not be counted to its end
                for _ in range(min(POINTS_A_LOOK, points - k)):
                    total += field[cells[i] + offsets[h, k]]
                    k += 1
            scores[i, h] = total / points if k == points else np.inf


@njit(cache=True)
def agreement(points, pose, field_m, frame, every):
    """How well every `every`-th point (k, 3), car frame, agrees with the beam cast from `pose` (3,): 0 to 1."""
    agreed, beams = 0.0, 0
    for k in range(0, points.shape[0], every):
        distance = math.sqrt(points[k, 0] * points[k, 0] + points[k, 1] * points[k, 1])
        bearing = pose[2] + math.atan2(points[k, 1], points[k, 0])
        seen = cast(field_m, frame, pose[0], pose[1], bearing, distance + 1.0)
        error = (seen - distance) / (AGREES_M + AGREES_PER_M * distance)
        agreed += math.exp(-0.5 * error * error)
        beams += 1
    return agreed / beams


@njit(cache=True)
def first_apart(poses, most):
    """Indices of the first `most` of the poses (n, 3) that are APART from each other, in their order."""
    kept = np.empty(min(most, poses.shape[0]), np.int64)
    count = 0
    for k in range(poses.shape[0]):
        apart = True
        for other in kept[:count]:
            dx, dy = poses[k, 0] - poses[other, 0], poses[k, 1] - poses[other, 1]
            turn = poses[k, 2] - poses[other, 2]
            turn -= 2.0 * math.pi * math.floor(turn / (2.0 * math.pi) + 0.5)
            if dx * dx + dy * dy <= APART_M * APART_M and abs(turn) <= APART_RAD:
                apart = False
                break
        if apart:
            kept[count] = k
            count += 1
            if count == kept.shape[0]:
                break
    return kept[:count]


@njit(cache=True)
def mark_corridor(course, spacing_m, frame, mask):
    """Mark the cells (h, w) bool between the walls of a packed course."""
    height, width = mask.shape
    step = 0.5 / frame[4]
    for k in range(course.shape[0]):
        for number in range(int((course[k, 5] + course[k, 6]) / step) + 1):
            lateral = number * step - course[k, 6]
            x, y = course[k, 0] - lateral * course[k, 3], course[k, 1] + lateral * course[k, 2]
            column, row = to_cells(frame, x, y)
            i, j = math.floor(row + 0.5), math.floor(column + 0.5)
            if 0 <= i < height and 0 <= j < width:
                mask[i, j] = True


def from_cells(grid: OccupancyGrid, column: Any, row: Any) -> tuple[Any, Any]:
    """The point of the map frame, m, at a cell's centre, or at each of many: the inverse of `to_cells`."""
    frame = grid.frame
    u, v = (column + 0.5) / frame[4], (row + 0.5) / frame[4]
    return frame[0] + u * frame[2] - v * frame[3], frame[1] + u * frame[3] + v * frame[2]


class MapSearch:
    """What searches of one map have in common. course: whose corridor is searched first, if there is one."""

    def __init__(self, grid: OccupancyGrid, course: Course | None = None) -> None:
        self.grid, self.course = grid, course
        free = grid.distance_m > CLEARANCE_M
        corridor = np.zeros_like(free)
        if course is not None:
            mark_corridor(course.packed(), course.spacing_m, grid.frame, corridor)
            corridor &= free
        self.areas = [area for area in (corridor, free & ~corridor) if area.any()]
        self.reach = math.ceil(FARTHEST_M * grid.frame[4] * 1.05) + 2  # cells; deskewing moves a point a little
        cost = np.minimum(255.0, np.abs(grid.distance_m) * np.float32(255.0 / COARSE_TRUNCATION_M)).astype(np.uint8)
        padded = np.pad(cost, self.reach, constant_values=255)
        self.width, self.field = padded.shape[1], padded.ravel()

    def begin(self, scan: np.ndarray, rng: np.random.Generator, told: Pose | None = None) -> "Search":
        """A search for the place of a scan (k, 3): x, y, distance in the car's frame, m. See `Search`."""
        return Search(self, scan, rng, told)


class Search:
    """One search. Call `step` until it returns False; then `found` is the one pose that explains the scan, or None.

    told: where the car may be, give or take TOLD. rng: shifts the lattices, so that a second search may find what the
    first has missed. candidates: all poses that were refined, most likely first, all APART.
    """

    def __init__(self, search: MapSearch, scan: np.ndarray, rng: np.random.Generator, told: Pose | None) -> None:
        self.map, self.scan, self.rng, self.told = search, scan, rng, told
        self.found: Candidate | None = None
        self.candidates: list[Candidate] = []
        self.told_is_wrong = False
        self.moved = False  # found, but by then the car was elsewhere
        self._steps = self._run() if len(scan) >= POINTS_MIN else iter(())

    def step(self) -> bool:
        """Go on by a few milliseconds of work; False at the end."""
        return next(self._steps, None) is not None

    def run(self) -> "Search":
        """All of it at once."""
        while self.step():
            pass
        return self

    @property
    def reason(self) -> str:
        """Why nothing was found, for a person."""
        if len(self.scan) < POINTS_MIN:
            return f"the lidar returns {len(self.scan)} points a revolution, {POINTS_MIN} are needed"
        if self.moved:
            return "the car was moved meanwhile"
        alike = [c for c in self.candidates if c.agreement > CONFIDENT]
        if len(alike) > 1:
            one, two = alike[:2]
            return f"x {one.x:.1f}, y {one.y:.1f} and x {two.x:.1f}, y {two.y:.1f} look alike"
        best = self.candidates[0].agreement if self.candidates else 0.0
        return f"the best place explains {100 * best:.0f} % of what the lidar sees, {100 * CONFIDENT:.0f} % are needed"

    def _run(self) -> Iterator[bool]:
        if self.told is not None:
            yield from self._judge(_around(self.told))
            near = [c for c in self.candidates if _near(c, self.told)]
            if near and near[0].agreement >= CONFIDENT:
                self.found = near[0]
                return
            self.told_is_wrong = True
        for number, area in enumerate(self.map.areas, start=1):
            pool = _Pool()
            yield from self._score(area, SPACING_M if number == 1 else SPACING_ELSEWHERE_M, pool)
            starts = yield from self._refined(pool.poses[first_apart(pool.poses, STARTS)], STARTS_EVERY, STARTS_A_STEP)
            yield from self._judge(starts[:FINALISTS])
            yield from self._judge(_beside(self.candidates[:POLISHED]))
            if not self.candidates:
                continue
            last = number == len(self.map.areas)
            best, rivals = self.candidates[0], self.candidates[1:2]
            if best.agreement < (CONFIDENT if last else CONFIDENT_IN_CORRIDOR):
                continue
            ahead = max(AHEAD_OF_RIVALS[0], min(AHEAD_OF_RIVALS[1], 1.0 - best.agreement))
            if not rivals or rivals[0].agreement <= best.agreement - ahead:
                self.found = best
                return

    def _score(self, area: np.ndarray, spacing_m: float, pool: "_Pool") -> Iterator[bool]:
        """Score a lattice over an area (h, w) bool, POSITIONS_A_STEP at a time, into the pool."""
        grid, rng, search = self.map.grid, self.rng, self.map
        step = max(1, round(spacing_m / grid.resolution_m))
        row, column = int(rng.integers(step)), int(rng.integers(step))
        rows, columns = np.nonzero(area[row::step, column::step])
        rows, columns = rows * step + row, columns * step + column
        few = self.scan[:: max(1, len(self.scan) // COARSE_POINTS), :2]
        few = np.concatenate([few[k::POINTS_A_LOOK] for k in range(POINTS_A_LOOK)])  # the first of them from all sides
        few = few[few[:, 0] ** 2 + few[:, 1] ** 2 < ((search.reach - 2) * grid.resolution_m) ** 2] * grid.frame[4]
        headings = (np.arange(HEADINGS) + rng.uniform()) * (2.0 * math.pi / HEADINGS)
        cos_h, sin_h = (values[:, None] for values in cos_sin(headings))
        to_column = np.rint(few[:, 0] * cos_h - few[:, 1] * sin_h).astype(np.int32)
        to_row = np.rint(few[:, 0] * sin_h + few[:, 1] * cos_h).astype(np.int32)
        offsets = to_row * np.int32(search.width) + to_column
        cells = (rows + search.reach).astype(np.int64) * search.width + columns + search.reach
        first = 0
        while first < len(cells):
            now = slice(first, first + (POSITIONS_AT_FIRST if pool.worst == math.inf else POSITIONS_A_STEP))
            first = now.stop
            scores = np.empty((len(cells[now]), HEADINGS), np.float32)
            score_lattice(cells[now], offsets, search.field, pool.worst, scores)
            flat = scores.ravel()
            best = np.flatnonzero(flat < pool.worst)
            i, h = np.divmod(best, HEADINGS)
            x, y = from_cells(grid, columns[now][i], rows[now][i])
            pool.add(flat[best], np.stack([x, y, headings[h] + grid.origin_yaw_rad], axis=1))
            yield True

    def _refined(self, starts: np.ndarray, every: int, a_step: int) -> Generator[bool, None, np.ndarray]:
        """What becomes of starts (n, 3) if every `every`-th point is matched: the best first, all APART; (m, 4) with
        how well they agree in the last column."""
        field_m, frame = self.map.grid.distance_m, self.map.grid.frame
        points = np.ascontiguousarray(self.scan[::every])
        no_prior, information = 1e-6 * np.eye(3), np.empty((3, 3))
        refined = np.empty((len(starts), 4))
        for number, start in enumerate(starts):
            pose = start[:3].copy()
            for robust_m in ROBUST_SCALES_M:
                match(points, len(points), pose, no_prior, field_m, frame, robust_m, math.inf, ITERATIONS, information)
            refined[number, :3] = pose
            refined[number, 3] = agreement(points, pose, field_m, frame, max(1, len(points) // CAST_BEAMS))
            if number % a_step == a_step - 1:
                yield True
        refined = refined[np.isfinite(refined).all(axis=1)]
        refined = refined[np.argsort(-refined[:, 3], kind="stable")]
        return refined[first_apart(refined, len(refined))]

    def _judge(self, starts: np.ndarray) -> Iterator[bool]:
        """Match the whole scan from each start (n, 3 or more), and add what comes of it to the candidates."""
        refined = yield from self._refined(starts, 1, FINALISTS_A_STEP)
        found = [*self.candidates, *(Candidate(*(float(value) for value in row)) for row in refined)]
        found.sort(key=lambda candidate: -candidate.agreement)
        poses = np.array([(c.x, c.y, c.yaw) for c in found]).reshape(-1, 3)
        self.candidates = [
            replace(found[k], yaw=math.remainder(found[k].yaw, 2.0 * math.pi)) for k in first_apart(poses, len(poses))
        ]


class _Pool:
    """The CONSIDERED best of all scored poses, the best first."""

    def __init__(self) -> None:
        self.scores, self.poses = np.empty(0, np.float32), np.empty((0, 3))

    @property
    def worst(self) -> float:
        """A score that is no longer of interest."""
        return float(self.scores[-1]) if len(self.scores) == CONSIDERED else math.inf

    def add(self, scores: np.ndarray, poses: np.ndarray) -> None:
        """Take in scores (n,) and their poses (n, 3)."""
        scores = np.concatenate([self.scores, scores])
        best = np.argsort(scores, kind="stable")[:CONSIDERED]  # stable: the same on any machine
        self.scores, self.poses = scores[best], np.concatenate([self.poses, poses])[best]


def _around(told: Pose) -> np.ndarray:
    """Starts (27, 3) of the refinement of a pose that was told."""
    return np.array(
        [(told[0] + x, told[1] + y, told[2] + a) for x in TOLD_STEPS_M for y in TOLD_STEPS_M for a in TOLD_STEPS_RAD]
    )


def _beside(found: list[Candidate]) -> np.ndarray:
    """Starts (n, 3) on all sides of what was found."""
    sides = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))
    return np.array([(c.x + BESIDE_M * x, c.y + BESIDE_M * y, c.yaw) for c in found for x, y in sides]).reshape(-1, 3)


def _near(found: Candidate, told: Pose) -> bool:
    dx, dy = found.x - told[0], found.y - told[1]
    return dx * dx + dy * dy <= TOLD_M * TOLD_M and abs(math.remainder(found.yaw - told[2], 2.0 * math.pi)) <= TOLD_RAD


def candidates(grid: OccupancyGrid, scan: np.ndarray, rng: np.random.Generator) -> list[Candidate]:
    """The poses from which the scan (k, 3), car frame, could have been taken, most likely first, all APART."""
    return MapSearch(grid).begin(scan, rng).run().candidates


def localise(grid: OccupancyGrid, scan: np.ndarray, rng: np.random.Generator) -> Candidate | None:
    """The one pose that explains the scan (k, 3), x, y, distance in the car's frame; None if no pose or several do."""
    return MapSearch(grid).begin(scan, rng).run().found
