"""What the lidar sees on the course and the map does not have: a person, a chair, a box.

Neighbouring points of a scan that lie well inside the corridor and off every mapped wall make an obstacle. It is believed
when a second scan, or enough points, confirm it, and forgotten FORGOTTEN_S after it was last seen; until then, and in the
predictive brake's roll-out, it grows as fast as somebody may walk.
"""

import math

import numpy as np
from numba import njit

from robot.robots.car.shield.rollout import gap
from sim.distance_field import distance_at
from sim.tracks.track import Course, project

SEEN_M = 7.0  # farther away, a person is a point or two
OFF_WALL_M, OFF_WALL_SHARE = 0.12, 0.02  # from every mapped wall, and more by a share of the distance
INSIDE_M = 0.05  # of the corridor's edge
POINTS_MIN, POINTS_SURE = 2, 4
APART_M = 0.25  # between two points of one obstacle
SAME_M = 0.6  # from where it was seen before
RADIUS_MIN_M, RADIUS_MAX_M = 0.15, 0.6
CARE_M = 0.05  # kept beyond what was seen
WALK_M_S = 0.6
FORGOTTEN_S = 0.6
KEPT = 12
SEARCH_ROWS = 200  # of the course ahead and behind: what is farther away is on another stretch
BLOCKED_M, BLOCKED_S = 0.35, 0.25  # of free way that the car needs ahead, and so much of its speed

S, LATERAL, RADIUS, SEEN_S, TIMES = range(5)  # columns of what is remembered


@njit(cache=True)
def remember(memory, points, count, x, y, yaw, now_s, row, course, spacing_m, field_m, frame):
    """Take a tick's points (n, 3: x, y, distance, m, in the car's frame, in order) into `memory` (KEPT, 5), in place.

    x, y, yaw: of the car. row: of the course where it is. field_m, frame: of the map's `OccupancyGrid`.
    """
    length_m = course.shape[0] * spacing_m
    cos_y, sin_y = math.cos(yaw), math.sin(yaw)
    members, left, sum_x, sum_y, low, high = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    last_x, last_y, far = 0.0, 0.0, 0.0
    rows = min(SEARCH_ROWS, course.shape[0] // 2 - 1)
    for k in range(count + 1):
        off = False
        px, py = 0.0, 0.0
        if k < count and points[k, 2] < SEEN_M:
            px = x + points[k, 0] * cos_y - points[k, 1] * sin_y
            py = y + points[k, 0] * sin_y + points[k, 1] * cos_y
            off = distance_at(field_m, frame, px, py) > OFF_WALL_M + OFF_WALL_SHARE * points[k, 2]
        together = members > 0 and (px - last_x) ** 2 + (py - last_y) ** 2 < APART_M * APART_M
        if members > 0 and not (off and together):
            if members >= POINTS_MIN:
                mean_x, mean_y = sum_x / members, sum_y / members
                there, s, lateral, _ = project(course, spacing_m, mean_x, mean_y, 0.0, row, rows, rows)
                inside = -course[there, 6] + INSIDE_M < lateral < course[there, 5] - INSIDE_M
                if inside:
                    radius = min(RADIUS_MAX_M, max(RADIUS_MIN_M, 0.5 * math.sqrt((high - low) ** 2 + left)))
                    take(memory, s, lateral, radius, now_s, members, length_m)
            members = 0
        if off:
            if members == 0:
                sum_x, sum_y, low, high, left = 0.0, 0.0, px, px, 0.0
                far = py
            members += 1
            sum_x, sum_y = sum_x + px, sum_y + py
            low, high = min(low, px), max(high, px)
            left = max(left, (py - far) ** 2)
            last_x, last_y = px, py


@njit(cache=True)
def take(memory, s, lateral, radius, now_s, members, length_m):
    """Remember an obstacle: where one was near, else in the place of the one that was seen longest ago."""
    slot, oldest = 0, 1e30
    times = POINTS_SURE if members >= POINTS_SURE else 1
    for k in range(memory.shape[0]):
        ds = (memory[k, S] - s + 0.5 * length_m) % length_m - 0.5 * length_m
        near = ds * ds + (memory[k, LATERAL] - lateral) ** 2 < SAME_M * SAME_M
        if near and now_s - memory[k, SEEN_S] < FORGOTTEN_S:
            slot, times = k, times + int(memory[k, TIMES])
            break
        if memory[k, SEEN_S] < oldest:
            slot, oldest = k, memory[k, SEEN_S]
    memory[slot, S], memory[slot, LATERAL], memory[slot, RADIUS] = s, lateral, radius
    memory[slot, SEEN_S], memory[slot, TIMES] = now_s, times


class Obstacles:
    """What stands on one course. `believed` (n, 4): as `rollout.gap` takes it."""

    def __init__(self) -> None:
        self._memory = np.full((KEPT, 5), -math.inf)
        self.believed = np.zeros((0, 4))

    def see(self, now_s: float, points: np.ndarray, count: int, pose: tuple[float, float, float], row: int,
            course: Course, packed: np.ndarray, field_m: np.ndarray, frame: np.ndarray) -> None:  # fmt: skip
        """Take in a tick's points, in the car's frame, of a car whose pose is known."""
        remember(self._memory, points, count, *pose, now_s, row, packed, course.spacing_m, field_m, frame)

    def update(self, now_s: float) -> None:
        """Bring `believed` to a time, whether anything was seen or not."""
        memory = self._memory
        fresh = (now_s - memory[:, SEEN_S] < FORGOTTEN_S) & (memory[:, TIMES] >= POINTS_MIN)
        if not fresh.any():
            self.believed = self.believed[:0]
            return
        known = memory[fresh]
        self.believed = np.empty((len(known), 4))
        self.believed[:, :2] = known[:, [S, LATERAL]]
        self.believed[:, 2] = known[:, RADIUS] + CARE_M + WALK_M_S * (now_s - known[:, SEEN_S])
        self.believed[:, 3] = WALK_M_S

    def block(self, at: np.ndarray, length_m: float, car: np.ndarray) -> bool:
        """Whether the way ahead of a car (`rollout.S` .. of its place and motion, packed) is too short to roll on."""
        if len(self.believed) == 0:
            return False
        ahead_m = BLOCKED_M + BLOCKED_S * max(0.0, float(at[3]))
        return bool(gap(at[0], at[1], at[2], self.believed, 0.0, ahead_m, length_m, car) < 0.0)
