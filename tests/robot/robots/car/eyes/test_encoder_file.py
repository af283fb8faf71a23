"""A policy and its encoder belong together."""

import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")

from policies.encoder import Encoder, onnx_file
from robot.perception.encoder_file import ENCODER_FILE
from robot.robots.car.eyes.encoder_file import check_same_encoder, encoder_beside
from robot.robots.car.practice import SHIPPED_SEEING_POLICY

OTHER = onnx_file(Encoder(16, 32, 1, 8))


def test_a_policy_without_its_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"encoder\.onnx: found none, allowed: the encoder that policy\.npz"):
        encoder_beside(tmp_path / "policy.npz")


def test_one_that_is_damaged_or_sees_something_else_is_refused_by_its_own_name(tmp_path: Path) -> None:
    policy, path = tmp_path / "policy.npz", tmp_path / ENCODER_FILE
    path.write_bytes(encoder_beside(SHIPPED_SEEING_POLICY)[:1000])
    with pytest.raises(ValueError, match=r"encoder\.onnx: no ONNX model"):
        encoder_beside(policy)
    path.write_bytes(OTHER)
    with pytest.raises(ValueError, match=r"encoder\.onnx: found height, width, channels, embedding"):
        encoder_beside(policy)


def test_a_run_goes_on_with_the_encoder_that_it_began_with_alone(tmp_path: Path) -> None:
    check_same_encoder(SHIPPED_SEEING_POLICY, tmp_path)
    shutil.copy(SHIPPED_SEEING_POLICY.with_name(ENCODER_FILE), tmp_path)
    check_same_encoder(SHIPPED_SEEING_POLICY, tmp_path)
    (tmp_path / ENCODER_FILE).write_bytes(OTHER)
    with pytest.raises(
        ValueError, match=r"encoder\.onnx: found another encoder than .*, allowed: the one that the run"
    ):
        check_same_encoder(SHIPPED_SEEING_POLICY, tmp_path)
