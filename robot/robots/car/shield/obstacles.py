"""What the lidar sees on the course and the map does not have: a person, a chair, a box.

Neighbouring points of a scan that lie inside the corridor and farther from every mapped wall than the lidar's noise and
the pose's uncertainty explain make an obstacle, also of somebody who stands at a wall. It is believed when enough
points have confirmed it, in looks some time apart. Who has been seen is not gone because they are out of sight: they are believed to be about
there until the lidar looks through the place, though not for ever. Unseen, and in the predictive brake's roll-out, an
obstacle grows as fast as somebody may walk.

A lidar that is noisier than reckoned with (an RPLidar A1 is) would see somebody everywhere before its walls. So what its points
are off the walls is watched, and where they are more, everything has to be so much farther off to count.
"""

import math

import numpy as np
from numba import njit

from robot.robots.car.shield.rollout import gap
from sim.distance_field import distance_at
from sim.tracks.track import Course, place, project

SEEN_M = 7.0  # farther away, a person is a point or two
NOISE_M, NOISE_SHARE = 0.01, 0.003  # of the lidar: standard deviation, and what the distance adds to it
CELL_SIGMA = 0.29  # of a map's wall, in cells: it is somewhere in its cell
OFF_SIGMAS, WITH_SIGMAS = 4.0, 2.5  # from every mapped wall: a point that is on none, and one beside it that may belong
USUAL_SIGMAS, USUAL_SHARE = (
    0.7,
    0.16,
)  # of a lidar as reckoned with, no more than this share of its points is farther off
FAR_M, LEARNING_SIGMAS = 4.0, 0.001  # from where on points tell how noisy it is, and how much each tells
NOISIEST = 3.0  # times as noisy as reckoned with, at most
INSIDE_M = 0.05  # of the corridor's edge
POINTS_MIN, POINTS_SURE = 2, 4  # of one obstacle: beside each other, once; in all
AGAIN_S = 0.05  # between two looks at it: what a late line or a wrong pose puts there is elsewhere a revolution later
APART_M = 0.25  # between two points of one obstacle
SAME_M = 0.6  # from where it was seen before
RADIUS_MIN_M, RADIUS_MAX_M = 0.15, 0.6
CARE_M = 0.05  # kept beyond what was seen
WALK_M_S = 0.6
WALK_S = 0.6  # unseen, an obstacle grows so long: it has to fit between two looks at it, not to fill the course
FORGOTTEN_S = 0.6  # after it was last seen, if its place is seen empty, or if it was never believed
HELD_S = 60.0  # if nobody has looked
CORE_SHARE, BEYOND_M, EMPTY_POINTS = 0.7, 0.3, 3  # beams through the middle of a place, to so far beyond it, clear it
KEPT = 12
SEARCH_ROWS = 200  # of the course ahead and behind: what is farther away is on another stretch
BLOCKED_M, BLOCKED_S = 0.35, 0.25  # of free way that the car needs ahead, and so much of its speed

S, LATERAL, RADIUS, FIRST_S, SEEN_S, POINTS, BESIDE, EMPTY = range(8)  # columns of what is remembered
N_MEMORY = 8
NOBODY = np.int64(0)


