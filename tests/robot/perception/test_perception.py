"""A late, frozen, torn or missing picture leaves a result that grows old, whoever looks."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from drivers.base import NEVER_S, LinkLost
from drivers.reading_record import fill, forget, reading_fields, reading_of
from robot.perception.encoder import Encoder
from robot.perception.frames import FrameWriter
from robot.perception.perception import Eye, Perception
from robot.perception.result import Perceived, PerceptionReading, result_dtype
from robot.shared_memory.sealed_record import SealedRecord
from tests.drivers.camera_bench import TICK_S, CameraBench

BLOCK = f"test-perception-{os.getpid()}"


class Watched:
    """A perception on the bench, and the device that control would read."""

    def __init__(self, bench: CameraBench, encoder_path: Path, frames: FrameWriter | None = None) -> None:
        self.bench, self.eye = bench, Eye(Encoder(encoder_path), None)
        self.shown = SealedRecord.create(BLOCK, result_dtype(64))
        self.device = Perceived(BLOCK, 64, self.eye.encoder.version, bench)
        self.device.open()
        self.frames = frames
        self.begin()

    def begin(self) -> None:
        """A life of the process."""
        self.perception = Perception(self.bench.make(), self.eye, self.shown, self.bench, self.frames)

    def watch(self, duration_s: float) -> list[PerceptionReading]:
        readings = []
        for _ in range(round(duration_s / TICK_S)):
            self.bench.wait(TICK_S)
            self.perception.step()
            readings.append(self.device.read())
        return readings

    def close(self) -> None:
        self.perception.close()
        self.device.close()
        self.shown.close()


@pytest.fixture
def watched(bench: CameraBench, encoder_path: Path) -> Iterator[Watched]:
    watched = Watched(bench, encoder_path)
    yield watched
    watched.close()


def test_the_newest_picture_is_encoded_with_its_age(watched: Watched) -> None:
    before = watched.device.read()
    assert (
        len(before.embedding) == 0 and before.embedding_age_s == NEVER_S and "nothing yet" in watched.device.trouble()
    )
    readings = watched.watch(0.6)
    assert readings[-1].embedding.shape == (64,) and readings[-1].frame >= 14
    assert all(reading.embedding_age_s < 0.06 for reading in readings[-10:]) and watched.device.trouble() == ""
    assert readings[-1].encoder == watched.eye.encoder.version
    assert readings[-1].embedding.tobytes() != readings[-5].embedding.tobytes()


@pytest.mark.parametrize("vice", ["frozen", "black", "covered", "torn", "silent"])
def test_without_pictures_the_result_grows_old(watched: Watched, vice: str) -> None:
    watched.watch(0.4)
    setattr(watched.bench.vices, vice, True)
    watched.watch(0.1)
    readings = watched.watch(0.5)
    assert len({reading.frame for reading in readings}) == 1 and readings[-1].embedding_age_s > 0.5
    assert readings[-1].embedding_age_s - readings[0].embedding_age_s == pytest.approx(0.48)
    assert watched.device.trouble()
    setattr(watched.bench.vices, vice, False)
    assert watched.watch(0.3)[-1].embedding_age_s < 0.06 and watched.device.trouble() == ""


def test_a_late_picture_makes_a_late_result(watched: Watched) -> None:
    watched.watch(0.4)
    watched.bench.vices.late_s = 0.3
    assert all(reading.embedding_age_s > 0.28 for reading in watched.watch(0.8)[-10:])
    assert "late" in watched.device.trouble()


def test_a_camera_that_is_unplugged_is_looked_for_until_it_is_back(watched: Watched) -> None:
    watched.watch(0.4)
    watched.bench.emulator.unplug()
    assert watched.watch(1.0)[-1].embedding_age_s > 0.9 and watched.device.trouble()
    watched.bench.emulator.plug()
    readings = watched.watch(1.2)
    assert readings[-1].embedding_age_s < 0.06 and watched.device.trouble() == ""


def test_a_process_that_says_nothing_is_silent(watched: Watched) -> None:
    watched.watch(0.4)
    watched.bench.wait(1.5)
    assert watched.device.read().embedding_age_s > 1.4 and "silent for 1.5 s" in watched.device.trouble()


def test_a_new_life_goes_on_from_what_the_old_one_left(watched: Watched) -> None:
    left = watched.watch(0.4)[-1]
    watched.perception.close()
    watched.bench.wait(0.5)
    watched.begin()
    watched.perception.step()
    found = watched.device.read()
    assert found.frame == left.frame and found.embedding_age_s == pytest.approx(left.embedding_age_s + 0.5)
    assert watched.watch(0.4)[-1].frame > left.frame


def test_the_result_of_another_encoder_is_none(watched: Watched) -> None:
    watched.watch(0.4)
    other = Perceived(BLOCK, 64, watched.eye.encoder.version ^ 1, watched.bench)
    other.open()
    reading = other.read()
    assert len(reading.embedding) == 0 and reading.embedding_age_s == NEVER_S
    assert f"found encoder {watched.eye.encoder.version:#010x}" in other.trouble()
    other.close()
    with pytest.raises(LinkLost):
        other.read()


def test_a_result_that_is_not_finite_is_none(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    number = watched.watch(0.4)[-1].frame
    monkeypatch.setattr(watched.eye.encoder, "embed", lambda picture: np.full(64, np.nan, np.float32))
    reading = watched.watch(0.3)[-1]
    assert reading.frame == number and np.isfinite(reading.embedding).all() and "not finite" in watched.device.trouble()
    monkeypatch.undo()
    assert watched.watch(0.3)[-1].frame > number and watched.device.trouble() == ""


def test_a_reading_is_part_of_the_robots_record(watched: Watched) -> None:
    record = np.zeros((), [*reading_fields(PerceptionReading), ("up", "u4")])
    reading = watched.watch(0.4)[-1]
    fill(record, reading)
    again = reading_of(record, PerceptionReading)
    np.testing.assert_array_equal(again.embedding, reading.embedding)
    assert again.embedding_age_s == reading.embedding_age_s
    forget(record)
    assert reading_of(record, PerceptionReading).embedding_age_s == NEVER_S


def test_a_full_disk_ends_the_keeping_and_not_the_seeing(
    bench: CameraBench, encoder_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = FrameWriter(tmp_path, "lossless", encoder_path.read_bytes(), 64, None)
    watched = Watched(bench, encoder_path, frames)
    try:
        watched.watch(0.3)

        def full(self: FrameWriter, *arguments: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(FrameWriter, "add", full)
        watched.watch(0.3)
        assert watched.device.trouble() == "perception: pictures are no longer kept: No space left on device"
        assert watched.device.read().embedding_age_s < 0.06
    finally:
        watched.close()


def test_a_realsense_is_seen_by_as_any_camera(encoder_path: Path) -> None:
    pytest.importorskip("pyrealsense2")
    from tests.drivers.test_realsense import RealSenseBench

    bench = RealSenseBench()
    watched = Watched(bench, encoder_path)
    try:
        for spoil in ("frozen", "black", "torn", "silent"):
            assert watched.watch(0.6)[-1].embedding_age_s < 0.06 and watched.device.trouble() == ""
            setattr(bench.vices, spoil, True)
            assert watched.watch(0.6)[-1].embedding_age_s > 0.5 and watched.device.trouble()
            setattr(bench.vices, spoil, False)
        bench.emulator.unplug()
        assert watched.watch(0.6)[-1].embedding_age_s > 0.5 and "plugged in" in watched.device.trouble()
        bench.emulator.plug()
        assert watched.watch(1.2)[-1].embedding_age_s < 0.06
    finally:
        watched.close()
        bench.close()
