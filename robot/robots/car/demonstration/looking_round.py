"""What the lidar sees from where the car stands, and by how much the car has moved between two such views.

Points are averaged direction by direction; the later view is matched with the walls of the earlier one, from many guesses, and
believed only where the walls tell every direction of the way.
"""

import math

import numpy as np
from numba import njit

from drivers.base import LIDAR_POINTS_MAX, LidarReading
from robot.robots.car.estimation.growing_field import KNOWN_M, insert
from robot.robots.car.estimation.scan_matching import deskew, distance_and_slope, match, solve3
from sim.portable_math import cos_sin, inverse

BINS, DIRECTIONS_MIN = 360, 90
AHEAD_RAD, AHEAD_DIRECTIONS = 0.7, 14  # to either side, in which every direction must be looked at
SPREAD_MAX_M, SPREAD_PER_M = 0.1, 0.04  # of what is averaged
WALL_STEP_M, WALL_GAP_M = 0.02, 0.2  # between neighbours so close there is a wall
HALF_EXTENT_M, RESOLUTION_M, REACH_M = 8.0, 0.05, 7.0  # of the view that is matched
GUESSES_M, DIRECTIONS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6), 16
TRIED = 12  # of the guesses: the best ones are followed up
PRIOR_SIGMA = (0.2, 0.2, 0.2)  # m, m, rad: about a guess
COARSE_M, FINE_M = 0.2, 0.08  # robust scales
ITERATIONS = 12
NOISE_M, OUTLIER_M = 0.02, 0.1  # of a point from the line between two others
UNSEEN_M = 0.01  # standard deviation of a way that the walls do not tell
COST_MAX = 0.5  # of a match that counts
RIVAL_M, RIVAL_COST = 0.2, 0.05  # another place so far along that fits hardly worse: the walls do not tell


@njit(cache=True)
def averaged(points, out):
    """Average points (k, 3: x, y, distance) direction by direction into out (BINS, 3); returns how many there are.

    A direction in which near and far things were seen says nothing.
    """
    sums, nearest, farthest = np.zeros((BINS, 4)), np.full(BINS, np.inf), np.zeros(BINS)
    for k in range(points.shape[0]):
        turns = math.atan2(points[k, 1], points[k, 0]) / (2.0 * math.pi)
        i = int((turns - math.floor(turns)) * BINS) % BINS
        sums[i, :3] += points[k]
        sums[i, 3] += 1.0
        nearest[i], farthest[i] = min(nearest[i], points[k, 2]), max(farthest[i], points[k, 2])
    count = 0
    for i in range(BINS):
        if sums[i, 3] > 0.0 and farthest[i] - nearest[i] < SPREAD_MAX_M + SPREAD_PER_M * nearest[i]:
            out[count] = sums[i, :3] / sums[i, 3]
            count += 1
    return count


@njit(cache=True)
def draw_walls(points, field_m, frame):
    """Draw points (k, 3), in the order of their directions, and the walls between neighbours, into an empty field."""
    one = np.empty((1, 3))
    count = points.shape[0]
    for k in range(count):
        following = points[(k + 1) % count]
        dx, dy = following[0] - points[k, 0], following[1] - points[k, 1]
        gap = math.sqrt(dx * dx + dy * dy)
        steps = max(1, math.ceil(gap / WALL_STEP_M)) if gap < WALL_GAP_M else 1
        for step in range(steps):
            one[0, 0] = points[k, 0] + dx * step / steps
            one[0, 1] = points[k, 1] + dy * step / steps
            one[0, 2] = points[k, 2]
            insert(field_m, frame, one, 1, 0.0, 0.0, 0.0)


