"""Noise to explore with that lasts: what a policy tries, it goes on trying for a while (Eberhard et al., 2023).

White noise changes its mind with every decision, and a robot with inertia averages it away: a car then never finds out what
a line a hand's breadth further in is worth. This is a first-order autoregressive process, its time constant in seconds, so
that it does not depend on how often a task decides; each single draw is standard normal all the same, as the learner's
likelihoods have it.
"""

import math

import numpy as np

LASTS_S = 0.95


class Exploration:
    """`draw()` once a decision. The same seed gives the same bytes."""

    def __init__(self, seed: list[int], actions: int, decision_s: float) -> None:
        self._rng = np.random.default_rng(seed)
        self._kept_share = np.float32(math.exp(-decision_s / LASTS_S))
        self._new_share = np.float32(math.sqrt(1.0 - float(self._kept_share) ** 2))
        self._noise = self._rng.standard_normal(actions, np.float32)

    def draw(self) -> np.ndarray:
        """The next decision's noise, (actions,) float32, each standard normal."""
        new = self._rng.standard_normal(len(self._noise), np.float32)
        self._noise = self._kept_share * self._noise + self._new_share * new
        return self._noise
