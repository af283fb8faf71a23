"""The Crazyflie's tables of log variables and parameters, and the two CRTP services that give access to them.

Written from Bitcraze's crtp_log.md and crtp_parameters.md: tables of contents version 2, log blocks, parameters with
extended types, default values and persistence (kept until the process ends).
"""

import math
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from drivers.emulators.crtp import Error, Packet, Port

# C type: (number in the log table, number in the parameter table, struct format). Parameters know no type "FP16" here.
TYPES: dict[str, tuple[int, int, str]] = {
    "uint8_t": (1, 0x08, "B"),
    "uint16_t": (2, 0x09, "H"),
    "uint32_t": (3, 0x0A, "I"),
    "int8_t": (4, 0x00, "b"),
    "int16_t": (5, 0x01, "h"),
    "int32_t": (6, 0x02, "i"),
    "float": (7, 0x06, "f"),
}
LOG_FORMATS = {number: form for number, _, form in TYPES.values()} | {8: "e"}  # 8: half precision, on request only
TOC_CHANNEL, LOG_CONTROL_CHANNEL, LOG_DATA_CHANNEL = 0, 1, 2
GET_ITEM, GET_INFO = 2, 3
CREATE, APPEND, DELETE, START, STOP, RESET, CREATE_V2, APPEND_V2 = range(8)
BLOCKS_MAX, VARIABLES_MAX, BLOCK_BYTES_MAX = 16, 128, 26
PARAM_READ_CHANNEL, PARAM_WRITE_CHANNEL, PARAM_MISC_CHANNEL = 1, 2, 3
(SET_BY_NAME, VALUE_UPDATED, EXTENDED_TYPE, PERSISTENT_STORE, PERSISTENT_STATE, PERSISTENT_CLEAR, DEFAULT_VALUE,
 EXTENDED_TYPE_V2, DEFAULT_VALUE_V2) = range(9)  # fmt: skip
EXTENDED, READ_ONLY = 0x10, 0x40  # bits of a parameter's type byte
PERSISTENT = 0x01  # the one extended type

Number = int | float


@dataclass(frozen=True)
class LogVariable:
    """Something that can be logged: its name as "group.name", its C type, and how to read it."""

    name: str
    c_type: str
    read: Callable[[], Number]


@dataclass(frozen=True)
class Parameter:
    """Something that can be read and, unless `write` is None, set."""

    name: str
    c_type: str
    read: Callable[[], Number]
    write: Callable[[Number], None] | None
    persistent: bool = False

    @property
    def form(self) -> str:
        return "<" + TYPES[self.c_type][2]

    def packed(self) -> bytes:
        return struct.pack(self.form, self.read())


def toc_answer(port: Port, entries: list[tuple[int, str]], data: bytes, tail: bytes) -> Packet | None:
    """Answer a request to a table of contents. entries: type byte and "group.name"; tail: what ends its info."""
    if data[:1] == bytes([GET_INFO]):
        crc = zlib.crc32(repr(entries).encode())
        return Packet(port, TOC_CHANNEL, struct.pack("<BHI", GET_INFO, len(entries), crc) + tail)
    if data[:1] == bytes([GET_ITEM]) and len(data) >= 3:
        (index,) = struct.unpack_from("<H", data, 1)
        if index >= len(entries):
            return Packet(port, TOC_CHANNEL, data[:1])
        kind, name = entries[index]
        return Packet(port, TOC_CHANNEL, data[:3] + bytes([kind]) + name.replace(".", "\0").encode() + b"\0")
    return None


def converted(value: Number, form: str) -> bytes:
    """A value packed in a format, as the firmware's casts do: whole numbers wrap around, halves end in infinity."""
    if form == "e":
        with np.errstate(over="ignore"):
            return np.float16(value).tobytes()
    if form == "f":
        return struct.pack("<f", value)
    size = struct.calcsize(form)
    whole = int(value) if math.isfinite(value) else 0
    return (whole & (256**size - 1)).to_bytes(size, "little")


@dataclass
class Block:
    """A set of log variables that is sent periodically; period 0: stopped."""

    items: list[tuple[LogVariable, str]]
    period_ms: int = 0
    next_ms: int = 0

    def bytes(self) -> int:
        return sum(struct.calcsize(form) for _, form in self.items)


