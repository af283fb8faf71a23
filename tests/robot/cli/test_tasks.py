"""`robot tasks`: what it lists."""

import json

import pytest

from robot.cli import tasks as verb
from robot.tasks import find_task, task_names


def test_every_task_is_listed_with_its_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert verb.main([]) == 0
    text = capsys.readouterr().out
    for name in task_names():
        assert f"  {name:<{max(map(len, task_names()))}}  {find_task(name).text}\n" in text
    assert (
        "robot practice, train, evaluate, export\n" in text
        and "practice, train, evaluate, export, flash, run\n" in text
    )
    assert "on a car with motor, lidar\n" in text and "on an arm with follower, leader, board\n" in text


def test_json_names_the_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    assert verb.main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tasks"] == [
        "race_track",
        "hover",
        "track_trajectory",
        "peg_insert",
        "reach",
        "lift",
        "push",
        "race_track_by_camera",
        "peg_insert_by_camera",
        "lift_by_camera",
    ]


def test_what_is_learned_on_the_robot_alone_is_not_said_to_be_trained() -> None:
    assert {"train", "evaluate"} & {*verb.verbs_for(find_task("lift"))} == set()
    assert {"practice", "train", "evaluate"} <= {*verb.verbs_for(find_task("peg_insert"))}
