"""A chain of XL330 from the other end of the wire: their registers, which are locked while torque is on, and their errors.

Written from Robotis' e-Manual, "Protocol 2.0" (packets, stuffing, CRC, error numbers, sync read in the order of its IDs) and
"XL330-M288-T" (control table, hardware errors, which of them shut a servo down).

Vices: those of the wire (`half_duplex.py`); EEPROM registers refuse to be written while torque is on; a servo that has shut
down refuses its torque until it is rebooted; what an instruction asks beyond the table is refused with an error number.
"""

import math
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from drivers.emulators.half_duplex import HalfDuplexBus
from drivers.emulators.servo_chain import Shafts

EVERYONE = 0xFE
PING, READ, WRITE, REG_WRITE, ACTION, REBOOT, STATUS, SYNC_READ, SYNC_WRITE = 1, 2, 3, 4, 5, 8, 0x55, 0x82, 0x83
MODEL, FIRMWARE, ID, RETURN_DELAY, HOMING, HOTTEST, VOLTS_MAX, VOLTS_MIN, PWM_LIMIT = 0, 6, 7, 9, 20, 31, 32, 34, 36
MODE, POSITION_MODE = 11, 3
MIN_POSITION, MAX_POSITION, SHUTDOWN, TORQUE, ANSWERS, ERRORS, GOAL_PWM, GOAL = 52, 48, 63, 64, 68, 70, 100, 116
MOVING, PWM, CURRENT, VELOCITY, POSITION, VOLTAGE, TEMPERATURE = 122, 124, 126, 128, 132, 144, 146
EEPROM_END, TABLE = 64, 256
READ_ONLY = frozenset((*range(7), ERRORS, *range(120, 148)))
INSTRUCTION_ERROR, RANGE_ERROR, ACCESS_ERROR, ALERT = 2, 4, 7, 0x80
BAD_VOLTAGE, TOO_HOT, OVERLOADED = 1 << 0, 1 << 2, 1 << 5
STEPS_A_TURN, RATE_RAD_S = 4096, 0.229 * 2.0 * math.pi / 60.0
STALL_A, FULL_PWM, AMBIENT_C, HEAT_C_S, COOLING_S, OVERLOAD_S = 1.5, 885, 25.0, 1.2, 240.0, 2.0


def crc(data: bytes) -> int:
    """Polynomial 8005, of a byte at a time."""
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFF) ^ crc_of_byte(value >> 8 ^ byte)
    return value


@cache
def crc_of_byte(byte: int) -> int:
    """Bit by bit."""
    value = byte << 8
    for _ in range(8):
        value = (value << 1 ^ 0x8005) & 0xFFFF if value & 0x8000 else value << 1
    return value


def factory_table(servo: int) -> bytearray:
    """Registers of a new XL330-M288."""
    table = bytearray(TABLE)

    def put(address: int, value: int, size: int) -> None:
        table[address : address + size] = value.to_bytes(size, "little")

    put(MODEL, 1200, 2)
    put(VOLTS_MAX, 70, 2)
    put(VOLTS_MIN, 35, 2)
    put(PWM_LIMIT, FULL_PWM, 2)
    put(MAX_POSITION, 4095, 4)
    put(GOAL_PWM, FULL_PWM, 2)
    put(GOAL, 2048, 4)
    table[FIRMWARE], table[ID], table[RETURN_DELAY], table[HOTTEST] = 52, servo, 250, 70
    table[SHUTDOWN], table[ANSWERS], table[MODE] = 0x35, 2, POSITION_MODE
    return table


