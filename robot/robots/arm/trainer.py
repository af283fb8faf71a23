"""How an arm's policy is trained in the simulator, before it meets an arm: to insert by practice there, to reach by gradients."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from robot.robots.arm.eyes.seeing_arm import BY_CAMERA, LIFT_BY_CAMERA, SEEING
from robot.training.trainer import Beside, Learner, Look, TrainConfig, Trainer, Training

if TYPE_CHECKING:
    from robot.robots.arm.judging import Found

ITERATIONS = {"peg_insert": 8, "reach": 100}
LOOK_EVERY = {"peg_insert": 2, "reach": 25}
EPISODES = 256


class Kind(Protocol):
    """A learner of a task."""

    def __call__(self, seed: int, iterations: int) -> Learner: ...


def learner_of(task: str) -> Kind:
    """Compiles what it calls."""
    if task == "peg_insert":
        from robot.robots.arm.training.practising import Practised

        return Practised
    from robot.robots.arm.training.reaching_gradient import Descent

    return Descent


def begin(config: TrainConfig) -> Training:
    """A training with these options. Raises ValueError for a task that has no simulator to practise in."""
    if config.task == BY_CAMERA:
        from robot.robots.arm.eyes.training import begin as begin_with_eyes

        return begin_with_eyes(config)
    task = config.task
    if task not in ITERATIONS:
        raise ValueError(
            f"--task: found {task}, allowed: {', '.join(ITERATIONS)}; an arm learns the others by practice"
        )
    from robot.robots.arm.judging import JUDGED, policy

    iterations = max(1, round(ITERATIONS[task] * config.effort))
    learner = learner_of(task)(config.seed, iterations)

    def look(weights: np.ndarray) -> Look:
        act = policy(weights, learner.layers)
        hidden, nominal = (JUDGED[task](act, EPISODES, config.seed, hidden) for hidden in (True, False))
        return Look(1.0 - hidden.success, figures(hidden, nominal), text(hidden, nominal))

    return Training(learner, iterations, range(iterations, 0, -LOOK_EVERY[task]), look)


def figures(hidden: "Found", nominal: "Found") -> dict[str, float | int | None]:
    """Of hidden arms, and of nominal ones."""
    return {"success": hidden.success, "took_s": hidden.took_s, "nominal_success": nominal.success}


def text(hidden: "Found", nominal: "Found") -> str:
    """The same, for a person."""
    return f"{100.0 * hidden.success:.0f} % of hidden arms succeed, {100.0 * nominal.success:.0f} % of nominal ones"


@dataclass(frozen=True)
class ArmTrainConfig(TrainConfig):
    """A policy from the simulator; or, for peg_insert, a classifier that says from servo readings whether the peg is in."""

    success_from: str = ""
    """Fit a classifier of success instead, to labelled episodes: `simulated`, or those of a run of practice: its demonstrations and its
    failures. With `--eyes`, one of pictures; of a run, those that a person has labelled by `robot label RUN`."""

    eyes: bool = False
    """Instead, teach an encoder of pictures of a camera on the hand to tell where the hole is, with boards, light and cameras that are drawn, or,
    with `--task lift`, where the block is; needs the extra `torch`. Takes about six minutes of one core. The task is then peg_insert_by_camera, or
    lift_by_camera."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.eyes and self.task in SEEING) or self.task in SEEING.values():  # the one means the other
            object.__setattr__(self, "task", SEEING.get(self.task, self.task))
            object.__setattr__(self, "eyes", True)
        if self.eyes and self.task not in SEEING.values():
            raise ValueError(f"--eyes: found with --task {self.task}, allowed: with {', '.join(SEEING)}")
        if self.success_from and self.task not in ("peg_insert", BY_CAMERA):
            raise ValueError(f"--success-from: found with --task {self.task}, allowed: with peg_insert")
        if self.success_from and self.effort != 1.0:
            raise ValueError(f"--effort: found {self.effort} with --success-from, allowed: without it")


def beside(config: ArmTrainConfig) -> Beside | None:
    """Where a classifier of success is asked for, or an encoder without a policy."""
    if config.task == LIFT_BY_CAMERA:
        from robot.robots.arm.eyes.block_training import lines as lines_of_eyes
        from robot.robots.arm.eyes.block_training import train_eyes

        figures = train_eyes(config.seed, config.effort)
        return Beside(figures, lines_of_eyes(figures))
    if not config.success_from:
        return None
    from robot.robots.arm.training.success_training import lines, train_success

    figures = train_success(config.success_from, config.seed, eyes=config.eyes)
    return Beside(figures, lines(figures, config.eyes))


TRAINER = Trainer(begin, {"success": min}, "took_s", options=ArmTrainConfig, beside=beside)
