"""What a task declares of itself: one value, `SPEC`, in the task's file, from which all that others need is derived."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from policies.fields import Fields, Mirror, mirror_of, slices, total_size


@dataclass(frozen=True)
class Merit:
    """What an episode is worth."""

    name: str  # with its unit at the end, as everywhere
    unit: str
    lower_is_better: bool = True


@dataclass(frozen=True)
class TaskSpec:
    """A task.

    text: for a person who looks for one. robot: the kind that does it. observation, action: fields, in order, past actions
    that a policy recalls besides not among them. decision_s: a decision's duration, s. episode: what people call one.
    explored_s: for how long what is tried is gone on with while exploring; 0: each decision tries something new. learner: what of the
    preset for practice from scratch (`policies/rlpd_config.py`) is another one with this task; improver: of that for practice
    from a policy. seen_otherwise(transitions of an episode, generator): the same episodes as they might have been seen as
    well, to learn from like demonstrations; none, where this one does not tell. simulated: whether a simulator trains and
    judges it; else it is learned on the robot alone.
    """

    name: str
    text: str
    robot: str
    observation: Fields
    action: Fields
    decision_s: float
    merit: Merit
    episode: str
    explored_s: float = 0.0
    learner: Mapping[str, Any] = field(default_factory=dict, compare=False)
    improver: Mapping[str, Any] = field(default_factory=dict, compare=False)
    seen_otherwise: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = field(default=None, compare=False)
    simulated: bool = True

    @property
    def episodes(self) -> str:
        """Several of them, for people."""
        return f"{self.episode}{'es' if self.episode.endswith(('ch', 'sh')) else 's'}"

    @property
    def observation_size(self) -> int:
        return total_size(self.observation)

    @property
    def action_size(self) -> int:
        return total_size(self.action)

    @property
    def rate_hz(self) -> float:
        """Decisions a second."""
        return 1.0 / self.decision_s

    @cached_property
    def seen(self) -> dict[str, slice]:
        """Where each field's numbers are in an observation."""
        return slices(self.observation)

    def places(self, *names: str) -> tuple[int, ...]:
        """Where these fields begin, for compiled code, which takes no slices by name."""
        return tuple(self.seen[name].start for name in names)

    @cached_property
    def mirror(self) -> Mirror | None:
        """The task's symmetry, if it declares one."""
        symmetric = any(field.mirror for field in (*self.observation, *self.action))
        return mirror_of(self.observation, self.action) if symmetric else None

    def layers(self, past_actions: int = 0) -> tuple[int, ...]:
        """Widths of the usual actor (`policies/actor.py`), which may see some of its own past actions besides."""
        from policies.actor import actor_layers  # its kernels load slowly, and who only lists tasks needs none

        return actor_layers(self.observation_size + past_actions * self.action_size, self.action_size)