@dataclass
class Servo:
    """One servo on the chain. joint: the shaft that it turns; home_steps, backwards: how it is mounted."""

    table: bytearray
    joint: int
    home_steps: int = 2048
    backwards: bool = False
    present: bool = True
    temperature_c: float = AMBIENT_C
    overloaded_s: float = 0.0
    waiting: tuple[int, bytes] | None = None
    kept: bytearray = field(default_factory=bytearray)  # the EEPROM as it is without power

    def __post_init__(self) -> None:
        self.kept = bytearray(self.table[:EEPROM_END])

    @property
    def id(self) -> int:
        return self.table[ID]

    @property
    def alert(self) -> int:
        return ALERT if self.table[ERRORS] else 0

    def number(self, address: int, size: int) -> int:
        """In two's complement."""
        return int.from_bytes(self.table[address : address + size], "little", signed=True)

    def put(self, address: int, value: int, size: int) -> None:
        """In two's complement, as near as there is room."""
        most = (1 << 8 * size - 1) - 1
        clipped = min(most, max(-most - 1, value))
        self.table[address : address + size] = clipped.to_bytes(size, "little", signed=True)

    def write(self, address: int, data: bytes) -> int:
        """The error number of writing to the table."""
        if (
            not data
            or address + len(data) > TABLE
            or any(place in READ_ONLY for place in range(address, address + len(data)))
        ):
            return ACCESS_ERROR
        if address < EEPROM_END and self.table[TORQUE]:
            return ACCESS_ERROR
        if address == GOAL and not self.number(MIN_POSITION, 4) <= int.from_bytes(
            data[:4], "little", signed=True
        ) <= self.number(MAX_POSITION, 4):
            return RANGE_ERROR
        if address == TORQUE and self.table[ERRORS]:
            return ACCESS_ERROR
        self.table[address : address + len(data)] = data
        if address < EEPROM_END:
            self.kept[:] = self.table[:EEPROM_END]
        return 0

    def power_on(self) -> None:
        """Registers as they are after the power was away, or a reboot."""
        fresh = factory_table(self.kept[ID])
        fresh[:EEPROM_END] = self.kept
        self.table, self.waiting, self.overloaded_s = fresh, None, 0.0


