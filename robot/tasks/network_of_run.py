"""From a run's folder to the network that is exported: its policy, explained by its task's fields."""

from pathlib import Path

from firmware_export.network import Network, network_of
from policies.policy_file import load_policy
from robot.runtime.run_folder import policy_path
from robot.tasks import TASKS, task_module

TASK_MODULES = {name: task_module(name) for name in TASKS}


def network_of_run(run: Path) -> Network:
    """The network of a run's folder (its best policy, or its newest) or of a policy file.

    Raises ValueError for a damaged file, or a task whose fields nobody wrote down.
    """
    path = policy_path(run) if run.is_dir() else run
    policy = load_policy(path)
    task = str(policy.metadata["task"])
    if task not in TASK_MODULES:
        raise ValueError(f"{path}: field task is {task!r}, allowed: {', '.join(TASK_MODULES)}")
    module = TASK_MODULES[task]
    return network_of(policy, module.OBSERVATION_FIELDS, module.ACTION_FIELDS)
