"""A RealSense camera by librealsense: colour, depth, infrared, IMU (docs/cameras.md).

    [devices.camera]
    driver = "realsense"
    depth = true

librealsense reads the device in threads of its own, which hold no lock of the interpreter; here its queues are asked for what
has come. A picture that is none is named, and renews no age, as of any camera (`drivers/frame_check.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from drivers.base import NEVER_S, Clock, LinkLost
from drivers.camera import EXPOSURE_MAX_S, START_S, WHITE_K
from drivers.declared import Declared
from drivers.device_clock import CRYSTALS_DRIFT, DeviceClock
from drivers.frame_check import FrameCheck, why_no_depth

QUEUE = 16  # frames of a sensor that wait; of an IMU, a tick of 20 ms brings 8
STAMP_TURN_MS = 1 << 48  # librealsense's time stamps do not begin again
COLOUR_EXPOSURE_S, STEREO_EXPOSURE_S = 1e-4, 1e-6  # a step of the option, by sensor
METADATA_EXPOSURE_S = 1e-6
COLOUR, DEPTH, INFRARED, GYRO, ACCEL = "color", "depth", "infrared", "gyro", "accel"  # rs.stream's names


@dataclass(frozen=True)
class RealSenseSettings:
    """One camera, and what it is asked for. serial: empty if there is only one. exposure_s, white_balance_k: fixed; 0: automatic.

    late_s: age of anything it is asked for beyond which it is in trouble.
    """

    serial: str = ""
    colour: bool = True
    depth: bool = False
    infrared: bool = False
    imu: bool = False
    width: int = 640
    height: int = 480
    fps: int = 30
    exposure_s: float = 0.0
    white_balance_k: float = 0.0
    late_s: float = 0.2

    def __post_init__(self) -> None:
        if not (self.colour or self.depth or self.infrared):
            raise ValueError("colour: found false, allowed: one of colour, depth and infrared is true")
        for name, value, low, high in (
            ("width", self.width, 1, 1 << 14), ("height", self.height, 1, 1 << 14), ("fps", self.fps, 1, 1000),
            ("exposure_s", self.exposure_s or 1e-5, 1e-5, EXPOSURE_MAX_S),
            ("white_balance_k", self.white_balance_k or WHITE_K[0], *WHITE_K), ("late_s", self.late_s, 1e-3, 60.0),
        ):  # fmt: skip
            if not low <= value <= high:
                raise ValueError(f"{name}: found {value:g}, allowed: {low:g} to {high:g}")
        if self.white_balance_k and not self.colour:
            raise ValueError(f"white_balance_k: found {self.white_balance_k:g}, allowed: 0 without colour")

    @property
    def streams(self) -> tuple[str, ...]:
        """What is asked for, by rs.stream's names."""
        wanted = (
            (COLOUR, self.colour),
            (DEPTH, self.depth),
            (INFRARED, self.infrared),
            (GYRO, self.imu),
            (ACCEL, self.imu),
        )
        return tuple(name for name, asked in wanted if asked)


@dataclass(frozen=True, slots=True)
class RealSenseReading:
    """What is new since the last read; None where nothing is. Ages are of the newest good ones; NEVER_S before the first.

    frame: colour (height, width, 3) uint8, BGR, or infrared where there is no colour; infrared (height, width) uint8;
    depth (height, width) uint16, in depth_unit_m, 0: not measured. gyro_rad_s, accel_m_s2: x forward, y left, z up.
    """

    frame: np.ndarray | None
    infrared: np.ndarray | None
    depth: np.ndarray | None
    frame_age_s: float = NEVER_S
    infrared_age_s: float = NEVER_S
    depth_age_s: float = NEVER_S
    gyro_age_s: float = NEVER_S
    accel_age_s: float = NEVER_S
    gyro_rad_s: tuple[float, float, float] = (0.0, 0.0, 0.0)
    accel_m_s2: tuple[float, float, float] = (0.0, 0.0, 0.0)  # +9.81 in z at rest
    depth_unit_m: float = 0.0
    exposure_s: float = 0.0  # 0: unknown
    good: int = 0  # pictures of all streams since the driver was made
    bad: int = 0


def find_by_usb(serial: str) -> Any:
    """The camera of that serial number, the only one if it is empty, an rs.device. Raises LinkLost."""
    import pyrealsense2 as rs

    devices = {each.get_info(rs.camera_info.serial_number): each for each in rs.context().query_devices()}
    if serial in devices or (not serial and len(devices) == 1):
        return devices[serial] if serial else next(iter(devices.values()))
    if not serial and devices:
        raise LinkLost(f"realsense: found {', '.join(devices)}: name one as serial")
    raise LinkLost(
        f"realsense {serial or '(any)'}: found {', '.join(devices) or 'none'}: is it plugged in, at a USB 3 port?"
    )


