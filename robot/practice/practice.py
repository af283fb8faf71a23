"""What a kind of robot brings to practice: one value, `PRACTICE`, in the `practice.py` of the robot's folder.

A robot of another project joins through an entry point of the group `robot_practice.practices`, whose name is its kind.
What the robot is told of a task is the task's own declaration (`robot/tasks/spec.py`); what the runtime is told of the robot is
`ROBOT` (`robot/runtime/robot.py`).
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from policies.policy_file import PolicyFile
from robot.practice.body import Body
from robot.practice.progress import Progress
from robot.practice.settings import PracticeConfig
from robot.runtime.joining import brought
from robot.tasks.spec import TaskSpec
from robot.views.panels import Gauge, Scene

if TYPE_CHECKING:
    from robot.perception.process import PerceptionFile

ENTRY_POINTS = "robot_practice.practices"


@dataclass(frozen=True)
class Start:
    """What a life of control is to start with.

    folder: the run's. newest: the learner's weights, None before the first. life: counts from 1; later_life: an earlier one of this session
    has moved the robot. practice_s: robot time at which practice is over. episodes: after which it is over, too; 0: never.
    """

    folder: Path
    progress: Progress
    policy: PolicyFile
    newest: np.ndarray | None
    life: int
    later_life: bool
    learning: bool
    practice_s: float
    episodes: int


class Hand(Protocol):
    """A person who drives, in a terminal that is given back at the end, and while it is paused."""

    def __enter__(self) -> object: ...

    def __exit__(self, *raised: Any) -> None: ...

    def command(self, now_s: float) -> tuple[float, ...]:
        """What the person wants now, as the robot's `operator` takes it."""
        ...

    def paused(self) -> AbstractContextManager[None]: ...


class PractisingRobot(Protocol):
    """The robot of one session, made from its options. What has a body here, a robot says otherwise where it can."""

    body: Body
    title: str  # which robot, and where, for a person

    def setup(self, start: Start) -> bytes:
        """What a mind starts from, as the robot's `mind` takes it."""
        ...

    def in_words(self, failure: dict[str, Any]) -> str:
        """What the mind's event `failure` says, for a person."""
        return str(failure["reason"])

    def best_possible(self) -> float | None:
        """The best merit that there can be, if anybody knows; may take a while, and says so."""
        return None

    @property
    def compiled(self) -> bool:
        """Whether this machine has compiled what drives."""
        return True

    def hand(self) -> Hand | None:
        """Who drives by hand, if anybody is to."""
        return None

    def eyes(self, folder: Path) -> "PerceptionFile | None":
        """What the process that looks through its camera is told, for the devices as they are started; None where there is none."""
        return None

    def scene(self) -> Scene | None:
        """A picture of where it is, for the terminal."""
        return None


@dataclass(frozen=True)
class Adapted:
    """What became of a policy when a robot's simulator was fitted to what it lived through.

    belief: the numbers that explain it best, by names with units, for `belief.json` and the figures. text: for a person.
    """

    weights: np.ndarray
    belief: dict[str, float]
    text: str


@dataclass(frozen=True)
class Adaptation:
    """When and how a robot's simulator is fitted to what it lived through, and the policy improved in it.

    after: numbers of transitions of practice. again: how many more to wait for where too few of them tell anything.
    adapt(config, folder of the run, transitions, weights, layers, seed): None where they do not.
    """

    after: tuple[int, ...]
    again: int
    adapt: Callable[[Any, Path, np.ndarray, np.ndarray, tuple[int, ...], int], Adapted | None]


@dataclass(frozen=True)
class Practice:
    """What a kind of robot brings.

    options: its own, a subclass of PracticeConfig. begin: the robot of a session; raises ValueError for options that do not
    fit. progress: what is kept of a run. phases: what a person is told of OUTPUTS' `phase`; from `finishing` on, it comes to
    rest for good. reasons: of the supervisor's, in words. stands(OUTPUTS): whether it has come to rest. shipped: policies that come
    with the project, by task. challenges: where a policy is improved, the learner's has to win against it before it drives
    (`robot/practice/champion.py`); False: the newest drives, as from scratch. prior(config, weights, layers): transitions that were
    never lived, to begin learning with; None for none. look_through(config, folder, progress): reads what else the robot keeps in a
    run's folder, when the run goes on; raises ValueError for what is not whole. figures(progress, task, best median, best possible,
    virtual): for `--json`, beside those that all have; lines: of the figures, for a person, at the end. place, notes, counts: what a
    person sees of it, under the scene, under the episodes, and beside the supervisor. picture: draws a run's, returns its path, None
    where there is nothing to draw. session(config, root): practises by itself, of a robot that needs no processes, and returns what
    `robot.practice.run.practise` does; `begin` is not asked then.
    """

    options: type[PracticeConfig]
    begin: Callable[[Any], PractisingRobot]
    phases: Mapping[int, str]
    finishing: int
    stands: Callable[[np.ndarray], bool]
    progress: type[Progress] = Progress
    reasons: Mapping[int, str] = field(default_factory=dict)
    shipped: Mapping[str, Path] = field(default_factory=dict)
    challenges: bool = True
    prior: Callable[[Any, np.ndarray, tuple[int, ...]], np.ndarray | None] = lambda config, weights, layers: None
    adaptation: Adaptation | None = None
    look_through: Callable[[Any, Path, Any], None] = lambda config, folder, progress: None
    figures: Callable[[Any, TaskSpec, float | None, float | None, bool], dict[str, Any]] = lambda *_: {}
    lines: Callable[[dict[str, Any]], list[str]] | None = None
    place: tuple[Gauge, ...] = ()
    notes: tuple[Gauge, ...] = ()
    counts: tuple[Gauge, ...] = ()
    picture: Callable[[Path], Path | None] | None = None
    session: Callable[[Any, Path], dict[str, Any]] | None = None


def find_practice(kind: str) -> Practice:
    """What a kind of robot brings to practice. Raises ValueError if it brings nothing."""
    practice: Practice = brought(kind, "practice", "PRACTICE", ENTRY_POINTS)
    return practice
