"""Encoders with weights by a seed, and a camera with its emulator and a clock that the test moves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("cv2")
pytest.importorskip("torch")

from robot.bench.perception import write_seeded_encoder
from tests.drivers.camera_bench import CameraBench, stream_bench


@pytest.fixture(scope="session")
def encoder_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("encoder") / "encoder.onnx"
    write_seeded_encoder(path)
    return path


@pytest.fixture
def bench() -> Iterator[CameraBench]:
    bench = stream_bench()
    yield bench
    bench.close()
