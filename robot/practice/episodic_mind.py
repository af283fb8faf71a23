"""A mind whose practice is an order of two skills: go to where an episode begins, then let the policy act until it ends.

    see -> reset ... reset -> decide, judge, decide, judge ... outcome -> reset ...

A robot's own mind says what it sees, how it gets to where an episode begins, when one has ended, and what a command is.
It is a function of READINGS and of its setup, as every mind.
"""

import io
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from policies.actor import Actor
from policies.array_file import arrays_in
from policies.exploration import Exploration
from robot.runtime.decisions import Decisions
from robot.runtime.episodes import Outcome
from robot.runtime.records import STAND, Records
from robot.safety.supervisor import Mode
from sim.input_files import from_table, json_object, wrong

if TYPE_CHECKING:
    from robot.practice.practice import Start

RESET_S = 20.0  # of a reset that does not come to an end


class Phase(IntEnum):
    PRACTISE = 0
    FINISH = 1  # comes to rest for good
    DONE = 2


class Reason(IntEnum):
    """Why it stands."""

    NONE = 0
    BLIND = 1  # it does not see how it is
    TOLD = 2


PHASES: Mapping[int, str] = MappingProxyType(
    {Phase.PRACTISE: "practising", Phase.FINISH: "stopping", Phase.DONE: "done"}
)


@dataclass(frozen=True)
class EpisodicSetup:
    """What such a mind starts from. practice_s: robot time at which it ends; episodes: after which, too; 0: never."""

    seed: list[int]
    explore: bool
    practice_s: float
    episodes: int
    practice_done_s: float
    step: int
    episode: int

    @staticmethod
    def of(start: "Start", seed: int) -> "EpisodicSetup":
        """For a life of a session; its noise is its own."""
        p = start.progress
        return EpisodicSetup(
            [seed, start.life], start.learning, start.practice_s, start.episodes, p.practice_s, p.step, p.episode
        )

    def to_bytes(self, kind: str, weights: np.ndarray, layers: tuple[int, ...]) -> bytes:
        """As one .npz, without pickle, for a robot of this kind."""
        file = io.BytesIO()
        plain = np.array(json.dumps({"robot": kind} | asdict(self)))
        np.savez(file, allow_pickle=False, plain=plain, weights=weights, layers=np.array(layers))
        return file.getvalue()

    @staticmethod
    def from_bytes(data: bytes, path: Path) -> "tuple[EpisodicSetup, Actor]":
        """The setup and the actor. Raises ValueError, naming field and `path`, for what this version cannot have written."""
        arrays = arrays_in(path, data)
        for name in ("plain", "weights", "layers"):
            if name not in arrays:
                raise wrong(path, name, "nothing", "an array")
        plain = json_object(path, str(arrays["plain"]), "plain")
        plain.pop("robot", None)
        actor = Actor(tuple(int(n) for n in arrays["layers"].reshape(-1)), arrays["weights"].copy())
        return from_table(path, EpisodicSetup, plain), actor


