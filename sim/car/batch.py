"""A batch of cars practising on courses: the kernel of `sim.car.kernel` with its memory."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
from numba import njit

from sim.car import kernel
from sim.car.model import PHYSICS_STEP_S, CarParameters, Randomisation, load_parameters
from sim.single_precision import OPTIONS, specialise
from sim.tracks.track import Course

LANES = 16
DELAY_MAX_S = (int(kernel.RING) - 1) * PHYSICS_STEP_S


class CarTask(Hashable, Protocol):
    """What a task's module offers the simulator: Numba functions, described in `robot/tasks/race_track/task.py`."""

    OBSERVATION_SIZE: int
    ACTION_SIZE: int
    DECISION_S: float
    STEER_SLEW_RAD_S: float
    SPEED_SLEW_M_S2: float
    observe: Any
    target: Any
    slew: Any
    reward: Any
    ends: Any
    preview_table: Any


@dataclass(frozen=True)
class Starts:
    """Where cars begin, drawn uniformly. The place along the course is drawn over all of it."""

    lateral: float = 0.8  # share of the room beside the centreline, to either side
    heading_rad: float = 0.3
    speed_low_m_s: float = 0.5
    speed_high_m_s: float = 3.0
    charge_low: float = 0.3  # share of the battery, up to 1


@cache
def build_step(task: CarTask, lanes: int = LANES, parallel: bool = False) -> Callable[..., None]:
    """The step of blocks of `lanes` cars under a task's module: compiled once, then cached on disk."""
    plain = kernel.step_cars_parallel if parallel else kernel.step_cars
    step: Callable[..., None] = njit(cache=True, parallel=parallel, **OPTIONS)(
        specialise(plain, **supplied_names(task, lanes))
    )
    return step


def supplied_names(task: CarTask, lanes: int) -> dict[str, Any]:
    """What `sim.car.kernel` leaves open, by name."""
    names = ("target", "slew", "observe", "reward", "ends", "STEER_SLEW_RAD_S", "SPEED_SLEW_M_S2")
    return {name: getattr(task, name) for name in names} | {"LANES": np.uintp(lanes)}


class CarBatch:
    """`n_cars` independent cars, stepped together.

    After `step`: `observation` (n, OBSERVATION_SIZE) float32, `reward` (n,) float32, `end` (n,) uint32 (0 running,
    1 terminated, 2 truncated). A car that ended has already been put on a new start: `observation` is its first one
    there, `last_observation` holds the one at its end. The next step overwrites these arrays.
    """

    def __init__(
        self,
        task: CarTask,
        courses: Sequence[Course],
        n_cars: int,
        seed: int,
        car: CarParameters | None = None,
        randomisation: Randomisation = Randomisation(0.0, 0.0, 0.0, 0.0),
        starts: Starts = Starts(),
        substeps: int = 10,
        decisions_max: int = 1200,
        parallel: bool = False,
    ) -> None:
        """
        substeps: physics steps of 10 ms for each call of `step`; a decision of the task's is DECISION_S of them.
        decisions_max: calls after which an episode is truncated.
        Raises ValueError without a car or a course, and for a delay beyond what the kernel remembers.
        """
        if n_cars < 1 or not courses:
            raise ValueError(f"found {n_cars} cars on {len(courses)} courses, allowed: at least one of each")
        car = car or load_parameters()
        delay_max_s = car.actuation_s + randomisation.delay_s
        if delay_max_s > DELAY_MAX_S:
            raise ValueError(f"actuation_s: found up to {delay_max_s:.3f} s, allowed up to {DELAY_MAX_S:.3f} s")
        self.task = task
        self.n_cars = n_cars
        self.lanes = 1 if n_cars == 1 else LANES
        self.n_blocks = -(-n_cars // self.lanes)
        self.substeps = substeps
        self._decisions_max = np.uint32(decisions_max)
        self._kernel = build_step(task, self.lanes, parallel and self.n_blocks > 1)

        n = self.n_blocks * self.lanes
        self.state = np.zeros((self.n_blocks, kernel.ROWS, self.lanes), dtype=np.float32)
        self.counters = np.zeros((self.n_blocks, kernel.COUNTERS, self.lanes), dtype=np.uint32)
        spread = np.array(
            [randomisation.grip, randomisation.mass, randomisation.delay_s, randomisation.trim_rad, starts.charge_low,
             starts.lateral, starts.heading_rad, starts.speed_low_m_s, starts.speed_high_m_s, randomisation.axle_grip],
            dtype=np.float32,
        )  # fmt: skip
        self._actions = np.zeros((n, task.ACTION_SIZE), dtype=np.float32)
        self._observation = np.zeros((n, task.OBSERVATION_SIZE), dtype=np.float32)
        self._last_observation = np.zeros_like(self._observation)
        self._reward = np.zeros(n, dtype=np.float32)
        self._end = np.zeros(n, dtype=np.uint32)
        self._memory = (
            self.state.reshape(-1), self.counters.reshape(-1), *_course_tables(task, courses),
            car.packed().astype(np.float32), spread, self._actions.reshape(-1),
            self._observation, self._last_observation, self._reward, self._end,
        )  # fmt: skip
        self.reset(seed)

    def reset(self, seed: int) -> np.ndarray:
        """Put every car on a new start drawn from `seed`; returns the observations."""
        random = np.random.default_rng(seed).integers(1, 2**32, (self.n_blocks, self.lanes), dtype=np.uint32)
        self.counters[:] = 0
        self.counters[:, kernel.RANDOM] = random
        self.counters[:, kernel.AGE] = self._decisions_max  # every car is out of time: one call resets them all
        self._kernel(*self._memory, 0, self._decisions_max)
        return self.observation

    def step(self, actions: np.ndarray) -> None:
        """Advance every car by `substeps` under its action, (n, 2) float32 in [-1, 1]; see the attributes."""
        self._actions[: self.n_cars] = actions
        self._kernel(*self._memory, self.substeps, self._decisions_max)

    @property
    def observation(self) -> np.ndarray:
        return self._observation[: self.n_cars]

    @property
    def last_observation(self) -> np.ndarray:
        return self._last_observation[: self.n_cars]

    @property
    def reward(self) -> np.ndarray:
        return self._reward[: self.n_cars]

    @property
    def end(self) -> np.ndarray:
        return self._end[: self.n_cars]

    def row(self, row: np.unsignedinteger) -> np.ndarray:
        """One quantity of every car, (n,) float32: a copy of a row that `sim.car.kernel` names, such as V_X."""
        return self.state[:, row].reshape(-1)[: self.n_cars].copy()


def _course_tables(task: CarTask, courses: Sequence[Course]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(list of courses, course rows, preview rows) for the kernel, one course after the other."""
    listing, rows, previews, first = [], [], [], 0
    for course in courses:
        values = np.stack([course.curvature, course.width_left, course.width_right], axis=1)
        change = np.roll(values, -1, axis=0) - values
        n = len(course.x)
        rows.append(np.concatenate([values, change, np.roll(change[:, :1], -1, axis=0)], axis=1))
        previews.append(
            task.preview_table(
                course.x, course.y, course.heading, course.curvature, course.width_left, course.width_right,
                course.spacing_m,
            )
        )  # fmt: skip
        listing.append([first, n, course.spacing_m])
        first += n
    flat_rows = np.concatenate(rows).astype(np.float32).reshape(-1)
    return np.array(listing), flat_rows, np.concatenate(previews).astype(np.float32)
