"""A mind whose practice is an order of skills: ways back to where an episode begins, and the policy, which acts until it ends.

    see -> way back ... way back -> decide, judge, decide, judge ... outcome -> way back ...

A robot's own mind says what it sees, which skills there are, how it comes to rest, and what a command is. It is a function
of READINGS and of its setup, as every mind.
"""

import io
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from typing_extensions import Self

from policies.actor import Actor
from policies.array_file import arrays_in
from policies.exploration import Exploration
from robot.runtime.decisions import Decisions
from robot.runtime.episodes import Outcome
from robot.runtime.records import STAND, Records
from robot.runtime.run_folder import belief_of_run
from robot.runtime.skills import Learned, Order, Scripted
from robot.safety.supervisor import Mode
from robot.tasks.spec import TaskSpec
from sim.input_files import from_table, json_object, wrong

if TYPE_CHECKING:
    from robot.practice.practice import Start


class Phase(IntEnum):
    PRACTISE = 0
    FINISH = 1  # comes to rest for good
    DONE = 2


class Reason(IntEnum):
    """Why it stands."""

    NONE = 0
    BLIND = 1  # it does not see how it is
    TOLD = 2
    UNWELL = 3  # too hot, or short of power
    UNLED = 4  # nobody could take over: what a person does that by is silent


PHASES: Mapping[int, str] = MappingProxyType(
    {Phase.PRACTISE: "practising", Phase.FINISH: "stopping", Phase.DONE: "done"}
)


@dataclass(frozen=True)
class EpisodicSetup:
    """What such a mind starts from. practice_s: robot time at which it ends; episodes: after which, too; 0: never. belief: what
    has been found of the robot, by names with units.
    """

    seed: list[int]
    explore: bool
    practice_s: float
    episodes: int
    practice_done_s: float
    step: int
    episode: int
    belief: dict[str, float] = field(default_factory=dict)

    @staticmethod
    def of(start: "Start", kind: str, seed: int) -> bytes:
        """For a life of a session, with the newest weights; its noise is its own."""
        p, policy = start.progress, start.policy
        setup = EpisodicSetup(
            [seed, start.life], start.learning, start.practice_s, start.episodes, p.practice_s, p.step, p.episode,
            belief_of_run(start.folder),
        )  # fmt: skip
        return setup.to_bytes(kind, policy.weights if start.newest is None else start.newest, policy.layers)

    def to_bytes(self, kind: str, weights: np.ndarray, layers: tuple[int, ...]) -> bytes:
        """As one .npz, without pickle, for a robot of this kind."""
        file = io.BytesIO()
        plain = np.array(json.dumps({"robot": kind} | asdict(self)))
        np.savez(file, allow_pickle=False, plain=plain, weights=weights, layers=np.array(layers))
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, path: Path) -> tuple[Self, Actor]:
        """The setup and the actor. Raises ValueError, naming field and `path`, for what this version cannot have written."""
        arrays = arrays_in(path, data)
        for name in ("plain", "weights", "layers"):
            if name not in arrays:
                raise wrong(path, name, "nothing", "an array")
        plain = json_object(path, str(arrays["plain"]), "plain")
        plain.pop("robot", None)
        actor = Actor(tuple(int(n) for n in arrays["layers"].reshape(-1)), arrays["weights"].copy())
        return from_table(path, cls, plain), actor


