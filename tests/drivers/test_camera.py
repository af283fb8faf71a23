"""Cameras that are as bad as real ones: what is no picture is named, and renews no age."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from drivers import camera_capture, camera_sources
from drivers.base import NEVER_S, LinkLost
from drivers.camera import Camera, CameraSettings
from drivers.conformance import Rig, check_driver
from drivers.declared import make_driver, settings_of
from drivers.emulators.image_sensor import moving_scene
from tests.drivers.camera_bench import (
    FPS,
    HEIGHT,
    TICK_S,
    WIDTH,
    CameraBench,
    DeviceBench,
    distance,
    pipe_bench,
    stream_bench,
)  # fmt: skip


@pytest.fixture
def closing() -> Iterator[Callable[[CameraBench], CameraBench]]:
    """Closes the benches that it is given."""
    benches: list[CameraBench] = []

    def keep(bench: CameraBench) -> CameraBench:
        benches.append(bench)
        return bench

    yield keep
    for bench in benches:
        bench.close()


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closing: Any) -> DeviceBench:
    """A V4L2 camera as OpenCV shows it."""
    bench = closing(DeviceBench(tmp_path))
    monkeypatch.setattr(cv2, "VideoCapture", bench.emulator.capture)
    monkeypatch.setattr("drivers.camera.is_device", lambda source: source.startswith("/"))
    monkeypatch.setattr(camera_sources, "is_device", lambda source: source.startswith("/"))
    return bench


def rig(bench: CameraBench, unplug: Callable[[], None], plug: Callable[[], None], fresh_s: float) -> Rig:
    return Rig(
        make=lambda port: bench.make(bench.source if port == bench.source else port),
        port=bench.source,
        wait=bench.wait,
        silence=lambda on: setattr(bench.vices, "silent", on),
        garbage=lambda data: bench.emulator.say(data) if hasattr(bench.emulator, "say") else None,
        unplug=unplug,
        plug=plug,
        start_s=0.3,
        fresh_s=fresh_s,
    )


@pytest.mark.parametrize("chunked", [True, False])
def test_a_stream_keeps_every_promise_of_a_driver(closing, chunked):
    bench = closing(stream_bench(chunked=chunked))
    check_driver(rig(bench, bench.emulator.unplug, bench.emulator.plug, 0.06))


def test_a_pipe_keeps_every_promise_of_a_driver(closing, tmp_path):
    bench = closing(pipe_bench(tmp_path))
    check_driver(rig(bench, bench.emulator.unplug, bench.emulator.plug, 0.06))


def test_a_device_keeps_every_promise_of_a_driver(device):
    def unplug():
        device.node.unlink()
        device.emulator.unplug()

    def plug():
        device.node.touch()
        device.emulator.plug()

    device.emulator.stamped = False
    check_driver(rig(device, unplug, plug, 0.2))


@pytest.fixture(params=["stream", "pipe", "device"])
def bench(request, tmp_path, closing):
    if request.param == "device":
        found = request.getfixturevalue("device")
        found.emulator.stamped = False
        return found
    return closing(stream_bench() if request.param == "stream" else pipe_bench(tmp_path))


def test_pictures_come_in_colour_with_their_age(bench):
    camera = bench.make(width=WIDTH, height=HEIGHT)
    camera.open()
    readings = bench.watch(camera, 0.6)
    frames = [reading.frame for reading in readings if reading.frame is not None]
    assert 12 <= len(frames) <= 19 and readings[-1].good == len(frames) and readings[-1].bad == 0
    assert all(frame.shape == (HEIGHT, WIDTH, 3) and frame.dtype == np.uint8 for frame in frames)
    assert readings[-1].frame_age_s < 0.1
    shown = min(distance(frames[-1], bench.sensor.scene(k / FPS)) for k in range(25))
    assert shown < 12.0  # noise twice, and the JPEG


VICES = {
    "frozen": "frozen",
    "black": "black",
    "covered": "one colour",
    "torn": "torn",
}  # fmt: skip


@pytest.mark.parametrize("vice", VICES)
def test_a_bad_picture_renews_no_age_and_is_named(bench, vice):
    camera = bench.make()
    camera.open()
    before = bench.watch(camera, 0.4)[-1]
    setattr(bench.vices, vice, True)
    bench.watch(camera, 0.1)
    readings = bench.watch(camera, 0.4)
    assert all(reading.frame is None for reading in readings)
    assert readings[-1].frame_age_s > 0.4 and readings[-1].bad > before.bad + 5
    assert VICES[vice] in camera.trouble()
    setattr(bench.vices, vice, False)
    assert bench.watch(camera, 0.3)[-1].frame_age_s < 0.15 and camera.trouble() == ""


def test_a_picture_of_another_size_is_named(bench):
    camera = bench.make()
    camera.open()
    bench.watch(camera, 0.4)
    bench.vices.size = (32, 24)
    bench.watch(camera, 0.4)
    assert "32x24 uint8, needed 64x48" in camera.trouble()


def test_rows_of_one_value_are_a_tear(device):
    camera = device.make()
    camera.open()
    device.watch(camera, 0.3)
    device.emulator.filled = device.vices.torn = True
    device.watch(camera, 0.4)
    assert "torn" in camera.trouble()


def test_half_of_the_pictures_are_enough(bench):
    camera = bench.make()
    camera.open()
    bench.vices.every = 2
    readings = bench.watch(camera, 0.8)
    assert 8 <= readings[-1].good <= 13 and camera.trouble() == ""


def test_late_pictures_are_as_old_as_their_stamps_say(closing):
    bench = closing(stream_bench())
    camera = bench.make()
    camera.open()
    bench.watch(camera, 0.5)
    bench.vices.late_s = 0.3
    readings = bench.watch(camera, 0.8)
    assert readings[-1].frame is not None or readings[-2].frame is not None
    assert all(reading.frame_age_s > 0.28 for reading in readings[-10:])
    assert "late" in camera.trouble()


def test_a_stamp_that_is_no_time_is_none(closing, tmp_path):
    bench = closing(pipe_bench(tmp_path))
    camera = bench.make()
    camera.open()
    jpeg = cv2.imencode(".jpg", moving_scene(WIDTH, HEIGHT)(0.0))[1].tobytes()
    bench.emulator.say(b"X-Timestamp: 1e999\r\n\r\n" + jpeg)
    assert camera.read().frame_age_s == 0.0


def test_a_device_dates_its_pictures_itself(device):
    device.now = lambda: time.monotonic() - device.began_s
    camera = device.make()
    camera.open()
    device.watch(camera, 0.3)
    device.vices.late_s = 0.3
    assert all(reading.frame_age_s > 0.28 for reading in device.watch(camera, 0.8)[-10:])
    assert "late" in camera.trouble()


def test_what_is_asked_for_is_asked_of_the_device_and_what_it_refuses_is_told(device):
    camera = device.make(exposure_s=0.005, white_balance_k=5000.0, fourcc="MJPG", fps=60.0)
    camera.open()
    asked = device.emulator.properties
    assert asked[cv2.CAP_PROP_AUTO_EXPOSURE] == 1.0 and asked[cv2.CAP_PROP_EXPOSURE] == 50
    assert asked[cv2.CAP_PROP_AUTO_WB] == 0.0 and asked[cv2.CAP_PROP_WB_TEMPERATURE] == 5000.0
    assert device.watch(camera, 0.4)[-1].exposure_s == pytest.approx(0.005)
    assert camera.trouble() == ""
    camera.close()
    device.emulator.fixed = {cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_FPS}
    other = device.make(exposure_s=0.001, fps=25.0)
    other.open()
    device.watch(other, 0.3)
    assert other.trouble().endswith("it does not take fps, exposure_s")


def test_a_device_that_another_program_uses_is_named(device):
    first, second = device.make(), device.make()
    first.open()
    with pytest.raises(LinkLost, match="another program"):
        second.open()
    first.close()
    second.open()


def test_a_device_that_does_not_open_ends_in_words(device, monkeypatch):
    monkeypatch.setattr(camera_capture, "OPEN_S", 0.05)
    answer = threading.Event()
    real = device.emulator.capture
    monkeypatch.setattr(cv2, "VideoCapture", lambda *place: (answer.wait(2.0), real(*place))[1])
    camera = device.make()
    with pytest.raises(LinkLost, match=r"does not open within 0\.05 s"):
        camera.open()
    answer.set()
    assert camera.reconnect()
    device.watch(camera, 0.3)
    assert camera.trouble() == ""


# Streams over HTTP

WAYS = [
    {"boundaries": False},
    {"lengths": False, "boundaries": False},
    {"content_type": "multipart/x-mixed-replace; boundary=--another"},
    {"content_type": "", "stamps": False, "chunked": False},
]


@pytest.mark.parametrize("http", WAYS)
def test_neither_boundary_nor_length_is_needed(closing, http):
    bench = closing(stream_bench(**http))
    camera = bench.make()
    camera.open()
    assert bench.watch(camera, 0.5)[-1].good > 10


@pytest.mark.parametrize(
    ("http", "words"),
    [
        ({"password": "me:secret"}, "401 Unauthorized.*NAME:PASSWORD"),
        ({"status": "503 Service Unavailable"}, "503.*busy"),
        ({"status": "404 Not Found"}, "404.*path"),
        ({"content_type": "text/html"}, "a page"),
    ],
)
def test_an_answer_that_is_no_stream_ends_in_words(closing, http, words):
    bench = closing(stream_bench(**http))
    camera = bench.make()
    camera.open()
    with pytest.raises(LinkLost, match=words):
        bench.watch(camera, 0.2)
    assert camera.trouble()


def test_a_password_is_given_and_not_told(closing):
    bench = closing(stream_bench(password="me:secret"))
    camera = bench.make(source=bench.source.replace("//", "//me:secret@"))
    camera.open()
    assert bench.watch(camera, 0.4)[-1].good > 8
    camera.close()
    assert "secret" not in camera.trouble()


def test_a_camera_with_one_viewer_is_busy_until_that_has_gone(closing):
    bench = closing(stream_bench())
    first, second = bench.make(), bench.make()
    first.open()
    bench.watch(first, 0.1)
    second.open()
    with pytest.raises(LinkLost, match="503"):
        bench.watch(second, 0.2)
    first.close()
    bench.wait(TICK_S)
    assert second.reconnect()
    assert bench.watch(second, 0.3)[-1].good > 5


def test_a_dropped_connection_is_made_anew(closing):
    bench = closing(stream_bench())
    camera = bench.make()
    camera.open()
    bench.watch(camera, 0.2)
    bench.emulator.hang_up()
    with pytest.raises(LinkLost, match="hung up"):
        bench.watch(camera, 0.2)
    assert camera.reconnect()
    assert bench.watch(camera, 0.3)[-1].frame_age_s < 0.1


def test_a_stream_that_falls_silent_is_given_up_in_the_end(closing):
    bench = closing(stream_bench())
    camera = bench.make()
    camera.open()
    bench.watch(camera, 0.2)
    bench.vices.silent = True
    with pytest.raises(LinkLost, match="nothing has come for 5 s"):
        bench.watch(camera, 6.0)


def test_garbage_between_chunks_ends_the_connection(closing):
    bench = closing(stream_bench())
    camera = bench.make()
    camera.open()
    bench.watch(camera, 0.2)
    bench.emulator.http.chunked = False
    with pytest.raises(LinkLost, match="chunks"):
        bench.watch(camera, 0.2)


# Files


@pytest.fixture
def pictures(tmp_path) -> list[np.ndarray]:
    scene = moving_scene(WIDTH, HEIGHT)
    frames = [scene(k / 10.0) for k in range(6)]
    for number, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / f"{number:03d}.png"), frame)
    return frames


def test_a_folder_plays_once_in_its_time(tmp_path, pictures):
    clock = FakeClock()
    camera = Camera(CameraSettings(str(tmp_path), fps=10.0), clock)
    camera.open()
    seen = []
    for tick in range(50):
        clock.time_s = 0.02 * tick
        reading = camera.read()
        if reading.frame is not None:
            seen.append((tick, reading.frame_age_s))
            np.testing.assert_array_equal(reading.frame, pictures[len(seen) - 1])
    assert [tick for tick, _ in seen] == [0, 5, 10, 15, 20, 25] and all(age < 1e-6 for _, age in seen)
    assert reading.frame_age_s == pytest.approx(0.48) and "late" in camera.trouble()


def test_a_video_is_read_at_its_own_rate_and_what_was_missed_is_skipped(tmp_path, pictures):
    path = tmp_path / "drive.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), 10.0, (WIDTH, HEIGHT))
    for frame in pictures:
        writer.write(frame)
    writer.release()
    clock = FakeClock()
    camera = Camera(CameraSettings(str(path)), clock)
    camera.open()
    np.testing.assert_array_equal(camera.read().frame, pictures[0])
    clock.time_s = 0.35
    reading = camera.read()
    np.testing.assert_array_equal(reading.frame, pictures[3])
    assert reading.frame_age_s == pytest.approx(0.05)


class FakeClock:
    time_s = 0.0

    def now(self) -> float:
        return self.time_s


# Settings


def test_a_robots_file_may_name_a_camera():
    settings = settings_of({"driver": "camera", "source": "http://192.168.4.1:81/stream"})
    assert isinstance(make_driver(settings, FakeClock()), Camera)
    assert make_driver(settings, FakeClock()).trouble() == "http://192.168.4.1:81/stream: not open"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"source": ""}, "source"),
        ({"source": "/dev/video0", "exposure_s": 2.0}, "exposure_s: found 2, allowed: 1e-05 to 1"),
        ({"source": "http://10.0.0.1/", "exposure_s": 0.01}, "exposure_s: found 0.01, allowed: nothing"),
        ({"source": "http://10.0.0.1/", "fps": 10.0}, "fps"),
        ({"source": "0", "fourcc": "MJP"}, "fourcc"),
        ({"source": "0", "late_s": 0.0}, "late_s"),
        ({"source": "http://camera.local/"}, "host in numbers"),
    ],
)
def test_settings_that_cannot_be_are_refused(told, words):
    with pytest.raises(ValueError, match=words):
        Camera(CameraSettings(**told), FakeClock())


def test_before_the_first_picture_nothing_is_known(closing):
    bench = closing(stream_bench())
    camera = bench.make()
    camera.open()
    reading = camera.read()
    assert reading.frame is None and reading.frame_age_s == NEVER_S and math.isinf(reading.frame_age_s)
