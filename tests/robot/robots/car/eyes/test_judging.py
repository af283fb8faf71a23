"""The table of a driver that sees tells what it does alone, and what it does behind a shield that is told more than it sees."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from policies.actor import weight_count
from policies.policy_file import PolicyFile, load_policy, save_policy
from robot.robots.car.eyes import judging as subject
from robot.robots.car.eyes.laps import SeenLaps
from robot.robots.car.judge import CarEvaluateConfig
from robot.robots.car.practice import SHIPPED_SEEING_POLICY
from robot.tasks.race_track.by_camera import SPEC

OTHER = SPEC.layers()  # of a policy that practice made from scratch, not of the distilled ones


DRIVEN = {"nothing": (4, 1.1), "sight": (2, 1.15), "sight, carefully": (1, 1.3), "the shield told the place": (0, 1.2)}


def driven(encoder, weights, courses, cars, seconds, seed, slower, spread, behind, layers) -> SeenLaps:
    assert layers == OTHER
    crashes, ratio = DRIVEN[behind]
    ratios = np.array([ratio, ratio + 0.2])
    return SeenLaps(ratios, np.array([True, False]), np.full(cars, crashes), 0, seconds / 60.0, 12.0, 0.0)


def test_all_are_told_alone_and_behind_the_shield(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "policy.npz"
    save_policy(path, np.zeros(weight_count(OTHER), np.float32), OTHER, "race_track", 10.0)
    shutil.copy(SHIPPED_SEEING_POLICY.with_name("encoder.onnx"), tmp_path)
    monkeypatch.setattr(subject, "drive_laps", driven)
    policy: PolicyFile = load_policy(path)
    verdict = subject.in_simulator(CarEvaluateConfig(str(path)), path, policy, lambda share: None)
    assert (
        verdict.figures["crashes_per_car_minute"] == 4.0 and verdict.figures["shield"]["crashes_per_car_minute"] == 0.0
    )
    assert verdict.figures["sight"]["crashes_per_car_minute"] == 2.0 and verdict.figures["sight"]["ratio_walls"] == 1.15
    assert verdict.figures["careful"]["crashes_per_car_minute"] == 1.0
    assert verdict.figures["ratio_tape"] == 1.3 and verdict.figures["shield"]["ratio_tape"] == 1.4
    [table] = verdict.tables
    assert table.pilots == ("walls", "tape", "crashes/min")
    assert dict(table.rows)["hidden cars"] == ("1.1", "1.3", "4.00")
    known, unknown = (f"hidden cars, {subject.BEHIND[key][0]}" for key in ("sight", "careful"))
    assert dict(table.rows)[known] == ("1.15", "1.35", "2.00") and dict(table.rows)[unknown] == ("1.3", "1.5", "1.00")
    assert dict(table.rows)["hidden cars, the shield told the place"] == ("1.2", "1.4", "0.00")
    assert "by truth" in verdict.lines[-1]
