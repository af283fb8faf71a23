"""A camera on its cable to a named pipe: JPEGs of what an image sensor sees, each behind a line with the camera's own time stamp, as an ESP32's are.

Who reads them can so tell how late they are.
"""

from pathlib import Path

from drivers.emulators.image_sensor import ImageSensor, Scene
from drivers.emulators.jpeg_pipe import JpegPipe

JPEG_QUALITY = 95
SHARED_VICES = ("silent", "frozen", "black", "covered", "torn")


class CameraCable:
    """At a path, of a scene. latency_s: by which pictures come late by themselves."""

    def __init__(self, path: Path, scene: Scene, fps: float, latency_s: float) -> None:
        self._latency_s = latency_s
        self.sensor = ImageSensor(scene, fps)
        self.sensor.vices.late_s = latency_s
        self.line = JpegPipe(path, self.sensor, stamped=True, quality=JPEG_QUALITY)
        self.plugged = True

    def fault(self, vice: str, on: bool) -> None:
        """One of SHARED_VICES begins or ends. Raises ValueError for another one."""
        if vice not in SHARED_VICES:
            raise ValueError(f"vice: found {vice!r}, allowed: {', '.join(SHARED_VICES)}")
        setattr(self.sensor.vices, vice, bool(on))

    def be_late(self, late_s: float) -> None:
        """From now on pictures come so much later than they do by themselves."""
        self.sensor.vices.late_s = self._latency_s + late_s

    def unplug(self) -> None:
        if self.plugged:
            self.line.unplug()
            self.plugged = False

    def plug(self) -> None:
        if not self.plugged:
            self.line.plug()
            self.plugged = True
