"""From a run's folder to the network that is exported: its policy, explained by its task's fields."""

from pathlib import Path

from firmware_export.network import Network, network_of
from policies.policy_file import EVERY_KIND, load_policy
from robot.runtime.run_folder import policy_path
from robot.tasks import find_task, task_names


def network_of_run(run: Path) -> Network:
    """The network of a run's folder (its best policy, or its newest) or of a policy file.

    Raises ValueError, naming the file, for a damaged one, for a task whose fields nobody wrote down, or for a policy that sees more.
    """
    path = policy_path(run) if run.is_dir() else run
    policy = load_policy(path, kinds=EVERY_KIND)
    task = str(policy.metadata["task"])
    if task not in task_names():
        raise ValueError(f"{path}: field task is {task!r}, allowed: {', '.join(task_names())}")
    spec = find_task(task)
    try:
        return network_of(policy, spec.observation, spec.action)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
