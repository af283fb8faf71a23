"""An encoder whose maps become points: on board it is what it was in training."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from policies.keypoint_encoder import POINTS, KeypointEncoder, keypoint_onnx
from robot.perception.encoder import Encoder
from sim.camera.lens import lens_of_view

SIZE, SURE = 5, 3


def made(seed: int = 0) -> KeypointEncoder:
    torch.manual_seed(seed)
    return KeypointEncoder(32, 48, 1, SIZE, SURE)


def test_the_file_tells_what_the_module_tells_with_its_trust_and_its_lens() -> None:
    lens, trust = lens_of_view(48, 32, 1.0, 0.02), np.array([1.0, 2.0, 0.5])
    module = made()
    on_board = Encoder(Path("encoder.onnx"), keypoint_onnx(module, asdict(lens), trust))
    frames = np.random.default_rng(1).integers(0, 255, (4, 32, 48, 1), np.uint8)
    with torch.no_grad():
        told = module(torch.from_numpy(frames)).numpy()
    told[:, SIZE:] *= trust
    for frame, expected in zip(frames, told, strict=True):
        assert on_board.embed(frame) == pytest.approx(expected, abs=1e-5)
    assert on_board.lens == lens and on_board.size == SIZE + SURE


def test_points_move_with_what_they_are_of() -> None:
    """A bright spot that is shifted by eight pixels shifts every point's mean to the same side."""
    module, means = made(), []
    with torch.no_grad():
        for layer in module.layers:
            layer.weight.abs_()
        module.layers[-1].weight.mul_(20.0)
        for column in (16, 24):
            frame = torch.full((1, 32, 48, 1), 50, dtype=torch.uint8)
            frame[0, 12:18, column : column + 6] = 250
            means.append(module.features(frame)[0, : 3 * POINTS : 3])
    assert (means[1] > means[0]).all()


def test_exposure_does_not_matter() -> None:
    frame = np.random.default_rng(2).integers(40, 100, (1, 32, 48, 1), np.uint8)
    with torch.no_grad():
        one, other = (made()(torch.from_numpy(each)).numpy() for each in (frame, 2 * frame))
    assert one == pytest.approx(other, abs=0.05)


def test_only_frames_that_can_be_halved_four_times_are_taken() -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        KeypointEncoder(40, 48, 1, SIZE, SURE)
