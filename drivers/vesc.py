"""VESC motor controller with a servo and an IMU, over UART or USB; `drivers/vesc_protocol.py` is what it speaks.

The controller releases the motor 1000 ms after the last motor command or ALIVE (its timeout brake current is 0 A by
default: the car coasts). A servo command does not feed that watchdog. Speeds below its minimum ERPM coast too.

Up to firmware 2.x there is no hand brake: what is SET_SERVO_POS here overwrites the motor's configuration there, and
GET_VALUES has other fields. So the version is asked for first, and until it is known to be new enough nothing is
commanded.

A controller behind another one on a CAN bus (`can_id`) gets everything through that one, in FORWARD_CAN, and answers as if it
were there itself. Up to 2.x FORWARD_CAN has another number, and ours sets a joystick: so the one on the cable is asked for its
version first, then the one behind it. Who has said the one thing may say it again, late: they are told apart by their answers.
"""

import math
from dataclasses import dataclass

from drivers import vesc_protocol as protocol
from drivers.base import NEVER_S, Clock, LinkLost, VescCommand, VescReading
from drivers.declared import Declared
from drivers.serial_driver import SerialDriver
from drivers.serial_port import SerialPort
from drivers.told_text import told_text
from drivers.vesc_protocol import Asked, FrameParser, fault_name, frame

GRAVITY_M_S2 = 9.80665
BAUD = 115_200
SILENCE_S = 0.5  # without an answer for longer, something is wrong
ASK_VERSION_EVERY_S = 0.1  # until it is answered by a new enough one: an answer may be damaged
FIRMWARE_MIN = 3  # major version
HERE, CAN_ID_MAX = -1, 253  # of can_id: the one on the cable; what a controller's own can be (255: all of them)
REORDERED_MAX = 5  # ticks by which answers of two kinds may overtake each other


@dataclass(frozen=True)
class VescSettings:
    """How one car is wired: its port, and the gains and limits between SI units and the controller's own, as F1TENTH's
    `vesc.yaml` names them."""

    port: str
    baud: int = BAUD
    erpm_per_m_s: float = 4614.0  # negative where the motor turns backwards
    servo_gain: float = -1.2135  # of the servo's position, 0 to 1, for a radian to the left
    servo_offset: float = 0.5304  # the servo's position when the wheels point ahead
    servo_min: float = 0.15  # the servo's position at the end stops of the steering; it is never sent beyond them
    servo_max: float = 0.85
    imu_upside_down: bool = False  # turned about its x axis: left is right, up is down
    imu_yaw_rad: float = 0.0  # direction of its x axis in the car's frame, counter-clockwise positive
    can_id: int = HERE  # of a controller behind the one on the cable, on a CAN bus

    def __post_init__(self) -> None:
        _positive(self, "baud")
        if not HERE <= self.can_id <= CAN_ID_MAX:
            raise ValueError(
                f"can_id: found {self.can_id}, allowed: 0 to {CAN_ID_MAX}, or {HERE} for the one on the cable"
            )
        for name in ("erpm_per_m_s", "servo_gain"):
            value = getattr(self, name)
            if not math.isfinite(value) or value == 0.0:
                raise ValueError(f"{name}: found {value}, allowed: any number but 0")
        if not abs(self.imu_yaw_rad) <= 2.0 * math.pi:
            raise ValueError(
                f"imu_yaw_rad: found {self.imu_yaw_rad}, allowed: {-2.0 * math.pi:.3g} to {2.0 * math.pi:.3g}"
            )
        if not 0.0 <= self.servo_min < self.servo_max <= 1.0:
            raise ValueError(
                f"servo_min, servo_max: found {self.servo_min}, {self.servo_max}, allowed: 0 to 1, the first one less"
            )
        if not self.servo_min < self.servo_offset < self.servo_max:
            raise ValueError(
                f"servo_offset: found {self.servo_offset}, allowed: between servo_min, {self.servo_min}, and servo_max, "
                f"{self.servo_max}"
            )

    def addressed(self, payload: bytes) -> bytes:
        """A payload as the one on the cable is to get it."""
        return payload if self.can_id == HERE else bytes((protocol.FORWARD_CAN, self.can_id)) + payload

    @property
    def steer_reach_rad(self) -> float:
        """How far the wheels can be turned to both sides within the servo's end stops."""
        return min(self.servo_max - self.servo_offset, self.servo_offset - self.servo_min) / abs(self.servo_gain)