@njit(cache=True)
def misfit(points, x, y, yaw, field_m, frame, robust_m):
    """Mean of r^2 / (r^2 + robust_m^2) over the points' distances r from the walls, seen from a pose."""
    cos_yaw, sin_yaw = math.cos(yaw), math.sin(yaw)
    total = 0.0
    for k in range(points.shape[0]):
        px = x + points[k, 0] * cos_yaw - points[k, 1] * sin_yaw
        py = y + points[k, 0] * sin_yaw + points[k, 1] * cos_yaw
        distance, _, _ = distance_and_slope(field_m, frame, px, py)
        total += distance * distance / (distance * distance + robust_m * robust_m)
    return total / points.shape[0]


@njit(cache=True)
def find_motion(points, field_m, frame, guesses, prior, found):
    """Match points (k, 3) with a view from the best of guesses (n, 3: x, y, yaw); poses and misfits in found (m, 4)."""
    information = np.empty((3, 3))
    costs = np.empty(guesses.shape[0])
    for i in range(guesses.shape[0]):
        costs[i] = misfit(points, guesses[i, 0], guesses[i, 1], guesses[i, 2], field_m, frame, COARSE_M)
    for i in range(found.shape[0]):
        guess = np.argmin(costs)
        costs[guess] = np.inf
        pose = guesses[guess].copy()
        for robust_m in (COARSE_M, FINE_M):
            match(points, points.shape[0], pose, prior, field_m, frame, robust_m, math.inf, np.int64(ITERATIONS),
                  information)  # fmt: skip
        found[i, :3] = pose
        found[i, 3] = misfit(points, pose[0], pose[1], pose[2], field_m, frame, FINE_M)


@njit(cache=True)
def refine(points, walls, pose, information):
    """Move a pose (3,), in place, to where points (k, 3) lie best on the lines between neighbours of walls (n, 3).

    information (3, 3): receives the squares of the points' normals by the pose: what is unseen along is small there.
    Returns the mean of r^2 / (r^2 + NOISE_M^2) over the points' distances r, 1 where there is no wall.
    """
    slope, step = np.empty(3), np.empty(3)
    count, cost = walls.shape[0], 1.0
    for _ in range(ITERATIONS):
        cost = 0.0
        information[:], slope[:] = 0.0, 0.0
        cos_yaw, sin_yaw = math.cos(pose[2]), math.sin(pose[2])
        for k in range(points.shape[0]):
            ox = points[k, 0] * cos_yaw - points[k, 1] * sin_yaw
            oy = points[k, 0] * sin_yaw + points[k, 1] * cos_yaw
            best, across, normal_x, normal_y = OUTLIER_M, 0.0, 0.0, 0.0
            for i in range(count):
                j = (i + 1) % count
                dx, dy = walls[j, 0] - walls[i, 0], walls[j, 1] - walls[i, 1]
                length = math.sqrt(dx * dx + dy * dy)
                if not 1e-4 < length < WALL_GAP_M:
                    continue
                px, py = pose[0] + ox - walls[i, 0], pose[1] + oy - walls[i, 1]
                along = (px * dx + py * dy) / length
                off = (py * dx - px * dy) / length
                if 0.0 <= along <= length and abs(off) < best:
                    best, across, normal_x, normal_y = abs(off), off, -dy / length, dx / length
            square = best * best
            cost += square / (square + NOISE_M * NOISE_M) if best < OUTLIER_M else 1.0
            if best < OUTLIER_M:
                by_yaw = normal_y * ox - normal_x * oy
                weight = 1.0 / (1.0 + (across / NOISE_M) ** 2)
                jacobian = (normal_x, normal_y, by_yaw)
                for a in range(3):
                    slope[a] += weight * jacobian[a] * across
                    for b in range(3):
                        information[a, b] += weight * jacobian[a] * jacobian[b]
        solve3(information + 1e-3 * np.eye(3), slope, step)
        pose -= step
        if abs(step[0]) + abs(step[1]) + abs(step[2]) < 1e-5:
            break
    return cost / points.shape[0]


