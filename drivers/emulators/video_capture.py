"""A device as OpenCV shows it: what `cv2.VideoCapture` is to a V4L2 camera, where the kernel has no v4l2loopback.

Written from OpenCV's documentation of VideoCapture and its backend cap_v4l.cpp, and from the kernel's "Video for Linux API":
`read` waits for the next picture, and fails once the device is gone; properties are numbers, and one that a device has not is
read as 0 or stays as it was; CAP_PROP_POS_MSEC is the buffer's time stamp, of CLOCK_MONOTONIC; packets that USB has lost leave
rows of the picture before, or rows of one value.
"""

import threading
from collections import deque

import cv2
import numpy as np

from drivers.emulators.image_sensor import ImageSensor, Shot

BUFFERS = 4  # of the kernel; what finds none is lost
LOWER = 0.5  # where a picture is torn
DEFAULTS = {
    cv2.CAP_PROP_FOURCC: float(cv2.VideoWriter.fourcc(*"YUYV")),
    cv2.CAP_PROP_FPS: 30.0,
    cv2.CAP_PROP_BUFFERSIZE: 4.0,
    cv2.CAP_PROP_AUTO_EXPOSURE: 3.0,
    cv2.CAP_PROP_EXPOSURE: 157.0,
    cv2.CAP_PROP_AUTO_WB: 1.0,
    cv2.CAP_PROP_WB_TEMPERATURE: 4600.0,
}


class VideoDevice:
    """A camera at a path. `capture` stands in for `cv2.VideoCapture`; `advance` moves the device's time.

    fixed: properties that it does not let anybody change. filled: a torn picture ends with one value. stamped: its buffers have
    time stamps.
    """

    def __init__(self, path: str, sensor: ImageSensor) -> None:
        self.path, self.sensor = path, sensor
        self.fixed: set[int] = set()
        self.filled, self.stamped, self.hangs = False, True, False
        self.plugged = True
        self.arrived = threading.Condition()
        self.queue: deque[Shot] = deque(maxlen=BUFFERS)
        self.properties = dict(DEFAULTS)
        self.busy = False
        self._before: np.ndarray | None = None

    def capture(self, path: str, backend: int, parameters: list[int]) -> "Capture":
        """As `cv2.VideoCapture(path, backend, parameters)`, of which V4L2 is given none."""
        return Capture(
            self,
            opened=self.plugged and path == self.path and not self.busy and backend == cv2.CAP_V4L2 and not parameters,
        )

    def advance(self, time_s: float) -> None:
        with self.arrived:
            for shot in self.sensor.shots(time_s):
                frame = shot.frame
                if shot.torn and self._before is not None:
                    frame = frame.copy()
                    frame[round(LOWER * len(frame)) :] = (
                        128 if self.filled else self._before[round(LOWER * len(frame)) :]
                    )
                self._before = frame
                if self.plugged:
                    self.queue.append(Shot(frame, shot.taken_s, shot.torn))
            self.arrived.notify_all()

    def unplug(self) -> None:
        with self.arrived:
            self.plugged = False
            self.queue.clear()
            self.arrived.notify_all()

    def plug(self) -> None:
        self.plugged = True


class Capture:
    """One program's hold of the device."""

    def __init__(self, device: VideoDevice, opened: bool) -> None:
        self._device, self._opened = device, opened
        self._stamp_s = 0.0
        if opened:
            device.busy = True

    def isOpened(self) -> bool:
        return self._opened

    def read(self) -> tuple[bool, np.ndarray | None]:
        device = self._device
        with device.arrived:
            device.arrived.wait_for(lambda: (device.queue and not device.hangs) or not device.plugged, timeout=10.0)
            if not device.queue or not device.plugged:
                return False, None
            shot = device.queue.popleft()
        self._stamp_s = shot.taken_s
        return True, shot.frame

    def get(self, number: int) -> float:
        if number == cv2.CAP_PROP_POS_MSEC:
            return 1000.0 * self._stamp_s if self._device.stamped else 0.0
        return self._device.properties.get(number, 0.0)

    def set(self, number: int, value: float) -> bool:
        if number in self._device.fixed:
            return False
        self._device.properties[number] = value
        return True

    def release(self) -> None:
        if self._opened:
            self._device.busy = self._opened = False
