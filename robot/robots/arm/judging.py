"""How good a policy is at a task: many episodes in the simulator, without exploring, on the arm of the file and on hidden ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from policies.rlpd_kernels import actor_forward
from robot.robots.arm.hidden_arm import hidden_arms
from robot.robots.arm.training.insertions import RUNNING, WON, Insertions
from robot.robots.arm.training.reaches import Reaches, there
from robot.tasks import peg_insert, reach

PLACES = 4

Act = Callable[[np.ndarray], np.ndarray]  # actions (count, n) of what is seen (count, SIZE)


@dataclass(frozen=True)
class Found:
    """Share of successes among the first episodes of many arms, and their mean time, s; None where there were none."""

    success: float
    took_s: float | None


def insertions(act: Act, count: int, seed: int, hidden: bool) -> Found:
    """Of `peg_insert`."""
    rows, offset_m = hidden_arms(count, np.random.default_rng([seed, 0x4B7])) if hidden else ({}, None)
    arms = Insertions(count, seed, rows, offset_m)
    first, times = np.zeros(count, int), np.zeros(count)
    for decision in range(1, round(peg_insert.LONGEST_S / peg_insert.DECISION_S) + 1):
        ended, _ = arms.step(act(arms.seen))
        new = (first == RUNNING) & (ended != RUNNING)
        first, times = np.where(new, ended, first), np.where(new, decision * peg_insert.DECISION_S, times)
    return found(first == WON, times)


def reaches(act: Act, count: int, seed: int, hidden: bool) -> Found:
    """Of `reach`: PLACES places for each arm, one after the other."""
    rows: dict[str, np.ndarray] = {}
    if hidden:
        rows, _ = hidden_arms(count, np.random.default_rng([seed, 0x4B7]))
        del rows["hole_half_m"]
    arms = Reaches(count, seed, rows)
    won, times = np.zeros((PLACES, count), bool), np.zeros((PLACES, count))
    now = np.zeros(count, int)  # which of its places each arm reaches for
    while (now < PLACES).any():
        seen = arms.observe()
        arrived = there(seen) & (arms.elapsed_s > 0.0)
        ended = np.flatnonzero((now < PLACES) & (arrived | (arms.elapsed_s > reach.LONGEST_S)))
        won[now[ended], ended], times[now[ended], ended] = arrived[ended], arms.elapsed_s[ended]
        now[ended] += 1
        arms.aim(ended)
        arms.step(act(arms.observe()))
    return found(won.ravel(), times.ravel())


def found(won: np.ndarray, times_s: np.ndarray) -> Found:
    """Of episodes."""
    return Found(float(won.mean()), float(times_s[won].mean()) if won.any() else None)


Judged = Callable[[Act, int, int, bool], Found]  # of a policy: arms, a seed, whether they are hidden ones
JUDGED: Mapping[str, Judged] = MappingProxyType({peg_insert.SPEC.name: insertions, reach.SPEC.name: reaches})


def policy(weights: np.ndarray, layers: tuple[int, ...]) -> Act:
    """Of an actor's weights, without noise."""
    hidden = layers[1]

    def act(seen: np.ndarray) -> np.ndarray:
        first, second, out = (np.zeros((len(seen), width), np.float32) for width in (hidden, hidden, layers[-1]))
        actor_forward(weights, np.ascontiguousarray(seen), first, second, out)
        return np.tanh(out[:, : layers[-1] // 2])

    return act
