"""The tables, by raw packets as Bitcraze's documents describe them."""

import math
import struct

import pytest

from drivers.emulators.crazyflie_toc import LogService, LogVariable, Parameter, ParamService
from drivers.emulators.crtp import Packet, Port

ENOENT, E2BIG, ENOMEM, EACCES, EEXIST, EINVAL = 2, 7, 12, 13, 17, 22


class Logged:
    """Two variables, x (float) and n (uint8_t)."""

    def __init__(self) -> None:
        self.x, self.n = 1.5, 7
        self.service = LogService(
            [LogVariable("a.x", "float", lambda: self.x), LogVariable("b.n", "uint8_t", lambda: self.n)]
        )

    def ask(self, channel: int, *data: int, now_ms: int = 0) -> bytes:
        answer = self.service.answer(Packet(Port.LOG, channel, bytes(data)), now_ms)
        assert answer is not None
        assert (answer.port, answer.channel) == (Port.LOG, channel)
        return answer.data

    def control(self, *data: int, now_ms: int = 0) -> int:
        """The result of a request to the control channel, whose answer repeats command and block."""
        answer = self.ask(1, *data, now_ms=now_ms)
        assert answer[:2] == bytes(data[:2])
        return answer[2]


def test_the_log_table_tells_its_size_its_fingerprint_and_its_entries():
    log = Logged()
    info = log.ask(0, 3)
    assert struct.unpack("<BH", info[:3]) == (3, 2)
    assert len(info) == 9
    assert log.ask(0, 2, 1, 0) == b"\x02\x01\x00\x01b\x00n\x00"
    assert log.ask(0, 2, 2, 0) == b"\x02"
    other = LogService([LogVariable("a.y", "float", lambda: 0.0), LogVariable("b.n", "uint8_t", lambda: 0)])
    assert other.answer(Packet(Port.LOG, 0, b"\x03"), 0).data[3:7] != info[3:7]


def test_a_block_streams_its_variables_at_its_period_as_the_types_asked_for():
    log = Logged()
    assert log.control(6, 9, 0x77, 0, 0) == 0  # create: x as float
    assert log.control(7, 9, 0x12, 1, 0) == 0  # append: n as uint16_t
    assert log.service.due(100) == []  # not before it is started
    assert log.control(3, 9, 2, now_ms=100) == 0  # every 20 ms
    (packet,) = log.service.due(100)
    assert packet == Packet(Port.LOG, 2, b"\x09" + bytes([100, 0, 0]) + struct.pack("<fH", 1.5, 7))
    assert log.service.due(119) == []
    assert len(log.service.due(120)) == 1
    assert log.control(4, 9) == 0
    assert log.service.due(500) == []


def test_half_precision_and_integers_that_do_not_fit():
    log = Logged()
    log.x, log.n = 1.5, 300
    log.control(6, 1, 0x78, 0, 0, 0x11, 1, 0)
    log.control(3, 1, 1)
    assert log.service.due(0)[0].data[4:] == struct.pack("<eB", 1.5, 300 - 256)
    log.x = 1e6
    assert log.service.due(10)[0].data[4:6] == struct.pack("<e", math.inf)
    log.control(6, 2, 0x75, 0, 0)  # a float as int16_t
    log.control(3, 2, 1, now_ms=10)
    log.x = math.nan
    assert log.service.due(10)[0].data[4:] == b"\0\0"


def test_blocks_that_cannot_be_are_refused():
    log = Logged()
    assert log.control(6, 1, 0x77, 5, 0) == ENOENT  # no such variable
    assert log.control(3, 1, 1) == ENOENT  # so there is no such block
    assert log.control(6, 1, *(0x77, 0, 0) * 7) == E2BIG  # 28 bytes
    assert log.control(6, 1, *(0x77, 0, 0) * 6) == 0
    assert log.control(6, 1, 0x77, 0, 0) == EEXIST
    assert log.control(7, 1, 0x77, 0, 0) == E2BIG
    assert log.control(3, 1, 0) == EINVAL  # no period
    for block in range(2, 17):
        assert log.control(6, block, 0x11, 1, 0) == 0
    assert log.control(6, 17, 0x11, 1, 0) == ENOMEM
    assert log.control(2, 2) == 0
    assert log.control(6, 17, 0x11, 1, 0) == 0


