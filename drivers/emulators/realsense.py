"""A RealSense of librealsense's own `software_device`: whoever opens it cannot tell, but that no USB bus lists it.

Names, streams, units and axes are those of a D435i, from Intel's data sheet of the D400 series and librealsense's documentation:
depth in mm from the stereo module with infrared beside it, colour from a sensor of its own, gyro and accelerometer at the
highest rates; exposure in us for the stereo module and in 100 us for colour; a frame's metadata in us.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pyrealsense2 as rs

from drivers.base import LinkLost
from drivers.emulators.image_sensor import ImageSensor, Shot

SERIAL = "012345678901"
GYRO_HZ, ACCEL_HZ = 400, 250
FOCAL = 0.94  # of the width
FAR_MM = 2000
STEREO, COLOUR, MOTION = "Stereo Module", "RGB Camera", "Motion Module"
OPTIONS = {
    STEREO: {rs.option.enable_auto_exposure: 1.0, rs.option.exposure: 8500.0},
    COLOUR: {rs.option.enable_auto_exposure: 1.0, rs.option.exposure: 156.0, rs.option.enable_auto_white_balance: 1.0,
             rs.option.white_balance: 4600.0},
}  # fmt: skip


@dataclass
class Motion:
    """What its IMU feels, in the axes of the lens: x right, y down, z forward."""

    gyro_rad_s: tuple[float, float, float] = (0.0, 0.0, 0.0)
    accel_m_s2: tuple[float, float, float] = (0.0, -9.81, 0.0)


class RealSenseEmulator:
    """`find` is what the driver looks for cameras with; `advance` moves the camera's time. Depth's vices are colour's."""

    def __init__(self, sensor: ImageSensor, width: int, height: int) -> None:
        self.sensor, self.motion, self.plugged = sensor, Motion(), True
        self._size = (width, height)
        self._sent = {"gyro": 0, "accel": 0}
        self._number = 0
        self._rng = np.random.default_rng(1)
        self._before: dict[str, np.ndarray] = {}
        self._kept: list[Any] = []  # pixels that librealsense may still hold
        self.device = rs.software_device()
        self.device.register_info(rs.camera_info.serial_number, SERIAL)
        self._stereo, self._colour, self._motion = (self.device.add_sensor(name) for name in (STEREO, COLOUR, MOTION))
        for part, name in ((self._stereo, STEREO), (self._colour, COLOUR)):
            for option, value in OPTIONS[name].items():
                part.add_option(option, option_range(value), True)
                part.set_option(option, value)
        self._stereo.add_read_only_option(rs.option.depth_units, 0.001)
        self._profiles = {
            "depth": self._stereo.add_video_stream(self._video(rs.stream.depth, 0, 2, rs.format.z16)),
            "infrared": self._stereo.add_video_stream(self._video(rs.stream.infrared, 1, 1, rs.format.y8)),
            "color": self._colour.add_video_stream(self._video(rs.stream.color, 0, 3, rs.format.bgr8)),
            "gyro": self._motion.add_motion_stream(self._imu(rs.stream.gyro, GYRO_HZ)),
            "accel": self._motion.add_motion_stream(self._imu(rs.stream.accel, ACCEL_HZ)),
        }

    def find(self, serial: str) -> "Plugged":
        """The camera, if that is its serial number, as `drivers.realsense.find_by_usb` gives it."""
        if not self.plugged or serial not in ("", SERIAL):
            raise LinkLost(f"realsense {serial}: found {SERIAL if self.plugged else 'none'}: is it plugged in?")
        return Plugged(self)

    def unplug(self) -> None:
        self.plugged = False

    def plug(self) -> None:
        self.plugged = True

    def advance(self, time_s: float) -> None:
        for shot in self.sensor.shots(time_s):
            if self.plugged:
                self._number += 1
                self._send_pictures(shot)
        for name, rate in (("gyro", GYRO_HZ), ("accel", ACCEL_HZ)):
            while self._sent[name] / rate <= time_s + 1e-9:
                if self.plugged and not self.sensor.vices.silent:
                    self._feel(name, self._sent[name] / rate)
                self._sent[name] += 1

    def _send_pictures(self, shot: Shot) -> None:
        vices = self.sensor.vices
        grey = cv2.cvtColor(shot.frame, cv2.COLOR_BGR2GRAY)
        depth = (FAR_MM - 4 * grey.astype(np.uint16)) * (0 if vices.black or vices.covered else 1)
        if not vices.frozen:
            depth[::8, ::8] = 0  # where it sees no pattern
        for name, pixels, part in (
            ("depth", depth, self._stereo),
            ("infrared", grey, self._stereo),
            ("color", shot.frame, self._colour),
        ):
            before = self._before.get(name)
            if shot.torn and before is not None and before.shape == pixels.shape:
                pixels = np.concatenate([pixels[: len(pixels) // 2], before[len(pixels) // 2 :]])
            self._before[name] = pixels
            self._send(name, np.ascontiguousarray(pixels), part, shot.taken_s)

    def _send(self, name: str, pixels: np.ndarray, part: Any, taken_s: float) -> None:
        if all(each.stream_type().name != name for each in part.get_active_streams()):
            return  # software_device would hand on what nobody has opened
        frame = rs.software_video_frame()
        frame.pixels, frame.bpp = pixels, pixels.itemsize * (3 if pixels.ndim == 3 else 1)
        frame.stride = frame.bpp * pixels.shape[1]
        frame.timestamp, frame.domain, frame.frame_number = (
            1000.0 * taken_s,
            rs.timestamp_domain.hardware_clock,
            self._number,
        )
        frame.profile = self._profiles[name].as_video_stream_profile()
        if name == "depth":
            frame.depth_units = 0.001
        step = 100.0 if name == "color" else 1.0
        part.set_metadata(rs.frame_metadata_value.actual_exposure, int(step * part.get_option(rs.option.exposure)))
        self._kept = [*self._kept[-64:], pixels]
        part.on_video_frame(frame)

    def _feel(self, name: str, taken_s: float) -> None:
        frame, felt = rs.software_motion_frame(), rs.vector()
        felt.x, felt.y, felt.z = self.motion.gyro_rad_s if name == "gyro" else self.motion.accel_m_s2
        frame.data, frame.timestamp, frame.domain = felt, 1000.0 * taken_s, rs.timestamp_domain.hardware_clock
        frame.frame_number, frame.profile = self._number, self._profiles[name].as_motion_stream_profile()
        self._motion.on_motion_frame(frame)

    def _video(self, stream: Any, index: int, bytes_a_pixel: int, form: Any) -> Any:
        width, height = self._size
        lens = rs.intrinsics()
        lens.width, lens.height, lens.ppx, lens.ppy = width, height, 0.5 * width, 0.5 * height
        lens.fx = lens.fy = FOCAL * width
        lens.model, lens.coeffs = rs.distortion.brown_conrady, [0.0] * 5
        video = rs.video_stream()
        video.type, video.index, video.uid, video.fmt, video.bpp = stream, index, int(stream), form, bytes_a_pixel
        video.width, video.height, video.fps, video.intrinsics = width, height, int(self.sensor.fps), lens
        return video

    def _imu(self, stream: Any, rate: int) -> Any:
        motion = rs.motion_stream()
        motion.type, motion.index, motion.uid, motion.fps, motion.fmt = (
            stream,
            0,
            int(stream),
            rate,
            rs.format.motion_xyz32f,
        )
        return motion


class Plugged:
    """The camera at a USB bus: all is the software device's, but whether it is still there."""

    def __init__(self, emulator: RealSenseEmulator) -> None:
        self._emulator = emulator
        self.query_sensors = emulator.device.query_sensors

    def is_connected(self) -> bool:
        return self._emulator.plugged


def option_range(value: float) -> Any:
    """From 0 to four times a value and one, in small steps."""
    found = rs.option_range()
    found.min, found.max, found.default, found.step = 0.0, 4.0 * value + 1.0, value, 1.0
    return found