class View:
    """What the lidar sees from where the car stands."""

    def __init__(self) -> None:
        self.points = np.empty((0, 3))
        self._one = np.empty((LIDAR_POINTS_MAX, 3))
        self._looked = np.zeros(AHEAD_DIRECTIONS, bool)  # in these directions ahead, whether something is there or not

    @property
    def looks_ahead(self) -> bool:
        """Whether the lidar looks where the car goes: one of 270 degrees may be turned away."""
        return bool(self._looked.all())

    def add(self, lidar: LidarReading) -> None:
        """A tick's points, of a car at rest."""
        ahead = lidar.angle_rad[np.abs(lidar.angle_rad) < AHEAD_RAD]
        self._looked[
            ((ahead + AHEAD_RAD) * (AHEAD_DIRECTIONS / (2.0 * AHEAD_RAD))).astype(np.int64) % AHEAD_DIRECTIONS
        ] = True
        count = deskew(lidar.angle_rad, lidar.distance_m, lidar.age_s, 0.0, 0.0, 0.0, self._one)
        self.points = np.concatenate([self.points, self._one[:count]])

    def walls(self) -> np.ndarray:
        """The points (k, 3) without most of their noise, as far as they can be matched."""
        out = np.empty((BINS, 3))
        near = out[: averaged(self.points, out)]
        near = near[near[:, 2] < REACH_M]
        gaps = near - np.roll(near, 1, axis=0)
        joined = gaps[:, 0] ** 2 + gaps[:, 1] ** 2 < WALL_GAP_M**2
        return near[
            joined | np.roll(joined, -1)
        ]  # a point by itself is no wall: it lies where the beam was, not the wall

    def motion_from(self, before: "View", turned_rad: float) -> tuple[float, float, float] | None:
        """How the car has moved since an earlier view (x, y, yaw in that view's frame); None if the walls do not tell.

        turned_rad: by the gyro, whose sign is not believed.
        """
        points, earlier = self.walls(), before.walls()
        if min(len(points), len(earlier)) < DIRECTIONS_MIN:
            return None
        cells = round(2.0 * HALF_EXTENT_M / RESOLUTION_M)
        field_m = np.full((cells, cells), KNOWN_M, np.float32)
        frame = np.array([-HALF_EXTENT_M, -HALF_EXTENT_M, 1.0, 0.0, 1.0 / RESOLUTION_M])
        draw_walls(earlier, field_m, frame)
        cosines, sines = cos_sin(np.arange(DIRECTIONS) * (2.0 * math.pi / DIRECTIONS))
        guesses = np.array([
            (radius * cosine, radius * sine, yaw)
            for radius in GUESSES_M
            for cosine, sine in zip(cosines, sines, strict=True)
            for yaw in (turned_rad, -turned_rad)
        ])  # fmt: skip
        found = np.empty((TRIED, 4))
        find_motion(points[::2].copy(), field_m, frame, guesses, np.diag(1.0 / np.square(PRIOR_SIGMA)), found)
        pose, information = found[int(np.argmin(found[:, 3])), :3].copy(), np.empty((3, 3))
        cost = refine(points, earlier, pose, information)
        spread = NOISE_M * NOISE_M * inverse(information + 1e-3 * np.eye(3))
        if cost > COST_MAX or spread[0, 0] + spread[1, 1] > UNSEEN_M * UNSEEN_M:
            return None
        # The way that the walls tell least: would the car fit in hardly worse a little further along it?
        across = 0.5 * math.atan2(2.0 * information[0, 1], information[0, 0] - information[1, 1])
        for step_m in (-RIVAL_M, RIVAL_M):
            rival = pose + step_m * np.array([-math.sin(across), math.cos(across), 0.0])
            if (
                refine(points, earlier, rival, information) < cost + RIVAL_COST
                and distance_m(rival, pose) > 0.3 * RIVAL_M
            ):
                return None
        return float(pose[0]), float(pose[1]), float(pose[2])


def distance_m(one: np.ndarray, other: np.ndarray) -> float:
    """Between two poses."""
    return math.sqrt((one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2)
