"""LDROBOT's LD06 and LD19, over a serial port: they turn and send as soon as they have power, and hear nothing.

"LD06 Development Manual": a packet of 47 bytes for twelve points, little-endian:

    byte 0      0x54
    byte 1      0x2C: version 1, twelve points
    bytes 2-3   speed, degree/s
    bytes 4-5   angle of the first point, 1/100 degree      clockwise, seen from above
    bytes 6-41  twelve times: distance, mm (2), and how strong what came back was (1)
    bytes 42-43 angle of the last point
    bytes 44-45 time stamp, ms, which begins again at 30000
    byte 46     CRC-8 (polynomial 0x4D) of all before
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from drivers.base import NEVER_S, Clock, LidarReading, LinkLost
from drivers.declared import Declared
from drivers.device_clock import RESONATORS_DRIFT, DeviceClock
from drivers.lidar import LidarSettings, thinned
from drivers.serial_driver import SerialDriver
from drivers.serial_port import SerialPort

BAUD = 230_400
PACKET_BYTES, POINTS = 47, 12
HEADER, VERSION_AND_POINTS = 0x54, 0x2C
STAMP_MS = 30_000
WEAK = 15  # a return that is no stronger is noise
SLOWEST_DEG_S = 720.0  # 2 turns a second: slower, its motor is held
SPAN_MAX_DEG = 30.0  # of twelve points: at 13 turns a second they take 13
SILENCE_S = 1.0  # between packets
SPIN_UP_S = 3.0
BUFFER_MAX = 1 << 16

_NO_POINTS = np.empty(0, dtype=np.float32)


def _crc_table() -> np.ndarray:
    table = np.arange(256)
    for _ in range(8):
        table = np.where(table & 0x80, (table << 1) ^ 0x4D, table << 1) & 0xFF
    return table.astype(np.uint8)


CRC = _crc_table()


@njit(cache=True)
def _u16(stream, i):
    return int(stream[i]) | int(stream[i + 1]) << 8


@njit(cache=True)
def parse_packets(stream, crc_table, angle_rad, distance_m, packets):
    """Find the packets in `stream` (uint8).

    angle_rad, distance_m (n,) float32, room for POINTS a packet: angles clockwise, as the lidar tells them. packets (m, 3)
    float64: each one's speed, degree/s, its time stamp, ms, and the angle of its first point, degrees.
    Returns (packets found, bytes consumed, bytes skipped).
    """
    i = found = skipped = 0
    while i + PACKET_BYTES <= stream.shape[0]:
        whole = stream[i] == HEADER and stream[i + 1] == VERSION_AND_POINTS
        if whole:
            crc = 0
            for k in range(i, i + PACKET_BYTES - 1):
                crc = crc_table[crc ^ stream[k]]
            whole = crc == stream[i + PACKET_BYTES - 1]
        first_deg, last_deg = 0.01 * _u16(stream, i + 4), 0.01 * _u16(stream, i + 42)
        span_deg = last_deg - first_deg + (360.0 if last_deg < first_deg else 0.0)
        if not whole or max(first_deg, last_deg) > 360.0 or span_deg > SPAN_MAX_DEG:
            i += 1
            skipped += 1
            continue
        for k in range(POINTS):
            point, at = i + 6 + 3 * k, found * POINTS + k
            angle_rad[at] = math.radians(first_deg + span_deg * k / (POINTS - 1))
            distance_m[at] = 0.001 * _u16(stream, point) if stream[point + 2] > WEAK else 0.0
        packets[found, 0], packets[found, 1] = _u16(stream, i + 2), _u16(stream, i + 44)
        packets[found, 2] = first_deg
        found += 1
        i += PACKET_BYTES
    return found, i, skipped


@dataclass(frozen=True)
class LD19Settings(LidarSettings):
    """Where one lidar is connected, and how it is mounted."""

    port: str
    baud: int = BAUD

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.baud <= 0:
            raise ValueError(f"baud: found {self.baud}, allowed: above 0")


class LD19(SerialDriver):
    """Driver of one LD06 or LD19. It only listens."""

    def __init__(self, settings: LD19Settings, clock: Clock) -> None:
        self.settings = settings
        self.skipped_bytes = 0  # that belonged to no whole packet
        self._clock = clock
        self._port = SerialPort(settings.port, settings.baud)
        self._device = self._new_clock()
        self._buffer = b""
        self._opened_s = 0.0
        self._heard = False  # anything at all, since it was opened
        self._newest_s = -NEVER_S
        self._revolution, self._last_deg = 0, 0.0
        self._slow_hz = 0.0  # 0: it turns as it should
        self._link_trouble = f"{settings.port}: not open"

    def _new_clock(self) -> DeviceClock:
        return DeviceClock(STAMP_MS, PACKET_BYTES * 10 / self.settings.baud, RESONATORS_DRIFT)

    def open(self) -> None:
        """Open the port. Raises LinkLost with what to do about it."""
        self._port.open()
        self._link_trouble, self._buffer, self._heard, self._slow_hz = "", b"", False, 0.0
        self._opened_s, self._device = self._clock.now(), self._new_clock()

    def read(self) -> LidarReading:
        """Return the points that arrived since the last read. Never blocks. Raises LinkLost if the port is gone."""
        try:
            data = self._port.read()
        except LinkLost as error:
            self._link_trouble = str(error)
            raise
        now = self._clock.now()
        self._heard |= bool(data)
        self._buffer = (self._buffer + data)[-BUFFER_MAX:]
        stream = np.frombuffer(self._buffer, np.uint8)
        room = len(stream) // PACKET_BYTES
        angle_rad, packets = np.empty(room * POINTS, np.float32), np.empty((room, 3))
        distance_m = np.empty_like(angle_rad)
        found, consumed, skipped = parse_packets(stream, CRC, angle_rad, distance_m, packets)
        self._buffer = self._buffer[consumed:]
        self.skipped_bytes += skipped
        packets = packets[:found]
        turning = packets[:, 0] >= SLOWEST_DEG_S
        if found:
            self._slow_hz = 0.0 if turning[-1] else max(0.01, packets[-1, 0] / 360.0)
        if not found or not turning.all():  # of a motor that is held, every point is the same
            return LidarReading(_NO_POINTS, _NO_POINTS, _NO_POINTS, now - self._newest_s, self._revolution)
        for stamp_ms in packets[:, 1]:
            self._newest_s = self._device.measured_s(int(stamp_ms), now)
        return self._reading(now, angle_rad[: found * POINTS], distance_m[: found * POINTS], packets)

    def _reading(self, now: float, angle_rad: np.ndarray, distance_m: np.ndarray, packets: np.ndarray) -> LidarReading:
        self._revolution += int(np.count_nonzero(np.diff(packets[:, 2], prepend=self._last_deg) < -180.0))
        self._last_deg = float(packets[-1, 2])
        step_deg = float(angle_rad[-1] - angle_rad[-POINTS]) * (180.0 / math.pi) / (POINTS - 1)
        sample_s = step_deg / float(packets[-1, 0])
        scan_age_s = now - self._newest_s
        kept = thinned(len(angle_rad), self._revolution)
        age_s = np.float32(scan_age_s) + np.float32(sample_s) * np.arange(len(angle_rad) - 1, -1, -1, dtype=np.float32)
        angle_rad, distance_m = -angle_rad[kept], distance_m[kept]
        self.settings.to_car(angle_rad, distance_m)
        return LidarReading(angle_rad, distance_m, age_s[kept], scan_age_s, self._revolution)

    def stop(self) -> None:
        """It hears nothing: it turns while it has power. Never raises."""

    def trouble(self) -> str:
        """What is wrong, in one line; empty while all is well, and while it starts for the first time."""
        if self._link_trouble:
            return self._link_trouble
        port = f"{self.settings.port} ({self.settings.baud} baud)"
        if self._slow_hz:
            return f"{port}: its motor turns {self._slow_hz:.1f} times a second instead of 10: is it free to turn?"
        now, never = self._clock.now(), self._newest_s < self._opened_s
        if now - self._opened_s < SPIN_UP_S if never else now - self._newest_s < SILENCE_S:
            return ""
        if self._heard and never:
            return f"{port}: what comes is no packet of an LD06 or LD19: is it another lidar, or another baud rate?"
        return f"{port}: nothing comes: is it powered, does it turn, is its data line in?"


DRIVER = Declared("ld19", "LDROBOT LD06, LD19", LD19Settings, LD19, LidarReading)
