"""A chain of STS3215 from the other end of the wire: their registers, their lock, their faults, one wire for both directions.

Written from Feetech's "Communication protocol manual" (packets, sync read in the order of its IDs) and "STS3215 memory table"
(registers, which of them the EEPROM keeps, the lock, error bits, what unloads a servo).

Vices: an adapter may let the host hear itself; what the host sends while servos answer is lost, and so is the answer; two
servos of one ID answer at once, and spoil what both say; a servo that is not there answers
nothing, and those behind it wait for its turn to pass; EEPROM registers written while locked hold until the power goes; a
servo at its limit of heat, voltage or load lets go and says why until it is told its torque anew.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from drivers.emulators.half_duplex import HalfDuplexBus
from drivers.emulators.servo_chain import Shafts

EVERYONE = 0xFE
PING, READ, WRITE, REG_WRITE, ACTION, SYNC_READ, SYNC_WRITE = 1, 2, 3, 4, 5, 0x82, 0x83
READING = (PING, READ, SYNC_READ)
ID, RESPONSE_DELAY, ANSWERS_WRITES, HOTTEST, VOLTS_MAX, VOLTS_MIN, MAX_TORQUE, OFFSET = 5, 7, 8, 13, 14, 15, 16, 31
OVERLOAD_TORQUE, PROTECTION_TIME = 36, 35
TORQUE, GOAL, TORQUE_LIMIT, LOCK, POSITION, SPEED, LOAD = 40, 42, 48, 55, 56, 58, 60
VOLTAGE, TEMPERATURE, STATUS, MOVING, CURRENT = 62, 63, 65, 66, 69
EEPROM_END, TABLE = 40, 80
READ_ONLY = frozenset(range(5)) | frozenset(range(POSITION, CURRENT + 2))
BAD_VOLTAGE, TOO_HOT, OVERLOADED = 1 << 0, 1 << 2, 1 << 5
STEPS_A_TURN = 4096
STALL_A, AMBIENT_C, HEAT_C_S, COOLING_S = 2.7, 25.0, 1.2, 240.0  # how a motor warms up at full duty, and cools


def factory_table(servo: int) -> bytearray:
    """Registers of a new servo of the 12 V kind."""
    table = bytearray(TABLE)
    table[0], table[1], table[ID], table[ANSWERS_WRITES] = 3, 9, servo, 1
    table[3:5] = (777).to_bytes(2, "little")
    table[11:13] = (4095).to_bytes(2, "little")
    table[HOTTEST], table[VOLTS_MAX], table[VOLTS_MIN] = 70, 140, 95
    table[MAX_TORQUE : MAX_TORQUE + 2] = (1000).to_bytes(2, "little")
    table[21:24] = bytes([32, 32, 0])
    table[PROTECTION_TIME], table[OVERLOAD_TORQUE] = 200, 80
    table[GOAL : GOAL + 2] = (2048).to_bytes(2, "little")
    table[TORQUE_LIMIT : TORQUE_LIMIT + 2] = (1000).to_bytes(2, "little")
    table[LOCK] = 1
    return table


@dataclass
class Servo:
    """One servo on the chain. joint: the shaft that it turns; home_steps, backwards: how it is mounted."""

    table: bytearray
    joint: int
    home_steps: int = 2048
    backwards: bool = False
    present: bool = True  # its cable is in
    temperature_c: float = AMBIENT_C
    faults: int = 0
    stuck_sensor: bool = False
    overloaded_s: float = 0.0
    kept: bytearray = field(default_factory=bytearray)  # the EEPROM as it is without power
    waiting: tuple[int, bytes] | None = None  # what a REG WRITE has left for ACTION

    def __post_init__(self) -> None:
        self.kept = bytearray(self.table[:EEPROM_END])

    @property
    def id(self) -> int:
        return self.table[ID]

    def word(self, address: int) -> int:
        """Two bytes."""
        return int.from_bytes(self.table[address : address + 2], "little")

    def put(self, address: int, value: int, sign_bit: int = 15) -> None:
        """Two bytes: sign and magnitude."""
        magnitude = min(abs(value), (1 << sign_bit) - 1)
        self.table[address : address + 2] = (magnitude | (1 << sign_bit if value < 0 else 0)).to_bytes(2, "little")

    def offset(self) -> int:
        """Steps that are taken off before the position is told; its sign is bit 11."""
        value = self.word(OFFSET)
        return -(value & 0x7FF) if value >> 11 & 1 else value & 0x7FF

    def write(self, address: int, data: bytes) -> None:
        """Into the table, and, below EEPROM_END while unlocked, into what is kept."""
        for place, value in enumerate(data, address):
            if place >= TABLE or place in READ_ONLY:
                continue
            self.table[place] = value
            if place < EEPROM_END and not self.table[LOCK]:
                self.kept[place] = value
        if address <= TORQUE < address + len(data):
            self.faults, self.overloaded_s = 0, 0.0
            if self.table[TORQUE] == 128:  # where it is becomes the middle
                middle = self.word(POSITION) + self.offset() - 2048
                self.put(OFFSET, (middle + 2048) % STEPS_A_TURN - 2048, 11)
                self.kept[OFFSET : OFFSET + 2] = self.table[OFFSET : OFFSET + 2]
                self.table[TORQUE] = 1

    def power_on(self) -> None:
        """Registers as they are after the power was away."""
        fresh = factory_table(self.kept[ID])
        fresh[:EEPROM_END] = self.kept
        self.table, self.faults, self.waiting = fresh, 0, None


class FeetechEmulator(HalfDuplexBus):
    """The chain. `receive` what the host sends, `run` until a time, `arrived` is what the host hears."""

    def __init__(self, servos: list[Servo], shafts: Shafts, rng: np.random.Generator, baud: int = 1_000_000,
                 echo: bool = False) -> None:  # fmt: skip
        super().__init__(baud, rng, echo)
        self.servos, self.shafts = servos, shafts
        self._time_s = 0.0
        self._observed = False  # since shafts have moved

    def run(self, until_s: float) -> None:
        """Let shafts move and servos answer until a time."""
        self.take(until_s)
        self.shafts.advance(until_s)
        self._observed = False
        self._look_after(until_s - self._time_s)
        self._time_s = until_s

    def packet_length(self, data: bytes) -> int:
        """Of the whole packet that bytes begin with; 0 where they begin with none."""
        if len(data) < 6 or data[:2] != b"\xff\xff" or data[3] < 2:
            return 0
        end = 4 + data[3]
        body = data[2 : end - 1]
        return end if end <= len(data) and ~sum(body) & 0xFF == data[end - 1] else 0

    def obey(self, whole: bytes) -> None:
        """Do what a packet says, and answer."""
        if not self._observed:
            self._observe()
        self._obey(whole[2], whole[4], whole[5:-1])
        if whole[4] not in READING:
            self._drive()

    def _obey(self, target: int, instruction: int, parameters: bytes) -> None:
        named = [servo for servo in self.servos if servo.present and target in (servo.id, EVERYONE)]
        if instruction == PING:
            self._answer([(target, b"")] if target != EVERYONE else [(servo.id, b"") for servo in named])
        elif instruction == READ and len(parameters) == 2 and target != EVERYONE:
            self._answer([(target, parameters)])
        elif instruction in (WRITE, REG_WRITE) and parameters:
            before = {id(servo): servo.id for servo in named}
            for servo in named:
                if instruction == WRITE:
                    servo.write(parameters[0], parameters[1:])
                else:
                    servo.waiting = parameters[0], parameters[1:]
            if target != EVERYONE:
                self._acknowledge(named, before)
        elif instruction == ACTION:
            for servo in named:
                if servo.waiting is not None:
                    servo.write(*servo.waiting)
                    servo.waiting = None
        elif instruction == SYNC_WRITE and len(parameters) > 2:
            address, count = parameters[:2]
            for at in range(2, len(parameters) - count, count + 1):
                for servo in self.servos:
                    if servo.present and servo.id == parameters[at]:
                        servo.write(address, parameters[at + 1 : at + 1 + count])
        elif instruction == SYNC_READ and len(parameters) > 2:
            self._answer([(servo, parameters[:2]) for servo in parameters[2:]])

    def _acknowledge(self, named: list[Servo], before: dict[int, int]) -> None:
        answering = [servo for servo in named if servo.table[ANSWERS_WRITES]]
        if answering:
            self.say([self._packet(before[id(servo)], servo.faults, b"") for servo in answering], self._delay_s())

    def _answer(self, asked: list[tuple[int, bytes]]) -> None:
        """In turn; who is not there lets its turn pass."""
        waited_s = 0.0
        for target, which in asked:
            answers = [
                self._packet(target, servo.faults, bytes(servo.table[which[0] : which[0] + which[1]]) if which else b"")
                for servo in self.servos
                if servo.present and servo.id == target
            ]
            if answers:
                self.say(answers, self._delay_s() + waited_s)
                waited_s = 0.0
            else:
                waited_s += (6 + (which[1] if which else 0)) * self.uart.byte_s

    def _delay_s(self) -> float:
        return 2e-6 * self.servos[0].table[RESPONSE_DELAY] + 20e-6

    def _packet(self, servo: int, error: int, data: bytes) -> bytes:
        body = bytes([servo, len(data) + 2, error]) + data
        return b"\xff\xff" + body + bytes([~sum(body) & 0xFF])

    def _steps(self, servo: Servo, angle_rad: float) -> int:
        turned = round(angle_rad * STEPS_A_TURN / (2.0 * math.pi))
        return servo.home_steps + (-turned if servo.backwards else turned)

    def _observe(self) -> None:
        """What servos measure, into their registers."""
        self._observed = True
        for servo in self.servos:
            sign = -1 if servo.backwards else 1
            if not servo.stuck_sensor:
                servo.put(
                    POSITION, (self._steps(servo, self.shafts.angle_rad(servo.joint)) - servo.offset()) % STEPS_A_TURN
                )
                steps_s = self.shafts.speed_rad_s(servo.joint) * STEPS_A_TURN / (2.0 * math.pi)
                servo.put(SPEED, sign * round(steps_s))
            duty = self.shafts.duty(servo.joint)
            servo.put(LOAD, sign * round(1000 * duty), 10)
            servo.put(CURRENT, sign * round(STALL_A * duty / 0.0065))
            servo.table[VOLTAGE] = min(255, max(0, round(10 * self.shafts.bus_v())))
            servo.table[TEMPERATURE] = min(255, round(servo.temperature_c))
            servo.table[STATUS] = servo.faults
            servo.table[MOVING] = int(abs(self.shafts.speed_rad_s(servo.joint)) > 0.02)

    def _look_after(self, passed_s: float) -> None:
        """Heat, voltage and load; whoever is beyond a limit lets go."""
        for servo in self.servos:
            duty = abs(self.shafts.duty(servo.joint))
            servo.temperature_c += passed_s * (HEAT_C_S * duty * duty - (servo.temperature_c - AMBIENT_C) / COOLING_S)
            volts = round(10 * self.shafts.bus_v())
            servo.overloaded_s = servo.overloaded_s + passed_s if 100 * duty > servo.table[OVERLOAD_TORQUE] else 0.0
            if servo.temperature_c > servo.table[HOTTEST]:
                servo.faults |= TOO_HOT
            if not servo.table[VOLTS_MIN] <= volts <= servo.table[VOLTS_MAX]:
                servo.faults |= BAD_VOLTAGE
            if servo.overloaded_s > 0.01 * servo.table[PROTECTION_TIME]:
                servo.faults |= OVERLOADED
        self._drive()

    def _drive(self) -> None:
        for servo in self.servos:
            works = servo.table[TORQUE] == 1 and not servo.faults
            goal = servo.word(GOAL)
            turned = (-(goal & 0x7FFF) if goal >> 15 else goal) + servo.offset() - servo.home_steps
            angle_rad = (-turned if servo.backwards else turned) * 2.0 * math.pi / STEPS_A_TURN
            share = min(servo.word(TORQUE_LIMIT), servo.word(MAX_TORQUE)) / 1000
            self.shafts.drive(servo.joint, angle_rad, share if works else 0.0)
