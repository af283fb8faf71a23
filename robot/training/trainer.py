"""What a kind of robot brings to be trained in the simulator: one value, `TRAINER`, in the `trainer.py` of its folder.

A robot of another project joins through an entry point of the group `robot_practice.trainers`, whose name is its kind.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from robot.runtime.joining import brought

ENTRY_POINTS = "robot_practice.trainers"
EFFORT_MAX = 1000.0


@dataclass(frozen=True)
class TrainConfig:
    """Options of every training; a robot's own are a subclass."""

    task: str = ""
    """A task of `robot tasks`."""
    seed: int = 0
    effort: float = 1.0
    """Iterations, as a multiple of what is usual."""

    def __post_init__(self) -> None:
        if not 0.0 < self.effort <= EFFORT_MAX:
            raise ValueError(f"--effort: found {self.effort}, allowed: more than 0, at most {EFFORT_MAX:g}")
        if self.seed < 0:
            raise ValueError(f"--seed: found {self.seed}, allowed: 0 or more")


@dataclass(frozen=True)
class Look:
    """What a policy is found to be worth while it trains.

    score: lower is better. figures: the columns of metrics.csv. text: for a person. detail: what `picture` needs besides.
    """

    score: float
    figures: dict[str, float | int | None]
    text: str
    detail: Any = None


@dataclass(frozen=True)
class Check:
    """One look at the policy while it trains. of: how many iterations there will be."""

    iteration: int
    of: int
    seconds: float
    weights: np.ndarray
    look: Look


class Learner(Protocol):
    """What learns: an iteration at a time. layers: widths of its actor (`policies/actor.py`)."""

    layers: tuple[int, ...]

    @property
    def weights(self) -> np.ndarray:
        """The actor's, a copy."""
        ...

    def iterate(self) -> Any: ...


@dataclass(frozen=True)
class Training:
    """One training, ready to begin.

    due: iterations after which the policy is looked at; 0 is before the first. judged(weights, folder): the figures of the
    policy that is kept, from fresh trials; may leave files. None: those of the look at it. pictures(checks, best): files of the
    run's folder, by name.
    """

    learner: Learner
    iterations: int
    due: Container[int]
    look: Callable[[np.ndarray], Look]
    judged: Callable[[np.ndarray, Path], dict[str, Any]] | None = None
    pictures: Callable[[list[Check], Check], dict[str, bytes]] = lambda checks, best: {}


@dataclass(frozen=True)
class Beside:
    """What came of a training of something else than a policy: figures, and lines for a person."""

    figures: dict[str, Any]
    lines: list[str]


@dataclass(frozen=True)
class Trainer:
    """What a kind of robot brings.

    begin: a training with these options. worst: the figures that many trainings are compared by, and which
    of several values is the worst (min or max). merit: the figure that is None for a policy that cannot do its task. options:
    its own. warm_up: raises ValueError for options that cannot be met, then compiles all that a training calls. lines: of the
    figures, for a person. beside: trains something else than a policy, where the options ask for that; None where they do not.
    """

    begin: Callable[[Any], Training]
    worst: Mapping[str, Callable]
    merit: str
    options: type[TrainConfig] = TrainConfig
    warm_up: Callable[[Any], object] = lambda config: None
    lines: Callable[[dict[str, Any]], list[str]] = lambda figures: []
    beside: Callable[[Any], Beside | None] = lambda config: None


def find_trainer(kind: str) -> Trainer:
    """The trainer of a kind of robot. Raises ValueError if it brings none."""
    trainer: Trainer = brought(kind, "trainer", "TRAINER", ENTRY_POINTS)
    return trainer
