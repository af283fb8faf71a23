"""A camera that OpenCV opens: V4L2, a GStreamer pipeline, RTSP.

OpenCV waits for the next picture: so a thread reads it, which waits outside the interpreter's lock. Control has no such thread, for
cameras live in the process that perceives.
"""

import threading
from pathlib import Path

import cv2

from drivers.base import Clock, LinkLost
from drivers.camera import CameraSettings, Picture

OPEN_S = 5.0  # for a device to open: a USB camera takes up to 2 s
LIMIT_MS = 5000  # for a network camera to open, or to say something
GLANCE_S = 0.5  # that `reconnect` waits for it
JOIN_S = 0.5
MANUAL = 1.0  # V4L2_EXPOSURE_MANUAL
EXPOSURE_UNIT_S = 1e-4  # V4L2_CID_EXPOSURE_ABSOLUTE
OLDEST_S = 5.0  # a time stamp before that is of another clock


class CaptureSource:
    """A camera that OpenCV opens: V4L2, a GStreamer pipeline, RTSP. It is read by a thread of its own."""

    may_tear = True

    def __init__(self, backend: int, settings: CameraSettings, clock: Clock) -> None:
        self.refused, self.spoilt = "", 0
        self._name, self._backend, self._settings, self._clock = settings.source, backend, settings, clock
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
            self._attempt = Attempt(self._backend, self._settings, self._clock)
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

    def __init__(self, backend: int, settings: CameraSettings, clock: Clock) -> None:
        self.opened, self.wanted, self.ended = threading.Event(), True, False
        self.picture: Picture | None = None  # the newest, written by the thread alone
        self.given: Picture | None = None  # the last one that was asked for
        self.refused = ""
        self._clock = clock
        self.thread = threading.Thread(
            target=self._run, args=(backend, settings), name=f"camera {settings.source}", daemon=True
        )
        self.thread.start()

    def _run(self, backend: int, settings: CameraSettings) -> None:
        name = settings.source
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, LIMIT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, LIMIT_MS]
        capture = cv2.VideoCapture(
            int(name) if name.isdecimal() else name, backend, limits if backend == cv2.CAP_FFMPEG else []
        )
        try:
            if capture.isOpened():
                self.refused = ask_for(capture, settings)
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
            measured_s = stamp_s if 0.0 < stamp_s <= now < stamp_s + OLDEST_S else now
            exposure_s = EXPOSURE_UNIT_S * max(0.0, capture.get(cv2.CAP_PROP_EXPOSURE))
            self.picture = Picture(frame, measured_s, exposure_s)


def ask_for(capture: cv2.VideoCapture, settings: CameraSettings) -> str:
    """Set what is wished for, and read it back. Returns what the device did not take, in words."""
    asked: list[tuple[str, int, float]] = []
    if settings.fourcc:
        asked.append(("fourcc", cv2.CAP_PROP_FOURCC, float(cv2.VideoWriter.fourcc(*settings.fourcc))))
    for name, number, value in (
        ("width", cv2.CAP_PROP_FRAME_WIDTH, float(settings.width)),
        ("height", cv2.CAP_PROP_FRAME_HEIGHT, float(settings.height)),
        ("fps", cv2.CAP_PROP_FPS, settings.fps),
    ):
        asked += [(name, number, value)] if value else []
    if settings.exposure_s:
        asked.append(("automatic exposure off", cv2.CAP_PROP_AUTO_EXPOSURE, MANUAL))
        asked.append(("exposure_s", cv2.CAP_PROP_EXPOSURE, round(settings.exposure_s / EXPOSURE_UNIT_S)))
    if settings.white_balance_k:
        asked.append(("automatic white balance off", cv2.CAP_PROP_AUTO_WB, 0.0))
        asked.append(("white_balance_k", cv2.CAP_PROP_WB_TEMPERATURE, settings.white_balance_k))
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1.0)  # what waits there is old
    for _, number, value in asked:
        capture.set(number, value)
    refused = [name for name, number, value in asked if abs(capture.get(number) - value) > 0.01 * abs(value)]
    return f"it does not take {', '.join(refused)}" if refused else ""
