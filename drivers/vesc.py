"""VESC motor controller with a servo and an IMU, over UART or USB.

The protocol is that of the VESC firmware (github.com/vedderb/bldc: comm/packet.c, comm/commands.c, datatypes.h,
imu/imu.c): a frame is `02 length8` or `03 length16`, payload, CRC-16/XMODEM of the payload, `03`; big-endian numbers.

The controller releases the motor 1000 ms after the last motor command or ALIVE (its timeout brake current is 0 A by
default: the car coasts). A servo command does not feed that watchdog. Speeds below its minimum ERPM coast too.
"""

import math
from binascii import crc_hqx
from dataclasses import dataclass
from struct import Struct

from drivers.base import NEVER_S, Clock, LinkLost, VescCommand, VescReading
from drivers.serial_port import SerialPort

GRAVITY_M_S2 = 9.80665
BAUD = 115_200
BYTE_S = 10 / BAUD
SILENCE_S = 0.5  # without an answer for longer, something is wrong

FW_VERSION, GET_VALUES, SET_CURRENT, SET_CURRENT_BRAKE, SET_RPM = 0, 4, 6, 7, 8
SET_SERVO_POS, ALIVE, GET_IMU_DATA = 12, 30, 65
IMU_MASK = 0b1_1111_1000  # acceleration x, y, z; rate x, y, z

FAULT_NAMES = (
    "none", "over voltage", "under voltage", "gate driver", "absolute over current", "over temperature of transistors",
    "over temperature of motor", "gate driver over voltage", "gate driver under voltage", "processor under voltage",
    "booting from watchdog reset", "encoder SPI", "encoder sin/cos below minimum", "encoder sin/cos above maximum",
    "flash corruption", "high offset of current sensor 1", "high offset of current sensor 2",
    "high offset of current sensor 3", "unbalanced currents", "brake resistor", "resolver loss of tracking",
    "resolver degradation of signal", "resolver loss of signal", "flash corruption of app configuration",
    "flash corruption of motor configuration", "encoder without magnet", "encoder magnet too strong", "phase filter",
    "encoder", "low-voltage output",
)  # fmt: skip

_INT = Struct(">Bi")
_SHORT = Struct(">Bh")
_CRC_END = Struct(">HB")
# id; temperatures of transistors, motor; currents: motor, input, d, q; duty; erpm; voltage; Ah, Ah charged, Wh,
# Wh charged; tachometer, absolute; fault. Newer firmware appends more.
_VALUES = Struct(">BhhiiiihihiiiiiiB")
_IMU = Struct(">BH6f")


def fault_name(code: int) -> str:
    """What a fault code means."""
    return FAULT_NAMES[code] if 0 <= code < len(FAULT_NAMES) else f"fault {code}"


def frame(payload: bytes) -> bytes:
    """Wrap a payload for sending."""
    size = len(payload)
    head = bytes((2, size)) if size < 256 else bytes((3, size >> 8, size & 255))
    return head + payload + _CRC_END.pack(crc_hqx(payload, 0), 3)


_REQUESTS = frame(bytes([GET_VALUES])) + frame(Struct(">BH").pack(GET_IMU_DATA, IMU_MASK))
_ALIVE = frame(bytes([ALIVE]))


