"""The figures of an arm's practice."""

from types import SimpleNamespace

import pytest

from robot.robots.arm.figures import figures, success
from robot.robots.arm.progress import ArmProgress
from robot.robots.arm.robot import MINDS
from robot.tasks import find_task


def episode(practice_s, outcome, error_m=0.001):
    return {
        "kind": "episode",
        "practice_s": practice_s,
        "outcome": outcome,
        "merit": 2.0,
        "baseline": False,
        "error_m": error_m,
    }


def test_success_is_of_the_last_hundred_before_a_time():
    episodes = [episode(5.0 * k, "success" if k >= 150 else "time-out") for k in range(300)]
    assert success(episodes) == 1.0
    assert success(episodes, 600.0) == 0.0
    assert success(episodes, 5.0 * 199) == 0.5
    assert success([]) is None
    assert success([*episodes, episode(1500.0, "taken-over")]) == 1.0, "that the session ended is nobody's failure"


def test_figures_of_a_run():
    progress = ArmProgress(practice_s=1260.0)
    for k in range(250):
        progress.note(episode(5.0 * k, "success", 0.002))
    for k in range(3):
        progress.note({"kind": "demonstration", "succeeded": k > 0, "duration_s": 6.0})
    progress.note({"kind": "help"})
    progress.judge(SimpleNamespace(done=7.0, moves=9.0, tip_worst_m_s=0.3))
    assert figures(progress, find_task("peg_insert"), 2.0, None, True)["camera"] is None
    progress.note({"kind": "camera", "wrong_by": {"x_m": 0.002, "holes": 3.0}})
    told = figures(progress, find_task("peg_insert"), 2.0, None, True)
    assert told["camera"] == {"x_m": 0.002, "holes": 3.0} and told["first_success_s"] == 0.0
    assert told["success_last_100"] == 1.0 and told["success_at_minutes"] == {"10": 1.0, "20": 1.0}
    assert told["position_error_m"] == pytest.approx(0.002)
    assert (told["demonstrations"], told["demonstrations_tried"], told["demonstration_minutes"]) == (2, 3, 0.3)
    assert (told["truly_done"], told["places"], told["tip_worst_m_s"]) == (7, 9, 0.3)
    assert len(progress.helps) == 1
    assert "truly_done" not in figures(progress, find_task("peg_insert"), None, None, False)


@pytest.mark.parametrize("task", sorted(MINDS))
def test_what_was_truly_done_is_told_where_the_world_knows_what_there_is_to_do_and_is_no_number_elsewhere(task):
    progress = ArmProgress(practice_s=60.0)
    progress.judge(SimpleNamespace(done=0.0, moves=0.0, tip_worst_m_s=0.1))
    told = figures(progress, find_task(task), None, None, True)["truly_done"]
    assert told == (None if task in ("reach", "push") else 0)
