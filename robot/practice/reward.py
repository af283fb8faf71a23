"""A reward of one's own: `--reward PACKAGE:FUNCTION[:TOLD]` pays what is learned from, in the place of the task's.

    def pay(transitions: np.ndarray, told: str) -> np.ndarray

transitions: (n,), n > 0, of `policies.replay.transition_dtype`, read-only: what was seen, done and seen next, as the task's fields have it (`SPEC.seen` says
where each is), and what the task paid. Mostly one, as soon as it has been lived; many, when a run goes on, and of a simulator or as they might have
been seen otherwise, in their order. told: what is behind the second colon, empty where there is none. Returns (n,) numbers from -MOST to MOST. The same
transitions are paid the same, at any time and in any process: a run that goes on pays what it lived anew.

The learner alone asks for it: it decides neither when an episode ends, nor what that is worth to a person, and what is kept of a run has the task's.
"""

import importlib
import os
import re
import sys
from collections.abc import Callable

import numpy as np

from policies.replay import transition_dtype
from robot.practice.settings import PracticeConfig
from robot.tasks import find_task
from robot.tasks.spec import TaskSpec

Pay = Callable[[np.ndarray], np.ndarray]  # transitions: the same ones, paid
NAME = re.compile(r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*):(?P<function>[^\W\d]\w*)(:(?P<told>.+))?")
TRIED = 3  # transitions that it is tried on before anything starts
MOST = 1e6  # what is paid, either way: of more, the squares that the critics learn from overflow sooner or later


class OwnReward:
    """One that was named. Raises ValueError where it cannot be: module, function and what came of them."""

    def __init__(self, named: str) -> None:
        found = NAME.fullmatch(named)
        if found is None:
            raise ValueError(
                f"--reward: found '{named}', allowed: PACKAGE:FUNCTION, or PACKAGE:FUNCTION:WHAT IT IS TOLD"
            )
        self._named, self._told = named, found["told"] or ""
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())  # as `python -m` has it
        try:
            module = importlib.import_module(found["module"])
        except (Exception, SystemExit) as error:  # somebody else's code, at its word: whatever it raises is told
            raise ValueError(
                f"--reward: found '{named}', whose module cannot be imported ({_words(error)}), allowed: one that is installed, or beside where robot is called"
            ) from error
        function = getattr(module, found["function"], None)
        if not callable(function):
            raise ValueError(f"--reward: found '{named}', but {found['module']} has no function {found['function']}")
        self._function = function

    def __call__(self, transitions: np.ndarray) -> np.ndarray:
        """A copy, paid. Raises ValueError for what is no reward."""
        if len(transitions) == 0:
            return transitions
        seen = transitions.copy()
        seen.flags.writeable = False
        try:
            paid = np.asarray(self._function(seen, self._told))
        except (Exception, SystemExit) as error:
            raise self._wrong(f"raised {_words(error)}", len(transitions)) from error
        if paid.shape != (len(transitions),):
            raise self._wrong(f"answered an array of shape {paid.shape}", len(transitions))
        if paid.dtype.kind not in "fiub":
            raise self._wrong(f"answered {paid.dtype}", len(transitions))
        allowed = (paid >= -MOST) & (paid <= MOST)  # not a number is neither
        if not allowed.all():
            raise self._wrong(f"answered {paid[~allowed][0]}", len(transitions))
        own = transitions.copy()
        own["reward"] = paid
        return own

    def _wrong(self, what: str, count: int) -> ValueError:
        return ValueError(
            f"--reward: '{self._named}' {what} for {count} transitions, allowed: ({count},) numbers from {-MOST:g} to {MOST:g}"
        )


def reward_of(config: PracticeConfig) -> Pay:
    """What pays the transitions that a run learns from. Raises ValueError for a reward that cannot be."""
    return OwnReward(config.reward) if config.reward else (lambda transitions: transitions)


def try_reward(config: PracticeConfig) -> None:
    """Raises ValueError, before anything starts, if a run's own reward cannot be, or is none for what its task sees and does."""
    if config.reward:
        reward_of(config)(made_up(find_task(config.task)))


def made_up(spec: TaskSpec) -> np.ndarray:
    """Transitions (TRIED,) as of one episode, which nobody has lived."""
    rng = np.random.default_rng(0x7E3A)
    transitions = np.zeros(TRIED, transition_dtype(spec.observation_size, spec.action_size))
    transitions["step"], transitions["duration_s"] = np.arange(TRIED), spec.decision_s
    for name in ("observation", "next_observation"):
        transitions[name] = rng.standard_normal(transitions[name].shape)
    for name in ("action", "proposed"):
        transitions[name] = rng.uniform(-1.0, 1.0, transitions[name].shape)
    return transitions


def _words(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
