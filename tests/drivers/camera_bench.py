"""A camera on the bench: its emulator, its driver, and a clock that only `wait` moves."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from drivers.camera import Camera, CameraSettings
from drivers.emulators.image_sensor import ImageSensor, moving_scene
from drivers.emulators.jpeg_pipe import JpegPipe
from drivers.emulators.mjpeg_server import HttpVices, MjpegServer
from drivers.emulators.video_capture import VideoDevice

WIDTH, HEIGHT, FPS, TICK_S = 64, 48, 30.0, 0.02


def make_sensor() -> ImageSensor:
    return ImageSensor(moving_scene(WIDTH, HEIGHT), FPS)


class CameraBench:
    """Time moves in steps, and the emulator with it."""

    def __init__(self, emulator: Any, source: str) -> None:
        self.emulator, self.source, self.time_s = emulator, source, 0.0
        self.sensor: ImageSensor = emulator.sensor
        self.vices = self.sensor.vices
        self.made: list[Camera] = []

    def now(self) -> float:
        return self.time_s

    def wait(self, duration_s: float) -> None:
        self.time_s += duration_s
        self.emulator.advance(self.time_s)

    def make(self, source: str = "", **settings: Any) -> Camera:
        self.made.append(Camera(CameraSettings(source or self.source, **settings), self))
        return self.made[-1]

    def watch(self, camera: Camera, duration_s: float) -> list[Any]:
        """The readings of so long, one a tick."""
        readings = []
        for _ in range(round(duration_s / TICK_S)):
            self.wait(TICK_S)
            readings.append(camera.read())
        return readings

    def close(self) -> None:
        for camera in self.made:
            camera.close()
        if getattr(self.emulator, "plugged", True):
            self.emulator.unplug()


def stream_bench(**http: Any) -> CameraBench:
    server = MjpegServer(make_sensor(), HttpVices(**http))
    return CameraBench(server, server.url)


def pipe_bench(folder: Path) -> CameraBench:
    return CameraBench(JpegPipe(folder / "pipe", make_sensor()), f"pipe:{folder / 'pipe'}")


class DeviceBench(CameraBench):
    """A device lives in real time, for a thread waits for it."""

    def __init__(self, folder: Path) -> None:
        (folder / "video0").touch()
        self.node = folder / "video0"
        super().__init__(VideoDevice(str(self.node), make_sensor()), str(self.node))
        self.began_s, self.ended = time.monotonic(), False
        self.pump = threading.Thread(target=self._pump)
        self.pump.start()

    def _pump(self) -> None:
        while not self.ended:
            self.emulator.advance(time.monotonic() - self.began_s)
            time.sleep(0.004)

    def wait(self, duration_s: float) -> None:
        time.sleep(duration_s)
        self.time_s += duration_s

    def close(self) -> None:
        super().close()
        self.ended = True
        self.pump.join()


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference of two pictures, grey levels."""
    return float(np.abs(one.astype(int) - other.astype(int)).mean())
