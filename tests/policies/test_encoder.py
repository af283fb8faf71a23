"""The encoder on board is the one that was trained."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest

torch = pytest.importorskip("torch")

from policies.encoder import Encoder, onnx_file  # noqa: E402

SHAPE, SIZE = (32, 48, 3), 10


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(1)
    return Encoder(*SHAPE, SIZE)


def embedded(data: bytes, frames: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(["embedding"], {"frame": frames})[0]


@pytest.mark.parametrize("n", [1, 5])
def test_onnx_gives_the_same_embeddings(encoder: Encoder, n: int) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (n, *SHAPE), np.uint8)
    with torch.no_grad():
        wanted = encoder(torch.from_numpy(frames)).numpy()
    found = embedded(onnx_file(encoder), frames)
    assert found.dtype == np.float32 and found.shape == (n, SIZE)
    np.testing.assert_allclose(found, wanted, atol=2e-6)


def test_exposure_changes_nothing(encoder: Encoder) -> None:
    frame = np.random.default_rng(0).integers(20, 100, (1, *SHAPE)).astype(np.uint8)
    data = onnx_file(encoder)
    plain, doubled, lifted = (embedded(data, each) for each in (frame, 2 * frame, frame + np.uint8(50)))
    other = np.random.default_rng(1).integers(20, 100, (1, *SHAPE)).astype(np.uint8)
    apart = np.abs(embedded(data, other) - plain).mean()
    assert np.abs(doubled - plain).mean() < 0.15 * apart and np.abs(lifted - plain).max() < 1e-5


def test_a_frame_of_one_grey_is_no_division_by_nothing(encoder: Encoder) -> None:
    assert np.isfinite(embedded(onnx_file(encoder), np.zeros((1, *SHAPE), np.uint8))).all()


def test_the_lens_is_told_in_the_file(encoder: Encoder) -> None:
    model = onnx.load_from_string(onnx_file(encoder, {"width": 48, "focal_x_px": 20.5}))
    assert json.loads(model.metadata_props[0].value) == {"width": 48, "focal_x_px": 20.5}


def test_frames_that_four_layers_cannot_halve_are_refused() -> None:
    with pytest.raises(ValueError, match="frames: found 50 x 32 pixels, allowed: multiples of 16"):
        Encoder(32, 50, 1, SIZE)
