"""What control tells the learner of every episode that ends: how, its merit, and the actor that was in force."""

from enum import IntEnum
from functools import cache
from typing import Any

import numpy as np

from policies.actor import weight_count


class Outcome(IntEnum):
    """How an episode ended, or that it has not."""

    RUNNING = 0
    SUCCESS = 1
    FAILURE = 2
    TIME_OUT = 3
    TAKEN_OVER = 4  # the policy lost the wheel

    @property
    def word(self) -> str:
        """In events and in files."""
        return self.name.lower().replace("_", "-")


@cache
def episode_dtype(layers: tuple[int, ...]) -> np.dtype:
    """An episode of an actor with these layers.

    step: of the first transition that was completed after it, or with it. merit: what it is worth, as the task says.
    outcome: an Outcome. baseline: driven by the policy as it came.
    """
    return np.dtype([("step", "<u8"), ("practice_s", "<f8"), ("merit", "<f8"), ("outcome", "u1"), ("baseline", "u1"),
                     ("weights", "<f4", (weight_count(layers),))])  # fmt: skip


def make_episode(layers: tuple[int, ...], step: int, episode: dict[str, Any], weights: np.ndarray) -> np.ndarray:
    """A record of `episode_dtype` for a mind's `episode`."""
    record = np.zeros((), episode_dtype(layers))
    record["step"] = step
    for name in ("practice_s", "merit", "outcome", "baseline"):
        record[name] = episode[name]
    record["weights"] = weights
    return record