class LogService:
    """Port 5: the table of log variables and the blocks that stream them."""

    def __init__(self, variables: Iterable[LogVariable]) -> None:
        self.variables = list(variables)
        self._entries = [(TYPES[v.c_type][0], v.name) for v in self.variables]
        self._blocks: dict[int, Block] = {}

    def answer(self, packet: Packet, now_ms: int) -> Packet | None:
        """Carry out a request; returns the answer."""
        data = packet.data
        if packet.channel == TOC_CHANNEL:
            return toc_answer(Port.LOG, self._entries, data, bytes([BLOCKS_MAX, VARIABLES_MAX]))
        if packet.channel != LOG_CONTROL_CHANNEL or not data:
            return None
        block = data[1] if len(data) > 1 else 0
        return Packet(
            Port.LOG, LOG_CONTROL_CHANNEL, bytes([data[0], block, self._control(data[0], block, data[2:], now_ms)])
        )

    def _control(self, command: int, block: int, data: bytes, now_ms: int) -> Error:
        if command == RESET:
            self._blocks.clear()
            return Error.NONE
        if command == CREATE_V2:
            if block in self._blocks:
                return Error.EEXIST
            if len(self._blocks) >= BLOCKS_MAX:
                return Error.ENOMEM
            self._blocks[block] = Block([])
            error = self._append(block, data)
            if error:
                del self._blocks[block]
            return error
        if command not in (APPEND_V2, DELETE, START, STOP):
            return Error.ENOEXEC
        if block not in self._blocks:
            return Error.ENOENT
        if command == APPEND_V2:
            return self._append(block, data)
        if command == DELETE:
            del self._blocks[block]
        elif command == STOP:
            self._blocks[block].period_ms = 0
        elif len(data) < 1 or data[0] == 0:
            return Error.EINVAL
        else:
            self._blocks[block].period_ms = 10 * data[0]
            self._blocks[block].next_ms = now_ms
        return Error.NONE

    def _append(self, block: int, data: bytes) -> Error:
        """Add variables, each three bytes: types to store (high half) and send (low half), and number in the table."""
        items = []
        for kind, index in struct.iter_unpack("<BH", data[: len(data) // 3 * 3]):
            if index >= len(self.variables) or kind & 15 not in LOG_FORMATS:
                return Error.ENOENT
            items.append((self.variables[index], LOG_FORMATS[kind & 15]))
        wanted = Block(self._blocks[block].items + items, self._blocks[block].period_ms, self._blocks[block].next_ms)
        if wanted.bytes() > BLOCK_BYTES_MAX:
            return Error.E2BIG
        if sum(len(b.items) for b in self._blocks.values()) + len(items) > VARIABLES_MAX:
            return Error.ENOMEM
        self._blocks[block] = wanted
        return Error.NONE

    def due(self, now_ms: int) -> list[Packet]:
        """The blocks whose time has come, with the present values."""
        packets = []
        for number, block in self._blocks.items():
            if block.period_ms and now_ms >= block.next_ms:
                block.next_ms += block.period_ms
                values = b"".join(converted(variable.read(), form) for variable, form in block.items)
                head = struct.pack("<BI", number, now_ms & 0xFFFFFF)[:4]
                packets.append(Packet(Port.LOG, LOG_DATA_CHANNEL, head + values))
        return packets


@dataclass
class ParamService:
    """Port 2: the table of parameters, and their values."""

    parameters: list[Parameter]
    _stored: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._defaults = [p.packed() for p in self.parameters]
        self._numbers = {p.name: k for k, p in enumerate(self.parameters)}
        self._entries = [
            (TYPES[p.c_type][1] | (EXTENDED if p.persistent else 0) | (READ_ONLY if p.write is None else 0), p.name)
            for p in self.parameters
        ]

    def answer(self, packet: Packet) -> Packet | None:
        """Carry out a request; returns the answer."""
        channel, data = packet.channel, packet.data
        if channel == TOC_CHANNEL:
            return toc_answer(Port.PARAM, self._entries, data, b"")
        if channel == PARAM_MISC_CHANNEL:
            reply = self._misc(data) if data else None
            return None if reply is None else Packet(Port.PARAM, PARAM_MISC_CHANNEL, reply)
        if len(data) < 2:
            return None
        (index,) = struct.unpack_from("<H", data)
        if index >= len(self.parameters):
            return Packet(Port.PARAM, channel, data[:2] + bytes([Error.ENOENT]))
        if channel == PARAM_READ_CHANNEL:
            return Packet(Port.PARAM, channel, data[:2] + bytes([Error.NONE]) + self.parameters[index].packed())
        if error := self._set(index, data[2:]):
            return Packet(Port.PARAM, channel, data[:2] + bytes([error]))
        return Packet(Port.PARAM, channel, data[:2] + self.parameters[index].packed())

    def _set(self, index: int, value: bytes) -> Error:
        parameter = self.parameters[index]
        if parameter.write is None:
            return Error.EACCES
        if len(value) != struct.calcsize(parameter.form):
            return Error.EINVAL
        parameter.write(struct.unpack(parameter.form, value)[0])
        return Error.NONE

    def _misc(self, data: bytes) -> bytes | None:
        command = data[0]
        if command == SET_BY_NAME:
            return self._set_by_name(data)
        if len(data) < 3 or command > DEFAULT_VALUE_V2 or command == VALUE_UPDATED:
            return None
        head = data[:3]
        (index,) = struct.unpack_from("<H", data, 1)
        if index >= len(self.parameters):
            return head + bytes([Error.ENOENT])
        parameter = self.parameters[index]
        if command in (EXTENDED_TYPE, EXTENDED_TYPE_V2):
            status = b"" if command == EXTENDED_TYPE else bytes([Error.NONE])
            return head + status + bytes([PERSISTENT if parameter.persistent else 0])
        if command in (DEFAULT_VALUE, DEFAULT_VALUE_V2):
            if parameter.write is None:
                return head + bytes([Error.ENOENT])
            return head + (b"" if command == DEFAULT_VALUE else bytes([Error.NONE])) + self._defaults[index]
        if not parameter.persistent:
            return head + bytes([Error.ENOENT])
        if command == PERSISTENT_STORE:
            self._stored[index] = parameter.packed()
        elif command == PERSISTENT_CLEAR:
            self._stored.pop(index, None)
        else:
            stored = self._stored.get(index)
            return head + bytes([stored is not None]) + self._defaults[index] + (stored or b"")
        return head + bytes([Error.NONE])

    def _set_by_name(self, data: bytes) -> bytes | None:
        """[0, group, 0, name, 0, type, value]; the answer repeats the names and ends with the result."""
        parts = data[1:].split(b"\0", 2)
        if len(parts) < 3 or not parts[2]:
            return None
        group, name, rest = parts
        index = self._numbers.get(f"{group.decode(errors='replace')}.{name.decode(errors='replace')}")
        if index is None:
            error = Error.ENOENT
        elif rest[0] != TYPES[self.parameters[index].c_type][1]:
            error = Error.EINVAL
        else:
            error = self._set(index, rest[1:])
        return bytes([SET_BY_NAME]) + group + b"\0" + name + b"\0" + bytes([error])