class EpisodicMind(ABC):
    """To be completed by a robot. decision_s, longest_s: of a decision, and of an episode before it is a time-out."""

    takes_weights = True

    def __init__(
        self, setup: tuple[EpisodicSetup, Actor], records: Records, tick_s: float, decision_s: float, longest_s: float
    ) -> None:
        self.setup, self.actor = setup
        self.records, self.tick_s, self.decision_s, self.longest_s = records, tick_s, decision_s, longest_s
        self.decisions = Decisions(records.transition, self.setup.step, self.setup.episode)
        self.outputs, self.stop_plan = np.zeros((), records.outputs), np.zeros(0)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.files: dict[str, bytes] = {}
        self.transition: np.ndarray | None = None
        self.episode: dict[str, Any] | None = None
        self.phase, self.practice_s, self.ended = Phase.PRACTISE, self.setup.practice_done_s, 0
        self.resetting, self.began_s = True, 0.0  # else the policy acts; since when
        self.last_s: float | None = None
        self.nothing = np.zeros_like(self.decisions.executed)
        self.exploration = Exploration(self.setup.seed, len(self.nothing), decision_s)
        self.seen = np.zeros_like(self.decisions.observation)  # newest

    # What a robot says

    @abstractmethod
    def see(self, readings: np.ndarray) -> np.ndarray | None:
        """The task's observation, float32; None while the robot is blind."""

    @abstractmethod
    def reset(self, seen: np.ndarray) -> np.ndarray | None:
        """The action that leads to where an episode begins; None there."""

    @abstractmethod
    def judge(self, seen: np.ndarray) -> tuple[float, Outcome]:
        """What the last decision earned, and whether the episode has ended with it."""

    @abstractmethod
    def rest(self, seen: np.ndarray) -> np.ndarray:
        """The action that brings the robot to rest."""

    @abstractmethod
    def at_rest(self, seen: np.ndarray) -> bool: ...

    @abstractmethod
    def command(self, action: np.ndarray, out: np.ndarray) -> None:
        """Write what an action, in [-1, 1], means into the robot's parts of OUTPUTS."""

    # The runtime's side

    @property
    def weights(self) -> np.ndarray:
        return self.actor.weights

    def set_weights(self, weights: np.ndarray) -> None:
        self.actor.set_weights(weights)

    def tick(self, readings: np.ndarray) -> None:
        """One tick: `readings` (READINGS) in."""
        self.events, self.files, self.transition, self.episode = [], {}, None, None
        now, stop, seen = float(readings["time_s"]), int(readings["stop_requested"]), self.see(readings)
        out, setup = self.outputs, self.setup
        out["is_decision"] = 0
        if seen is not None:
            self.seen = seen
        over = self.practice_s >= setup.practice_s or 0 < setup.episodes <= self.ended
        if self.phase is Phase.PRACTISE and (over or stop not in (0, STAND)):
            self.phase = Phase.FINISH
        elif self.phase is Phase.FINISH and seen is not None and self.at_rest(seen):
            self.phase = Phase.DONE
        runs = self.phase is Phase.PRACTISE and seen is not None and not stop
        if not runs and not self.resetting:
            self.end(now, Outcome.TAKEN_OVER)
        elapsed_s, self.last_s = 0.0 if self.last_s is None else now - self.last_s, now
        action = self.nothing if seen is None else self.rest(seen)
        if runs:
            self.practice_s += elapsed_s
            action = self.go_back(now) if self.resetting else self.act(now)
        self.command(np.clip(action, -1.0, 1.0), out)
        out["life"], out["tick"], out["time_s"] = readings["life"], readings["tick"], now
        reason = Reason.BLIND if seen is None else Reason.TOLD if stop else Reason.NONE
        out["mode"], out["reason"], out["phase"] = Mode.STOP if reason else Mode.RUN, reason, self.phase
        out["finished"], out["practice_s"] = self.phase is Phase.DONE, self.practice_s
        out["decision"], out["step"], out["episode"] = self.decisions.count, self.decisions.step, self.decisions.episode
        out["observation"], out["proposed"] = self.seen, self.decisions.proposed
        out["executed"] = self.decisions.executed
        t = self.transition
        out["reward"] = 0.0 if t is None else t["reward"]
        out["terminated"], out["truncated"] = (0, 0) if t is None else (t["terminated"], t["truncated"])

    def go_back(self, now: float) -> np.ndarray:
        """A tick of the way to where an episode begins."""
        self.began_s = self.began_s or now
        action = self.reset(self.seen)
        duration_s = now - self.began_s
        if action is None or duration_s > RESET_S:
            self.events.append(("reset", {"duration_s": duration_s, "succeeded": action is None}))
            self.resetting, self.began_s = False, now
        return self.rest(self.seen) if action is None else action

    def act(self, now: float) -> np.ndarray:
        """A tick of the policy's."""
        d = self.decisions
        if d.pending and now - d.started_s < self.decision_s - 0.5 * self.tick_s:
            return d.executed
        reward, outcome = self.judge(self.seen)
        if outcome is Outcome.RUNNING and now - self.began_s > self.longest_s:
            outcome = Outcome.TIME_OUT
        if outcome is not Outcome.RUNNING:
            self.end(now, outcome)
            return self.rest(self.seen)
        if d.pending:
            self.transition = d.completed(now, self.seen, reward, terminated=False, taken_over=False)
        action = self.actor.mean(self.seen)
        if self.setup.explore:
            action = self.actor.sample(self.seen, self.exploration.draw())
        d.decide(now, self.seen, action, action)
        self.outputs["is_decision"] = 1
        return d.executed

    def end(self, now: float, outcome: Outcome) -> None:
        """An episode is over; its merit is the time that it took, unless the robot says otherwise."""
        if self.decisions.pending:
            terminated = outcome in (Outcome.SUCCESS, Outcome.FAILURE)
            reward, _ = self.judge(self.seen)
            self.transition = self.decisions.completed(now, self.seen, reward, terminated, taken_over=True)
        self.episode = {"practice_s": self.practice_s, "merit": self.merit(now), "outcome": outcome, "baseline": False}
        self.events.append(("episode", self.episode | {"outcome": outcome.word}))
        self.ended += 1
        self.resetting, self.began_s = True, 0.0

    def merit(self, now: float) -> float:
        """What the episode that ends now is worth, as the task says."""
        return now - self.began_s
