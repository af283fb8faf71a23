"""Gymnasium environments over the batched quadrotors: one of them, and a vector of them.

The task comes in as a module, so that this file knows none; `robot/tasks/environments.py` registers them by name.
One step of an environment is one decision of 10 ms.
"""

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numba import njit

from sim.quadrotor import kernel
from sim.quadrotor.batch import QuadrotorBatch, QuadrotorTask, gather, scatter

NOISE_SCALE = int(kernel.NOISE_SCALE)
NOISE_MAX = 3.5  # standard deviations that the simulator's noise never exceeds
ROUNDING = 1e-6  # an entry of a rotation matrix in single precision can be that much more than 1


class QuadrotorEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """One quadrotor under a task.

    | space       | shape                           | dtype   | bounds                                             |
    | ----------- | ------------------------------- | ------- | -------------------------------------------------- |
    | observation | (OBSERVATION_SIZE + 4 history,) | float32 | the task's, and what noise adds; past actions +- 1 |
    | action      | (4,)                            | float32 | +- 1, clipped; see the task's module               |

    Past actions come newest first. Only an episode's last observation can be beyond the bounds, and is clipped to them.
    """

    metadata = {"render_modes": []}  # noqa: RUF012  (Gymnasium declares it so)

    def __init__(self, task: QuadrotorTask, observation_bound: np.ndarray, **options: Any) -> None:
        """observation_bound: (OBSERVATION_SIZE,) for what is seen without noise; options: those of QuadrotorBatch."""
        batch = self._batch = QuadrotorBatch(task, 1, 0, **options)
        space, self.action_space = _spaces(batch, observation_bound)
        self.observation_space, self._bound = space, space.high
        self._action, self._reward, self._end = batch.action_rows[0, :, 0], batch.reward_rows[0], batch.end_rows[0]
        self._observation, self._last_observation = batch.observation_rows[0, :, 0], batch.last_observations[0]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        """A new start, drawn from the environment's generator."""
        super().reset(seed=seed)
        self._batch.reset(int(self.np_random.integers(2**31)))
        return self._observation.take(self._batch.order), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One decision."""
        self._action[:] = action
        self._batch.advance()
        order, end = self._batch.order, self._end.item()
        if end == kernel.RUNNING:
            return self._observation.take(order), self._reward.item(), False, False, {}
        observation = self._last_observation.take(order).clip(-self._bound, self._bound)
        return observation, self._reward.item(), end == kernel.TERMINATED, end == kernel.TRUNCATED, {}


class QuadrotorVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """`num_envs` independent quadrotors under a task, all of them stepped in one call of the kernel.

    | space       | shape                                    | dtype   | bounds                  |
    | ----------- | ---------------------------------------- | ------- | ----------------------- |
    | observation | (num_envs, OBSERVATION_SIZE + 4 history) | float32 | as those of one of them |
    | action      | (num_envs, 4)                            | float32 | +- 1, clipped           |

    Environments reset in the step in which they end (`AutoresetMode.SAME_STEP`): `info["final_obs"]`
    (num_envs, OBSERVATION_SIZE + 4 history) holds the last observation where `info["_final_obs"]` (num_envs,) is true.

    Nothing is allocated in a step: two sets of arrays take turns, so what a step or a reset returns stays as it is until
    the second call after it. Copy what is to be kept for longer.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(self, task: QuadrotorTask, observation_bound: np.ndarray, num_envs: int = 1, **options: Any) -> None:
        """observation_bound: (OBSERVATION_SIZE,) for what is seen without noise; options: those of QuadrotorBatch."""
        self.num_envs = num_envs
        self._batch = QuadrotorBatch(task, num_envs, 0, **options)
        self.single_observation_space, self.single_action_space = _spaces(self._batch, observation_bound)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._results = _Results.empty(num_envs, self.single_observation_space)
        self._results_before = _Results.empty(num_envs, self.single_observation_space)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        """New starts for all, drawn from the environment's generator."""
        super().reset(seed=seed)
        self._batch.reset(int(self.np_random.integers(2**31)))
        results, _ = self._take_turns()
        return results.observation, {}

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One decision of every quadrotor."""
        scatter(np.asarray(actions, np.float32), self._batch.action_rows)
        self._batch.advance()
        results, any_ended = self._take_turns()
        info = {"final_obs": results.last_observation, "_final_obs": results.ended} if any_ended else {}
        return results.observation, results.reward, results.terminated, results.truncated, info

    def _take_turns(self) -> tuple["_Results", bool]:
        self._results, self._results_before = self._results_before, self._results
        return self._results, self._results.collect(self._batch)


def _spaces(batch: QuadrotorBatch, bound: np.ndarray) -> tuple[gymnasium.spaces.Box, gymnasium.spaces.Box]:
    noise = NOISE_MAX * batch.settings[NOISE_SCALE : NOISE_SCALE + len(bound)]
    high = np.concatenate([bound * (1.0 + ROUNDING) + noise, np.ones(4 * batch.history)]).astype(np.float32)
    return gymnasium.spaces.Box(-high, high), gymnasium.spaces.Box(-1.0, 1.0, (4,), np.float32)


@dataclass(frozen=True)
class _Results:
    """What a step returns, a row for each quadrotor."""

    observation: np.ndarray  # (n, size) float32
    last_observation: np.ndarray  # the same, of those that have just ended
    reward: np.ndarray  # (n,) float32
    terminated: np.ndarray  # (n,) bool
    truncated: np.ndarray
    ended: np.ndarray
    bound: np.ndarray  # (size,) float32

    @classmethod
    def empty(cls, n: int, space: gymnasium.spaces.Box) -> "_Results":
        observation, last_observation = np.zeros((2, n, *space.shape), np.float32)
        terminated, truncated, ended = np.zeros((3, n), np.bool_)
        return cls(observation, last_observation, np.zeros(n, np.float32), terminated, truncated, ended, space.high)

    def collect(self, batch: QuadrotorBatch) -> bool:
        """Take them over from the simulator's memory; returns whether any episode has ended."""
        order = batch.order
        gather(batch.observation_rows, order, self.observation)
        any_ended: bool = _collect_ends(
            batch.reward_rows, batch.end_rows, self.reward, self.terminated, self.truncated, self.ended
        )
        if any_ended:
            _collect_last(self.ended, batch.last_observations, order, self.bound, self.last_observation)
        return any_ended


@njit(cache=True)
def _collect_ends(rewards, ends, reward, terminated, truncated, ended):
    """Rewards and ends (blocks, lanes) to a row a drone; returns whether any episode has ended."""
    (blocks, lanes), any_ended = ends.shape, False
    for block in range(blocks):
        for lane in range(min(lanes, len(reward) - block * lanes)):
            drone, end = block * lanes + lane, ends[block, lane]
            reward[drone], ended[drone] = rewards[block, lane], end != kernel.RUNNING
            terminated[drone], truncated[drone] = end == kernel.TERMINATED, end == kernel.TRUNCATED
            any_ended |= ended[drone]
    return any_ended


@njit(cache=True)
def _collect_last(ended, last_observations, order, bound, last_observation):
    """The last observations of the drones that have just ended, in order and within their bounds."""
    for drone in range(len(ended)):
        if ended[drone]:
            for k in range(len(order)):
                last_observation[drone, k] = min(max(last_observations[drone, order[k]], -bound[k]), bound[k])
