"""Learners whose drones fly in flocks, shared by the cores: the same seed gives the same bytes, on one core or on two."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from policies.muon import Muon


class Flock(Protocol):
    """`n` drones. gradient (weights,) float32: of the last window, summed over drones and decisions."""

    n: int
    gradient: np.ndarray

    def fly(self, weights: np.ndarray, horizon: int) -> float:
        """One window of `horizon` decisions: the cost of a decision."""


class InFlocks:
    """actor (weights,) float32: the policy, changed in place. horizon_at: decisions of a window, by the updates done so far."""

    THREADS = 2

    def __init__(
        self, flocks: Sequence[Flock], actor: np.ndarray, optimiser: Muon, horizon_at: Callable[[int], int]
    ) -> None:
        self.flocks, self.actor, self.optimiser, self.horizon_at = flocks, actor, optimiser, horizon_at
        self.steps = self.updates = 0
        self.threads = ThreadPoolExecutor(self.THREADS)

    @property
    def weights(self) -> np.ndarray:
        """The policy so far, as its actor's file in `policies/` lays it out: a copy."""
        return self.actor.copy()

    def iterate(self) -> float:
        """Fly a window and learn from it; returns the cost of a decision."""
        horizon = self.horizon_at(self.updates)
        costs = list(self.threads.map(lambda flock: flock.fly(self.actor, horizon), self.flocks))
        gradient = self.flocks[0].gradient.copy()
        for flock in self.flocks[1:]:
            gradient += flock.gradient
        decisions = horizon * sum(flock.n for flock in self.flocks)
        self.optimiser.step(gradient / np.float32(decisions))
        self.updates += 1
        self.steps += decisions
        return sum(costs) / len(costs)