class FrameParser:
    """Finds frames in a stream of bytes, however it is cut; skips what is none and counts it."""

    def __init__(self, payload_max: int = 512) -> None:
        self.payload_max = payload_max  # the firmware's own limit
        self.bad_frames = 0  # had a header, but not the right CRC or end
        self.skipped_bytes = 0
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take in `data` and return the payloads that are complete now, in order."""
        payloads = []
        buffer = self._buffer + data
        position, size = 0, len(buffer)
        while position < size:
            start = buffer[position]
            if start == 2:
                payload = position + 2
                length = buffer[position + 1] if payload <= size else -1
                valid = length != 0
            elif start == 3:
                payload = position + 3
                length = buffer[position + 1] << 8 | buffer[position + 2] if payload <= size else -1
                valid = length < 0 or length >= 255
            else:
                valid = False
            if not valid or length > self.payload_max:
                position += 1
                self.skipped_bytes += 1
                continue
            end = payload + length + 3
            if length < 0 or end > size:
                break
            body = buffer[payload : payload + length]
            if buffer[end - 1] == 3 and crc_hqx(body, 0) == buffer[end - 3] << 8 | buffer[end - 2]:
                position = end
                payloads.append(body)
            else:
                self.bad_frames += 1
                self.skipped_bytes += 1
                position += 1
        self._buffer = buffer[position:]
        return payloads


@dataclass(frozen=True)
class VescSettings:
    """How one car is wired and limited. The defaults are those of the F1TENTH cars."""

    port: str = "/dev/sensors/vesc"
    baud: int = BAUD
    erpm_per_m_s: float = 4614.0
    servo_per_rad: float = -1.2135
    servo_centre: float = 0.5304  # the servo's position, 0 to 1, when the wheels point ahead
    steer_max_rad: float = 0.4189
    speed_min_m_s: float = -3.0
    speed_max_m_s: float = 6.0
    standstill_m_s: float = 0.2  # below it the controller cannot hold a speed: the driver brakes instead
    brake_current_a: float = 40.0

    def __post_init__(self) -> None:
        for name in ("erpm_per_m_s", "steer_max_rad", "speed_max_m_s", "brake_current_a"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"vesc: {name} is {value}, but must be a positive number")
        if not (math.isfinite(self.servo_per_rad) and self.servo_per_rad != 0):
            raise ValueError(f"vesc: servo_per_rad is {self.servo_per_rad}, but must be a number other than 0")


class Vesc:
    """Driver of one VESC. Call `read` once a tick and then `write`, `brake` or `coast`.

    Every tick asks for the values and the IMU; the answers are taken by the next `read`. They are dated by the moment
    they were asked for, when the controller took them, so a reader that was held up does not think them fresh.
    """

    def __init__(self, settings: VescSettings, clock: Clock, port: SerialPort | None = None) -> None:
        """port: to speak through instead of an own one that nobody else may open."""
        self.settings = settings
        self.parser = FrameParser(payload_max=128)
        self.firmware = ""  # as the device tells it, "6.2 60"; empty before
        self._clock = clock
        self._port = port or SerialPort(settings.port, settings.baud)
        self._asked = False  # for values, since the last read
        self._asked_s = self._values_s = self._imu_s = -NEVER_S
        self._opened_s = 0.0
        self._link_trouble = f"{settings.port}: not open"
        self._refusal = ""
        self._values = (0.0, 0.0, 0.0, 0, 0.0)
        self._imu = (0.0, 0.0, 0.0, 0.0)
        self._servo = b""  # the servo's frame; none before it was first aimed
        self._steer_rad = 0.0

    def open(self) -> None:
        """Open the port and ask for the firmware's version. Raises LinkLost with what to do about it."""
        self._port.open()
        self.parser = FrameParser(self.parser.payload_max)
        self._opened_s = self._clock.now()
        self._link_trouble = ""
        self._send(frame(bytes([FW_VERSION])))

    def read(self) -> VescReading:
        """Take in the answers and return the newest values with their ages. Never blocks. Raises LinkLost."""
        data = self._receive()
        for payload in self.parser.feed(data):
            self._take(payload)
        now = self._clock.now()
        if not self._asked:
            self._send(_REQUESTS)
            self._asked_s = now
        self._asked = False
        speed, current, voltage, fault, tachometer = self._values
        accel_x, accel_y, accel_z, yaw_rate = self._imu
        return VescReading(
            speed, current, voltage, fault, tachometer, accel_x, accel_y, accel_z, yaw_rate,
            now - self._values_s, now - self._imu_s,
        )  # fmt: skip

    def _take(self, payload: bytes) -> None:
        kind = payload[0]
        if kind == GET_VALUES and len(payload) >= _VALUES.size:
            fields = _VALUES.unpack_from(payload)
            per_m_s = self.settings.erpm_per_m_s
            metres = fields[14] * 10 / per_m_s  # six tachometer steps a turn, and 60 ERPM is one turn a second
            self._values = (fields[8] / per_m_s, fields[3] * 0.01, fields[9] * 0.1, fields[16], metres)
            self._values_s = self._asked_s
        elif kind == GET_IMU_DATA and len(payload) >= _IMU.size:
            _, mask, accel_x, accel_y, accel_z, _, _, rate_z = _IMU.unpack_from(payload)
            imu = (accel_x * GRAVITY_M_S2, accel_y * GRAVITY_M_S2, accel_z * GRAVITY_M_S2, math.radians(rate_z))
            if mask == IMU_MASK and all(map(math.isfinite, imu)):
                self._imu = imu
                self._imu_s = self._asked_s
        elif kind == FW_VERSION and len(payload) >= 3:
            hardware = payload[3:].split(b"\0")[0].decode("ascii", "replace")
            self.firmware = f"{payload[1]}.{payload[2]} {hardware}"

    def write(self, steer_rad: float, speed_m_s: float) -> VescCommand:
        """Steer and hold a speed, within the limits; returns what was really sent. Raises LinkLost.

        A speed too low to be held brakes. Anything that is not a finite number sends a stop and says `refused`.
        """
        if not (math.isfinite(steer_rad) and math.isfinite(speed_m_s)):
            self._refusal = f"{self.settings.port}: refused steer {steer_rad} rad, speed {speed_m_s} m/s; braking"
            return self._command(SET_CURRENT_BRAKE, self._milliamperes(self.settings.brake_current_a), refused=True)
        self._refusal = ""
        limits = self.settings
        speed = min(limits.speed_max_m_s, max(limits.speed_min_m_s, speed_m_s))
        self._aim(steer_rad)
        if abs(speed) < limits.standstill_m_s:
            return self._command(SET_CURRENT_BRAKE, self._milliamperes(limits.brake_current_a))
        return self._command(SET_RPM, round(speed * limits.erpm_per_m_s))

    def brake(self, current_a: float, steer_rad: float | None = None) -> VescCommand:
        """Brake with a motor current, A, up to what the settings allow; steer where told, or stay. Raises LinkLost."""
        finite = math.isfinite(current_a) and (steer_rad is None or math.isfinite(steer_rad))
        if not finite:
            current_a, steer_rad = self.settings.brake_current_a, None
        if steer_rad is not None:
            self._aim(steer_rad)
        return self._command(SET_CURRENT_BRAKE, self._milliamperes(current_a), refused=not finite)

    def coast(self) -> VescCommand:
        """Let the motor run free and the servo stay. Raises LinkLost."""
        return self._command(SET_CURRENT, 0)

    def alive(self) -> None:
        """Keep the last motor command in force beyond the controller's 1000 ms. Raises LinkLost."""
        self._send(_ALIVE)

    def stop(self) -> None:
        """Brake. The controller's own watchdog takes the brake current back to zero 1000 ms later. Never raises."""
        try:
            self.brake(self.settings.brake_current_a)
        except LinkLost as error:
            self._link_trouble = str(error)

    def trouble(self) -> str:
        """What is wrong, in one line; empty while all is well."""
        if self._link_trouble or self._refusal:
            return self._link_trouble or self._refusal
        port = f"{self.settings.port} ({self.settings.baud} baud)"
        now = self._clock.now()
        if now - max(self._values_s, self._opened_s) > SILENCE_S:
            return f"{port}: no answer for {SILENCE_S} s; is a VESC there, and powered?"
        if now - max(self._imu_s, self._opened_s) > SILENCE_S:
            return f"{port}: the VESC answers, but not with IMU data; does it have an IMU, and is it enabled?"
        return "" if self._values[3] == 0 else f"{port}: VESC fault: {fault_name(self._values[3])}"

    def close(self) -> None:
        """Release the port. Never raises."""
        self._port.close()
        self._link_trouble = f"{self.settings.port}: not open"

    def reconnect(self) -> bool:
        """Try once to open the port again by its name. True when it is open."""
        try:
            self.open()
        except LinkLost as error:
            self._link_trouble = str(error)
            return False
        return True

    def _milliamperes(self, current_a: float) -> int:
        return round(1000 * min(self.settings.brake_current_a, max(0.0, current_a)))

    def _aim(self, steer_rad: float) -> None:
        """Set where the servo goes with the next command."""
        limits = self.settings
        steer = min(limits.steer_max_rad, max(-limits.steer_max_rad, steer_rad))
        thousandths = round(1000 * min(1.0, max(0.0, limits.servo_per_rad * steer + limits.servo_centre)))
        self._steer_rad = (thousandths / 1000 - limits.servo_centre) / limits.servo_per_rad
        self._servo = frame(_SHORT.pack(SET_SERVO_POS, thousandths))

    def _command(self, kind: int, value: int, refused: bool = False) -> VescCommand:
        """Send motor and servo commands, and with them the requests that the next read expects answers to."""
        self._send(frame(_INT.pack(kind, value)) + self._servo + _REQUESTS)
        self._asked = True
        self._asked_s = self._clock.now()
        speed = value / self.settings.erpm_per_m_s if kind == SET_RPM else 0.0
        brake = value / 1000 if kind == SET_CURRENT_BRAKE else 0.0
        return VescCommand(self._steer_rad, speed, brake, refused)

    def _send(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except LinkLost as error:
            self._link_trouble = str(error)
            raise

    def _receive(self) -> bytes:
        try:
            return self._port.read()
        except LinkLost as error:
            self._link_trouble = str(error)
            raise
