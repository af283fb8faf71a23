"""The figures of an arm's practice, for `--json` and for a person."""

from typing import Any

import numpy as np

from robot.practice.summary import rounded, succeeded
from robot.robots.arm.progress import ArmProgress
from robot.runtime.episodes import Outcome
from robot.tasks.spec import TaskSpec

COUNT = 100  # episodes that a rate is of
EVERY_MIN = 10
# Tasks of which the virtual world knows what there is to do: where the others are to end, their minds draw.
KNOWN_TO_THE_WORLD = ("peg_insert", "peg_insert_by_camera", "lift", "lift_by_camera")


def success(episodes: list[dict[str, Any]], until_s: float = np.inf) -> float | None:
    """Share of successes among the last COUNT episodes before a robot time that came to an end of their own: neither the session's, nor
    a fault's, nor one that a person helped with. None if there were none."""
    own = [
        each
        for each in episodes
        if each["outcome"] != Outcome.TAKEN_OVER.word and not each.get("by_hand") and each["practice_s"] <= until_s
    ]
    last = [succeeded(each) for each in own[-COUNT:]]
    return rounded(float(np.mean(last))) if last else None


def figures(
    progress: ArmProgress, task: TaskSpec, best_median: float | None, best_possible: float | None, virtual: bool
) -> dict[str, Any]:
    """Beside those that all have. first_success_s: of robot time. camera: what it is believed to be always wrong by. Demonstrations: successes, attempts, and their time without that of resets. truly_done: None where the virtual world cannot judge the task."""
    minutes = int(progress.practice_s / 60.0 + 1e-6)
    errors = [each["error_m"] for each in progress.episodes[-COUNT:] if "error_m" in each]
    own = {
        "success_last_100": success(progress.episodes),
        "success_at_minutes": {
            str(at): success(progress.episodes, 60.0 * at) for at in range(EVERY_MIN, minutes + 1, EVERY_MIN)
        },
        "first_success_s": next((rounded(each["practice_s"]) for each in progress.episodes if succeeded(each)), None),
        "position_error_m": rounded(float(np.median(errors)), 5) if errors else None,
        "episodes_by_hand": sum(bool(each.get("by_hand")) for each in progress.episodes),
        "demonstrations": progress.shown,
        "demonstrations_tried": len(progress.demonstrations),
        "demonstration_minutes": rounded(sum(each["duration_s"] for each in progress.demonstrations) / 60.0),
        "best_median": rounded(best_median),
        "camera": progress.camera or None,
    }
    if virtual:
        own |= {"truly_done": progress.truly_done if task.name in KNOWN_TO_THE_WORLD else None, "places": progress.places,
                "tip_worst_m_s": rounded(progress.tip_worst_m_s)}  # fmt: skip
    return own
