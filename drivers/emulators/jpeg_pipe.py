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

    def __init__(self, path: Path, sensor: ImageSensor) -> None:
        self.path, self.sensor = path, sensor
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
            jpeg = cv2.imencode(".jpg", shot.frame)[1].tobytes()
            self.say(jpeg[: len(jpeg) // 2] if shot.torn else jpeg)

    def say(self, data: bytes) -> None:
        if self._descriptor >= 0:
            with suppress(BlockingIOError):
                os.write(self._descriptor, data)
