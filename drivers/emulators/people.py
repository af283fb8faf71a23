"""People who walk to and fro across the course: round obstacles that the lidar sees, and that the car must not hit.

Each has a stretch of the course and walks from one side to the other, as fast as people do, seen or not by whoever drives.
They stay between its walls, where they can be seen: nobody comes out of a wall. And nobody walks into a car that is so
near already: people look, too, turn back, and step aside along the course, so that nobody is pinned to a wall. Before whom a
car stands for a few seconds, as if it waited, goes to the side that is farther from it, and stays there until it has gone.

How near people come by themselves to a robot that is no bigger: 48 cm on average (Should a small robot have a small personal
space?, RO-MAN 2020, arXiv 2009.01818).
"""

import math

import numpy as np
from numba import njit

from sim.car.model import P_HALF_LENGTH, P_HALF_WIDTH
from sim.tracks.track import Course, place

RADIUS_M = 0.15
REACH_M = 1.2  # to either side of the centreline, at most
SWAYS_RAD_S = (0.3, 0.5)  # 0.6 m/s in the middle of the course, at most
MANNERS_M = 0.6  # from the car's centre: nobody walks nearer
ASIDE_M_S = 0.3  # away from a car that is so near
WAITING_M_S, WAITING_M = 0.1, 1.5  # a car that is no faster, whose centre is no farther away, waits for one
PATIENCE_S = 3.0  # of its waiting, before one makes room
GONE_M = 2.5  # away, it has gone
AT_THE_SIDE = 0.99  # as a share of the way to it


@njit(cache=True)
def nearer(people, x, y, angle_rad, range_m):
    """The range, m, of a beam from a point along an angle, if people (n, 2) stand in it, or nothing does."""
    cos_a, sin_a = math.cos(angle_rad), math.sin(angle_rad)
    for k in range(people.shape[0]):
        dx, dy = people[k, 0] - x, people[k, 1] - y
        along, beside = dx * cos_a + dy * sin_a, dy * cos_a - dx * sin_a
        if along > 0.0 and abs(beside) < RADIUS_M:
            met = along - math.sqrt(RADIUS_M * RADIUS_M - beside * beside)
            if range_m <= 0.0 or met < range_m:
                range_m = max(0.0, met)
    return range_m


@njit(cache=True)
def space(person, x, y, yaw, p):
    """Distance, m, between a person (2,) and the body of a packed car at a pose; negative where they overlap."""
    cos_y, sin_y = math.cos(yaw), math.sin(yaw)
    dx, dy = person[0] - x, person[1] - y
    ahead = max(0.0, abs(dx * cos_y + dy * sin_y) - p[P_HALF_LENGTH])
    aside = max(0.0, abs(dy * cos_y - dx * sin_y) - p[P_HALF_WIDTH])
    return math.sqrt(ahead * ahead + aside * aside) - RADIUS_M


class People:
    """`count` people along a course. at (count, 2): where they are, m, in the map's frame."""

    def __init__(self, count: int, course: Course, seed: int) -> None:
        rng = np.random.default_rng([seed, 0x9E0])
        self.course, self.packed = course, course.packed()
        self.s = course.length_m * (np.arange(count) + 0.5) / max(1, count)
        self.sway_rad = rng.uniform(0.0, 2.0 * math.pi, count)
        self.rate_rad_s = rng.uniform(*SWAYS_RAD_S, count)
        self.at = np.array([self._place(k) for k in range(count)]).reshape(count, 2)
        self.waited_s = np.zeros(count)  # how long a car has waited for each
        self.side = np.zeros(count)  # where they make room for it: 1 left, -1 right, 0 nowhere
        self.touching = np.zeros(count, bool)
        self.hit = 0
        self.worst_m_s = 0.0  # speed of the car at the hardest touch

    def _aside(self, k: int, step_m: float, x: float, y: float) -> None:
        """Let one take a step along the course, away from a car."""
        here = self.s[k]
        self.s[k] = here + step_m
        onwards_m = math.dist(self._place(k), (x, y))
        self.s[k] = here - step_m
        if onwards_m > math.dist(self._place(k), (x, y)):
            self.s[k] = here + step_m

    def _place(self, k: int) -> tuple[float, float]:
        row = int(self.s[k] / self.course.spacing_m) % len(self.course.x)
        sway = math.sin(self.sway_rad[k])
        wall_m = float((self.course.width_left if sway > 0.0 else self.course.width_right)[row])
        lateral_m = sway * min(REACH_M, max(0.0, wall_m - RADIUS_M))
        x, y, _ = place(self.packed, self.course.spacing_m, self.s[k], lateral_m)
        return x, y

    def _make_room(self, k: int, elapsed_s: float, x: float, y: float, speed_m_s: float) -> None:
        """Let one see whether a car waits for them, and turn towards the side that is farther from it, until it has gone."""
        away_m = math.dist(self.at[k], (x, y))
        waits = away_m < WAITING_M and speed_m_s < WAITING_M_S
        self.waited_s[k] = self.waited_s[k] + elapsed_s if waits else 0.0
        if self.side[k] == 0.0 and self.waited_s[k] > PATIENCE_S:
            self.side[k] = 1.0 if self._to_side(k, 1.0, x, y) > self._to_side(k, -1.0, x, y) else -1.0
        elif away_m > GONE_M:
            self.side[k] = 0.0
        if self.side[k] != 0.0:
            self.rate_rad_s[k] = math.copysign(self.rate_rad_s[k], self.side[k] * math.cos(self.sway_rad[k]))

    def _to_side(self, k: int, side: float, x: float, y: float) -> float:
        """How far from a car, m, one would stand at a side."""
        here = self.sway_rad[k]
        self.sway_rad[k] = side * 0.5 * math.pi
        away_m = math.dist(self._place(k), (x, y))
        self.sway_rad[k] = here
        return away_m

    def step(self, elapsed_s: float, x: float, y: float, yaw: float, speed_m_s: float, car: np.ndarray) -> None:
        """Let them walk on, beside a car (packed) at a pose and speed, and count whom it touches."""
        for k in range(len(self.at)):
            self._make_room(k, elapsed_s, x, y, speed_m_s)
            before = self.sway_rad[k]
            if self.side[k] * math.sin(before) < AT_THE_SIDE:
                self.sway_rad[k] += elapsed_s * self.rate_rad_s[k]
            there = self._place(k)
            if math.dist(there, (x, y)) < min(MANNERS_M, math.dist(self.at[k], (x, y))):
                self.sway_rad[k], self.rate_rad_s[k] = before, -self.rate_rad_s[k]
                self._aside(k, elapsed_s * ASIDE_M_S, x, y)
                there = self._place(k)
            self.at[k] = there
            touches = bool(space(self.at[k], x, y, yaw, car) <= 0.0)
            if touches:
                self.worst_m_s = max(self.worst_m_s, speed_m_s)
                self.hit += not self.touching[k]
            self.touching[k] = touches
