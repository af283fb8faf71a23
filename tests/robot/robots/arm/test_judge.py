"""What becomes of an arm's policy where it is judged in the simulator."""

from pathlib import Path
from shutil import copy

import pytest

pytest.importorskip("cv2")

from robot.evaluation.judge import EvaluateConfig
from robot.robots.arm import judge
from robot.robots.arm.eyes.encoder_file import SHIPPED_SEEING_POLICY


def test_a_policy_that_sees_is_judged_by_the_encoder_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "ARMS_THAT_SEE", 4)
    config = EvaluateConfig(str(SHIPPED_SEEING_POLICY))
    verdict = judge.simulator(config, SHIPPED_SEEING_POLICY, lambda share: None)
    assert verdict.figures["nominal_success"] >= 0.75 and set(verdict.figures) >= {
        "hidden_success",
        "hidden_insertion_s",
    }
    copy(SHIPPED_SEEING_POLICY, tmp_path / "policy.npz")
    with pytest.raises(ValueError, match=r"encoder\.onnx: found none, allowed: the encoder that policy\.npz"):
        judge.simulator(config, tmp_path / "policy.npz", lambda share: None)
