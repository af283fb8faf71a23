"""One file per task, and the one table of those that can be learned.

The table only names them: a task's module compiles functions when it is imported, and half of the verbs need none.
"""

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType


@dataclass(frozen=True)
class Task:
    """What the command line says of a task."""

    text: str
    module: str  # below this package
    verbs: tuple[str, ...]  # of `robot`, that take the task or a policy for it
    flies: bool  # a quadrotor; otherwise it drives a car


OF_CARS = ("practice", "train", "evaluate", "export")
OF_QUADROTORS = ("train", "evaluate", "export", "flash", "run")
TASKS = {
    "race_track": Task(
        "laps of a course, as fast as the car can, without touching its walls", "race_track.task", OF_CARS, flies=False
    ),
    "hover": Task(
        "a quadrotor comes to rest at a point, level, from anywhere near it", "hover", OF_QUADROTORS, flies=True
    ),
    "track_trajectory": Task(
        "a quadrotor follows a smooth path that it sees ahead", "track_trajectory", OF_QUADROTORS, flies=True
    ),
}
FLIGHT_TASKS = tuple(name for name, task in TASKS.items() if task.flies)


def task_module(name: str) -> ModuleType:
    """The module of a task of the table."""
    return import_module(f"{__name__}.{TASKS[name].module}")
