"""A VESC from the other end of the wire: framing, answers, watchdog, motor, servo, IMU and battery of one car.

Written from the firmware (comm/packet.c, comm/commands.c, timeout.c, imu/imu.c, motor/foc_math.c of vedderb/bldc):

- Setting duty, current, brake current or ERPM, and ALIVE, feed the watchdog; servo and requests do not. After 1000 ms
  it applies a brake current of 0 A: the car coasts.
- A speed below the minimum of 900 ERPM releases the motor. A fault releases it for 500 ms and longer while it lasts.
- The IMU answers in g and degrees a second.
- A servo moves only where the servo output is enabled in the application's settings.
- GET_APPCONF answers with a signature and the application's settings, packed (confgenerator.c); up to 5.02 the servo
  output is no setting, but chosen when the firmware is built.
- Up to firmware 2.x there was no hand brake, so every command from 10 on had a number less: 11 moves the servo, 12
  overwrites the motor's configuration. It tells nothing but its version, and its values begin with seven temperatures.
- What answers a controller on a CAN bus, or a busy one, comes late, and not always in order.
- FORWARD_CAN (34; 33 up to 2.x, where 34 sets what a joystick says): the payload behind the id goes to the controller that has it,
  in pieces of 8 bytes, and what that answers comes back as it is. Nobody has the id: silence (comm/comm_can.c).
"""

import heapq
import math
import struct
from binascii import crc_hqx
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from drivers.emulators.uart import Uart
from drivers.emulators.world import (
    ACCEL_X,
    ACCEL_Y,
    BRAKE,
    CURRENT,
    MOTOR_CURRENT,
    ODOMETER,
    RELEASED,
    SERVO,
    SPEED,
    V_X,
    VOLTAGE,
    YAW_RATE,
    World,
)

G_M_S2 = 9.80665
WATCHDOG_S = 1.0
MIN_ERPM = 900
FAULT_STOP_S = 0.5
MAX_PAYLOAD = 512
CAN_FRAME_S = 0.00025  # eight bytes at 500 kbit/s, and the gap behind them
FULL_DUTY_M_S = 15.0  # speed of the car at full duty, without load
HARDWARE = b"60_MK6"
# Temperatures of transistors, motor (0.1 degree); currents: motor, input, d, q (10 mA); duty (0.1 %); ERPM; voltage
# (0.1 V); Ah, charged, Wh, charged; tachometer, absolute; fault; position; controller; three temperatures; d, q
# voltage (mV); status. Each bit of the selective mask stands for one of them, the three temperatures for one together.
VALUES = struct.Struct(">hhiiiihihiiiiiiBiBhhhiiB")
VALUE_SIZES = (2, 2, 4, 4, 4, 4, 2, 4, 2, 4, 4, 4, 4, 4, 4, 1, 4, 1, 6, 4, 4, 1)
# Up to firmware 2.x: seven temperatures; currents of motor, input; duty; ERPM; voltage; Ah, charged, Wh, charged;
# tachometer, absolute; fault.
OLD_VALUES = struct.Struct(">7hiihihiiiiiiB")


@dataclass(frozen=True)
class VescWiring:
    """How the emulated car is wired, how noisy its sensors are (standard deviations), and what its controller is like."""

    baud: int = 115_200
    firmware_major: int = 6
    firmware_minor: int = 2
    selective: bool = True  # knows GET_VALUES_SELECTIVE, as firmware does since it has IMUs
    servo_output: bool = True  # enabled
    can_id: int = -1  # of this car's controller, where another one is on the cable and this one behind it
    bridge_major: int = 6  # firmware of the one on the cable
    answer_delay_s: float = 0.0  # how late every answer is
    answer_jitter_s: float = 0.0  # and up to how much later, each by chance: they overtake each other
    imu_upside_down: bool = False  # turned about its x axis: left is right, up is down
    imu_yaw_rad: float = 0.0  # of its x axis in the car's frame, counter-clockwise positive
    erpm_per_m_s: float = 4614.0  # negative where two of the motor's wires are exchanged: it turns backwards
    servo_per_rad: float = -1.2135
    servo_centre: float = 0.5304
    servo_low: float = 0.0  # the end stops of the steering: the servo's arm gets no further
    servo_high: float = 1.0
    speed_noise_m_s: float = 0.01
    speed_noise_share: float = 0.003  # of the speed
    current_noise_a: float = 0.2
    accel_noise_m_s2: float = 0.2
    accel_bias_m_s2: float = 0.05  # drawn once for each axis
    gyro_noise_rad_s: float = 0.005
    gyro_bias_rad_s: float = 0.005  # drawn once


