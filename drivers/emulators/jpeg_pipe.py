"""A program that writes a camera's JPEGs into a named pipe, as `rpicam-vid --codec mjpeg --output PIPE` does for CSI."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

import cv2

from drivers.emulators.image_sensor import ImageSensor

PIPE_BYTES = 1 << 20


class JpegPipe:
    """`advance` moves its time and writes; what finds no room is lost. unplug: the program ends, and the pipe is removed."""

    def __init__(self, path: Path, sensor: ImageSensor, stamped: bool = False, quality: int = 95) -> None:
        """stamped: a line before each JPEG tells when it was taken, by the camera's own clock."""
        self.path, self.sensor = path, sensor
        self._stamped, self._options = stamped, [cv2.IMWRITE_JPEG_QUALITY, quality]
        self._descriptor = -1
        self.plug()

    def plug(self) -> None:
        os.mkfifo(self.path)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self._descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def unplug(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1
        self.path.unlink()

    def advance(self, time_s: float) -> None:
        for shot in self.sensor.shots(time_s):
            jpeg = cv2.imencode(".jpg", shot.frame, self._options)[1].tobytes()
            head = b"X-Timestamp: %.6f\r\n\r\n" % shot.taken_s if self._stamped else b""
            self.say(head + (jpeg[: len(jpeg) // 2] if shot.torn else jpeg))

    def say(self, data: bytes) -> None:
        if self._descriptor >= 0:
            with suppress(BlockingIOError):
                os.write(self._descriptor, data)
