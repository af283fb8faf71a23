"""Embeddings are computed again from what a run kept, and are equal to the byte; what was changed or cut is found."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robot.cli.replay import main
from robot.logs.mcap_file import RefusedLog
from robot.perception.encoder import Encoder
from robot.perception.encoder_file import ENCODER_FILE
from robot.perception.frames import FrameReader, FrameWriter, Kept, frames_parts
from robot.perception.mount import MOTION, Mount
from robot.perception.perception import Eye, Perception
from robot.perception.recompute import recompute
from robot.perception.result import result_dtype
from robot.robots.car.practice import SHIPPED_SEEING_POLICY
from robot.shared_memory.sealed_record import SealedRecord
from sim.camera.lens import Lens
from tests.drivers.camera_bench import HEIGHT, TICK_S, WIDTH, CameraBench

LENS = Lens(WIDTH, HEIGHT, 40.0, 40.0, 31.5, 23.5, (-0.1,) + (0.0,) * 7)


@pytest.fixture
def record(bench: CameraBench, encoder_path: Path, tmp_path: Path) -> Callable[..., Path]:
    """Records a run of 0.4 s a life."""

    def make(kept: Kept = "lossless", lives: int = 1, end: bool = True) -> Path:
        encoder = Encoder(encoder_path)
        for life in range(lives):
            name = f"test-recompute-{tmp_path.name}-{life}"
            shown = SealedRecord.create(name, result_dtype(encoder.size))
            perception = Perception(
                bench.make(), Eye(encoder, LENS), shown, bench,
                FrameWriter(tmp_path, kept, encoder_path.read_bytes(), encoder.size, LENS),
            )  # fmt: skip
            for _ in range(20):
                bench.wait(TICK_S)
                perception.step()
            shown.close()
            if end:
                perception.close()
            else:
                assert perception._frames is not None
                perception._frames.flush()
        return tmp_path

    return make


def test_what_was_kept_is_encoded_to_the_same_bytes(
    record: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = record()
    assert main([str(run), "--perception", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["equal"] and told["frames"] >= 8 and told["largest_difference"] == 0.0


def test_what_was_seen_of_the_floor_is_found_again(bench: CameraBench, tmp_path: Path) -> None:
    path, mount = SHIPPED_SEEING_POLICY.with_name(ENCODER_FILE), Mount(0.2, 0.08, 0.1)
    eye = Eye(Encoder(path), None, mount)
    shown = SealedRecord.create(f"test-recompute-{tmp_path.name}", result_dtype(eye.size))
    frames = FrameWriter(tmp_path, "lossless", path.read_bytes(), eye.size, None, mount)
    perception = Perception(bench.make(), eye, shown, bench, frames)
    for _ in range(20):
        bench.wait(TICK_S)
        perception.step()
    perception.close()
    report = recompute(tmp_path)
    assert report.equal and report.frames >= 8
    record = shown.read()
    shown.close()
    assert record is not None and record["embedding"].shape == (eye.encoder.size + MOTION,)


def test_every_life_has_a_file_of_its_own(record: Callable[..., Path]) -> None:
    run = record(lives=2)
    assert [path.name for path in frames_parts(run)] == ["frames.mcap", "frames-0002.mcap"]
    seen = [one for path in frames_parts(run) for one in FrameReader(path).seen()]
    assert recompute(run).frames == len(seen)
    assert all(one.frame is not None and one.frame.shape == (HEIGHT, WIDTH, 3) for one in seen)


def test_lossy_pictures_are_refused_and_smaller(
    record: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = record("lossy")
    assert main([str(run), "--perception"]) == 2
    assert "its pictures are lossy, allowed: lossless ones" in capsys.readouterr().err
    assert next(FrameReader(frames_parts(run)[0]).seen()).frame is not None


def test_another_program_is_found(record: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    run = record()
    real = Encoder.embed
    monkeypatch.setattr(Encoder, "embed", lambda self, picture: real(self, picture) + np.float32(1e-3))
    report = recompute(run)
    assert report.outcome == "different" and report.different == report.frames >= 8
    assert report.largest_difference == pytest.approx(1e-3, rel=0.01)


def test_a_changed_byte_is_found(record: Callable[..., Path]) -> None:
    run = record()
    path = run / "frames.mcap"
    data = bytearray(path.read_bytes())
    data[data.rindex(b"IDAT") + 100] ^= 1
    path.write_bytes(data)
    report = recompute(run)
    assert report.outcome == "damaged" and "crc32" in report.reason


def test_a_process_that_was_killed_leaves_what_it_had_flushed(record: Callable[..., Path]) -> None:
    run = record(end=False)
    report = recompute(run)
    assert report.outcome == "cut" and report.equal and report.frames >= 8


def test_a_run_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedLog, match=r"found no frames\.mcap"):
        recompute(tmp_path)
