"""Where a camera's pictures come from: OpenCV's devices, streams of JPEGs over HTTP or a pipe, files that play like a camera.

A source gives the newest picture that has come since it was asked last, and never blocks. OpenCV waits for the next one: so
its devices are read by a thread, which waits outside the interpreter's lock. Control has no such thread, for cameras live in
the process that perceives.
"""

import errno
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from drivers.base import Clock, LinkLost
from drivers.camera import PIPE, PIPELINE, Wishes, is_device
from drivers.device_clock import DeviceClock
from drivers.http_stream import HttpStream
from drivers.jpeg_stream import Jpeg, JpegSplitter

OPEN_S = 5.0  # for a device to open: a USB camera takes up to 2 s
LIMIT_MS = 5000  # for a network camera to open, or to say something
GLANCE_S = 0.5  # that `reconnect` waits for it
JOIN_S = 0.5
SILENCE_S = 5.0  # after which a stream is given up: Wi-Fi that is gone says nothing
CHUNK, READ_MAX = 1 << 16, 1 << 22
STAMP = b"x-timestamp:"  # of the ESP32's camera, seconds since it was switched on
STAMP_TURN_MS = 1 << 32
PICTURES = (".png", ".jpg", ".jpeg")
FOLDER_FPS = 30.0
MANUAL = 1.0  # V4L2_EXPOSURE_MANUAL
EXPOSURE_UNIT_S = 1e-4  # V4L2_CID_EXPOSURE_ABSOLUTE


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture as it came. frame: (height, width, 3) uint8, BGR; None: there was one, which could not be decoded."""

    frame: np.ndarray | None
    measured_s: float  # by the clock, as well as the source can tell
    exposure_s: float = 0.0  # 0: unknown


class Source(Protocol):
    """refused: what it was asked for and does not do, in words; spoilt: pictures that came and could not be decoded.

    may_tear: whether a picture may be torn and look whole.
    """

    refused: str
    spoilt: int
    may_tear: bool

    def open(self) -> None:
        """Raises LinkLost."""

    def newest(self) -> Picture | None:
        """The newest picture since the last call. Never blocks. Raises LinkLost."""

    def reconnect(self) -> bool:
        """Try once. Raises LinkLost, or says False, if it does not stand."""

    def close(self) -> None:
        """Never raises."""


class CaptureSource:
    """A camera that OpenCV opens: V4L2, a GStreamer pipeline, RTSP. It is read by a thread of its own."""

    may_tear = True

    def __init__(self, name: str, backend: int, wishes: Wishes, clock: Clock) -> None:
        self.refused, self.spoilt = "", 0
        self._name, self._backend, self._wishes, self._clock = name, backend, wishes, clock
        self._attempt: Attempt | None = None

    def open(self) -> None:
        self.close()
        self._try(OPEN_S)

    def reconnect(self) -> bool:
        if self._attempt is not None and self._attempt.ended:
            self.close()
        self._try(GLANCE_S)
        return True

    def _try(self, wait_s: float) -> None:
        if self._name.startswith("/") and not Path(self._name).exists():
            raise LinkLost(f"{self._name}: no such device: is the camera plugged in?")
        if self._attempt is None:
            self._attempt = Attempt(self._name, self._backend, self._wishes, self._clock)
        attempt = self._attempt
        if not attempt.opened.wait(wait_s):
            raise LinkLost(f"{self._name}: it does not open within {wait_s:g} s")
        if attempt.ended:
            self.close()
            raise LinkLost(f"{self._name}: OpenCV cannot open it: does another program use it, may this user read it?")
        self.refused = attempt.refused

    def newest(self) -> Picture | None:
        attempt = self._attempt
        if attempt is None:
            raise LinkLost(f"{self._name}: not open")
        if attempt.ended:
            self.close()
            raise LinkLost(f"{self._name}: it gives no more pictures: was it unplugged?")
        picture = attempt.picture
        if picture is attempt.given:
            return None
        attempt.given = picture
        return picture

    def close(self) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.wanted = False
            attempt.thread.join(JOIN_S)  # one that hangs in the device ends, and lets go of it, when that answers


class Attempt:
    """One opening of a device, and the thread that reads it."""

    def __init__(self, name: str, backend: int, wishes: Wishes, clock: Clock) -> None:
        self.opened, self.wanted, self.ended = threading.Event(), True, False
        self.picture: Picture | None = None  # the newest, written by the thread alone
        self.given: Picture | None = None  # the last one that was asked for
        self.refused = ""
        self._clock = clock
        self.thread = threading.Thread(
            target=self._run, args=(name, backend, wishes), name=f"camera {name}", daemon=True
        )
        self.thread.start()

    def _run(self, name: str, backend: int, wishes: Wishes) -> None:
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, LIMIT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, LIMIT_MS]
        capture = cv2.VideoCapture(
            int(name) if name.isdecimal() else name, backend, limits if backend == cv2.CAP_FFMPEG else []
        )
        try:
            if capture.isOpened():
                self.refused = ask_for(capture, wishes)
                self.opened.set()
                self._keep_reading(capture, stamped=backend == cv2.CAP_V4L2)
        finally:
            self.ended = True
            self.opened.set()
            capture.release()

    def _keep_reading(self, capture: cv2.VideoCapture, stamped: bool) -> None:
        while self.wanted:
            whole, frame = capture.read()
            if not whole:
                return
            now = self._clock.now()
            # V4L2's time stamp is of the clock that this machine runs by; a stream's is where it stands in the stream
            stamp_s = 0.001 * capture.get(cv2.CAP_PROP_POS_MSEC) if stamped else 0.0
            measured_s = stamp_s if 0.0 < stamp_s <= now < stamp_s + SILENCE_S else now
            exposure_s = EXPOSURE_UNIT_S * max(0.0, capture.get(cv2.CAP_PROP_EXPOSURE))
            self.picture = Picture(frame, measured_s, exposure_s)


def ask_for(capture: cv2.VideoCapture, wishes: Wishes) -> str:
    """Set what is wished for, and read it back. Returns what the device did not take, in words."""
    asked: list[tuple[str, int, float]] = []
    if wishes.fourcc:
        asked.append(("fourcc", cv2.CAP_PROP_FOURCC, float(cv2.VideoWriter.fourcc(*wishes.fourcc))))
    for name, number, value in (
        ("width", cv2.CAP_PROP_FRAME_WIDTH, float(wishes.width)),
        ("height", cv2.CAP_PROP_FRAME_HEIGHT, float(wishes.height)),
        ("fps", cv2.CAP_PROP_FPS, wishes.fps),
    ):
        asked += [(name, number, value)] if value else []
    if wishes.exposure_s:
        asked.append(("automatic exposure off", cv2.CAP_PROP_AUTO_EXPOSURE, MANUAL))
        asked.append(("exposure_s", cv2.CAP_PROP_EXPOSURE, round(wishes.exposure_s / EXPOSURE_UNIT_S)))
    if wishes.white_balance_k:
        asked.append(("automatic white balance off", cv2.CAP_PROP_AUTO_WB, 0.0))
        asked.append(("white_balance_k", cv2.CAP_PROP_WB_TEMPERATURE, wishes.white_balance_k))
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1.0)  # what waits there is old
    for _, number, value in asked:
        capture.set(number, value)
    refused = [name for name, number, value in asked if abs(capture.get(number) - value) > 0.01 * abs(value)]
    return f"it does not take {', '.join(refused)}" if refused else ""


class JpegSource:
    """JPEGs that come as bytes. Only the newest is decoded."""

    may_tear = False

    def __init__(self, name: str, clock: Clock) -> None:
        self.refused, self.spoilt = "", 0
        self._name, self._clock = name, clock
        self._began()

    def _began(self) -> None:
        self._splitter = JpegSplitter()
        self._device = DeviceClock(STAMP_TURN_MS, 0.0)
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
            with suppress(ValueError):
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


def make_source(name: str, wishes: Wishes, clock: Clock) -> Source:
    """The source of a name, as the settings of a camera tell it. Raises ValueError."""
    if name.startswith("http://"):
        return HttpSource(name, clock)
    if name.startswith(PIPE):
        return PipeSource(name.removeprefix(PIPE), clock)
    if not is_device(name):
        return FileSource(name, wishes.fps, clock)
    backend = cv2.CAP_GSTREAMER if PIPELINE in name else cv2.CAP_FFMPEG if name.startswith("rtsp://") else cv2.CAP_V4L2
    return CaptureSource(name, backend, wishes, clock)
