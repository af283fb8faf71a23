"""What a drone's practice has reached: flights, which policy is the best, and what was taken on board."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from robot.practice.best_policy import best_median
from robot.practice.progress import Progress
from robot.practice.summary import rounded, summarise
from robot.tasks import find_task

HARD_M_S = 1.0  # who touches down faster has crashed
AT_FULL_MAX = (
    0.1  # share of a flight with a rotor at full thrust, above which its error is the battery's as much as the policy's
)
LAST = 3  # flights that the last error is the median of


@dataclass
class DroneProgress(Progress):
    """best: version of the best policy. versions: how many there have been. uploads: seconds, packets of each; refused: flights that
    never came to the policy."""

    best: int = 0
    versions: int = 0
    refused: int = 0
    uploads: list[dict[str, Any]] = field(default_factory=list)

    def errors_m(self, version: int) -> list[float]:
        """Of a policy's whole flights, by the drone's own estimate."""
        return [float(e["merit"]) for e in self.episodes if e["version"] == version and e["outcome"] == "success"]

    def batteries_v(self, version: int) -> list[float]:
        """In the same flights; NaN where nobody noted it, as in an older run."""
        whole = (e for e in self.episodes if e["version"] == version and e["outcome"] == "success")
        return [float(e.get("battery_v", np.nan)) for e in whole]

    @property
    def battery_is_spent(self) -> bool:
        """Whether the newest flight lacked thrust that the same policy has had in an earlier one."""
        newest = self.episodes[-1]
        before = [e for e in self.episodes[:-1] if e["version"] == newest["version"]]
        return newest["at_full"] > AT_FULL_MAX and any(e.get("at_full", 1.0) <= AT_FULL_MAX for e in before)

    def leans_m(self, version: int) -> list[np.ndarray]:
        """Where the drone stayed beside its goal in them, (3,), heading's frame; of flights of an older run nobody noted it."""
        whole = (e for e in self.episodes if e["version"] == version and e["outcome"] == "success" and "lean_m" in e)
        return [np.array(e["lean_m"]) for e in whole]

    def failures_of(self, version: int) -> int:
        return sum(e["version"] == version and e["outcome"] != "success" for e in self.episodes)


def figures_of(progress: DroneProgress, folder: Path, wall_s: float, task: str) -> dict[str, Any]:
    """For `--json`. error_*: by the simulator's truth where there is one, in the world's coordinates, and seen from where the drone stood
    (`Flown`), which is what its flights were meant to be; last: median of the last LAST flights."""
    spec = find_task(task)
    flown = progress.episodes
    errors_m, from_ground_m = (
        [one[name] for one in flown if one.get(name) is not None] for name in ("true_error_m", "from_ground_m")
    )
    touched_m_s = [float(one["touch_down_m_s"]) for one in flown]
    return summarise(progress, spec, wall_s, str(folder)) | {
        "best_median_m": rounded(best_median(folder, spec), 4),
        "error_first_m": rounded(errors_m[0], 4) if errors_m else None,
        "error_last_m": rounded(float(np.median(errors_m[-LAST:])), 4) if errors_m else None,
        "error_from_ground_first_m": rounded(from_ground_m[0], 4) if from_ground_m else None,
        "error_from_ground_last_m": rounded(float(np.median(from_ground_m[-LAST:])), 4) if from_ground_m else None,
        "crashes": sum(not one["landed"] or one["touch_down_m_s"] > HARD_M_S for one in flown),
        "touch_down_worst_m_s": rounded(max(touched_m_s, default=None)),
        "policy_version": progress.best,
        "policies_tried": progress.versions,
        "uploads": len(progress.uploads),
        "upload_s": rounded(float(np.median([one["seconds"] for one in progress.uploads])))
        if progress.uploads
        else None,
        "upload_packets": max((one["packets"] for one in progress.uploads), default=None),
        "refused": progress.refused,
    }


def line_of_thrust(at_full: float) -> str:
    """For a person: whether a drone has the thrust for what it flies; empty: it has. at_full: see `share_at_full`."""
    if at_full <= AT_FULL_MAX:
        return ""
    return (f"a rotor was asked for all it has in {100 * at_full:.0f} % of that flight: its battery is too low for this, or the drone too heavy; "
            "charge it before its policies are compared any further")  # fmt: skip


def lines_of_truth(figures: dict[str, Any]) -> list[str]:
    """For a person: how well a virtual drone really flew, and what of that no flight of its own could have told it."""
    first_m, last_m = figures["error_from_ground_first_m"], figures["error_from_ground_last_m"]
    if first_m is None or last_m is None:
        return []
    world = " and ".join(f"{100 * figures[name]:.1f}" for name in ("error_first_m", "error_last_m"))
    return [
        f"by the simulator's truth, from where it stood: first {100 * first_m:.1f} cm, last three {100 * last_m:.1f} cm (median)",
        f"in the world's coordinates {world} cm: what its positioning system takes for the origin is beside that, and it cannot know",
    ]
