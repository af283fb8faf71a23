"""Gymnasium environments over the batched simulator: one car, and a vector of them.

The task comes in as a module, so that this file knows none; `robot/tasks/environments.py` registers them by name.
One step of an environment is one decision of the task.
"""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from sim.car.batch import CarBatch, CarTask, Starts
from sim.car.kernel import RUNNING, TERMINATED, TRUNCATED
from sim.car.model import PHYSICS_STEP_S, CarParameters, Randomisation
from sim.tracks.track import Course

Bounds = tuple[np.ndarray, np.ndarray]  # least and greatest of each number of an observation
NO_RANDOMISATION = Randomisation(grip=0.0, mass=0.0, delay_s=0.0, trim_rad=0.0)


def _spaces(task: CarTask, bounds: Bounds) -> tuple[gymnasium.spaces.Box, gymnasium.spaces.Box]:
    low, high = (end.astype(np.float32) for end in bounds)
    return gymnasium.spaces.Box(low, high), gymnasium.spaces.Box(-1.0, 1.0, (task.ACTION_SIZE,), np.float32)


def _batch(task: CarTask, courses: Sequence[Course], n_cars: int, seed: int, **options: Any) -> CarBatch:
    return CarBatch(task, courses, n_cars, seed, substeps=round(task.DECISION_S / PHYSICS_STEP_S), **options)


class CarEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """One car under a task.

    | space       | shape                  | dtype   | bounds                                  |
    | ----------- | ---------------------- | ------- | --------------------------------------- |
    | observation | (OBSERVATION_SIZE,)    | float32 | the task's, to which it is clipped      |
    | action      | (ACTION_SIZE,)         | float32 | +- 1, clipped; see the task's module    |
    """

    metadata = {"render_modes": []}  # noqa: RUF012  (Gymnasium declares it so)

    def __init__(
        self,
        task: CarTask,
        bounds: Bounds,
        courses: Sequence[Course],
        car: CarParameters | None = None,
        randomisation: Randomisation = NO_RANDOMISATION,
        starts: Starts = Starts(),
        decisions_max: int = 1200,
    ) -> None:
        space, self.action_space = _spaces(task, bounds)
        self.observation_space, self._low, self._high = space, space.low, space.high
        self._batch = _batch(task, courses, 1, 0, car=car, randomisation=randomisation, starts=starts,
                             decisions_max=decisions_max)  # fmt: skip

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        """A new start, drawn from the environment's generator."""
        super().reset(seed=seed)
        self._batch.reset(int(self.np_random.integers(2**31)))
        return self._batch.observation[0].clip(self._low, self._high), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One decision."""
        batch = self._batch
        batch.step(np.asarray(action, dtype=np.float32)[None])
        end = batch.end[0]
        observation = batch.observation[0] if end == RUNNING else batch.last_observation[0]
        return (
            observation.clip(self._low, self._high),
            float(batch.reward[0]),
            bool(end == TERMINATED),
            bool(end == TRUNCATED),
            {},
        )


class CarVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """`num_envs` independent cars under a task, all of them stepped in one call of the kernel.

    | space       | shape                        | dtype   | bounds                  |
    | ----------- | ---------------------------- | ------- | ----------------------- |
    | observation | (num_envs, OBSERVATION_SIZE) | float32 | as those of one of them |
    | action      | (num_envs, ACTION_SIZE)      | float32 | +- 1, clipped           |

    Environments reset in the step in which they end (`AutoresetMode.SAME_STEP`): `info["final_obs"]`
    (num_envs, OBSERVATION_SIZE) holds the last observation where `info["_final_obs"]` (num_envs,) is true.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(
        self,
        task: CarTask,
        bounds: Bounds,
        courses: Sequence[Course],
        num_envs: int = 1,
        car: CarParameters | None = None,
        randomisation: Randomisation = NO_RANDOMISATION,
        starts: Starts = Starts(),
        decisions_max: int = 1200,
        parallel: bool = False,
    ) -> None:
        self.num_envs = num_envs
        self.single_observation_space, self.single_action_space = _spaces(task, bounds)
        self._low, self._high = self.single_observation_space.low, self.single_observation_space.high
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._batch = _batch(task, courses, num_envs, 0, car=car, randomisation=randomisation, starts=starts,
                             decisions_max=decisions_max, parallel=parallel)  # fmt: skip

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        """New starts for all, drawn from the environment's generator."""
        super().reset(seed=seed)
        self._batch.reset(int(self.np_random.integers(2**31)))
        return self._batch.observation.clip(self._low, self._high), {}

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One decision of every car."""
        batch = self._batch
        batch.step(actions)
        ended = batch.end != RUNNING
        last = batch.last_observation.clip(self._low, self._high) if ended.any() else None
        info = {} if last is None else {"final_obs": last, "_final_obs": ended}
        return (
            batch.observation.clip(self._low, self._high),
            batch.reward.copy(),
            batch.end == TERMINATED,
            batch.end == TRUNCATED,
            info,
        )