class VescEmulator:
    """The controller of `World`'s car. Feed it with `receive`, move it with `run`, take what `uart.arrived` gives."""

    def __init__(self, world: World, wiring: VescWiring, rng: np.random.Generator) -> None:
        self.uart = Uart(wiring.baud, rng)
        self.silent = False  # hung: neither obeys nor answers, but its watchdog still works
        self.imu_stuck = False
        self.fault_code = 0
        self._world = world
        self._wiring = wiring
        self._ahead = math.copysign(1.0, wiring.erpm_per_m_s)
        self._rng = rng
        bias = rng.standard_normal(3) * (wiring.accel_bias_m_s2, wiring.accel_bias_m_s2, wiring.gyro_bias_rad_s)
        self._bias: list[float] = bias.tolist()
        self._buffer = bytearray()
        self._packets: deque[tuple[float, bytes]] = deque()  # when the last byte arrives, payload
        self._fed_s = -math.inf
        self._fault_until_s = -math.inf
        self._timed_out = True
        self._imu: tuple[float, ...] = (0.0,) * 6
        self._late: list[tuple[float, int, bytes]] = []  # a heap of answers: when each is sent, its number, itself
        self._answers = 0
        self.joystick_set = False  # at the one on the cable, by a command of other firmware
        self.bridge_commanded = False  # its own motor, which is not the car's
        self.motor_configured = True  # False after its configuration was overwritten
        # By packet identifier: what obeys it, and how many bytes of data it needs.
        self._handlers: dict[int, tuple[Callable[[float, bytes], None], int]] = {
            0: (self._firmware, 0), 4: (self._values, 0), 50: (self._selected_values, 4), 65: (self._imu_data, 2),
            17: (self._app_configuration, 0), 5: (self._duty, 4), 6: (self._current, 4), 7: (self._brake, 4), 8: (self._erpm, 4), 12: (self._servo, 2),
            30: (self._alive, 0),
        }  # fmt: skip
        if wiring.firmware_major < 3:
            known = self._handlers
            self._handlers = {kind: known[kind] for kind in (0, 5, 6, 7, 8)}
            self._handlers |= {4: (self._old_values, 0), 11: known[12], 12: (self._overwrite, 0), 29: known[30]}
        elif not wiring.selective:
            del self._handlers[50]

    def receive(self, data: bytes, at_s: float) -> None:
        """Bytes that the host puts on the wire at a time."""
        begin_s = self.uart.receive(len(data), at_s)
        if self.silent:
            return
        earlier = len(self._buffer)
        self._buffer += data
        consumed = 0
        while True:
            size = self._packet_size(consumed)
            if size == 0:
                break
            if size > 0:
                head = self._buffer[consumed]
                payload = bytes(self._buffer[consumed + head : consumed + size - 3])
                end_s = begin_s + (consumed + size - earlier) * self.uart.byte_s
                self._packets.append((end_s, payload))
            consumed += abs(size)
        del self._buffer[:consumed]

    def _packet_size(self, at: int) -> int:
        """Bytes of the packet that begins at `at`; 0 if it is not complete, -1 if none begins there."""
        buffer = self._buffer
        left = len(buffer) - at
        if left < 1:
            return 0
        head = buffer[at]
        if head not in (2, 3):
            return -1
        if left < head:
            return 0
        length = int.from_bytes(buffer[at + 1 : at + head], "big")
        if not (1 if head == 2 else 255) <= length <= MAX_PAYLOAD:
            return -1
        size = head + length + 3
        if left < size:
            return 0
        end = at + size
        good = buffer[end - 1] == 3 and crc_hqx(buffer[at + head : end - 3], 0) == int.from_bytes(
            buffer[end - 3 : end - 1], "big"
        )
        return size if good else -1

    def run(self, until_s: float) -> None:
        """Obey and answer what has arrived by a time, in the world's last step; then look at the watchdog."""
        while self._packets and self._packets[0][0] <= until_s:
            at_s, payload = self._packets.popleft()
            if self._wiring.can_id >= 0 and not (payload := self._bridged(at_s, payload)):
                continue
            obey, length = self._handlers.get(payload[0], (self._ignore, 0))
            if len(payload) > length and not self.silent:
                obey(at_s, payload[1:])
        while self._late and self._late[0][0] <= until_s:
            at_s, _, answer = heapq.heappop(self._late)
            self.uart.send(answer, at_s)
        if self.fault_code:
            self._fault_until_s = until_s + FAULT_STOP_S
            self._world.release()
        if until_s - self._fed_s > WATCHDOG_S and not self._timed_out:
            self._timed_out = True
            self._world.release()

    def arrived(self, until_s: float) -> bytes:
        """What has reached the host by a time."""
        return self.uart.arrived(until_s)

    def _bridged(self, at_s: float, payload: bytes) -> bytes:
        """What the one on the cable passes on of a payload; it answers for itself otherwise."""
        kind, old = payload[0], self._wiring.bridge_major < 3
        if kind == (33 if old else 34) and len(payload) > 2:
            return payload[2:] if payload[1] == self._wiring.can_id else b""
        if kind == 0:
            told = bytes([0, self._wiring.bridge_major, 2])
            self._answer(at_s, told if old else told + b"410\0" + bytes(range(12, 24)) + bytes(8) + b"\0")
        self.joystick_set = self.joystick_set or (old and kind == 34)
        self.bridge_commanded = self.bridge_commanded or kind in (5, 6, 7, 8, 12)
        return b""

    def _ignore(self, at_s: float, _: bytes) -> None:
        """What the firmware knows and this car does not have, or nobody knows."""

    def _answer(self, at_s: float, payload: bytes) -> None:
        length = len(payload)
        start = struct.pack(">BB", 2, length) if length <= 255 else struct.pack(">BH", 3, length)
        answer = start + payload + struct.pack(">HB", crc_hqx(payload, 0), 3)
        delay_s, jitter_s = self._wiring.answer_delay_s, self._wiring.answer_jitter_s
        if self._wiring.can_id >= 0:
            delay_s += CAN_FRAME_S * (1 + length // 7)
        if delay_s == jitter_s == 0.0:
            self.uart.send(answer, at_s)
            return
        self._answers += 1
        due_s = at_s + delay_s + (jitter_s * float(self._rng.random()) if jitter_s else 0.0)
        heapq.heappush(self._late, (due_s, self._answers, answer))

    def _overwrite(self, at_s: float, _: bytes) -> None:
        """Whatever follows is taken for a configuration: the motor will not turn any more."""
        self.motor_configured = False
        self._world.release()

    def _motor(self, at_s: float, kind: int, value: float) -> None:
        self._alive(at_s, b"")
        if at_s >= self._fault_until_s and self.motor_configured:
            self._world.order(at_s, kind, value)

    def _alive(self, at_s: float, _: bytes) -> None:
        self._fed_s = at_s
        self._timed_out = False

    def _duty(self, at_s: float, data: bytes) -> None:
        self._motor(at_s, SPEED, self._ahead * struct.unpack_from(">i", data)[0] / 100_000 * FULL_DUTY_M_S)

    def _current(self, at_s: float, data: bytes) -> None:
        self._motor(at_s, CURRENT, self._ahead * struct.unpack_from(">i", data)[0] / 1000)

    def _brake(self, at_s: float, data: bytes) -> None:
        self._motor(at_s, BRAKE, abs(struct.unpack_from(">i", data)[0]) / 1000)

    def _erpm(self, at_s: float, data: bytes) -> None:
        erpm = struct.unpack_from(">i", data)[0]
        if abs(erpm) < MIN_ERPM:
            self._motor(at_s, RELEASED, 0.0)
        else:
            self._motor(at_s, SPEED, erpm / self._wiring.erpm_per_m_s)

    def _servo(self, at_s: float, data: bytes) -> None:
        if not self._wiring.servo_output:
            return
        asked = min(1.0, max(0.0, struct.unpack_from(">h", data)[0] / 1000))
        position = min(self._wiring.servo_high, max(self._wiring.servo_low, asked))
        self._world.order(at_s, SERVO, (position - self._wiring.servo_centre) / self._wiring.servo_per_rad)

    def _firmware(self, at_s: float, _: bytes) -> None:
        version = bytes([0, self._wiring.firmware_major, self._wiring.firmware_minor])
        identity = bytes(range(12))
        self._answer(at_s, version if version[1] < 3 else version + HARDWARE + b"\0" + identity + bytes(8) + b"\0")

    def _app_configuration(self, at_s: float, _: bytes) -> None:
        of_car = int(self._wiring.servo_output)
        if self._wiring.firmware_major >= 6:  # 6.02 to 6.05
            # controller; timeout, ms, A; CAN rates, messages, baud; pairing, UART, shutdown, CAN mode; UAVCAN; servo output
            fields = struct.pack(
                ">IBIfHHBBBBBBBBBfBB", 486554156, 0, 1000, 0.0, 50, 5, 15, 0, 2, 0, 1, 1, 0, 0, 0, 5e4, 0, of_car
            )
            self._answer(at_s, b"\x11" + fields.ljust(493, b"\0"))
        else:
            fields = struct.pack(">IBIfBHBBBBBBBB", 3264926020, 0, 1000, 0.0, 0, 50, 2, 0, 1, 1, 0, 0, 0, 4)
            self._answer(at_s, b"\x11" + fields.ljust(418, b"\0"))

    def _measure_values(self, at_s: float) -> bytes:
        """The fields of GET_VALUES at a time, without its identifier."""
        wiring, moving = self._wiring, self._world.at(at_s).tolist()
        v_x, voltage = moving[V_X], moving[VOLTAGE]
        speed_noise, current_noise = self._rng.standard_normal(2).tolist()
        speed = v_x + speed_noise * (wiring.speed_noise_m_s + wiring.speed_noise_share * abs(v_x))
        centiamperes = 100 * (self._ahead * moving[MOTOR_CURRENT] + wiring.current_noise_a * current_noise)
        duty = min(1.0, max(-1.0, self._ahead * v_x / FULL_DUTY_M_S))
        tachometer = int(moving[ODOMETER] * wiring.erpm_per_m_s / 10)
        return VALUES.pack(
            250, 300, int(centiamperes), int(centiamperes * duty), 0, int(centiamperes), int(duty * 1000),
            int(speed * wiring.erpm_per_m_s), int(voltage * 10), 0, 0, 0, 0, tachometer, abs(tachometer),
            self.fault_code, 0, 1, 250, 250, 250, 0, int(duty * voltage * 1000), self._timed_out,
        )  # fmt: skip

    def _values(self, at_s: float, _: bytes) -> None:
        self._answer(at_s, b"\x04" + self._measure_values(at_s))

    def _old_values(self, at_s: float, _: bytes) -> None:
        fields = VALUES.unpack(self._measure_values(at_s))
        self._answer(at_s, b"\x04" + OLD_VALUES.pack(*[fields[0]] * 7, *fields[2:4], *fields[6:16]))

    def _selected_values(self, at_s: float, data: bytes) -> None:
        mask = int.from_bytes(data[:4], "big")
        values, chosen, at = self._measure_values(at_s), b"", 0
        for bit, size in enumerate(VALUE_SIZES):
            chosen += values[at : at + size] if mask >> bit & 1 else b""
            at += size
        self._answer(at_s, b"\x32" + data[:4] + chosen)

    def _imu_data(self, at_s: float, data: bytes) -> None:
        mask = int.from_bytes(data[:2], "big")
        if not self.imu_stuck:
            self._imu = self._measure_imu(at_s)
        # Roll, pitch, yaw, acceleration, rates; the magnetometer and the quaternion of a board that lies level.
        everything = (0.0, 0.0, 0.0, *self._imu, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
        chosen = [value for bit, value in enumerate(everything) if mask >> bit & 1]
        self._answer(at_s, struct.pack(f">BH{len(chosen)}f", 65, mask, *chosen))

    def _measure_imu(self, at_s: float) -> tuple[float, ...]:
        wiring, moving = self._wiring, self._world.at(at_s).tolist()
        x, y, z, turn = self._rng.standard_normal(4).tolist()
        shaking = wiring.accel_noise_m_s2 * (1.0 + 0.5 * abs(moving[V_X]))  # the chassis shakes as it rolls
        cos_yaw, sin_yaw = math.cos(wiring.imu_yaw_rad), math.sin(wiring.imu_yaw_rad)
        over = -1.0 if wiring.imu_upside_down else 1.0
        ahead = cos_yaw * moving[ACCEL_X] + sin_yaw * moving[ACCEL_Y]
        left = over * (cos_yaw * moving[ACCEL_Y] - sin_yaw * moving[ACCEL_X])
        accel_x = (ahead + self._bias[0] + shaking * x) / G_M_S2
        accel_y = (left + self._bias[1] + shaking * y) / G_M_S2
        accel_z = over + shaking * z / G_M_S2
        rate_z = math.degrees(over * moving[YAW_RATE] + self._bias[2] + wiring.gyro_noise_rad_s * turn)
        in_g = (min(16.0, max(-16.0, value)) for value in (accel_x, accel_y, accel_z))
        return (*in_g, 0.0, 0.0, min(2000.0, max(-2000.0, rate_z)))
