import itertools
import os
import pty
import tty

import pytest

from drivers.base import LinkLost
from drivers.serial_port import READ_MAX, SerialPort, why_not


@pytest.fixture
def wire():
    """(the device's end, path of the host's end)."""
    device, host = pty.openpty()
    tty.setraw(host)
    path = os.ttyname(host)
    os.close(host)
    yield device, path
    os.close(device)


def test_reading_takes_all_that_has_arrived_and_does_not_wait_for_more(wire):
    device, path = wire
    port = SerialPort(path, 115_200)
    port.open()
    assert port.read() == b""
    os.write(device, bytes(10_000))
    assert len(port.read()) == 10_000
    assert port.read() == b""
    port.close()


def test_a_device_that_babbles_without_end_does_not_keep_a_read_from_returning(wire, monkeypatch):
    _, path = wire
    port = SerialPort(path, 115_200)
    port.open()
    pieces = itertools.count()

    def more(_, size):
        assert next(pieces) * size <= 2 * READ_MAX
        return bytes(size)

    with monkeypatch.context() as babbling:
        babbling.setattr("drivers.serial_port.os.read", more)
        assert len(port.read()) == READ_MAX
    port.close()


def test_opening_throws_away_what_is_old(wire):
    device, path = wire
    keep = os.open(path, os.O_RDWR | os.O_NOCTTY)
    os.write(device, b"old")
    port = SerialPort(path, 115_200)
    port.open()
    os.write(device, b"new")
    assert port.read() == b"new"
    port.close()
    os.close(keep)


def test_any_baud_rate_is_taken(wire):
    _, path = wire
    port = SerialPort(path, 256_000)
    port.open()
    assert port.is_open
    port.close()


def test_a_vanished_port_is_lost_for_reading_and_for_writing():
    for use in (SerialPort.read, lambda port: port.write(b"x")):
        device, host = pty.openpty()
        port = SerialPort(os.ttyname(host), 115_200)
        port.open()
        os.close(device)
        with pytest.raises(LinkLost, match="link is gone"):
            use(port)
        assert not port.is_open
        with pytest.raises(LinkLost, match="link is gone"):  # and it remembers why
            use(port)
        os.close(host)


def test_a_port_that_takes_no_more_is_stuck_and_told_lost(wire):
    _, path = wire
    port = SerialPort(path, 115_200)
    port.open()
    with pytest.raises(LinkLost, match=r"nothing is being sent|temporarily"):
        for _ in range(200):
            port.write(bytes(4096))


def test_a_port_in_use_says_so(wire):
    _, path = wire
    first, second = SerialPort(path, 115_200), SerialPort(path, 115_200)
    first.open()
    with pytest.raises(LinkLost, match="in use by another program"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_a_missing_port_says_what_was_looked_for_and_what_to_do():
    with pytest.raises(LinkLost, match=r"/dev/nowhere: no such port; found .*Plug the device in"):
        SerialPort("/dev/nowhere", 115_200).open()


def test_a_forbidden_port_names_the_group(wire):
    _, path = wire
    assert "dialout" in why_not(path, PermissionError(13, "Permission denied"))


def test_a_file_is_not_a_serial_port(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(LinkLost, match="cannot be opened as a serial port"):
        SerialPort(str(file), 115_200).open()
