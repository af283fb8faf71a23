"""The encoder that ships tells where blocks are, on looks that nobody learned from; a short training learns, and writes one that is read again."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from robot.robots.arm.eyes import block_training, learner
from robot.robots.arm.eyes.block_moments import draw_block_moments
from robot.robots.arm.eyes.encoder_file import FORMS
from robot.robots.arm.practice import SHIPPED
from robot.robots.arm.trainer import TRAINER, ArmTrainConfig
from sim.arm.around_block import PEG_END_M
from sim.arm.kinematics import attitude_of


def test_the_encoder_that_ships_places_blocks_and_tells_which_are_in_the_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_training, "JUDGED", 1024)
    found = block_training.judged(FORMS["lift_by_camera"].beside(SHIPPED / "lift_by_camera" / "policy.npz"), 7)
    assert found["along_mm"] < 7.0 and found["up_mm"] < 9.0 and found["turn_rad"] < 0.15
    assert found["false_positive_rate"] < 0.01 and found["found"] > 0.9


def test_errors_are_of_blocks_in_view_and_a_false_positive_is_a_block_elsewhere_that_is_placed_in_the_hand() -> None:
    moments, sure = draw_block_moments(500, np.random.default_rng(2)), np.ones(500, bool)
    right = block_training.errors(moments, moments.place, moments.told, sure)
    assert (right["along_mm"], right["up_mm"], right["turn_rad"], right["false_positive_rate"], right["found"]) == (
        0,
        0,
        0,
        0,
        1,
    )
    off = block_training.errors(moments, moments.place + [0.003, 0.003, 0.001], moments.told, sure)
    assert (off["along_mm"], off["up_mm"]) == (3.0, 1.0)
    hands = np.stack([pose[:3] - attitude_of(pose) @ PEG_END_M for pose in moments.pose])
    everywhere = block_training.errors(moments, hands, moments.told, sure)
    assert (everywhere["false_positive_rate"], everywhere["found"]) == (1.0, 1.0)
    nowhere = block_training.errors(moments, hands, moments.told, ~sure)
    assert (nowhere["false_positive_rate"], nowhere["found"]) == (0.0, 0.0)


def test_the_command_teaches_one_and_says_how_good_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for module, name, value in ((learner, "DRAWN", 128), (learner, "UPDATES", 4), (learner, "HELD", 64), (block_training, "LOOKS", 2), (block_training, "JUDGED", 64)):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    beside = TRAINER.beside(ArmTrainConfig(task="lift", eyes=True, effort=0.02))
    assert beside is not None and json.dumps(beside.figures)
    assert len(FORMS["lift_by_camera"].beside(Path(beside.figures["file"]))) > 10_000
    assert (
        any("false_positive_rate" in name for name in beside.figures)
        and str(beside.figures["file"]) in beside.lines[-1]
    )
