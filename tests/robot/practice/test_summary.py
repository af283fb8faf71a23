"""The figures that every robot's session has: merit, episodes, resets; None where nothing happened."""

from dataclasses import replace
from typing import Any

import pytest

from robot.practice.progress import Progress
from robot.practice.summary import lines_of, summarise
from robot.tasks import find_task
from robot.tasks.spec import Merit

SPEC = replace(find_task("hover"), merit=Merit("error_m", "m"), episode="outing")
NAMES = ("merit_name", "merit_first", "merit_best", "merit_last", "episodes", "failures", "robot_minutes")


def lived(*merits: float, clean: bool = True) -> Progress:
    progress = Progress(practice_s=60.0)
    for k, merit in enumerate(merits):
        event = {
            "kind": "episode",
            "merit": merit,
            "practice_s": 1.0 + k,
            "outcome": "success" if clean or k else "time-out",
            "baseline": False,
        }
        progress.note(event)
    return progress


def figures(progress: Progress, lower_is_better: bool = True) -> dict[str, Any]:
    spec = replace(SPEC, merit=replace(SPEC.merit, lower_is_better=lower_is_better))
    return summarise(progress, spec, 1.0, "run")


def test_the_merit_of_a_run_is_told_for_every_task() -> None:
    told = figures(lived(9.0, 7.0, 6.0, 5.9, 5.8, 5.7, 5.6, clean=False))
    assert [told[name] for name in NAMES] == ["error_m", 9.0, 5.6, 5.8, 7, 1, 1.0]
    assert [figures(Progress())[name] for name in NAMES] == ["error_m", None, None, None, 0, 0, 0.0]


@pytest.mark.parametrize(("lower_is_better", "best"), [(True, 1.0), (False, 3.0)])
def test_the_best_is_what_the_task_says_is_better(lower_is_better: bool, best: float) -> None:
    assert figures(lived(2.0, 3.0, 1.0), lower_is_better)["merit_best"] == best


def test_resets_are_counted_and_timed() -> None:
    progress = lived(1.0)
    for duration_s, succeeded in ((2.0, True), (4.0, True), (9.0, False)):
        progress.note({"kind": "reset", "duration_s": duration_s, "succeeded": succeeded})
    told = figures(progress)
    assert (told["resets"], told["resets_failed"], told["reset_median_s"]) == (3, 1, 4.0)
    assert "1 outings, 0 failed, 3 resets (1 failed)" in lines_of(told, SPEC)[1]
