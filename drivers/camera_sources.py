"""Where a camera's pictures come from: OpenCV's devices, streams of JPEGs over HTTP or a pipe, files that play like a camera.

Streams and files need no thread: they are bytes, of which those are taken that have come, and pictures whose time has come.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from drivers.base import Clock, LinkLost
from drivers.camera import PIPE, PIPELINE, CameraSettings, Picture, Source, is_device
from drivers.camera_capture import CaptureSource
from drivers.device_clock import CRYSTALS_DRIFT, DeviceClock
from drivers.http_stream import HttpStream
from drivers.jpeg_stream import Jpeg, JpegSplitter

SILENCE_S = 5.0  # after which a stream is given up: Wi-Fi that is gone says nothing
CHUNK, READ_MAX = 1 << 16, 1 << 22
STAMP = b"x-timestamp:"  # of the ESP32's camera, seconds since it was switched on
STAMP_TURN_MS = 1 << 32
PICTURES = (".png", ".jpg", ".jpeg")
FOLDER_FPS = 30.0


class JpegSource:
    """JPEGs that come as bytes. Only the newest is decoded."""

    may_tear = False

    def __init__(self, name: str, clock: Clock) -> None:
        self.refused, self.spoilt = "", 0
        self._name, self._clock = name, clock
        self._began()

    def _began(self) -> None:
        self._splitter = JpegSplitter()
        self._device = DeviceClock(STAMP_TURN_MS, 0.0, CRYSTALS_DRIFT)
        self._heard_s = self._clock.now()

    def _picture(self, data: bytes) -> Picture | None:
        now = self._clock.now()
        if data:
            self._heard_s = now
        elif now - self._heard_s > SILENCE_S:
            raise self._lost(f"nothing has come for {SILENCE_S:g} s")
        cut = self._splitter.cut
        jpegs = self._splitter.take(data)
        self.spoilt += self._splitter.cut - cut
        measured_s = [self._measured_s(jpeg, now) for jpeg in jpegs]
        if not jpegs:
            return Picture(None, now) if self._splitter.cut > cut else None
        frame = cv2.imdecode(np.frombuffer(jpegs[-1].data, np.uint8), cv2.IMREAD_COLOR)
        self.spoilt += frame is None
        return Picture(frame, measured_s[-1])

    def _measured_s(self, jpeg: Jpeg, now: float) -> float:
        _, found, told = jpeg.head.lower().rpartition(STAMP)
        if found:
            with suppress(ValueError, OverflowError):
                return self._device.measured_s(int(1000.0 * float(told.split(b"\r")[0])) % STAMP_TURN_MS, now)
        return now

    def _lost(self, why: str) -> LinkLost:
        self.close()
        return LinkLost(f"{self._name}: {why}")

    def close(self) -> None:
        raise NotImplementedError


class HttpSource(JpegSource):
    """A camera on the network: a multipart stream of JPEGs."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._stream = HttpStream(url)
        super().__init__(url.rpartition("@")[2], clock)

    def open(self) -> None:
        self._began()
        self._stream.open()

    def reconnect(self) -> bool:
        self._began()
        return self._stream.reconnect()

    def newest(self) -> Picture | None:
        return self._picture(self._stream.read())

    def _lost(self, why: str) -> LinkLost:
        return self._stream.give_up(why)

    def close(self) -> None:
        self._stream.close()


class PipeSource(JpegSource):
    """A named pipe that another program writes JPEGs to, as `rpicam-vid --codec mjpeg -o PIPE` does for a camera on CSI."""

    def __init__(self, path: str, clock: Clock) -> None:
        self._descriptor = -1
        super().__init__(path, clock)

    def open(self) -> None:
        self.close()
        try:
            self._descriptor = os.open(self._name, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise LinkLost(f"{self._name}: {os.strerror(error.errno or errno.EIO)}: is its writer running?") from error
        self._began()

    def reconnect(self) -> bool:
        self.open()
        return True

    def newest(self) -> Picture | None:
        if self._descriptor < 0:
            raise LinkLost(f"{self._name}: not open")
        data = b""
        with suppress(BlockingIOError):
            while len(data) < READ_MAX:
                piece = os.read(self._descriptor, CHUNK)
                if not piece and not data:
                    raise self._lost("nobody writes to it")
                if not piece:
                    break
                data += piece
        return self._picture(data)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class FileSource:
    """A video file, or a folder of pictures in the order of their names, as if a camera saw it: by the clock, once."""

    may_tear = False

    def __init__(self, path: str, fps: float, clock: Clock) -> None:
        self.refused, self.spoilt = "", 0
        self._path, self._fps, self._clock = Path(path), fps, clock
        self._began_s, self._next = 0.0, 0
        self._names: list[Path] = []
        self._video: cv2.VideoCapture | None = None

    def open(self) -> None:
        self.close()
        if self._path.is_dir():
            self._names = sorted(each for each in self._path.iterdir() if each.suffix.lower() in PICTURES)
            if not self._names:
                raise LinkLost(f"{self._path}: no pictures there, looked for {', '.join(PICTURES)}")
            self._fps = self._fps or FOLDER_FPS
        elif self._path.is_file():
            video = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
            if not video.isOpened():
                raise LinkLost(f"{self._path}: no video that can be read")
            self._video, self._fps = video, self._fps or video.get(cv2.CAP_PROP_FPS) or FOLDER_FPS
        else:
            raise LinkLost(f"{self._path}: no such file")
        self._began_s, self._next = self._clock.now(), 0

    def reconnect(self) -> bool:
        self.open()
        return True

    def newest(self) -> Picture | None:
        if not self._path.exists() or (self._video is None and not self._names):
            raise LinkLost(f"{self._path}: no such file, or not open")
        due = int((self._clock.now() - self._began_s) * self._fps + 1e-9) + 1
        if self._video is None:
            due = min(due, len(self._names))
        if due <= self._next:
            return None
        skipped, self._next = due - self._next - 1, due
        measured_s = self._began_s + (due - 1) / self._fps
        if self._video is None:
            frame = cv2.imread(str(self._names[due - 1]), cv2.IMREAD_COLOR)
            self.spoilt += frame is None
            return Picture(frame, measured_s)
        for _ in range(skipped):
            self._video.grab()
        whole, frame = self._video.read()
        return Picture(frame, measured_s) if whole else None

    def close(self) -> None:
        if self._video is not None:
            self._video.release()
        self._video, self._names = None, []


def make_source(settings: CameraSettings, clock: Clock) -> Source:
    """Where a camera's pictures come from. Raises ValueError."""
    name = settings.source
    if name.startswith("http://"):
        return HttpSource(name, clock)
    if name.startswith(PIPE):
        return PipeSource(name.removeprefix(PIPE), clock)
    if not is_device(name):
        return FileSource(name, settings.fps, clock)
    backend = cv2.CAP_GSTREAMER if PIPELINE in name else cv2.CAP_FFMPEG if name.startswith("rtsp://") else cv2.CAP_V4L2
    return CaptureSource(backend, settings, clock)
