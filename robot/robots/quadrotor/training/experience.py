"""Drones for the model-free learners to practise on: what actor and critic see of them, one row a drone.

The actor sees what the drone sees: the task's observation and past actions. The critic, which never flies, sees the
rotors' speeds and the disturbances instead of past actions (Pinto et al., Asymmetric Actor Critic, 2018). A row holds
both, so that each has its part in one piece:

    critic: [rotor speeds 4, force 3, torque 3, observation]      actor: [observation, past actions, newest first]
"""

from typing import Any

import numpy as np
from numba import njit

from policies.actor import orthogonal, weight_count, weight_views
from sim.quadrotor.batch import QuadrotorBatch, SensorNoise, Starts, gather, scatter
from sim.quadrotor.model import (
    GRAVITY_M_S2,
    M_0,
    N_ROTORS,
    P_FORCE_X,
    P_TORQUE_X,
    QuadrotorParameters,
    QuadrotorRandomisation,
)

N_PRIVILEGED = N_ROTORS + 6
FORCE_SHARE, TORQUE_SHARE_M = 0.05, 1e-4  # of the weight: the units of the critic's force and torque


class Drones:
    """A batch of drones under a task. After `step`: `rows` (n, critic's and actor's parts) float32, `reward`, `end` (n,).

    A drone whose episode ended stands on a new start: `rows` shows that.
    """

    def __init__(self, task: Any, quadrotor: QuadrotorParameters, spread: QuadrotorRandomisation, starts: Starts,
                 noise: SensorNoise, n: int, history: int, decisions_max: int, seed: int) -> None:  # fmt: skip
        self.batch = QuadrotorBatch(
            task, n, seed, quadrotor, spread, starts, noise, history=history, decisions_max=decisions_max
        )
        size = task.OBSERVATION_SIZE
        self.critic_columns = slice(0, N_PRIVILEGED + size)
        self.actor_width = size + N_ROTORS * history
        self.rows = np.empty((self.batch.n_blocks * self.batch.lanes, N_PRIVILEGED + self.actor_width), np.float32)
        weight_n = quadrotor.mass_kg * GRAVITY_M_S2
        self._scales = np.float32(1 / (FORCE_SHARE * weight_n)), np.float32(1 / (TORQUE_SHARE_M * weight_n))
        self.look()

    @property
    def n(self) -> int:
        """How many drones there are: whole blocks."""
        return len(self.rows)

    def look(self) -> None:
        """Fill `rows`."""
        batch = self.batch
        gather_privileged(batch.state_rows, batch.parameter_rows, self._scales, self.rows)
        gather(batch.observation_rows, batch.order, self.rows[:, N_PRIVILEGED:])

    def step(self, actions: np.ndarray) -> None:
        """One decision of every drone, (n, 4) float32, clipped to [-1, 1]."""
        scatter(actions, self.batch.action_rows)
        self.batch.advance()
        self.look()

    @property
    def reward(self) -> np.ndarray:
        return self.batch.reward_rows.reshape(-1)

    @property
    def end(self) -> np.ndarray:
        return self.batch.end_rows.reshape(-1)


def value_weights(layers: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Flat weights of a fresh critic, which values everything at about nothing."""
    weights = np.zeros(weight_count(layers), np.float32)
    for matrix, _ in weight_views(weights, layers):
        matrix[:] = (0.1 if matrix.shape[1] == 1 else 1.0) * orthogonal(matrix.shape, rng)
    return weights


@njit(cache=True)
def gather_privileged(states, parameters, scales, rows):
    """Write the first N_PRIVILEGED columns of `Drones.rows` from rows of the batch's blocks, each (blocks, k, lanes)."""
    blocks, _, lanes = states.shape
    force, torque = scales
    for block in range(blocks):
        for lane in range(lanes):
            row = rows[block * lanes + lane]
            for k in range(N_ROTORS):
                row[k] = np.float32(2.0) * states[block, M_0 + k, lane] - np.float32(1.0)
            for k in range(3):
                row[N_ROTORS + k] = force * parameters[block, P_FORCE_X + k, lane]
                row[N_ROTORS + 3 + k] = torque * parameters[block, P_TORQUE_X + k, lane]
