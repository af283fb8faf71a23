"""The figures of a car's session: laps and overrides by the minute, None where nothing happened."""

from types import SimpleNamespace
from typing import Any

from robot.robots.car.figures import figures as figures_of
from robot.robots.car.figures import lines
from robot.robots.car.progress import CarProgress
from robot.tasks import find_task


def lap(minute: float, lap_s: float, overrides: int = 0, clean: bool = True, baseline: bool = False) -> dict[str, Any]:
    return {"kind": "lap", "practice_s": 60.0 * minute, "lap_s": lap_s, "clean": clean, "baseline": baseline,
            "decisions": 50, "overrides": overrides}  # fmt: skip


def figures(laps: list[dict[str, Any]], minutes: float) -> dict[str, Any]:
    progress = CarProgress(practice_s=60.0 * minutes)
    for told in laps:
        progress.note(told)
    return figures_of(progress, find_task("race_track"), None, 5.0, True)


def test_laps_and_overrides_are_told_for_every_minute_that_was_reached() -> None:
    laps = [lap(0.1, 6.0, 30, baseline=True), *(lap(0.2 * k, 5.5, 10) for k in range(1, 11)),
            *(lap(2.0 + 0.2 * k, 5.0, 1) for k in range(1, 16))]  # fmt: skip
    told = figures(laps, 5.0)
    assert told["median5_ratio_at_minutes"] == {"2": 1.1, "5": 1.0}
    assert told["overridden_share_at_minutes"] == {"2": 0.2, "5": 0.02}
    assert told["overridden_share"] == round((100 + 15) / (25 * 50), 4)
    assert told["frozen_ratio"] == 1.2


def test_only_clean_laps_of_the_learner_count() -> None:
    laps = [lap(0.5, 9.0, clean=False), *(lap(1.0, 5.25) for _ in range(5)), lap(1.5, 4.0, baseline=True)]
    assert figures(laps, 2.0)["median5_ratio_at_minutes"] == {"2": 1.05}


def test_without_laps_there_are_no_ratios() -> None:
    told = figures([], 2.0)
    assert told["median5_ratio_at_minutes"] == {"2": None}
    assert told["overridden_share_at_minutes"] == {"2": None}
    assert told["overridden_share"] is None


def test_a_person_is_told_of_laps_and_touches() -> None:
    told = figures([lap(0.1, 6.0, baseline=True), *(lap(1.0, 5.25) for _ in range(5))], 2.0)
    text = "\n".join(lines(told | {"resets": 2, "resets_failed": 1, "wall_s": 9.0}))
    assert "last five laps      1.050 x the best possible lap (median)" in text
    assert "5 clean laps, 0 collisions, 2 recoveries (1 failed)" in text


def test_touches_of_a_run_that_went_on_are_added_up() -> None:
    progress = CarProgress()
    for collisions, people, worst_m_s in ((2, 1, 0.8), (1, 2, 0.3)):
        progress.judge(SimpleNamespace(collisions=collisions, people_hit=people, people_worst_m_s=worst_m_s))  # type: ignore[arg-type]
    assert (progress.true_collisions, progress.people_hit, progress.people_worst_m_s) == (3, 3, 0.8)


def test_places_that_were_lost_are_told_where_there_were_any() -> None:
    progress = CarProgress()
    for count in (0, 1):
        told = figures_of(progress, find_task("race_track"), None, 5.0, True) | {
            "resets": 0,
            "resets_failed": 0,
            "wall_s": 1.0,
        }
        assert told["places_lost"] == count and any("lost its place" in line for line in lines(told)) is (count > 0)
        progress.note({"kind": "place_lost", "practice_s": 3.0})
