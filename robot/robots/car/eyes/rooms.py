"""Where the walls beside a car's first lap stand, by its camera alone.

How much room there is to the left and to the right an embedding tells, though nobody taught it to: by least squares with a ridge, on what
simulated cars see on other courses, to about 0.1 m. Over two laps that is averaged along the way. So the lap becomes a course with walls.
"""

import numpy as np

from robot.robots.car.eyes.fleet import SeeingFleet
from robot.robots.car.eyes.laps import STARTS, embedder
from robot.robots.car.eyes.prior import FIRST_COURSE_SEED, LOOKS_SEED, mean_of
from robot.robots.car.eyes.seeing_driver import CAMERA, HEIGHT, WIDTH, Memory
from robot.tasks.race_track.task import ACTION_SIZE, SEEN_ROOM
from sim.camera.looks import draw_looks
from sim.tracks.random_tracks import random_course
from sim.tracks.track import Course, closed_course

CARS, DECISIONS, COURSES, LOOKS = 48, 300, 24, 64
TRIED = (0.05, 0.2)  # standard deviations, before they are squashed: of every other car
RIDGE = 30.0  # of as many decisions as there are
ROOM_MOST_M = 2.0
SMOOTHED_M = 1.0  # along the course: a Gaussian's sigma
POINT_EVERY_M = 0.4
HALF_WIDTH_M = (0.35, 1.6)  # a course is never narrower, nor taken to be wider


class Rooms:
    """Tells room to the left and right, m, from a policy's observation."""

    def __init__(self, seen: np.ndarray, room_m: np.ndarray) -> None:
        """Learn it from decisions: observations (n, k) and rooms (n, 2)."""
        self._mean, self._spread = seen.mean(0, dtype=np.float64), seen.std(0, dtype=np.float64) + 1e-3
        scaled = self._scaled(seen)
        square = scaled.T @ scaled + RIDGE * np.eye(scaled.shape[1])
        self._weights = np.linalg.solve(square, scaled.T @ np.clip(room_m, 0.0, ROOM_MOST_M))

    def _scaled(self, seen: np.ndarray) -> np.ndarray:
        scaled = (seen - self._mean) / self._spread
        return np.concatenate([scaled, np.ones((len(seen), 1))], 1)

    def told(self, seen: np.ndarray) -> np.ndarray:
        """(n, 2) m, for observations (n, k)."""
        told: np.ndarray = self._scaled(seen) @ self._weights
        return told


def learned_rooms(encoder: bytes, weights: np.ndarray, layers: tuple[int, ...], seed: int) -> Rooms:
    """From a fleet that drives elsewhere."""
    embed = embedder(encoder)
    looks = draw_looks(LOOKS, LOOKS_SEED + seed, WIDTH, HEIGHT, colour=False, camera=CAMERA)
    courses = [random_course(FIRST_COURSE_SEED + k) for k in range(COURSES)]
    fleet = SeeingFleet(courses, CARS, seed, looks, starts=STARTS, decisions_max=DECISIONS)
    memory, rng = Memory(CARS), np.random.default_rng([seed, 0x400])
    std = np.resize(np.array(TRIED), CARS)[:, None]
    seen, room_m = [], []
    for _ in range(DECISIONS):
        now = memory.with_now(embed(fleet.frames), fleet.observation, fleet.age).copy()
        seen.append(now)
        room_m.append(fleet.observation[:, SEEN_ROOM : SEEN_ROOM + 2])
        fleet.step(
            np.tanh(mean_of(weights, layers, now) + std * rng.standard_normal((CARS, ACTION_SIZE))).astype(np.float32)
        )
    return Rooms(np.concatenate(seen), np.concatenate(room_m))


def with_walls(lap: Course, s: np.ndarray, lateral: np.ndarray, room_m: np.ndarray) -> Course:
    """The course between the walls that a lap ran between. s, lateral (n,): where on the lap; room_m (n, 2): what was told there."""
    rows = np.arange(0, len(lap.x), max(1, round(POINT_EVERY_M / lap.spacing_m)))[:-1]
    off = rows[:, None] * lap.spacing_m - s
    off -= lap.length_m * np.round(off / lap.length_m)
    near = np.exp(-0.5 * np.square(off / SMOOTHED_M)) + 1e-9
    near /= near.sum(1, keepdims=True)
    left, right = near @ (lateral + room_m[:, 0]), near @ (lateral - room_m[:, 1])
    middle, half = 0.5 * (left + right), np.clip(0.5 * (left - right), *HALF_WIDTH_M)
    aside = np.stack([-np.sin(lap.heading[rows]), np.cos(lap.heading[rows])], 1)
    points = np.stack([lap.x[rows], lap.y[rows]], 1) + middle[:, None] * aside
    return closed_course("seen", points, half, half)
