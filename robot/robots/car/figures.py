"""What practice with a car comes to: laps against the best possible one, touches, what the brake changed."""

import math
from typing import Any

from robot.practice.summary import clean_episodes, median_of_last, rounded, succeeded
from robot.robots.car.progress import CarProgress
from robot.tasks.spec import TaskSpec

MINUTES = (2, 5, 10, 20)  # of robot time, at which figures are given


def overridden_share(laps: list[dict[str, Any]], until_s: float = math.inf, count: int = 5) -> float | None:
    """Share of the policy's decisions that the predictive brake changed, of the laps that `median_of_last` goes by."""
    last = [lap for lap in laps if lap["practice_s"] <= until_s][-count:]
    decisions = sum(lap.get("decisions", 0) for lap in last)
    return round(sum(lap["overrides"] for lap in last) / decisions, 4) if decisions else None


def figures(
    progress: CarProgress, task: TaskSpec, best_median_s: float | None, yardstick_s: float | None, virtual: bool
) -> dict[str, Any]:
    """The figures of `robot practice --json` that only a car has. best_median_s: of the five laps of the best policy."""
    laps = clean_episodes(progress)
    until_s = progress.practice_s + 1.0
    baseline = [lap for lap in progress.episodes if lap["baseline"] and succeeded(lap)]
    best_s = min((lap["merit"] for lap in laps), default=None)

    def ratio(lap_s: float | None) -> float | None:
        return round(lap_s / yardstick_s, 4) if lap_s is not None and yardstick_s else None

    first_laps = [lap for lap in progress.episodes if lap["practice_s"] > 0][:1]
    return {
        "minutes_to_first_lap": round(laps[0]["practice_s"] / 60.0, 3) if laps else None,
        "demo_lap_s": round(progress.demo_lap_s, 3) if progress.demo_lap_s else None,
        "yardstick_lap_s": round(yardstick_s, 3) if yardstick_s else None,
        "best_ratio": ratio(best_s),
        "median5_ratio": ratio(median_of_last(laps)),
        "best_median5_ratio": ratio(best_median_s),
        "median5_ratio_at_minutes": {
            str(m): ratio(median_of_last(laps, 60.0 * m)) for m in MINUTES if 60.0 * m <= until_s
        },
        "overridden_share_at_minutes": {
            str(m): overridden_share(laps, 60.0 * m) for m in MINUTES if 60.0 * m <= until_s
        },
        "overridden_share": overridden_share(laps, count=len(laps)),
        "frozen_ratio": ratio(median_of_last(baseline)),
        "first_lap_clean": succeeded(first_laps[0]) if first_laps else None,
        "laps": len(laps),
        "collisions": progress.true_collisions if virtual else len(progress.collisions),
        "collisions_noticed": len(progress.collisions),
        "places_lost": len(progress.places_lost),
        "people_hit": progress.people_hit if virtual else None,
        "people_worst_m_s": rounded(progress.people_worst_m_s) if virtual else None,
        "practice_minutes": round(progress.practice_s / 60.0, 3),
    }


def lines(figures: dict[str, Any]) -> list[str]:
    """The session in a few lines."""

    def seconds(value: float | None) -> str:
        return "none" if value is None else f"{value:.2f} s"

    def times(value: float | None) -> str:
        return "none" if value is None else f"{value:.3f} x the best possible lap"

    told = [
        f"demonstration lap   {seconds(figures['demo_lap_s'])}      best possible lap {seconds(figures['yardstick_lap_s'])}"
    ]
    if figures["frozen_ratio"] is not None:
        told.append(f"policy as it came   {times(figures['frozen_ratio'])}")
    told.append(f"last five laps      {times(figures['median5_ratio'])} (median), best {times(figures['best_ratio'])}")
    if figures["best_median5_ratio"] is not None:
        told.append(f"best five in a row  {times(figures['best_median5_ratio'])} (median): their policy is best.npz")
    if figures["places_lost"]:
        told.append(f"lost its place {figures['places_lost']} times, and drove a new first lap then")
    told.append(
        f"{figures['laps']} clean laps, {figures['collisions']} collisions, {figures['resets']} recoveries "
        f"({figures['resets_failed']} failed), {figures['practice_minutes']:.1f} robot minutes in {figures['wall_s']:.0f} s"
    )
    return told
