"""A policy and its encoder belong together."""

from pathlib import Path

import pytest

from robot.robots.car.eyes.encoder_file import encoder_beside


def test_a_policy_without_its_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"encoder\.onnx: found none, allowed: the encoder that policy\.npz"):
        encoder_beside(tmp_path / "policy.npz")