@dataclass(frozen=True)
class VescLimits:
    """What every command is held to, whoever gives it."""

    steer_max_rad: float = 0.4189
    speed_min_m_s: float = -3.0
    speed_max_m_s: float = 6.0
    standstill_m_s: float = 0.2  # below it the controller cannot hold a speed: the driver brakes instead
    brake_current_a: float = 40.0

    def __post_init__(self) -> None:
        _positive(self, "steer_max_rad", "speed_max_m_s", "brake_current_a")


def _positive(of: VescSettings | VescLimits, *names: str) -> None:
    for name in names:
        value = getattr(of, name)
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name}: found {value}, allowed: above 0")


NO_MORE = VescLimits()


class Vesc(SerialDriver):
    """Driver of one VESC. Call `read` once a tick and then `write`, `brake` or `coast`.

    The firmware's version is asked for first: commands are held back until it is known, and for ever if it is too old.
    Every tick asks for the values and the IMU; the answers are taken by the next `read`. They are dated by the request
    that they answer, when the controller measured them, so that neither a late answer nor a reader that was held up
    makes old values look fresh.
    """

    def __init__(
        self, settings: VescSettings, clock: Clock, limits: VescLimits = NO_MORE, port: SerialPort | None = None,
        checked: bool = False,
    ) -> None:  # fmt: skip
        """port: to speak through instead of an own one that nobody else may open.

        checked: who drove this controller before has checked its version, so that it can be commanded at once.
        """
        self.settings, self.limits = settings, limits
        self.parser = FrameParser(payload_max=128)
        self.firmware = ""  # as the device tells it, "6.2 60"; empty before
        self._ahead = math.copysign(1.0, settings.erpm_per_m_s)  # of the motor's own direction
        self._imu_turn = (math.cos(settings.imu_yaw_rad), math.sin(settings.imu_yaw_rad))
        self._imu_over = -1.0 if settings.imu_upside_down else 1.0
        self._clock = clock
        self._port = port or SerialPort(settings.port, settings.baud)
        self._checked = checked
        self._major = -1  # of the firmware's version; -1 until this link has told it
        self._bridge = b""  # what the one on the cable has told of its version, where ours is behind it
        self._version_asked_s = 0.0
        self._commanded = checked  # whether the car may be driving
        self._number = 0  # of the newest requests
        self._asked = False  # for values, since the last read
        self._chosen, self._whole, self._imu_asked = Asked(), Asked(), Asked()
        self._repeats = False  # whether the controller knows GET_VALUES_SELECTIVE, and so dates its values exactly
        self._values_s = self._imu_s = -NEVER_S
        self._opened_s = 0.0
        self._link_trouble = f"{settings.port}: not open"
        self._refusal = ""
        self._values = (0.0, 0.0, 0.0, 0, 0.0)
        self._imu = (0.0, 0.0, 0.0, 0.0)
        self._servo = b""  # the servo's frame; none before it was first aimed
        self._steer_rad = 0.0

    @property
    def too_old(self) -> bool:
        """Whether the firmware is known to obey other commands than ours: nothing is sent to it but the question for its version."""
        return 0 <= self._major < FIRMWARE_MIN or self._bridge_too_old

    @property
    def _bridge_too_old(self) -> bool:
        return bool(self._bridge) and self._bridge[1] < FIRMWARE_MIN

    def open(self) -> None:
        """Open the port and ask for the firmware's version. Raises LinkLost with what to do about it."""
        self._port.open()
        self.parser = FrameParser(self.parser.payload_max)
        for asked in (self._chosen, self._whole, self._imu_asked):
            asked.clear()
        self._repeats = self._asked = False
        self._major = FIRMWARE_MIN if self._checked else -1
        self._bridge = b""
        self._opened_s = self._clock.now()
        self._link_trouble = ""
        self._ask_version(self._opened_s)

    def read(self) -> VescReading:
        """Take in the answers and return the newest values with their ages. Never blocks. Raises LinkLost."""
        data = self._receive()
        before = b""
        for payload in self.parser.feed(data):
            if payload != before:  # an answer that came twice answers one request
                self._take(payload)
            before = payload
        now = self._clock.now()
        if self._major < FIRMWARE_MIN and now - self._version_asked_s >= ASK_VERSION_EVERY_S:
            self._ask_version(now)
        if not self._asked:
            self._send(self._requests(now))
        self._asked = False
        speed, current, voltage, fault, tachometer = self._values
        accel_x, accel_y, accel_z, yaw_rate = self._imu
        return VescReading(
            speed, current, voltage, fault, tachometer, accel_x, accel_y, accel_z, yaw_rate,
            now - self._values_s, now - self._imu_s,
        )  # fmt: skip

    def _ask_version(self, now: float) -> None:
        """Of the one on the cable, and once that is known to forward, of the one behind it."""
        self._version_asked_s = now
        question = bytes([protocol.FW_VERSION])
        if self.settings.can_id == HERE or (self._bridge and not self._bridge_too_old):
            self._send(self._frame(question))
        elif not self._checked:
            self._send(frame(question))

    def _frame(self, payload: bytes) -> bytes:
        return frame(self.settings.addressed(payload))

    def _requests(self, now: float) -> bytes:
        """Ask for values and IMU; nothing before the version is known to be new enough."""
        if self._major < FIRMWARE_MIN:
            return b""
        self._number += 1
        of_values, of_imu = self._number % protocol.VALUES_NUMBERS, self._number % protocol.IMU_NUMBERS + 1
        self._chosen.ask(self._number, of_values, now)
        self._imu_asked.ask(self._number, of_imu, now)
        requests = self._frame(
            protocol.ASK_CHOSEN.pack(
                protocol.GET_VALUES_SELECTIVE, protocol.VALUES_MASK | of_values << protocol.VALUES_NUMBER_BIT
            )
        )
        if not self._repeats:
            self._whole.ask(self._number, 0, now)
            requests += self._frame(bytes([protocol.GET_VALUES]))
        return requests + self._frame(protocol.ASK_IMU.pack(protocol.GET_IMU_DATA, protocol.IMU_MASK | of_imu))

    def _take(self, payload: bytes) -> None:
        kind = payload[0]
        if kind == protocol.FW_VERSION and len(payload) >= 3:
            behind = self.settings.can_id != HERE and not self._checked
            if behind and (not self._bridge or self._bridge_too_old):
                self._bridge = payload
            if payload == self._bridge or self._major >= FIRMWARE_MIN:  # it has told: another answer now is damaged
                return
            self._major = payload[1]
            self.firmware = f"{payload[1]}.{payload[2]} {told_text(payload[3:])}".strip()
        elif kind == protocol.GET_VALUES_SELECTIVE and len(payload) >= protocol.CHOSEN.size:
            _, mask, current, erpm, voltage, tachometer, fault = protocol.CHOSEN.unpack_from(payload)
            if mask & (1 << protocol.VALUES_NUMBER_BIT) - 1 == protocol.VALUES_MASK:
                answered = self._chosen.answered(mask >> protocol.VALUES_NUMBER_BIT)
                self._take_values(answered, erpm, current, voltage, fault, tachometer)
                if answered is not None:
                    self._repeats = True
                    self._imu_asked.give_up(answered[0] - REORDERED_MAX)
        elif kind == protocol.GET_VALUES and len(payload) >= protocol.VALUES.size:
            fields = protocol.VALUES.unpack_from(payload)
            self._take_values(self._whole.answered(None), fields[8], fields[3], fields[9], fields[16], fields[14])
        elif kind == protocol.GET_IMU_DATA:
            self._take_imu(payload)

    def _take_values(
        self, answered: tuple[int, float] | None, erpm: int, current: int, voltage: int, fault: int, tachometer: int
    ) -> None:
        if answered is None or answered[1] < self._values_s:
            return
        self._values_s = answered[1]
        per_m_s = self.settings.erpm_per_m_s
        metres = tachometer * 10 / per_m_s  # six tachometer steps a turn, and 60 ERPM is one turn a second
        self._values = (erpm / per_m_s, self._ahead * current * 0.01, voltage * 0.1, fault, metres)

    def _take_imu(self, payload: bytes) -> None:
        if len(payload) < protocol.IMU_HEAD.size:
            return
        mask = protocol.ASK_IMU.unpack_from(payload)[1]
        number = mask & protocol.IMU_NUMBERS
        at = protocol.ASK_IMU.size + 4 * number.bit_count()  # behind roll, pitch and yaw
        if mask & ~protocol.IMU_NUMBERS != protocol.IMU_MASK or len(payload) < at + protocol.IMU_FLOATS.size:
            return
        accel_x, accel_y, accel_z, _, _, rate_z = protocol.IMU_FLOATS.unpack_from(payload, at)
        cosine, sine = self._imu_turn
        accel_y, accel_z, rate_z = self._imu_over * accel_y, self._imu_over * accel_z, self._imu_over * rate_z
        accel_x, accel_y = cosine * accel_x - sine * accel_y, sine * accel_x + cosine * accel_y
        imu = (accel_x * GRAVITY_M_S2, accel_y * GRAVITY_M_S2, accel_z * GRAVITY_M_S2, math.radians(rate_z))
        answered = self._imu_asked.answered(number or None)
        if answered is None:
            return
        self._whole.give_up(answered[0] - REORDERED_MAX)
        if answered[1] >= self._imu_s and all(map(math.isfinite, imu)):
            self._imu, self._imu_s = imu, answered[1]

    def write(self, steer_rad: float, speed_m_s: float) -> VescCommand:
        """Steer and hold a speed, within the limits; returns what was really sent. Raises LinkLost.

        A speed too low to be held brakes. Anything that is not a finite number sends a stop and says `refused`.
        """
        if not (math.isfinite(steer_rad) and math.isfinite(speed_m_s)):
            self._refusal = f"{self.settings.port}: refused steer {steer_rad} rad, speed {speed_m_s} m/s; braking"
            return self._command(
                protocol.SET_CURRENT_BRAKE, self._milliamperes(self.limits.brake_current_a), refused=True
            )
        self._refusal = ""
        limits = self.limits
        speed = min(limits.speed_max_m_s, max(limits.speed_min_m_s, speed_m_s))
        self._aim(steer_rad)
        if abs(speed) < limits.standstill_m_s:
            return self._command(protocol.SET_CURRENT_BRAKE, self._milliamperes(limits.brake_current_a))
        return self._command(protocol.SET_RPM, round(speed * self.settings.erpm_per_m_s))

    def brake(self, current_a: float, steer_rad: float | None = None) -> VescCommand:
        """Brake with a motor current, A, up to what the settings allow; steer where told, or stay. Raises LinkLost."""
        finite = math.isfinite(current_a) and (steer_rad is None or math.isfinite(steer_rad))
        if not finite:
            current_a, steer_rad = self.limits.brake_current_a, None
        if steer_rad is not None:
            self._aim(steer_rad)
        return self._command(protocol.SET_CURRENT_BRAKE, self._milliamperes(current_a), refused=not finite)

    def coast(self) -> VescCommand:
        """Let the motor run free and the servo stay. Raises LinkLost."""
        return self._command(protocol.SET_CURRENT, 0)

    def alive(self) -> None:
        """Keep the last motor command in force beyond the controller's 1000 ms. Raises LinkLost."""
        if self._major >= FIRMWARE_MIN:
            self._send(self._frame(bytes([protocol.ALIVE])))

    def stop(self) -> None:
        """Brake. The controller's own watchdog takes the brake current back to zero 1000 ms later. Never raises.

        Also before a link that was opened again has told its version: braking is the same command in every version.
        """
        if not self._commanded or self.too_old:
            return
        try:
            self._send(
                self._frame(
                    protocol.INT.pack(protocol.SET_CURRENT_BRAKE, self._milliamperes(self.limits.brake_current_a))
                )
            )
        except LinkLost as error:
            self._link_trouble = str(error)

    def trouble(self) -> str:
        """What is wrong, in one line; empty while all is well."""
        if self._link_trouble or self._refusal:
            return self._link_trouble or self._refusal
        port = f"{self.settings.port} ({self.settings.baud} baud)"
        now = self._clock.now()
        if self._bridge_too_old:
            return (
                f"{port}: the VESC on the cable has firmware {self._bridge[1]}.{self._bridge[2]}, which does not forward to the one with "
                f"CAN id {self.settings.can_id}: {FIRMWARE_MIN}.0 or newer is needed. Update it with VESC Tool."
            )
        if self._bridge and self._major < 0 and now - self._opened_s > SILENCE_S:
            return (
                f"{port}: the VESC on the cable answers, the one with CAN id {self.settings.can_id} behind it does not, so nothing is "
                "commanded; is it powered, its id right, and the bus terminated?"
            )
        if self.too_old:
            return (
                f"{port}: VESC firmware {self.firmware} is too old, {FIRMWARE_MIN}.0 or newer is needed: it takes other "
                "commands, so none was sent. Update it with VESC Tool."
            )
        if self._major < 0 and now - self._opened_s > SILENCE_S:
            return (
                f"{port}: no answer to the question for its firmware's version for {SILENCE_S} s, so nothing is "
                "commanded; is a VESC there, powered, and at this baud rate?"
            )
        if now - max(self._values_s, self._opened_s) > SILENCE_S:
            return f"{port}: no answer for {SILENCE_S} s; is a VESC there, and powered?"
        if now - max(self._imu_s, self._opened_s) > SILENCE_S:
            return f"{port}: the VESC answers, but not with IMU data; does it have an IMU, and is it enabled?"
        return "" if self._values[3] == 0 else f"{port}: VESC fault: {fault_name(self._values[3])}"

    def _milliamperes(self, current_a: float) -> int:
        return round(1000 * min(self.limits.brake_current_a, max(0.0, current_a)))

    def _aim(self, steer_rad: float) -> None:
        """Set where the servo goes with the next command."""
        wiring, most_rad = self.settings, self.limits.steer_max_rad
        steer = min(most_rad, max(-most_rad, steer_rad))
        position = min(wiring.servo_max, max(wiring.servo_min, wiring.servo_gain * steer + wiring.servo_offset))
        thousandths = round(1000 * position)
        self._steer_rad = (thousandths / 1000 - wiring.servo_offset) / wiring.servo_gain
        self._servo = self._frame(protocol.SHORT.pack(protocol.SET_SERVO_POS, thousandths))

    def _command(self, kind: int, value: int, refused: bool = False) -> VescCommand:
        """Send motor and servo commands, and with them the requests that the next read expects answers to.

        Before the firmware is known to be new enough nothing is sent, and that is told: no speed, no brake.
        """
        self._asked = True
        now = self._clock.now()
        if self._major < FIRMWARE_MIN:
            return VescCommand(self._steer_rad, 0.0, 0.0, refused)
        self._commanded = True
        self._send(self._frame(protocol.INT.pack(kind, value)) + self._servo + self._requests(now))
        speed = value / self.settings.erpm_per_m_s if kind == protocol.SET_RPM else 0.0
        brake = value / 1000 if kind == protocol.SET_CURRENT_BRAKE else 0.0
        return VescCommand(self._steer_rad, speed, brake, refused)

    def _send(self, data: bytes) -> None:
        if not data:
            return
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


def take_over(settings: VescSettings, clock: Clock) -> Vesc:
    """The driver for who brings a car to rest that another process drove, who has checked its version."""
    return Vesc(settings, clock, port=SerialPort(settings.port, settings.baud, shared=True), checked=True)


DRIVER = Declared(
    "vesc", "VESC motor controller with servo and IMU, firmware 3.0 or newer", VescSettings, Vesc, VescReading
)