@njit(cache=True)
def remember(memory, points, count, x, y, yaw, covariance, now_s, row, course, spacing_m, field_m, frame, usual_sigmas):
    """Take a tick's points (n, 3: x, y, distance, m, in the car's frame, in order) into `memory` (KEPT, N_MEMORY), in
    place.

    x, y, yaw: of the car; covariance (3, 3): of them. row: of the course where it is. field_m, frame: of the map's
    `OccupancyGrid`. usual_sigmas: what USUAL_SHARE of the points so far were farther off the walls than; returned with those of
    this tick.
    """
    length_m = course.shape[0] * spacing_m
    noisier = min(NOISIEST, max(1.0, usual_sigmas / USUAL_SIGMAS))
    cos_y, sin_y = math.cos(yaw), math.sin(yaw)
    steady = covariance[0, 0] + covariance[1, 1] + (CELL_SIGMA / frame[4]) ** 2
    members, sure, left, sum_x, sum_y, low, high = NOBODY, False, 0.0, 0.0, 0.0, 0.0, 0.0
    last_x, last_y, far = 0.0, 0.0, 0.0
    rows = min(SEARCH_ROWS, course.shape[0] // 2 - 1)
    for k in range(count + 1):
        sigmas = 0.0
        px, py = 0.0, 0.0
        if k < count and points[k, 2] < SEEN_M:
            px = x + points[k, 0] * cos_y - points[k, 1] * sin_y
            py = y + points[k, 0] * sin_y + points[k, 1] * cos_y
            noise = (NOISE_M + NOISE_SHARE * points[k, 2]) ** 2 + points[k, 2] ** 2 * covariance[2, 2]
            sigmas = distance_at(field_m, frame, px, py) / math.sqrt(steady + noise)
            if points[k, 2] > FAR_M and sigmas < OFF_SIGMAS:  # what is more than that is no noise, but somebody
                usual_sigmas += LEARNING_SIGMAS * ((1.0 - USUAL_SHARE) if sigmas > usual_sigmas else -USUAL_SHARE)
            sigmas /= noisier
        together = members > 0 and (px - last_x) ** 2 + (py - last_y) ** 2 < APART_M * APART_M
        if members > 0 and not (sigmas > WITH_SIGMAS and together):
            if sure:
                mean_x, mean_y = sum_x / members, sum_y / members
                there, s, lateral, _ = project(course, spacing_m, mean_x, mean_y, 0.0, row, rows, rows)
                inside = -course[there, 6] + INSIDE_M < lateral < course[there, 5] - INSIDE_M
                if inside:
                    radius = min(RADIUS_MAX_M, max(RADIUS_MIN_M, 0.5 * math.sqrt((high - low) ** 2 + left)))
                    take(memory, s, lateral, radius, now_s, members, length_m)
            members, sure = NOBODY, False
        if sigmas > WITH_SIGMAS:
            if members == 0:
                sum_x, sum_y, low, high, left = 0.0, 0.0, px, px, 0.0
                far = py
            members += 1
            sure = sure or sigmas > OFF_SIGMAS
            sum_x, sum_y = sum_x + px, sum_y + py
            low, high = min(low, px), max(high, px)
            left = max(left, (py - far) ** 2)
            last_x, last_y = px, py
    return usual_sigmas


@njit(cache=True)
def take(memory, s, lateral, radius, now_s, members, length_m):
    """Remember an obstacle: where one was near, else in the place of the one that was seen longest ago."""
    slot, oldest, before, beside, first_s = 0, 1e30, 0.0, 0.0, now_s
    for k in range(memory.shape[0]):
        ds = (memory[k, S] - s + 0.5 * length_m) % length_m - 0.5 * length_m
        near = ds * ds + (memory[k, LATERAL] - lateral) ** 2 < SAME_M * SAME_M
        if near and not forgotten(memory[k], now_s):
            slot, before, beside, first_s = k, memory[k, POINTS], memory[k, BESIDE], memory[k, FIRST_S]
            break
        if memory[k, SEEN_S] < oldest:
            slot, oldest = k, memory[k, SEEN_S]
    memory[slot, S], memory[slot, LATERAL], memory[slot, RADIUS] = s, lateral, radius
    memory[slot, FIRST_S], memory[slot, SEEN_S], memory[slot, EMPTY] = first_s, now_s, 0.0
    memory[slot, POINTS], memory[slot, BESIDE] = before + members, max(beside, members)


@njit(cache=True)
def believable(known):
    """Whether what is remembered, a row of the memory, has been seen well enough."""
    again = known[SEEN_S] - known[FIRST_S] >= AGAIN_S
    return again and known[POINTS] >= POINTS_SURE and known[BESIDE] >= POINTS_MIN


@njit(cache=True)
def forgotten(known, now_s):
    """Whether what was remembered, a row of the memory, is to be forgotten: it has gone, or was never much."""
    unseen_s = now_s - known[SEEN_S]
    return (unseen_s >= FORGOTTEN_S and (known[EMPTY] >= EMPTY_POINTS or not believable(known))) or unseen_s >= HELD_S


@njit(cache=True)
def look_through(memory, points, count, x, y, yaw, now_s, course, spacing_m):
    """Count the beams that went through the places of `memory` and met something beyond. Arguments as `remember`."""
    cos_y, sin_y = math.cos(yaw), math.sin(yaw)
    for k in range(memory.shape[0]):
        if forgotten(memory[k], now_s):
            continue
        mx, my, _ = place(course, spacing_m, memory[k, S], memory[k, LATERAL])
        ahead, left = (mx - x) * cos_y + (my - y) * sin_y, (my - y) * cos_y - (mx - x) * sin_y
        away = math.sqrt(ahead * ahead + left * left)
        for j in range(count):
            distance = points[j, 2]
            along = (points[j, 0] * ahead + points[j, 1] * left) / max(distance, 1e-6)
            beside = away * away - along * along
            core = CORE_SHARE * memory[k, RADIUS]
            through = along > 0.0 and beside < core * core and distance > along + memory[k, RADIUS] + BEYOND_M
            memory[k, EMPTY] += away < SEEN_M and through


@njit(cache=True)
def believe(memory, now_s):
    """What is believed of the memory at a time, (n, 4) as `rollout.gap` takes it."""
    believed, n = np.empty((memory.shape[0], 4)), 0
    for k in range(memory.shape[0]):
        known = memory[k]
        if believable(known) and not forgotten(known, now_s):
            unseen_s = min(WALK_S, now_s - known[SEEN_S])
            believed[n, 0], believed[n, 1] = known[S], known[LATERAL]
            believed[n, 2] = known[RADIUS] + CARE_M + WALK_M_S * unseen_s
            believed[n, 3] = WALK_M_S
            n += 1
    return believed[:n].copy()


class Obstacles:
    """What stands on one course. `believed` (n, 4): as `rollout.gap` takes it."""

    def __init__(self) -> None:
        self._memory = np.full((KEPT, N_MEMORY), -math.inf)
        self._usual_sigmas = 0.0
        self.believed = np.zeros((0, 4))

    def see(self, now_s: float, points: np.ndarray, count: int, pose: tuple[float, float, float],
            covariance: np.ndarray, row: int, course: Course, packed: np.ndarray, field_m: np.ndarray,
            frame: np.ndarray, learns: bool = True) -> None:  # fmt: skip
        """Take in a tick's points, in the car's frame, of a car whose pose is known, with its covariance (3, 3). learns: whether they tell how
        noisy the lidar is; where the car is taken for elsewhere, walls are off the map, and that would pass for noise."""
        look_through(self._memory, points, count, *pose, now_s, packed, course.spacing_m)
        usual_sigmas = remember(self._memory, points, count, *pose, covariance, now_s, row, packed, course.spacing_m,
                                field_m, frame, self._usual_sigmas)  # fmt: skip
        self._usual_sigmas = usual_sigmas if learns else self._usual_sigmas

    def forget(self) -> None:
        """Forget everything: where it was seen is no longer known."""
        self._memory[:] = -math.inf

    def doubt(self) -> None:
        """Hold on to nothing that is not seen again: it may have been a wall, seen from a pose that was wrong."""
        self._memory[:, EMPTY] = EMPTY_POINTS

    def update(self, now_s: float) -> None:
        """Bring `believed` to a time, whether anything was seen or not."""
        self.believed = believe(self._memory, now_s)

    def room(self, at: np.ndarray, length_m: float, car: np.ndarray, ahead_m: float = 0.0) -> float:
        """Distance, m, from the nearest to a car (`rollout.S` .. of its place and motion, packed), whose nose is
        `ahead_m` longer; negative where they touch."""
        return float(gap(at[0], at[1], at[2], self.believed, 0.0, ahead_m, length_m, car))

    def block(self, at: np.ndarray, length_m: float, car: np.ndarray) -> bool:
        """Whether the way ahead of a car is too short to roll on. Arguments as `room`."""
        return self.room(at, length_m, car, BLOCKED_M + BLOCKED_S * max(0.0, float(at[3]))) < 0.0
