"""An encoder is known by its file, and what is none is refused by name."""

import json
import zlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest

from robot.perception.encoder import Encoder
from robot.perception.quantise import quantise
from sim.camera.lens import Lens


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [
        np.kron(rng.integers(0, 256, (4, 12, 1), dtype=np.uint8), np.ones((8, 8, 1), np.uint8)) for _ in range(count)
    ]


def test_its_version_is_that_of_its_file(encoder_path: Path) -> None:
    encoder = Encoder(encoder_path)
    assert encoder.version == zlib.crc32(encoder_path.read_bytes())
    assert (encoder.height, encoder.width, encoder.channels, encoder.size, encoder.lens) == (32, 96, 1, 64, None)


def test_the_same_picture_gives_the_same_bytes(encoder_path: Path) -> None:
    one, other = Encoder(encoder_path), Encoder(encoder_path)
    found = [encoder.embed(picture) for picture in pictures(3) for encoder in (one, other)]
    assert all(found[k].tobytes() == found[k + 1].tobytes() for k in (0, 2, 4))
    assert found[0].tobytes() != found[2].tobytes() and found[0].shape == (64,)


def test_it_may_tell_its_lens(encoder_path: Path, tmp_path: Path) -> None:
    lens = Lens(96, 32, 50.0, 50.0, 47.5, 15.5)
    model = onnx.load(encoder_path)
    onnx.helper.set_model_props(model, {"lens": json.dumps(asdict(lens))})
    onnx.save(model, tmp_path / "with.onnx")
    assert Encoder(tmp_path / "with.onnx").lens == lens
    onnx.helper.set_model_props(model, {"lens": '{"width": 96}'})
    onnx.save(model, tmp_path / "without.onnx")
    with pytest.raises(ValueError, match=r"lens\.height: found nothing"):
        Encoder(tmp_path / "without.onnx")


def test_one_that_was_trained_here_is_taken_with_its_lens(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from policies import encoder as trained

    lens, network = Lens(96, 32, 50.0, 50.0, 47.5, 15.5), trained.Encoder(32, 96, 1, 10)
    (tmp_path / "encoder.onnx").write_bytes(trained.onnx_file(network, asdict(lens)))
    found = Encoder(tmp_path / "encoder.onnx")
    picture = pictures(1)[0]
    with torch.no_grad():
        wanted = network(torch.from_numpy(picture[None])).numpy()[0]
    assert found.lens == lens
    np.testing.assert_allclose(found.embed(picture), wanted, atol=2e-6)


def test_what_it_tells_of_the_way_follows_the_embedding_less_what_it_is_not_trusted(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from policies import encoder as trained

    torch.manual_seed(1)
    network = trained.Encoder(32, 96, 1, 10, ways=4)
    (tmp_path / "encoder.onnx").write_bytes(trained.onnx_file(network, trust=0.8))
    picture = pictures(1)[0]
    with torch.no_grad():
        embedding, free = (part.numpy()[0] for part in network.both(torch.from_numpy(picture[None])))
    found = Encoder(tmp_path / "encoder.onnx").embed(picture)
    np.testing.assert_allclose(found, np.concatenate([embedding, 0.8 * free]), atol=2e-6)


def test_what_is_no_encoder_is_refused(tmp_path: Path, encoder_path: Path) -> None:
    (tmp_path / "empty.onnx").write_bytes(b"")
    (tmp_path / "cut.onnx").write_bytes(encoder_path.read_bytes()[:1000])
    model = onnx.load(encoder_path)
    model.graph.output[0].name = model.graph.node[-1].output[0] = "action"
    onnx.save(model, tmp_path / "policy.onnx")
    for name, words in (
        ("empty", "no ONNX model"),
        ("cut", "no ONNX model"),
        ("policy", "found frame .* action .*allowed"),
    ):
        with pytest.raises(ValueError, match=words):
            Encoder(tmp_path / f"{name}.onnx")
    with pytest.raises(ValueError, match=r"none\.onnx"):
        Encoder(tmp_path / "none.onnx")


def test_in_whole_numbers_it_says_nearly_the_same(encoder_path: Path, tmp_path: Path) -> None:
    quantise(encoder_path, tmp_path / "int8.onnx", pictures(16))
    floating, whole = Encoder(encoder_path), Encoder(tmp_path / "int8.onnx")
    assert (
        whole.version != floating.version
        and (tmp_path / "int8.onnx").stat().st_size < 0.5 * encoder_path.stat().st_size
    )
    differences = [np.abs(floating.embed(picture) - whole.embed(picture)).mean() for picture in pictures(16)]
    assert 0.0 < max(differences) < 0.05
    assert [path.name for path in tmp_path.iterdir()] == ["int8.onnx"]
