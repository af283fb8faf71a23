"""One file per task, and how a task is found by its name.

The table only names files: a task's own compiles functions when it is imported, and half of the verbs need none. A task
of another package joins through an entry point of the group `robot_practice.tasks`, whose name is the task's and whose
value is its `TaskSpec`.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from robot.runtime.joining import joined

if TYPE_CHECKING:
    from robot.tasks.spec import TaskSpec

ENTRY_POINTS = "robot_practice.tasks"
OWN = {"race_track": "race_track.task", "hover": "hover", "track_trajectory": "track_trajectory",
       "peg_insert": "peg_insert", "reach": "reach", "lift": "lift", "push": "push",
       "race_track_by_camera": "race_track.by_camera", "peg_insert_by_camera": "peg_insert_by_camera",
       "lift_by_camera": "lift_by_camera"}  # fmt: skip
DEFAULT_TASK = "race_track"  # of a command line that names none


def task_names() -> list[str]:
    """This project's tasks, then those that joined."""
    return [*OWN, *(name for name in joined(ENTRY_POINTS) if name not in OWN)]


def tasks_of(kind: str) -> list[str]:
    """Those that a kind of robot does; what a command line means that names none comes first."""
    return [name for name in task_names() if find_task(name).robot == kind]


def find_task(name: str) -> "TaskSpec":
    """What a task declares. Raises ValueError if there is none of this name."""
    others = joined(ENTRY_POINTS)
    if name not in OWN and name not in others:
        raise ValueError(f"--task: found '{name}', allowed: {', '.join(task_names())}")
    spec: TaskSpec = task_module(name).SPEC if name in OWN else others[name].load()
    return spec


def task_module(name: str) -> ModuleType:
    """The functions of a task of this project."""
    return import_module(f"{__name__}.{OWN[name]}")
