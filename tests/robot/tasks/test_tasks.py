"""The table of tasks: every list that must hold the same names does, and it costs nothing to read."""

import subprocess
import sys
from typing import get_args, get_type_hints

import pytest

from robot.cli import VERBS
from robot.practice.settings import PracticeConfig
from robot.robots.car.training.training import TrainConfig
from robot.robots.quadrotor.training.settings import FlightTrainConfig
from robot.tasks import FLIGHT_TASKS, TASKS, task_module
from robot.training.sweep_file import TRAINERS


def names(verb: str) -> set[str]:
    return {name for name, task in TASKS.items() if verb in task.verbs}


def test_the_options_of_the_verbs_allow_the_tables_tasks() -> None:
    assert get_args(get_type_hints(FlightTrainConfig)["task"]) == FLIGHT_TASKS
    assert set(get_args(get_type_hints(TrainConfig)["task"])) == names("train") - set(FLIGHT_TASKS)
    assert set(get_args(get_type_hints(PracticeConfig)["task"])) == names("practice")
    assert set(TRAINERS) == names("train")
    assert all(set(task.verbs) <= set(VERBS) for task in TASKS.values())


@pytest.mark.parametrize("name", TASKS)
def test_every_task_is_a_module_that_observes(name: str) -> None:
    module = task_module(name)
    assert module.__name__ == f"robot.tasks.{TASKS[name].module}" and callable(module.observe)


def test_the_table_imports_nothing_heavy() -> None:
    code = "import sys, robot.tasks; assert not {'numpy', 'numba'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
