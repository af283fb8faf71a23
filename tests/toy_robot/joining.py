"""How the toy joins: as a package that is installed beside the project would, for this process and its children."""

import importlib
import os
from pathlib import Path

import pytest

from robot.evaluation import judge
from robot.practice import practice
from robot.runtime import rest, robot
from robot.safety.campaign import trials
from robot.tasks import ENTRY_POINTS
from robot.training import trainer

POINTS = {
    robot.ENTRY_POINTS: "tests.toy_robot.robot:ROBOT",
    rest.ENTRY_POINTS: "tests.toy_robot.robot:prepare",
    practice.ENTRY_POINTS: "tests.toy_robot.practice:PRACTICE",
    trainer.ENTRY_POINTS: "tests.toy_robot.training:TRAINER",
    judge.ENTRY_POINTS: "tests.toy_robot.training:JUDGE",
    trials.ENTRY_POINTS: "tests.toy_robot.safety_trials:TRIALS",
    ENTRY_POINTS: "tests.toy_robot.task:SPEC",
}


def join(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the package's metadata into a folder, and put it on the path."""
    about = folder / "toy-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("".join(f"[{group}]\ntoy = {value}\n" for group, value in POINTS.items()))
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(root), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
