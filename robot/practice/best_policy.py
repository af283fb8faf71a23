"""The best policy of a run, beside the newest: the weights that drove its five best clean laps in a row.

A learner goes on changing its policy, and the newest is not always the best one; single laps are luck. So the measure
is the median of five consecutive clean laps, driven while exploring, and the policy is the one that was in force when
the middle one of them ended.
"""

import math
from collections import deque
from pathlib import Path

import numpy as np

from policies.policy_file import load_policy, save_policy
from robot.runtime.run_folder import BEST_FILE, NEWEST_FILE
from robot.tasks.race_track import task as race_track
from sim.input_files import wrong

LAPS = 5


class BestPolicy:
    """Takes in laps in order, keeps `best.npz`. `median_lap_s`: of its five laps; None if there is none yet.

    An earlier session's `best.npz` stays until it is beaten. Raises ValueError if that file is damaged.
    """

    def __init__(self, folder: Path, layers: tuple[int, ...]) -> None:
        self.path = folder / BEST_FILE
        self.layers = layers
        self.row: deque[np.ndarray] = deque(maxlen=LAPS)
        self.median_lap_s = best_median_s(folder)

    def add(self, lap: np.ndarray) -> None:
        """The next lap, a record of `episode_dtype`; laps of the policy as it came do not count."""
        if lap["baseline"]:
            return
        if not lap["clean"]:
            self.row.clear()
            return
        self.row.append(lap.copy())
        if len(self.row) < LAPS:
            return
        median_lap_s = float(np.median([one["merit"] for one in self.row]))
        if median_lap_s < (self.median_lap_s or math.inf):
            self.median_lap_s = median_lap_s
            self.save()

    def save(self) -> None:
        """Write the policy of the present row."""
        save_policy(
            self.path,
            self.row[LAPS // 2]["weights"],
            self.layers,
            task="race_track",
            rate_hz=1.0 / race_track.DECISION_S,
            median_lap_s=self.median_lap_s,
            practice_s=float(self.row[-1]["practice_s"]),
        )


def best_median_s(folder: Path) -> float | None:
    """Median time of the five laps of a run's best policy. Raises ValueError if the file is damaged."""
    path = folder / BEST_FILE
    if not path.exists():
        return None
    about = load_policy(path).metadata
    if "median_lap_s" not in about:
        raise wrong(path, "median_lap_s", "nothing", "a number: the best policy of a run of practice")
    return float(about["median_lap_s"])


def describe(path: Path) -> str:
    """Which policy this is, for a person: of a run's, what made it the one."""
    about = load_policy(path).metadata if path.name == BEST_FILE and path.is_file() else {}
    if {"median_lap_s", "practice_s"} <= about.keys():
        return (f"{path}, in force in the best {LAPS} clean laps in a row: median {about['median_lap_s']:.2f} s, "
                f"after {about['practice_s'] / 60.0:.1f} robot minutes")  # fmt: skip
    return f"{path}, the newest" if path.name == NEWEST_FILE else str(path)
