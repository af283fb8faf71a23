"""A camera: V4L2, CSI, streams of phones and of an ESP32, video files and folders of pictures (docs/cameras.md).

    [devices.camera]
    driver = "camera"
    source = "/dev/video0"       # or a number of it; a GStreamer pipeline; rtsp://...; http://192.168.4.1:81/stream;
    exposure_s = 0.005           # pipe:PATH, JPEGs that another program writes; a video; a folder of pictures

A reading has the newest good picture. One that is black, of one colour, torn, frozen or of another size is none: it is
counted and named, and the age of the last good one grows. Whoever reads a camera decodes its pictures: that is the process
that perceives, and never control.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from drivers.base import NEVER_S, Clock, LinkLost
from drivers.declared import Declared
from drivers.frame_check import FrameCheck

PIPE, PIPELINE = "pipe:", " ! "
START_S = 3.0  # that a camera may take until its first picture
EXPOSURE_MAX_S = 1.0
WHITE_K = (2000.0, 10000.0)


@dataclass(frozen=True)
class CameraSettings:
    """Where one camera is, and what it is asked for: 0 or empty leaves it to the camera.

    exposure_s, white_balance_k: fixed, where the camera allows it. late_s: age of the newest good picture beyond which the
    camera is in trouble.
    """

    source: str
    width: int = 0
    height: int = 0
    fps: float = 0.0
    fourcc: str = ""
    exposure_s: float = 0.0
    white_balance_k: float = 0.0
    late_s: float = 0.2

    def __post_init__(self) -> None:
        if not self.source:
            raise ValueError("source: found '', allowed: a device, a pipeline, a URL, pipe:PATH, a file or a folder")
        for name, value, low, high in (
            ("width", self.width, 1, 1 << 14),
            ("height", self.height, 1, 1 << 14),
            ("fps", self.fps, 0.1, 1000.0),
            ("exposure_s", self.exposure_s, 1e-5, EXPOSURE_MAX_S),
            ("white_balance_k", self.white_balance_k, *WHITE_K),
        ):
            if value and not low <= value <= high:
                raise ValueError(f"{name}: found {value:g}, allowed: {low:g} to {high:g}, or 0: as the camera likes")
        if not 0.0 < self.late_s < 60.0:
            raise ValueError(f"late_s: found {self.late_s:g}, allowed: above 0, below 60")
        if self.fourcc and (len(self.fourcc) != 4 or not self.fourcc.isascii()):
            raise ValueError(f"fourcc: found {self.fourcc!r}, allowed: four letters, such as MJPG or YUYV")
        device, file = is_device(self.source), not is_stream(self.source)
        for name in ("fourcc", "exposure_s", "white_balance_k", *(() if file else ("fps",))):
            if getattr(self, name) and not device:
                raise ValueError(
                    f"{name}: found {getattr(self, name)!r}, allowed: nothing, of {self.source!r}, which is no device"
                )


def is_device(source: str) -> bool:
    """Whether OpenCV opens it and may ask it for something."""
    return source.isdecimal() or source.startswith(("/dev/", "rtsp://")) or PIPELINE in source


def is_stream(source: str) -> bool:
    """Whether it comes at its own pace."""
    return is_device(source) or source.startswith(("http://", PIPE))


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


@dataclass(frozen=True, slots=True)
class CameraReading:
    """frame: the newest good picture since the last read, (height, width, 3) uint8, BGR; None: there is no new one.

    frame_age_s: of the newest good picture, from when it was taken as far as the camera tells; NEVER_S before the first.
    """

    frame: np.ndarray | None
    frame_age_s: float = NEVER_S
    exposure_s: float = 0.0  # 0: unknown
    good: int = 0  # pictures since the driver was made
    bad: int = 0  # black, blank, torn, frozen, of another size, or not to be decoded


class Camera:
    """Driver of one camera. It only senses."""

    def __init__(self, settings: CameraSettings, clock: Clock) -> None:
        """Raises ValueError for a source that cannot be."""
        from drivers.camera_sources import (
            make_source,
        )  # OpenCV is loaded by who reads a camera, not by who knows of one

        self.settings, self._clock = settings, clock
        self._source: Source = make_source(settings, clock)
        self._check = FrameCheck()
        self._opened_s = self._measured_s = -NEVER_S
        self._exposure_s = 0.0
        self._good = self._bad = 0
        self._wrong = ""  # with the newest picture
        self._link_trouble = f"{self.name}: not open"

    @property
    def name(self) -> str:
        return self.settings.source.rpartition("@")[2]

    def open(self) -> None:
        """Raises LinkLost with what to do about it."""
        try:
            self._source.open()
        except LinkLost as error:
            self._link_trouble = str(error)
            raise
        self._begin()

    def reconnect(self) -> bool:
        """Try once to open it again. True when it is open."""
        try:
            if self._source.reconnect():
                self._begin()
                return True
            self._link_trouble = f"{self.name}: not connected yet"
        except LinkLost as error:
            self._link_trouble = str(error)
        return False

    def _begin(self) -> None:
        self._link_trouble = self._wrong = ""
        self._check = FrameCheck(self.settings.height, self.settings.width, self._source.may_tear)
        self._opened_s = self._clock.now()

    def read(self) -> CameraReading:
        """The newest good picture, if there is a new one. Never blocks. Raises LinkLost if the camera is gone."""
        if self._link_trouble:
            raise LinkLost(self._link_trouble)
        spoilt = self._source.spoilt
        try:
            picture = self._source.newest()
        except LinkLost as error:
            self._link_trouble = str(error)
            raise
        now, frame = self._clock.now(), None
        self._bad += self._source.spoilt - spoilt
        if picture is not None:
            self._wrong = "its frames are torn" if picture.frame is None else self._check.why_bad(picture.frame)
            if not self._wrong:
                frame, self._good = picture.frame, self._good + 1
                self._measured_s, self._exposure_s = picture.measured_s, picture.exposure_s
            elif picture.frame is not None:
                self._bad += 1
        return CameraReading(frame, now - self._measured_s, self._exposure_s, self._good, self._bad)

    def trouble(self) -> str:
        """What is wrong, in one line; empty while good pictures come, and while it starts."""
        if self._link_trouble:
            return self._link_trouble
        now = self._clock.now()
        if now - self._opened_s < START_S and self._measured_s < self._opened_s:
            return ""
        age_s = now - self._measured_s
        if age_s > self.settings.late_s:
            since = f"its last good frame is {age_s:.1f} s old" if age_s < NEVER_S else "no good frame has come"
            return f"{self.name}: {self._wrong or 'its frames are late'}; {since}"
        return f"{self.name}: {self._source.refused}" if self._source.refused else ""

    def stop(self) -> None:
        """There is nothing to bring to rest."""

    def close(self) -> None:
        """Release it. Never raises; a closed driver may be opened again."""
        self._source.close()
        self._link_trouble = f"{self.name}: not open"


DRIVER = Declared(
    "camera", "cameras: V4L2, CSI, streams of JPEGs, video files, folders of pictures", CameraSettings, Camera, CameraReading
)  # fmt: skip