class EpisodicMind(ABC):
    """To be completed by a robot. records: of the robot with this task. order: of its skills. belief: what has been found of the
    robot, of the names in its records.
    """

    takes_weights = True
    task: ClassVar[TaskSpec]
    records: Records
    tick_s: float

    def __init__(self, setup: EpisodicSetup, actor: Actor) -> None:
        self.setup, self.actor, self.belief = setup, actor, dict(setup.belief)
        self.decisions = Decisions(self.records.transition, setup.step, setup.episode)
        self.outputs, self.stop_plan = np.zeros((), self.records.outputs), np.zeros(0)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.files: dict[str, bytes] = {}
        self.transition: np.ndarray | None = None
        self.episode: dict[str, Any] | None = None
        self.phase, self.practice_s, self.ended = Phase.PRACTISE, setup.practice_done_s, 0
        self.began_s: float | None = None  # the skill in force; None: it is about to
        self.last_s: float | None = None
        self.nothing = np.zeros_like(self.decisions.executed)
        self.exploration = Exploration(setup.seed, len(self.nothing), self.task.decision_s, self.task.explored_s)
        self.seen = np.zeros_like(self.decisions.observation)  # newest
        self.order = Order(*self.skills())

    @classmethod
    def from_setup(cls, setup: bytes, path: Path) -> Self:
        """As the runtime makes it. Raises ValueError, naming field and `path`, for a setup that cannot be."""
        return cls(*EpisodicSetup.from_bytes(setup, path))

    # What a robot says

    @abstractmethod
    def skills(self) -> tuple[Scripted | Learned, ...]:
        """In their order; at least one is learned."""

    @abstractmethod
    def see(self, readings: np.ndarray) -> np.ndarray | None:
        """The task's observation, float32, by the skill in force (`self.order.skill`); None while the robot is blind."""

    @abstractmethod
    def rest(self, seen: np.ndarray) -> np.ndarray:
        """The action that brings the robot to rest."""

    @abstractmethod
    def at_rest(self, seen: np.ndarray) -> bool: ...

    @abstractmethod
    def command(self, action: np.ndarray, out: np.ndarray) -> None:
        """Write what an action, in [-1, 1], means into the robot's parts of OUTPUTS."""

    # What a robot may say

    def shown(self) -> np.ndarray | None:
        """The action of a script that shows how, in the policy's place; None where the policy acts."""
        return None

    def allowed(self, action: np.ndarray) -> np.ndarray:
        """What is executed of an action of the policy's."""
        return action

    # The runtime's side

    @property
    def weights(self) -> np.ndarray:
        return self.actor.weights

    def set_weights(self, weights: np.ndarray, belief: Mapping[str, float]) -> None:
        self.actor.set_weights(weights)
        self.belief.update(belief)

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
        if not runs and self.began_s is not None and isinstance(self.order.skill, Learned):
            self.end(self.order.skill, now, Outcome.TAKEN_OVER)
        elif not runs:
            self.began_s = None  # a way back that was held up has all its time again
        elapsed_s, self.last_s = 0.0 if self.last_s is None else now - self.last_s, now
        action = self.nothing if seen is None else self.rest(seen)
        if runs:
            self.practice_s += elapsed_s
            skill = self.order.skill
            self.began_s = now if self.began_s is None else self.began_s
            action = self.act(skill, now) if isinstance(skill, Learned) else self.follow(skill, now)
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

    def follow(self, skill: Scripted, now: float) -> np.ndarray:
        """A tick of a scripted skill."""
        action = skill.act(self.seen)
        if action is None or self.lasts_s(now) > skill.longest_s:
            self.came_back(skill, now, action is None)
            self.next(now, action is None)
        return self.rest(self.seen) if action is None else action

    def act(self, skill: Learned, now: float) -> np.ndarray:
        """A tick of the policy's."""
        d = self.decisions
        if d.pending and now - d.started_s < self.task.decision_s - 0.5 * self.tick_s:
            return d.executed
        reward, outcome = skill.judge(self.seen)
        if outcome is Outcome.RUNNING and self.lasts_s(now) > skill.longest_s:
            outcome = Outcome.TIME_OUT
        if outcome is not Outcome.RUNNING:
            self.end(skill, now, outcome)
            return self.rest(self.seen)
        if d.pending:
            self.transition = d.completed(now, self.seen, reward, terminated=False, taken_over=False)
        shown = self.shown()
        action = self.actor.mean(self.seen) if shown is None else shown
        if self.setup.explore and shown is None:
            action = self.actor.sample(self.seen, self.exploration.draw())
        d.decide(now, self.seen, action, self.allowed(action), demonstration=shown is not None)
        self.outputs["is_decision"] = 1
        return d.executed

    def end(self, skill: Learned, now: float, outcome: Outcome) -> None:
        """A skill of the policy's is over; an episode's merit is the time that it took, unless the robot says otherwise."""
        if self.decisions.pending:
            terminated = outcome in (Outcome.SUCCESS, Outcome.FAILURE)
            reward, _ = skill.judge(self.seen)
            self.transition = self.decisions.completed(now, self.seen, reward, terminated, taken_over=True)
        if not skill.way_back:
            self.episode = {
                "practice_s": self.practice_s,
                "merit": self.merit(now),
                "outcome": outcome,
                "baseline": False,
            }
            self.events.append(("episode", self.episode | {"outcome": outcome.word}))
            self.ended += 1
        elif outcome is not Outcome.TAKEN_OVER:
            self.came_back(skill, now, outcome is Outcome.SUCCESS)
        if outcome is Outcome.TAKEN_OVER:
            self.began_s = None
            self.order.begin()
        else:
            self.next(now, outcome is Outcome.SUCCESS)

    def came_back(self, skill: Scripted | Learned, now: float, succeeded: bool) -> None:
        """A way back is over."""
        self.events.append(("reset", {"skill": skill.name, "duration_s": self.lasts_s(now), "succeeded": succeeded}))

    def next(self, now: float, succeeded: bool) -> None:
        """The turn of the next skill. Where nothing leads back, a person is asked; practice goes on as well as it can."""
        self.began_s = now
        if lost := self.order.ended(succeeded):
            self.events.append(
                ("help", {"text": f"help     nothing has led back to where an episode begins, {lost} times in a row"})
            )

    def lasts_s(self, now: float) -> float:
        """For how long the skill in force has acted."""
        return 0.0 if self.began_s is None else now - self.began_s

    def merit(self, now: float) -> float:
        """What the episode that ends now is worth, as the task says."""
        return self.lasts_s(now)