class DynamixelEmulator(HalfDuplexBus):
    """The chain. `receive` what the host sends, `run` until a time, `arrived` is what the host hears."""

    def __init__(self, servos: list[Servo], shafts: Shafts, rng: np.random.Generator, baud: int = 1_000_000,
                 echo: bool = False) -> None:  # fmt: skip
        super().__init__(baud, rng, echo)
        self.servos, self.shafts = servos, shafts
        self._time_s = 0.0

    def run(self, until_s: float) -> None:
        """Let shafts move and servos answer until a time."""
        self.take(until_s)
        self.shafts.advance(until_s)
        self._look_after(until_s - self._time_s)
        self._time_s = until_s

    def packet_length(self, data: bytes) -> int:
        """Of the whole packet that bytes begin with; 0 where they begin with none."""
        if len(data) < 10 or data[:4] != b"\xff\xff\xfd\x00":
            return 0
        end = 7 + int.from_bytes(data[5:7], "little")
        return (
            end
            if 10 <= end <= len(data) and crc(data[: end - 2]) == int.from_bytes(data[end - 2 : end], "little")
            else 0
        )

    def obey(self, whole: bytes) -> None:
        """Do what a packet says, and answer."""
        self._observe()
        inside = whole[7:-2].replace(b"\xff\xff\xfd\xfd", b"\xff\xff\xfd")
        self._obey(whole[4], inside[0], inside[1:])
        self._drive()

    def _obey(self, target: int, instruction: int, parameters: bytes) -> None:
        named = [servo for servo in self.servos if servo.present and target in (servo.id, EVERYONE)]
        address, count = int.from_bytes(parameters[:2], "little"), int.from_bytes(parameters[2:4], "little")
        if instruction == PING:
            turns = [named] if target != EVERYONE else [[servo] for servo in sorted(named, key=lambda servo: servo.id)]
            for turn in turns:
                self._answer(
                    turn, [(0, bytes(servo.table[:2]) + bytes([servo.table[FIRMWARE]])) for servo in turn], 0.0
                )
        elif instruction == READ and len(parameters) == 4 and target != EVERYONE:
            self._answer(named, [self._read(servo, address, count) for servo in named], 0.0)
        elif instruction == WRITE and len(parameters) > 2:
            before = [servo.id for servo in named]
            told = [(servo.write(address, parameters[2:]), b"") for servo in named]
            if target != EVERYONE:
                self._answer([s for s in named if s.table[ANSWERS] == 2], told, 0.0, before)
        elif instruction == REG_WRITE and len(parameters) > 2:
            for servo in named:
                servo.waiting = address, parameters[2:]
            if target != EVERYONE:
                self._answer(named, [(0, b"")] * len(named), 0.0)
        elif instruction == ACTION:
            for servo in named:
                if servo.waiting is not None:
                    servo.write(*servo.waiting)
                    servo.waiting = None
        elif instruction == REBOOT:
            self._answer(named, [(0, b"")] * len(named), 0.0)
            for servo in named:
                servo.power_on()
        elif instruction == SYNC_READ and len(parameters) > 4:
            self._answer_in_turn(parameters[4:], address, count)
        elif instruction == SYNC_WRITE and len(parameters) > 4:
            for at in range(4, len(parameters) - count, count + 1):
                for servo in self.servos:
                    if servo.present and servo.id == parameters[at]:
                        servo.write(address, parameters[at + 1 : at + 1 + count])
        elif target != EVERYONE:
            self._answer(named, [(INSTRUCTION_ERROR, b"")] * len(named), 0.0)

    def _read(self, servo: Servo, address: int, count: int) -> tuple[int, bytes]:
        inside = address + count <= TABLE
        return (0, bytes(servo.table[address : address + count])) if inside else (ACCESS_ERROR, b"")

    def _answer_in_turn(self, targets: bytes, address: int, count: int) -> None:
        """Who is not there lets its turn pass."""
        waited_s = 0.0
        for target in targets:
            named = [servo for servo in self.servos if servo.present and servo.id == target]
            if named:
                self._answer(named, [self._read(servo, address, count) for servo in named], waited_s)
                waited_s = 0.0
            else:
                waited_s += (11 + count) * self.uart.byte_s

    def _answer(
        self, servos: list[Servo], told: list[tuple[int, bytes]], waited_s: float, ids: list[int] | None = None
    ) -> None:
        if not servos:
            return
        answers = []
        for k, (servo, (error, data)) in enumerate(zip(servos, told, strict=True)):
            inside = bytes([STATUS, error | servo.alert]) + data
            inside = inside.replace(b"\xff\xff\xfd", b"\xff\xff\xfd\xfd")
            name = ids[k] if ids else servo.id
            whole = b"\xff\xff\xfd\x00" + bytes([name]) + (len(inside) + 2).to_bytes(2, "little") + inside
            answers.append(whole + crc(whole).to_bytes(2, "little"))
        self.say(answers, 2e-6 * servos[0].table[RETURN_DELAY] + 20e-6 + waited_s)

    def _observe(self) -> None:
        for servo in self.servos:
            sign = -1 if servo.backwards else 1
            turned = round(self.shafts.angle_rad(servo.joint) * STEPS_A_TURN / (2.0 * math.pi))
            duty, speed = self.shafts.duty(servo.joint), self.shafts.speed_rad_s(servo.joint)
            servo.put(POSITION, servo.home_steps + sign * turned + servo.number(HOMING, 4), 4)
            servo.put(VELOCITY, sign * round(speed / RATE_RAD_S), 4)
            servo.put(PWM, sign * round(FULL_PWM * duty), 2)
            servo.put(CURRENT, sign * round(1000 * STALL_A * duty), 2)
            servo.put(VOLTAGE, round(10 * self.shafts.bus_v()), 2)
            servo.table[TEMPERATURE] = min(255, round(servo.temperature_c))
            servo.table[MOVING] = int(abs(speed) > 0.02)

    def _look_after(self, passed_s: float) -> None:
        """Heat, voltage and load; an error that is set in SHUTDOWN lets go until a reboot."""
        for servo in self.servos:
            duty, volts = abs(self.shafts.duty(servo.joint)), round(10 * self.shafts.bus_v())
            servo.temperature_c += passed_s * (HEAT_C_S * duty * duty - (servo.temperature_c - AMBIENT_C) / COOLING_S)
            servo.overloaded_s = servo.overloaded_s + passed_s if duty > 0.8 else 0.0
            errors = servo.table[ERRORS]
            errors |= TOO_HOT if servo.temperature_c > servo.table[HOTTEST] else 0
            errors |= 0 if servo.number(VOLTS_MIN, 2) <= volts <= servo.number(VOLTS_MAX, 2) else BAD_VOLTAGE
            errors |= OVERLOADED if servo.overloaded_s > OVERLOAD_S else 0
            servo.table[ERRORS] = errors
            if errors & servo.table[SHUTDOWN]:
                servo.table[TORQUE] = 0
        self._drive()

    def _drive(self) -> None:
        for servo in self.servos:
            turned = servo.number(GOAL, 4) - servo.number(HOMING, 4) - servo.home_steps
            angle_rad = (-turned if servo.backwards else turned) * 2.0 * math.pi / STEPS_A_TURN
            share = min(servo.number(GOAL_PWM, 2), servo.number(PWM_LIMIT, 2)) / FULL_PWM
            self.shafts.drive(servo.joint, angle_rad, max(0.0, share) if servo.table[TORQUE] else 0.0)
