"""A fleet of cars with cameras in the batched simulator: drives, and sees itself drive."""

from collections.abc import Sequence

import numpy as np

from robot.robots.car.eyes.free_way import FreeWay
from robot.tasks.race_track import task
from robot.tasks.race_track.task import DECISION_S
from sim.camera.camera import Cameras, looked_back
from sim.camera.looks import Looks
from sim.camera.worlds import worlds_of_courses
from sim.car import kernel
from sim.car.batch import CarBatch, Starts
from sim.car.model import CarParameters, Randomisation, load_parameters
from sim.tracks.track import Course


class SeeingFleet:
    """n cars on courses, each with a look of its own until it ends.

    frames (n, height, width, channels) uint8 and observation (n, 50), what the task shows of the truth, are of now; age (n,) counts
    decisions since each car's start; end (n,) is how the last step ended (`CarBatch`). s (n,) and course (n,): where they are.
    """

    def __init__(
        self,
        courses: Sequence[Course],
        n: int,
        seed: int,
        looks: Looks,
        car: CarParameters | None = None,
        spread: Randomisation = Randomisation(),
        starts: Starts = Starts(),
        decisions_max: int = 600,
    ) -> None:
        self.batch = CarBatch(task, courses, n, seed, car, spread, starts, decisions_max=decisions_max)
        self.cameras, self.looks, self.courses = Cameras(worlds_of_courses(courses), looks, seed), looks, courses
        self._free_way = FreeWay(courses, car or load_parameters())
        self._rng = np.random.default_rng([seed, 0xF1EE])
        self.look = self._rng.integers(0, len(looks), n)
        self._rows = np.concatenate([np.stack([c.x, c.y, c.heading, c.curvature], 1) for c in courses])
        self._first = np.cumsum([0, *(len(c.x) for c in courses[:-1])])
        self._spacing = np.array([c.spacing_m for c in courses])
        self.age, self.end = np.zeros(n, np.int64), np.zeros(n, np.uint32)
        self.frames = np.zeros((n, *looks.frame_shape), np.uint8)
        self._speed_before = self.batch.row(kernel.V_X)
        self._see()

    def step(self, actions: np.ndarray) -> None:
        """A decision's time with actions (n, 2)."""
        self.batch.step(actions)
        self.end = self.batch.end.copy()
        ended = self.end > 0
        self.age = np.where(ended, 0, self.age + 1)
        self.look[ended] = self._rng.integers(0, len(self.looks), int(ended.sum()))
        self._see()

    def _see(self) -> None:
        batch = self.batch
        self.observation = batch.observation.copy()
        first_row = batch.counters[:, kernel.FIRST_ROW].reshape(-1)[: batch.n_cars].astype(np.int64)
        self.course = np.searchsorted(self._first, first_row)
        self.s = batch.row(kernel.S).astype(np.float64)
        speed, yaw_rate = batch.row(kernel.V_X), batch.row(kernel.YAW_RATE)
        acceleration = np.where(self.age > 0, (speed - self._speed_before) / DECISION_S, 0.0)
        self._speed_before = speed
        motion = np.stack([speed, yaw_rate, acceleration], 1)
        late_s = self.looks.values["latency_s"][self.look]
        self.cameras.render(self.frames, looked_back(self.poses(), motion, late_s), motion, self.course, self.look)

    def free_m(self) -> np.ndarray:
        """How far every car could roll along each of PATHS_PER_M, (n, len(PATHS_PER_M)) float32, m."""
        lateral, error = self.batch.row(kernel.LATERAL), self.batch.row(kernel.HEADING_ERROR)
        return self._free_way.along(self.course, self.s, lateral.astype(np.float64), error.astype(np.float64))

    def poses(self) -> np.ndarray:
        """x, y (m), yaw (rad) of every car on its map, (n, 3): each row of a course is an arc."""
        lateral = self.batch.row(kernel.LATERAL).astype(np.float64)
        error = self.batch.row(kernel.HEADING_ERROR).astype(np.float64)
        spacing, count = self._spacing[self.course], np.array([len(c.x) for c in self.courses])[self.course]
        nearest = np.floor(self.s / spacing + 0.5)
        along = self.s - nearest * spacing
        x, y, heading, curvature = self._rows[self._first[self.course] + nearest.astype(np.int64) % count].T
        forward, turn = along * (1.0 - curvature * lateral), curvature * along
        cos_h, sin_h = np.cos(heading), np.sin(heading)
        return np.stack(
            [x + forward * cos_h - lateral * sin_h, y + forward * sin_h + lateral * cos_h, heading + turn + error], 1
        )