class Stream:
    """One of a camera's streams: its newest good frame, and when that was taken."""

    def __init__(self, why_bad: Callable[[np.ndarray], str]) -> None:
        self.why_bad = why_bad
        self.clock = DeviceClock(STAMP_TURN_MS, 0.0, CRYSTALS_DRIFT)
        self.measured_s = -NEVER_S
        self.new: np.ndarray | None = None
        self.wrong = ""


class RealSense:
    """Driver of one camera. It only senses. find: where cameras are looked for; a test's is a software_device."""

    def __init__(self, settings: RealSenseSettings, clock: Clock, find: Callable[[str], Any] = find_by_usb) -> None:
        self.settings, self._clock, self._find = settings, clock, find
        self._device: Any = None
        self._sensors: list[Any] = []
        self._queues: list[Any] = []
        self._streams: dict[str, Stream] = {}
        self._motion = {GYRO: (0.0, 0.0, 0.0), ACCEL: (0.0, 0.0, 0.0)}
        self._depth_unit_m = self._exposure_s = 0.0
        self._good = self._bad = 0
        self._opened_s = -NEVER_S
        self._refused = ""
        self._link_trouble = f"{self.name}: not open"

    @property
    def name(self) -> str:
        return f"realsense {self.settings.serial}".rstrip()

    def open(self) -> None:
        """Raises LinkLost with what to do about it."""
        self.close()
        try:
            self._device = self._find(self.settings.serial)
            self._start()
        except (LinkLost, RuntimeError) as error:  # librealsense's own errors are RuntimeErrors
            self.close()
            self._link_trouble = str(error) if isinstance(error, LinkLost) else f"{self.name}: {error}"
            raise LinkLost(self._link_trouble) from error
        self._opened_s, self._link_trouble = self._clock.now(), ""

    def reconnect(self) -> bool:
        """Try once to open it again. True when it is open."""
        try:
            self.open()
        except LinkLost:
            return False
        return True

    def _start(self) -> None:
        import pyrealsense2 as rs

        missing = list(self.settings.streams)
        size = (self.settings.height, self.settings.width)
        self._streams = {
            name: Stream(why_no_depth(size) if name == DEPTH else FrameCheck(*size, compressed=False).why_bad)
            for name in missing
        }
        refused: list[str] = []
        for sensor in self._device.query_sensors():
            profiles = [found for name in missing if (found := self._profile(sensor, name)) is not None]
            if not profiles:
                continue
            refused += self._ask(sensor, any(each.stream_name() == "Color" for each in profiles))
            queue = rs.frame_queue(QUEUE)
            sensor.open(profiles)
            sensor.start(queue)
            self._sensors.append(sensor)
            self._queues.append(queue)
            missing = [name for name in missing if all(each.stream_type().name != name for each in profiles)]
            if sensor.supports(rs.option.depth_units):
                self._depth_unit_m = float(sensor.get_option(rs.option.depth_units))
        if missing:
            wanted = f"{self.settings.width}x{self.settings.height} at {self.settings.fps} Hz"
            raise LinkLost(f"{self.name}: it has no {', '.join(missing)} of {wanted}")
        self._refused = f"it does not take {', '.join(refused)}" if refused else ""

    def _profile(self, sensor: Any, name: str) -> Any:
        """How a sensor is to send this stream; None if it does not. Of an IMU, as often as it can."""
        import pyrealsense2 as rs

        form = {COLOUR: rs.format.bgr8, DEPTH: rs.format.z16, INFRARED: rs.format.y8}.get(name, rs.format.motion_xyz32f)
        fits = [p for p in sensor.get_stream_profiles() if p.stream_type().name == name and p.format() == form]
        if name in (GYRO, ACCEL):
            return max(fits, key=lambda profile: profile.fps(), default=None)
        settings = self.settings
        for profile in sorted(fits, key=lambda profile: profile.stream_index()):
            video = profile.as_video_stream_profile()
            if (video.width(), video.height(), profile.fps()) == (settings.width, settings.height, settings.fps):
                return profile
        return None

    def _ask(self, sensor: Any, is_colour: bool) -> list[str]:
        """Set what is fixed, and read it back. Returns what the sensor does not take."""
        import pyrealsense2 as rs

        option, settings = rs.option, self.settings
        step_s = COLOUR_EXPOSURE_S if is_colour else STEREO_EXPOSURE_S
        asked: list[tuple[str, Any, Any, float]] = []
        if settings.exposure_s and not sensor.is_motion_sensor():
            asked.append(("exposure_s", option.enable_auto_exposure, option.exposure, settings.exposure_s / step_s))
        if settings.white_balance_k and is_colour:
            asked.append(
                ("white_balance_k", option.enable_auto_white_balance, option.white_balance, settings.white_balance_k)
            )
        refused = []
        for name, automatic, fixed, value in asked:
            if not (sensor.supports(automatic) and sensor.supports(fixed)):
                refused.append(name)
                continue
            sensor.set_option(automatic, 0.0)
            sensor.set_option(fixed, value)
            if abs(sensor.get_option(fixed) - value) > 0.01 * value:
                refused.append(name)
        return refused

    def read(self) -> RealSenseReading:
        """What has come. Never blocks. Raises LinkLost if the camera is gone."""
        if self._link_trouble:
            raise LinkLost(self._link_trouble)
        now, heard = self._clock.now(), False
        for stream in self._streams.values():
            stream.new = None
        for queue in self._queues:
            while frame := queue.poll_for_frame():
                heard = True
                self._take(frame, now)
        if not heard and not self._device.is_connected():
            self.close()
            self._link_trouble = f"{self.name}: it was unplugged"
            raise LinkLost(self._link_trouble)
        picture = COLOUR if self.settings.colour else INFRARED
        new = {name: stream.new for name, stream in self._streams.items()}
        age_s = {name: now - stream.measured_s for name, stream in self._streams.items()}
        return RealSenseReading(
            frame=new.get(picture),
            infrared=new.get(INFRARED),
            depth=new.get(DEPTH),
            frame_age_s=age_s.get(picture, NEVER_S),
            infrared_age_s=age_s.get(INFRARED, NEVER_S),
            depth_age_s=age_s.get(DEPTH, NEVER_S),
            gyro_age_s=age_s.get(GYRO, NEVER_S),
            accel_age_s=age_s.get(ACCEL, NEVER_S),
            gyro_rad_s=self._motion[GYRO],
            accel_m_s2=self._motion[ACCEL],
            depth_unit_m=self._depth_unit_m,
            exposure_s=self._exposure_s,
            good=self._good,
            bad=self._bad,
        )

    def _take(self, frame: Any, now: float) -> None:
        import pyrealsense2 as rs

        name = frame.get_profile().stream_type().name
        stream = self._streams[name]
        measured_s = stream.clock.measured_s(int(frame.get_timestamp()), now)
        if name in (GYRO, ACCEL):
            told = frame.as_motion_frame().get_motion_data()
            self._motion[name] = (told.z, -told.x, -told.y)  # the lens looks along z, y is down
            stream.measured_s = measured_s
            return
        picture = np.array(frame.get_data())  # a copy: librealsense uses its buffer again
        stream.wrong = stream.why_bad(picture)
        if stream.wrong:
            self._bad += 1
            return
        self._good += 1
        stream.new, stream.measured_s = picture, measured_s
        exposure = rs.frame_metadata_value.actual_exposure
        if name != DEPTH and frame.supports_frame_metadata(exposure):
            self._exposure_s = METADATA_EXPOSURE_S * frame.get_frame_metadata(exposure)

    def trouble(self) -> str:
        """What is wrong, in one line; empty while all comes that was asked for, and while it starts."""
        if self._link_trouble:
            return self._link_trouble
        now = self._clock.now()
        for name, stream in self._streams.items():
            if now - self._opened_s < START_S and stream.measured_s < self._opened_s:
                continue
            age_s = now - stream.measured_s
            if age_s > self.settings.late_s:
                return f"{self.name}: {name}: {stream.wrong or 'its frames are late'}; the last good one is {age_s:.1f} s old"
        return f"{self.name}: {self._refused}" if self._refused else ""

    def stop(self) -> None:
        """There is nothing to bring to rest."""

    def close(self) -> None:
        """Release the camera. Never raises."""
        for sensor in self._sensors:
            for end in (sensor.stop, sensor.close):
                try:
                    end()
                except RuntimeError as error:  # one that was unplugged cannot be told
                    self._refused = str(error)
        self._sensors, self._queues, self._device = [], [], None
        self._link_trouble = f"{self.name}: not open"


DRIVER = Declared(
    "realsense", "RealSense cameras: colour, depth, infrared, IMU", RealSenseSettings, RealSense, RealSenseReading
)  # fmt: skip
