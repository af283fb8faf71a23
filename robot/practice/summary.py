"""The figures of a practice session: for the last line of `--json`, for `summary.json`, and for a person."""

import math
from typing import Any

import numpy as np

from robot.practice.progress import Progress

MINUTES = (2, 5, 10, 20)  # of robot time, at which figures are given


def clean_laps(progress: Progress) -> list[dict[str, Any]]:
    """Learned laps (not the policy's as it came) without collision, recovery or take-over, in order."""
    return [lap for lap in progress.laps if lap["clean"] and not lap["baseline"]]


def median_of_last(laps: list[dict[str, Any]], until_s: float = math.inf, count: int = 5) -> float | None:
    """Median time of the last `count` clean laps before robot time `until_s`; None if there were none."""
    times = [lap["lap_s"] for lap in laps if lap["practice_s"] <= until_s]
    return float(np.median(times[-count:])) if times else None


def overridden_share(laps: list[dict[str, Any]], until_s: float = math.inf, count: int = 5) -> float | None:
    """Share of the policy's decisions that the predictive brake changed, of the laps that `median_of_last` goes by."""
    last = [lap for lap in laps if lap["practice_s"] <= until_s][-count:]
    decisions = sum(lap.get("decisions", 0) for lap in last)
    return round(sum(lap["overrides"] for lap in last) / decisions, 4) if decisions else None


def rounded(merit: float | None) -> float | None:
    """As it is shown."""
    return None if merit is None else round(merit, 3)


def summarise(progress: Progress, best_lap_s: float | None, yardstick_s: float | None, virtual: bool, wall_s: float,
              run: str) -> dict[str, Any]:  # fmt: skip
    """The figures of `robot practice --json`; None where something did not happen. best_lap_s: see `best_median_s`.

    merit_first, _best, _last: of the first episode, clean or not; the best clean one; the median of the last five clean ones.
    """
    laps = clean_laps(progress)
    until_s = progress.practice_s + 1.0
    baseline = [lap for lap in progress.laps if lap["baseline"] and lap["clean"]]
    best = min((lap["lap_s"] for lap in laps), default=None)

    def ratio(lap_s: float | None) -> float | None:
        return round(lap_s / yardstick_s, 4) if lap_s is not None and yardstick_s else None

    failed = [recovery for recovery in progress.recoveries if not recovery["succeeded"]]
    first_laps = [lap for lap in progress.laps if lap["practice_s"] > 0][:1]
    last = median_of_last(laps)
    return {
        "run": run,
        # of every task
        "merit_name": "lap_s",
        "merit_first": rounded(first_laps[0]["lap_s"] if first_laps else None),
        "merit_best": rounded(best),
        "merit_last": rounded(last),
        "episodes": len(progress.laps),
        "failures": sum(not lap["clean"] for lap in progress.laps),
        "robot_minutes": round(progress.practice_s / 60.0, 3),
        # of this one
        "minutes_to_first_lap": round(laps[0]["practice_s"] / 60.0, 3) if laps else None,
        "demo_lap_s": round(progress.demo_lap_s, 3) if progress.demo_lap_s else None,
        "yardstick_lap_s": round(yardstick_s, 3) if yardstick_s else None,
        "best_ratio": ratio(best),
        "median5_ratio": ratio(last),
        "best_median5_ratio": ratio(best_lap_s),
        "median5_ratio_at_minutes": {
            str(m): ratio(median_of_last(laps, 60.0 * m)) for m in MINUTES if 60.0 * m <= until_s
        },
        "overridden_share_at_minutes": {
            str(m): overridden_share(laps, 60.0 * m) for m in MINUTES if 60.0 * m <= until_s
        },
        "overridden_share": overridden_share(laps, count=len(laps)),
        "frozen_ratio": ratio(median_of_last(baseline)),
        "first_lap_clean": bool(first_laps and first_laps[0]["clean"]) if first_laps else None,
        "laps": len(laps),
        "collisions": progress.true_collisions if virtual else len(progress.collisions),
        "collisions_noticed": len(progress.collisions),
        "people_hit": progress.people_hit if virtual else None,
        "people_worst_m_s": round(progress.people_worst_m_s, 3) if virtual else None,
        "resets": len(progress.recoveries),
        "resets_failed": len(failed),
        "reset_median_s": round(float(np.median([r["duration_s"] for r in progress.recoveries])), 2)
        if progress.recoveries
        else None,
        "steps": progress.step,
        "updates": progress.updates,
        "updates_per_s": round(progress.updates / progress.learner_busy_s, 1) if progress.learner_busy_s else None,
        "practice_minutes": round(progress.practice_s / 60.0, 3),
        "missed_ticks": progress.missed_ticks,
        "restarts": len(progress.restarts),
        "wall_s": round(wall_s, 1),
    }
