"""The best policy of a run, beside the newest: the weights that were in force in its five best clean episodes in a row.

A learner goes on changing its policy, and the newest is not always the best one; single episodes are luck. So the measure
is the median merit of five consecutive clean episodes (successes), while exploring, and the policy is the one that was in force when
the middle one of them ended.
"""

from collections import deque
from pathlib import Path

import numpy as np

from policies.policy_file import load_policy, save_policy
from robot.runtime.episodes import Outcome
from robot.runtime.run_folder import BEST_FILE, NEWEST_FILE
from robot.tasks import find_task
from robot.tasks.spec import TaskSpec
from sim.input_files import wrong

EPISODES = 5


class BestPolicy:
    """Takes in episodes in order, keeps `best.npz`. `median`: merit of its five episodes; None if there is none yet.

    An earlier session's `best.npz` stays until it is beaten. Raises ValueError if that file is damaged.
    """

    def __init__(self, folder: Path, layers: tuple[int, ...], spec: TaskSpec) -> None:
        self.path = folder / BEST_FILE
        self.layers, self.spec = layers, spec
        self.row: deque[np.ndarray] = deque(maxlen=EPISODES)
        self.median = best_median(folder, spec)

    def add(self, episode: np.ndarray) -> None:
        """The next one, a record of `episode_dtype`; those of the policy as it came do not count."""
        if episode["baseline"]:
            return
        if episode["outcome"] != Outcome.SUCCESS:
            self.row.clear()
            return
        self.row.append(episode.copy())
        if len(self.row) < EPISODES:
            return
        median = float(np.median([one["merit"] for one in self.row]))
        if self.median is None or (median < self.median if self.spec.merit.lower_is_better else median > self.median):
            self.median = median
            self.save()

    def save(self) -> None:
        """Write the policy of the present row."""
        save_policy(
            self.path,
            self.row[EPISODES // 2]["weights"],
            self.layers,
            task=self.spec.name,
            rate_hz=self.spec.rate_hz,
            **{median_name(self.spec): self.median},
            practice_s=float(self.row[-1]["practice_s"]),
        )


def median_name(spec: TaskSpec) -> str:
    """Of the measure, in a policy file's metadata."""
    return f"median_{spec.merit.name}"


def best_median(folder: Path, spec: TaskSpec) -> float | None:
    """Median merit of the five episodes of a run's best policy. Raises ValueError if the file is damaged."""
    path = folder / BEST_FILE
    if not path.exists():
        return None
    about = load_policy(path).metadata
    if median_name(spec) not in about:
        raise wrong(path, median_name(spec), "nothing", "a number: the best policy of a run of practice")
    return float(about[median_name(spec)])


def describe(path: Path) -> str:
    """Which policy this is, for a person: of a run's, what made it the one."""
    if path.name == BEST_FILE and path.is_file():
        about = load_policy(path).metadata
        spec = find_task(str(about["task"]))
        if {median_name(spec), "practice_s"} <= about.keys():
            return (f"{path}, in force in the best {EPISODES} clean {spec.episodes} in a row: median "
                    f"{about[median_name(spec)]:.2f} {spec.merit.unit}, after {about['practice_s'] / 60.0:.1f} robot minutes")  # fmt: skip
    return f"{path}, the newest" if path.name == NEWEST_FILE else str(path)
