"""Episodes that were lived, as they might have been seen as well: what a task makes of those that are whole."""

import numpy as np

from robot.tasks.spec import TaskSpec


class Episodes:
    """Of one run, put together from transitions in their order. The same seed and episodes give the same bytes."""

    def __init__(self, spec: TaskSpec, seed: int) -> None:
        self._spec, self._seed = spec, seed
        self._parts: list[np.ndarray] = []

    def seen_otherwise(self, transition: np.ndarray) -> np.ndarray:
        """The next transition; (k,) of the episode that has ended with it, none where there are none."""
        none = transition.reshape(1)[:0]
        if self._spec.seen_otherwise is None:
            return none
        if self._parts and self._parts[-1]["episode"] != transition["episode"]:
            self._parts = []
        self._parts.append(transition.copy())
        if not (transition["terminated"] or transition["truncated"]):
            return none
        whole, self._parts = np.stack(self._parts), []
        return self._spec.seen_otherwise(whole, np.random.default_rng([self._seed, int(transition["episode"]), 0x0E5]))
