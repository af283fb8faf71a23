"""Robotis Dynamixel XL330 servos in a chain on a serial bus, protocol 2.0.

e-Manual, "Protocol 2.0" and "XL330-M288-T": a packet is FF FF FD 00, ID, length (2), instruction (55 in an answer, with error
bits behind it), parameters, CRC-16 (8005) of all before; numbers are little-endian, in two's complement. Where FF FF FD
comes up inside, another FD is stuffed behind it. A sync read is answered by every servo that it names, in its order.

    0-1     model, 1190 or 1200                      124-125 present PWM, 885 is full
    6, 7    firmware; ID                             126-127 present current, mA
    11      mode: 3 position, 5 position by a limited current, 4 several turns, 0 current, 1 velocity, 16 PWM
    48-55   highest and lowest position, steps
    20-23   homing offset, steps, added to the position
    32-35   highest and lowest voltage, 0.1 V        128-131 present velocity, 0.229 turns a minute
    64      torque: 0 off, 1 on                      132-135 present position, steps
    70      hardware errors                          144-145 input voltage, 0.1 V
    116-119 goal position, steps                     146     temperature, degree
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drivers.base import Clock
from drivers.declared import Declared
from drivers.servo_bus import STEPS_A_TURN, ServoBus, ServoReading, ServoSettings
from drivers.servo_dialect import Identity, Packet, State

HEADER, STUFFED = b"\xff\xff\xfd\x00", b"\xff\xff\xfd"
EVERYONE = 0xFE
PING, READ, WRITE, ANSWER, SYNC_READ, SYNC_WRITE = 0x01, 0x02, 0x03, 0x55, 0x82, 0x83
HARDWARE_ERRORS, PWM, CURRENT, VELOCITY, POSITION, VOLTAGE, TEMPERATURE = 70, 124, 126, 128, 132, 144, 146
FAULTS = {0: "supply voltage", 2: "overheated", 4: "electrical shock, or too little power", 5: "overload"}
FULL_PWM, CURRENT_A, VOLTAGE_V = 885.0, 0.001, 0.1
STEPS_S = 0.229 * STEPS_A_TURN / 60.0  # a unit of velocity


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x8005) & 0xFFFF if crc & 0x8000 else crc << 1
        table.append(crc)
    return tuple(table)


CRC = _crc_table()


def crc16(data: bytes) -> int:
    """Polynomial 8005, from 0 on, not reflected."""
    crc = 0
    for byte in data:
        crc = (crc << 8 ^ CRC[crc >> 8 ^ byte]) & 0xFFFF
    return crc


def packet(servo: int, instruction: int, parameters: bytes = b"") -> bytes:
    """An instruction; or, with ANSWER and the error bits before the parameters, an answer."""
    inside = bytes([instruction]) + parameters
    inside = inside.replace(STUFFED, STUFFED + b"\xfd")
    whole = HEADER + bytes([servo]) + (len(inside) + 2).to_bytes(2, "little") + inside
    return whole + crc16(whole).to_bytes(2, "little")


def unpacked(stream: bytes, at: int) -> tuple[int, bytes, int] | None:
    """Servo, instruction with what follows, and where the packet at a place ends; None if there is no whole one."""
    if stream[at : at + 4] != HEADER or at + 7 > len(stream):
        return None
    end = at + 7 + int.from_bytes(stream[at + 5 : at + 7], "little")
    if (
        end < at + 10
        or end > len(stream)
        or crc16(stream[at : end - 2]) != int.from_bytes(stream[end - 2 : end], "little")
    ):
        return None
    return stream[at + 4], stream[at + 7 : end - 2].replace(STUFFED + b"\xfd", STUFFED), end


class Dynamixel:
    """What XL330 speak."""

    name = "Dynamixel XL330"
    models: Mapping[int, str] = {1190: "XL330-M077", 1200: "XL330-M288"}
    identity_at = (0, 56)
    state_at = (HARDWARE_ERRORS, TEMPERATURE + 1 - HARDWARE_ERRORS)
    goal_at = 116
    torque_at = 64
    overhead = 11
    id_at = 7
    modes: Mapping[int, str] = {3: "position", 5: "position by a limited current"}
    mode_at, limits_at, no_limits = 11, "52 and 48", (0, STEPS_A_TURN - 1)
    shift_at, shift_max = 20, 1024  # what counts in position control
    wraps = False
    nominal_v = 5.0
    delay_s = 0.001

    def unlock(self, servo: int) -> list[bytes]:
        """The EEPROM is locked while torque is on."""
        return [packet(servo, WRITE, self.torque_at.to_bytes(2, "little") + b"\0")]

    def keep(self, servo: int, address: int, data: bytes) -> list[bytes]:
        """Written to the EEPROM."""
        return [packet(servo, WRITE, address.to_bytes(2, "little") + data)]

    def opened(self) -> list[tuple[int, bytes]]:
        """The mode, and limits of a turn."""
        return [
            (self.mode_at, b"\3"),
            (48, (STEPS_A_TURN - 1).to_bytes(4, "little")),
            (52, bytes(4)),
        ]

    def shift(self, data: bytes) -> int:
        """The homing offset is added to what is measured."""
        return int.from_bytes(data[:4], "little", signed=True)

    def shift_bytes(self, steps: int) -> bytes:
        """The homing offset."""
        return steps.to_bytes(4, "little", signed=True)

    def read(self, servo: int, address: int, count: int) -> bytes:
        """Ask one servo for registers."""
        return packet(servo, READ, address.to_bytes(2, "little") + count.to_bytes(2, "little"))

    def sync_read(self, servos: Sequence[int], address: int, count: int) -> bytes:
        """Ask several for theirs."""
        return packet(EVERYONE, SYNC_READ, address.to_bytes(2, "little") + count.to_bytes(2, "little") + bytes(servos))

    def sync_write(self, address: int, data: Mapping[int, bytes]) -> bytes:
        """Write registers of several servos; nobody answers."""
        count = len(next(iter(data.values())))
        each = b"".join(bytes([servo]) + values for servo, values in data.items())
        return packet(EVERYONE, SYNC_WRITE, address.to_bytes(2, "little") + count.to_bytes(2, "little") + each)

    def answers(self, stream: bytes, count: int) -> tuple[list[Packet], int]:
        """The whole answers with so many bytes of data in a stream, and how many bytes belonged to none."""
        found, at, damaged = [], 0, 0
        while at < len(stream):
            one = unpacked(stream, at)
            if one is not None and one[1][0] == ANSWER and len(one[1]) == count + 2:
                found.append(Packet(one[0], one[1][1], one[1][2:]))
                at = one[2]
            else:
                at, damaged = at + 1, damaged + 1
        return found, damaged

    def identity(self, data: bytes) -> Identity:
        """Of the registers from 0 on."""
        high, low = (VOLTAGE_V * int.from_bytes(data[at : at + 2], "little") for at in (32, 34))
        limits = tuple(int.from_bytes(data[at : at + 4], "little", signed=True) for at in (52, 48))
        return Identity(
            int.from_bytes(data[:2], "little"), str(data[6]), (low, high), (limits[0], limits[1]), data[self.mode_at]
        )

    def state(self, data: bytes, error: int) -> State:
        """Of the registers from HARDWARE_ERRORS on."""

        def number(address: int, size: int) -> int:
            return int.from_bytes(data[address - HARDWARE_ERRORS :][:size], "little", signed=True)

        return State(
            steps=number(POSITION, 4),
            steps_s=STEPS_S * number(VELOCITY, 4),
            load=number(PWM, 2) / FULL_PWM,
            voltage_v=VOLTAGE_V * number(VOLTAGE, 2),
            temperature_c=float(data[TEMPERATURE - HARDWARE_ERRORS]),
            current_a=CURRENT_A * number(CURRENT, 2),
            status=data[0],
        )

    def goal(self, steps: int) -> bytes:
        """A goal position."""
        return steps.to_bytes(4, "little", signed=True)

    def faults(self, status: int) -> str:
        """Hardware errors in words."""
        return ", ".join(words for bit, words in FAULTS.items() if status >> bit & 1)


@dataclass(frozen=True)
class DynamixelSettings(ServoSettings):
    """How an arm's XL330 are wired."""


def dynamixel(settings: DynamixelSettings, clock: Clock) -> ServoBus:
    """The driver of an arm's XL330."""
    return ServoBus(settings, clock, Dynamixel())


DRIVER = Declared("dynamixel", "Dynamixel XL330 servos on a serial bus", DynamixelSettings, dynamixel, ServoReading)
