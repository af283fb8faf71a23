"""The same arm with a RealSense on its hand: librealsense's own software_device shows what the virtual arm's camera sees."""

from pathlib import Path
from typing import Any

from drivers.base import Driver
from drivers.emulators.image_sensor import ImageSensor
from drivers.emulators.realsense import SERIAL, RealSenseEmulator
from drivers.realsense import RealSense, RealSenseSettings
from robot.robots.arm.eyes.wrist_view import HEIGHT, WIDTH
from tests.robot.robots.arm.eyes.seeing_arm_bench import LATE_S, SeeingArmBench

FPS, LATENCY_S = 30, 0.04


class RealSenseArmBench(SeeingArmBench):
    """real: the emulated camera, with its vices."""

    def make_camera(self, folder: Path) -> Driver[Any]:
        sensor = ImageSensor(self.model.camera.sensor.scene, float(FPS))
        sensor.vices.late_s = LATENCY_S
        self.real = RealSenseEmulator(sensor, WIDTH, HEIGHT)
        settings = RealSenseSettings(SERIAL, width=WIDTH, height=HEIGHT, fps=FPS, late_s=LATE_S)
        return RealSense(settings, self, self.real.find)

    def sleep_until(self, time_s: float) -> None:
        super().sleep_until(time_s)
        self.real.advance(time_s)
