"""The figures of a practice session: for the last line of `--json`, for `summary.json`, and for a person."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from robot.practice.progress import Progress
from robot.runtime.episodes import Outcome
from robot.tasks.spec import Merit, TaskSpec

COUNT = 5  # episodes that a figure is the median of


def clean_episodes(progress: Progress) -> list[dict[str, Any]]:
    """Successes of what was learned, not of the policy as it came. In order."""
    return [episode for episode in progress.episodes if succeeded(episode) and not episode["baseline"]]


def succeeded(episode: dict[str, Any]) -> bool:
    """Whether one is clean: nobody took over, nothing went wrong."""
    return bool(episode["outcome"] == Outcome.SUCCESS.word)


def median_of_last(
    episodes: list[dict[str, Any]], until_s: float = math.inf, count: int | None = COUNT
) -> float | None:
    """Median merit of the last `count` episodes (None: of all) before robot time `until_s`; None if there were none."""
    merits = [episode["merit"] for episode in episodes if episode["practice_s"] <= until_s]
    return float(np.median(merits[-count:] if count else merits)) if merits else None


def best(merit: Merit, merits: Iterable[float]) -> float | None:
    """The best of some; None if there are none."""
    return (min if merit.lower_is_better else max)(merits, default=None)


def rounded(value: float | None, digits: int = 3) -> float | None:
    """As it is shown."""
    return None if value is None else round(value, digits)


def summarise(progress: Progress, spec: TaskSpec, wall_s: float, run: str) -> dict[str, Any]:
    """The figures of `robot practice --json` that every robot has; None where something did not happen.

    merit_first, _best, _last: of the first episode, clean or not; the best clean one; the median of the last five clean ones.
    """
    clean = clean_episodes(progress)
    first = next((episode["merit"] for episode in progress.episodes if episode["practice_s"] > 0), None)
    durations_s = [reset["duration_s"] for reset in progress.resets]
    return {
        "run": run,
        "merit_name": spec.merit.name,
        "merit_first": rounded(first),
        "merit_best": rounded(best(spec.merit, (episode["merit"] for episode in clean))),
        "merit_last": rounded(median_of_last(clean)),
        "episodes": len(progress.episodes),
        "failures": sum(not succeeded(episode) for episode in progress.episodes),
        "resets": len(progress.resets),
        "resets_failed": sum(not reset["succeeded"] for reset in progress.resets),
        "help_asked": len(progress.helps),
        "reset_median_s": round(float(np.median(durations_s)), 2) if durations_s else None,
        "steps": progress.step,
        "updates": progress.updates,
        "updates_per_s": round(progress.updates / progress.learner_busy_s, 1) if progress.learner_busy_s else None,
        "robot_minutes": round(progress.practice_s / 60.0, 3),
        "missed_ticks": progress.missed_ticks,
        "restarts": len(progress.restarts),
        "wall_s": round(wall_s, 1),
    }


def lines_of(figures: dict[str, Any], spec: TaskSpec) -> list[str]:
    """The figures of any robot, for a person."""

    def told(name: str) -> str:
        return "none" if figures[name] is None else f"{figures[name]:.3f} {spec.merit.unit}"

    return [
        f"first {spec.episode} {told('merit_first')}, best {told('merit_best')}, last five {told('merit_last')} (median)",
        f"{figures['episodes']} {spec.episodes}, {figures['failures']} failed, {figures['resets']} resets "
        f"({figures['resets_failed']} failed), {figures['robot_minutes']:.1f} robot minutes in {figures['wall_s']:.0f} s",
    ]
