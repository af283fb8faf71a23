"""How good a policy is at inserting: many episodes in the simulator, without exploring, on the arm of the file and on hidden ones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from policies.rlpd_kernels import actor_forward
from robot.robots.arm.hidden_arm import hidden_arms
from robot.robots.arm.training.insertions import RUNNING, WON, Insertions
from robot.tasks.peg_insert import DECISION_S, LONGEST_S


@dataclass(frozen=True)
class Insertion:
    """Share of successes among the first episodes of many arms, and their mean time, s; None where there were none."""

    success: float
    insertion_s: float | None


def judged(act: Callable[[np.ndarray], np.ndarray], count: int, seed: int, hidden: bool) -> Insertion:
    """act: actions (count, 5) of what is seen (count, SIZE)."""
    rows, offset_m = hidden_arms(count, np.random.default_rng([seed, 0x4B7])) if hidden else ({}, None)
    arms = Insertions(count, seed, rows, offset_m)
    first, times = np.zeros(count, int), np.zeros(count)
    for decision in range(1, round(LONGEST_S / DECISION_S) + 1):
        ended, _ = arms.step(act(arms.seen))
        new = (first == RUNNING) & (ended != RUNNING)
        first, times = np.where(new, ended, first), np.where(new, decision * DECISION_S, times)
    won = first == WON
    return Insertion(float(won.mean()), float(times[won].mean()) if won.any() else None)


def policy(weights: np.ndarray, layers: tuple[int, ...]) -> Callable[[np.ndarray], np.ndarray]:
    """Of an actor's weights, without noise."""
    hidden = layers[1]

    def act(seen: np.ndarray) -> np.ndarray:
        first, second, out = (np.zeros((len(seen), width), np.float32) for width in (hidden, hidden, layers[-1]))
        actor_forward(weights, np.ascontiguousarray(seen), first, second, out)
        return np.tanh(out[:, : layers[-1] // 2])

    return act
