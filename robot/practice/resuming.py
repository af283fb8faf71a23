"""What a run's folder must still hold for a session to go on with it: all of it is read before anything is started.

A damaged file is refused by name. What is gone, and can be done without, is said.
"""

from pathlib import Path
from typing import Any

from policies.policy_file import PolicyFile, load_policy
from policies.replay import load_folder
from robot.practice.best_policy import best_median
from robot.practice.practice import Practice
from robot.practice.progress import STATE_FILE
from robot.practice.settings import PracticeConfig
from robot.practice.start import untaught_learner
from robot.runtime.run_folder import BEST_FILE, NEWEST_FILE, belief_of_run
from robot.tasks.spec import TaskSpec
from sim.input_files import wrong

FOLDERS = ("checkpoints", "output", "replay")
CHECKPOINT = Path("checkpoints") / "learner.npz"


def look_through(
    folder: Path, config: PracticeConfig, spec: TaskSpec, practice: Practice, policy: PolicyFile, progress: Any
) -> list[str]:
    """What a person should know of a run that goes on: what of it is gone. policy: that it began with.

    Raises ValueError, naming the file and what was found, for one that is not whole, or not this run's.
    """
    check_kinds(folder)
    stored = load_folder(folder / "replay")
    if len(stored) and not (folder / STATE_FILE).exists():
        raise wrong(folder / STATE_FILE, "it", "nothing", "what the run has reached; was the file removed?")
    told = []
    missing = progress.step - len(stored)
    if missing > 0:
        told.append(f"{missing} of its transitions are not in {folder / 'replay'}: it goes on without them")
    belief_of_run(folder)
    best_median(folder, spec)
    for path in (folder / NEWEST_FILE, folder / BEST_FILE):
        if path.exists() and load_policy(path, spec.name, spec.observation_size).layers != policy.layers:
            raise wrong(path, "layers", str(load_policy(path).layers), f"{policy.layers}, as the run's others")
    if (folder / CHECKPOINT).exists():
        try:
            untaught_learner(config, spec, policy).load(folder / CHECKPOINT)
        except ValueError as error:
            raise ValueError(f"{error}; without the file it learns anew, from {len(stored)} transitions") from error
        if not (folder / NEWEST_FILE).exists():
            told.append(f"there is no {folder / NEWEST_FILE}: the policy that it began with drives first")
    elif len(stored):
        told.append(f"there is no {folder / CHECKPOINT}: it learns anew, from {len(stored)} transitions")
    practice.look_through(config, folder, progress)
    return told


def check_kinds(folder: Path) -> None:
    """Raises ValueError for a folder in a file's place, or the other way round."""
    for path in sorted(folder.iterdir()):
        if path.name in FOLDERS and not path.is_dir():
            raise ValueError(f"{path}: found a file, allowed: a folder")
        if path.suffix and path.is_dir():
            raise ValueError(f"{path}: found a folder, allowed: a file")
