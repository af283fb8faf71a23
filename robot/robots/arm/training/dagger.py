"""A policy that searches by touch, from a teacher who sees: dataset aggregation (Ross et al., 2011) over hidden arms.

The teacher knows where the hole truly is; the policy sees what a mind sees. It acts, the teacher says what he would have done, and
the policy is fitted to all that he ever said. Friction, backlash, gains, clearance and the camera's offset differ from arm to arm,
so what it cannot see it has to feel.
"""

import numpy as np
from numba import njit

from policies.actor import actor_layers, initial_weights, raw_log_std, weight_views
from policies.rlpd_kernels import actor_backward, actor_forward, adam
from robot.robots.arm.hidden_arm import hidden_arms
from robot.robots.arm.training.insertions import Insertions
from robot.tasks.peg_insert import SCALES, SIZE, SPEC, STEP_M, STEP_RAD, TILT, TURN

DECISIONS = 60  # of every arm in a round
UPDATES, BATCH = 600, 256
RATE, RATE_AT_LAST = 1e-3, 3e-4
TRIED = 0.2  # standard deviation of what is added to actions, so that the teacher sees mistakes
STD = 0.2  # of the policy that comes out
HIDDEN = 64


def teacher(arms: Insertions) -> np.ndarray:
    """What he who knows the true hole does, (count, 5): over it, upright, and in."""
    peg = arms.peg_m()
    tilt, turn = arms.seen[:, TILT] / SCALES[TILT], arms.seen[:, TURN] / SCALES[TURN]
    aside = np.sqrt((peg[:, :2] ** 2).sum(1))
    presses = ((aside < 0.003) & (np.abs(tilt) < 0.05) & (np.abs(turn) < 0.05)) | (peg[:, 2] < -0.001)
    wanted = -peg
    wanted[:, 2] = np.where(presses, -0.005, np.clip(peg[:, 2], 0.0005, 0.008) - peg[:, 2])
    frames = np.stack([hole.frame for hole in arms.holes])
    actions = np.zeros((arms.count, 5))
    actions[:, :3] = (frames * wanted[:, None, :]).sum(2) * 0.7 / STEP_M
    actions[:, 3], actions[:, 4] = 0.5 * tilt / STEP_RAD, -0.5 * turn / STEP_RAD
    return np.clip(actions, -1.0, 1.0)


@njit(cache=True)
def fit(weights, seen, wanted, rows, mean, square, step, rate, hidden):
    """Adam on the squared error of the actor's mean action, one batch for each row of `rows`. Returns the mean error."""
    batch, actions = rows.shape[1], wanted.shape[1]
    observation = np.zeros((batch, seen.shape[1]), np.float32)
    first, second = np.zeros((batch, hidden), np.float32), np.zeros((batch, hidden), np.float32)
    out, slope = np.zeros((batch, 2 * actions), np.float32), np.zeros((batch, 2 * actions), np.float32)
    scratch, other = np.zeros((batch, hidden), np.float32), np.zeros((batch, hidden), np.float32)
    gradient, total = np.zeros_like(weights), 0.0
    for k in range(rows.shape[0]):
        for i in range(batch):
            observation[i] = seen[rows[k, i]]
        actor_forward(weights, observation, first, second, out)
        for i in range(batch):
            for j in range(actions):
                action = np.tanh(out[i, j])
                error = action - wanted[rows[k, i], j]
                total += error * error
                slope[i, j] = np.float32(2.0 / batch) * error * (np.float32(1.0) - action * action)
        actor_backward(weights, observation, first, second, slope, scratch, other, gradient)
        adam(weights, gradient, mean, square, step + k + 1, rate)
    return total / (rows.shape[0] * batch * actions)


class Dagger:
    """An iteration is a round: act, be told, fit."""

    layers = actor_layers(SIZE, SPEC.action_size, (HIDDEN, HIDDEN))

    def __init__(self, seed: int, rounds: int, arms: int = 128, start: np.ndarray | None = None) -> None:
        self.seed, self.rounds, self.arms = seed, rounds, arms
        self.rng = np.random.default_rng([seed, 0xDA6])
        self._weights = initial_weights(self.layers, self.rng, STD) if start is None else start.copy()
        self.moments = np.zeros_like(self._weights), np.zeros_like(self._weights)
        self.seen: list[np.ndarray] = []
        self.told: list[np.ndarray] = []
        self.round, self.loss = 0, np.nan

    @property
    def weights(self) -> np.ndarray:
        """A copy, with the standard deviation that a learner goes on exploring with."""
        weights = self._weights.copy()
        matrix, bias = weight_views(weights, self.layers)[-1]
        actions = SPEC.action_size
        matrix[:, actions:], bias[actions:] = 0.0, raw_log_std(STD)
        return weights

    def iterate(self) -> None:
        rows, offset_m = hidden_arms(self.arms, self.rng)
        arms = Insertions(self.arms, int(self.rng.integers(1 << 31)), rows, offset_m)
        for _ in range(DECISIONS):
            told = teacher(arms)
            self.seen.append(arms.seen.copy())
            self.told.append(told.astype(np.float32))
            action = told if self.round == 0 else means(self._weights, self.layers, arms.seen)
            arms.step(np.clip(action + TRIED * self.rng.standard_normal(action.shape), -1.0, 1.0))
        seen, wanted = np.concatenate(self.seen), np.concatenate(self.told)
        batches = self.rng.integers(0, len(seen), (UPDATES, BATCH))
        rate = RATE if self.round < self.rounds - 3 else RATE_AT_LAST
        self.loss = fit(self._weights, seen, wanted, batches, *self.moments, UPDATES * self.round, rate, HIDDEN)
        self.round += 1


def means(weights: np.ndarray, layers: tuple[int, ...], seen: np.ndarray) -> np.ndarray:
    """The policy's actions without noise, (count, actions)."""
    count, hidden = len(seen), layers[1]
    first, second = np.zeros((count, hidden), np.float32), np.zeros((count, hidden), np.float32)
    out = np.zeros((count, layers[-1]), np.float32)
    actor_forward(weights, np.ascontiguousarray(seen), first, second, out)
    return np.tanh(out[:, : layers[-1] // 2])
