"""Feetech STS3215 servos in a chain on a serial bus.

"Communication protocol manual" and "STS3215 memory table" of Feetech: a packet is FF FF, ID, length, instruction (or error bits
in an answer), parameters, and the complement of the sum of all but the header; numbers are little-endian, and signed ones
have a sign bit and a magnitude. The length counts what follows it. A sync read is answered by every servo that it names, one
after the other, in its order.

    3-4    model, 777                        55     lock of the EEPROM, which is below 40
    9-12   lowest and highest position, steps; both 0: none
    33     mode: 0 position, 1 speed, 2 duty, 3 steps
    0-1    firmware, major and minor         56-57  present position, steps, sign in bit 15
    5      ID                                66     moving
    14-15  highest and lowest voltage, 0.1 V 58-59  present speed, steps/s, sign in bit 15
    31-32  offset, steps, sign in bit 11     60-61  load, 0.1 % of full duty, sign in bit 10
    40     torque: 0 off, 1 on               62, 63 voltage, 0.1 V; temperature, degree
    42-43  goal position, steps              65     error bits
    48-49  limit of torque, 0.1 %            69-70  current, 6.5 mA, sign in bit 15
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drivers.base import Clock
from drivers.declared import Declared
from drivers.servo_bus import STEPS_A_TURN, ServoBus, ServoReading, ServoSettings
from drivers.servo_dialect import Identity, Packet, State

HEADER = b"\xff\xff"
EVERYONE = 0xFE
PING, READ, WRITE, SYNC_READ, SYNC_WRITE = 0x01, 0x02, 0x03, 0x82, 0x83
FAULTS = {0: "supply voltage", 1: "position sensor", 2: "overheated", 3: "over current", 5: "overload"}
CURRENT_A, LOAD, VOLTAGE_V = 0.0065, 0.001, 0.1


def packet(servo: int, instruction: int, parameters: bytes = b"") -> bytes:
    """An instruction, or, with error bits in its place, an answer."""
    body = bytes([servo, len(parameters) + 2, instruction]) + parameters
    return HEADER + body + bytes([~sum(body) & 0xFF])


def signed(value: int, bit: int) -> int:
    """A number whose sign is a bit."""
    return -(value & ~(1 << bit)) if value >> bit & 1 else value


def sign_and_magnitude(value: int, bit: int) -> bytes:
    """Two bytes of a number whose sign is a bit. Raises ValueError if it has no room."""
    if abs(value) >= 1 << bit:
        raise ValueError(f"found {value}, allowed: below {1 << bit} either way")
    return (abs(value) | (1 << bit if value < 0 else 0)).to_bytes(2, "little")


class Feetech:
    """What STS3215 speak."""

    name = "Feetech STS3215"
    models: Mapping[int, str] = {777: "STS3215"}
    identity_at = (0, 34)
    state_at = (56, 15)
    goal_at = 42
    torque_at = 40
    overhead = 6
    id_at, lock_at = 5, 55
    modes: Mapping[int, str] = {0: "position"}
    mode_at, limits_at, no_limits = 33, "9 to 12", (0, 0)
    shift_at, shift_max = 31, 2047
    wraps = True
    nominal_v = 12.0
    delay_s = 0.0005

    def unlock(self, servo: int) -> list[bytes]:
        """Torque off, and the EEPROM's lock."""
        return [packet(servo, WRITE, bytes([address, 0])) for address in (self.torque_at, self.lock_at)]

    def keep(self, servo: int, address: int, data: bytes) -> list[bytes]:
        """Written to the EEPROM, and locked again."""
        renamed = data[0] if address == self.id_at else servo
        return [
            packet(servo, WRITE, bytes([address]) + data),
            packet(renamed, WRITE, bytes([self.lock_at, 1])),
        ]

    def opened(self) -> list[tuple[int, bytes]]:
        """Limits of a turn, and the mode."""
        return [(9, bytes(2) + (STEPS_A_TURN - 1).to_bytes(2, "little")), (self.mode_at, b"\0")]

    def shift(self, data: bytes) -> int:
        """An offset is taken off what is measured."""
        return -signed(int.from_bytes(data[:2], "little"), 11)

    def shift_bytes(self, steps: int) -> bytes:
        """The offset that shifts so."""
        return sign_and_magnitude(-steps, 11)

    def read(self, servo: int, address: int, count: int) -> bytes:
        """Ask one servo for registers."""
        return packet(servo, READ, bytes([address, count]))

    def sync_read(self, servos: Sequence[int], address: int, count: int) -> bytes:
        """Ask several for theirs."""
        return packet(EVERYONE, SYNC_READ, bytes([address, count, *servos]))

    def sync_write(self, address: int, data: Mapping[int, bytes]) -> bytes:
        """Write registers of several servos; nobody answers."""
        count = len(next(iter(data.values())))
        each = b"".join(bytes([servo]) + values for servo, values in data.items())
        return packet(EVERYONE, SYNC_WRITE, bytes([address, count]) + each)

    def answers(self, stream: bytes, count: int) -> tuple[list[Packet], int]:
        """The whole packets with so many bytes of data in a stream, and how many bytes belonged to none.

        The sum would not notice a length that is two too large: the next packet's header makes it right again.
        """
        found, at, damaged = [], 0, 0
        while at < len(stream):
            end = at + self.overhead + count
            if stream[at : at + 2] == HEADER and end <= len(stream) and stream[at + 3] == count + 2:
                body = stream[at + 2 : end - 1]
                if ~sum(body) & 0xFF == stream[end - 1]:
                    found.append(Packet(body[0], body[2], body[3:]))
                    at = end
                    continue
            at, damaged = at + 1, damaged + 1
        return found, damaged

    def identity(self, data: bytes) -> Identity:
        """Of the registers from 0 on."""
        model = int.from_bytes(data[3:5], "little")
        low, high = (int.from_bytes(data[at : at + 2], "little") for at in (9, 11))
        volts = VOLTAGE_V * data[15], VOLTAGE_V * data[14]
        return Identity(model, f"{data[0]}.{data[1]}", volts, (low, high), data[self.mode_at])

    def state(self, data: bytes, error: int) -> State:
        """Of the registers from 56 on."""
        position, speed, load = (int.from_bytes(data[at : at + 2], "little") for at in (0, 2, 4))
        current = int.from_bytes(data[13:15], "little")
        return State(
            steps=signed(position, 15),
            steps_s=float(signed(speed, 15)),
            load=LOAD * signed(load, 10),
            voltage_v=VOLTAGE_V * data[6],
            temperature_c=float(data[7]),
            current_a=CURRENT_A * signed(current, 15),
            status=data[9] | error,
        )

    def goal(self, steps: int) -> bytes:
        """A goal position."""
        return sign_and_magnitude(steps, 15)

    def faults(self, status: int) -> str:
        """Error bits in words."""
        return ", ".join(words for bit, words in FAULTS.items() if status >> bit & 1)


@dataclass(frozen=True)
class FeetechSettings(ServoSettings):
    """How an arm's STS3215 are wired."""


def feetech(settings: FeetechSettings, clock: Clock) -> ServoBus:
    """The driver of an arm's STS3215."""
    return ServoBus(settings, clock, Feetech())


DRIVER = Declared("feetech", "Feetech STS3215 servos on a serial bus", FeetechSettings, feetech, ServoReading)