def test_a_reset_forgets_all_blocks():
    log = Logged()
    log.control(6, 1, 0x77, 0, 0)
    log.control(3, 1, 1)
    assert log.ask(1, 5) == bytes([5, 0, 0])
    assert log.service.due(1000) == []


class Held:
    """Parameters: gain (float, persistent), mode (uint8_t), version (uint16_t, read-only)."""

    def __init__(self) -> None:
        self.values = {"gain": 2.5, "mode": 3}
        self.service = ParamService(
            [
                Parameter("p.gain", "float", lambda: self.values["gain"], lambda v: self.set("gain", v), True),
                Parameter("p.mode", "uint8_t", lambda: self.values["mode"], lambda v: self.set("mode", v)),
                Parameter("q.version", "uint16_t", lambda: 513, None),
            ]
        )

    def set(self, name: str, value: float) -> None:
        self.values[name] = value

    def ask(self, channel: int, data: bytes) -> bytes:
        answer = self.service.answer(Packet(Port.PARAM, channel, data))
        assert answer is not None
        return answer.data


def test_the_parameter_table_tells_types_access_and_extension():
    held = Held()
    assert struct.unpack("<BH", held.ask(0, b"\x03")[:3]) == (3, 3)
    assert held.ask(0, b"\x02\x00\x00") == b"\x02\x00\x00\x16p\x00gain\x00"  # float, extended
    assert held.ask(0, b"\x02\x01\x00") == b"\x02\x01\x00\x08p\x00mode\x00"
    assert held.ask(0, b"\x02\x02\x00") == b"\x02\x02\x00\x49q\x00version\x00"  # read-only
    assert held.ask(3, b"\x07\x00\x00") == b"\x07\x00\x00\x00\x01"  # persistent
    assert held.ask(3, b"\x02\x01\x00") == b"\x02\x01\x00\x00"


def test_parameters_are_read_and_written():
    held = Held()
    assert held.ask(1, b"\x00\x00") == b"\x00\x00\x00" + struct.pack("<f", 2.5)
    assert held.ask(2, b"\x00\x00" + struct.pack("<f", 4.0)) == b"\x00\x00" + struct.pack("<f", 4.0)
    assert held.values["gain"] == 4.0
    assert held.ask(2, b"\x01\x00\x09") == b"\x01\x00\x09"
    assert held.values["mode"] == 9


@pytest.mark.parametrize(
    ("channel", "data", "error"),
    [
        (1, b"\x03\x00", ENOENT),
        (2, b"\x03\x00\x00", ENOENT),
        (2, b"\x02\x00\x00\x00", EACCES),
        (2, b"\x01\x00", EINVAL),
    ],
)
def test_what_cannot_be_read_or_written_is_answered_with_an_error(channel: int, data: bytes, error: int):
    assert Held().ask(channel, data) == data[:2] + bytes([error])


def test_parameters_are_set_by_name_if_the_type_is_right():
    held = Held()
    assert held.ask(3, b"\x00p\x00mode\x00\x08\x05") == b"\x00p\x00mode\x00\x00"
    assert held.values["mode"] == 5
    assert held.ask(3, b"\x00p\x00mode\x00\x06\x00\x00\x80\x3f")[-1] == EINVAL
    assert held.ask(3, b"\x00p\x00none\x00\x08\x05")[-1] == ENOENT
    assert held.values["mode"] == 5


def test_persistent_parameters_are_stored_and_cleared():
    held = Held()
    default, new = struct.pack("<f", 2.5), struct.pack("<f", 8.0)
    held.ask(2, b"\x00\x00" + new)
    assert held.ask(3, b"\x04\x00\x00") == b"\x04\x00\x00\x00" + default
    assert held.ask(3, b"\x03\x00\x00") == b"\x03\x00\x00\x00"
    assert held.ask(3, b"\x04\x00\x00") == b"\x04\x00\x00\x01" + default + new
    assert held.ask(3, b"\x05\x00\x00") == b"\x05\x00\x00\x00"
    assert held.ask(3, b"\x04\x00\x00") == b"\x04\x00\x00\x00" + default
    assert held.ask(3, b"\x08\x00\x00") == b"\x08\x00\x00\x00" + default
    assert held.ask(3, b"\x03\x01\x00") == b"\x03\x01\x00" + bytes([ENOENT])
