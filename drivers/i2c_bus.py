"""An I2C bus of this computer, whose transfers end within a known time, and that says clearly why one failed.

`port` is a bus of Linux, /dev/i2c-N, driven through I2C_RDWR (Documentation/i2c/dev-interface.rst): a write and the read
after it are one transfer with a repeated start. Or the path of a Unix socket, behind which an emulated bus answers: each
message is address, number of bytes to read, bytes to write; each answer an error's number and the bytes read.
"""

import ctypes
import errno
import fcntl
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from drivers.base import LinkLost
from drivers.unix_socket import connect

I2C_RETRIES, I2C_TIMEOUT, I2C_RDWR = 0x0701, 0x0702, 0x0707
I2C_M_RD = 1
TIMEOUT_10MS = 1  # the kernel's unit: a stuck bus costs a tick no more than this
EMULATED_S = 1.0
ANSWER_MAX = 256
SILENT = (errno.EREMOTEIO, errno.ENXIO)
STUCK = (errno.ETIMEDOUT, errno.EIO, errno.EBUSY, errno.EAGAIN)  # EAGAIN: arbitration lost
NOT_GONE = SILENT + STUCK


class Message(ctypes.Structure):
    """struct i2c_msg of linux/i2c.h."""

    _fields_ = (
        ("addr", ctypes.c_uint16), ("flags", ctypes.c_uint16), ("len", ctypes.c_uint16), ("buf", ctypes.c_char_p),
    )  # fmt: skip


class Transfer(ctypes.Structure):
    """struct i2c_rdwr_ioctl_data of linux/i2c-dev.h."""

    _fields_ = (("msgs", ctypes.POINTER(Message)), ("nmsgs", ctypes.c_uint32))


def known_buses() -> list[str]:
    return sorted(map(str, Path("/dev").glob("i2c-*")))


def why_not(port: str, error: OSError) -> str:
    """One line: what was looked for, what was found, and what to do about it."""
    if error.errno == errno.ENOENT:
        found = ", ".join(known_buses()) or "no I2C bus at all"
        return f"{port}: no such bus; found {found}. Enable it (raspi-config, Interface Options, I2C), or name another one."
    if error.errno == errno.EACCES:
        return f"{port}: not allowed: sudo usermod -aG i2c $USER, then log in again"
    if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK):
        return f"{port}: in use by another program. Stop that one first."
    return f"{port}: cannot be used as an I2C bus: {error.strerror}"


def why_failed(port: str, address: int, error: OSError) -> str:
    """The same, of a transfer."""
    if error.errno in SILENT:
        return f"{port}: nothing answers at address 0x{address:02x}: check the chip's power, its wires and its address"
    if error.errno in STUCK:
        return f"{port}: the bus is stuck: something holds its lines; take the power of what is on it away for a moment"
    return f"{port}: the link is gone ({error.strerror})"


class NoAnswer(ConnectionError):
    """A transfer failed, and the bus is there: another try may succeed."""


class I2CBus:
    """One bus. Held by this process alone among those of this project, unless `shared`."""

    def __init__(self, port: str, shared: bool = False) -> None:
        self.port = port
        self._shared = shared
        self._file = -1
        self._socket: socket.socket | None = None
        self._closed_because = f"{port}: not open"

    @property
    def is_open(self) -> bool:
        return self._file >= 0 or self._socket is not None

    def open(self) -> None:
        """Raises LinkLost with the reason."""
        self.close()
        try:
            if stat.S_ISSOCK(os.stat(self.port).st_mode):
                self._socket = connect(self.port, socket.SOCK_SEQPACKET)
                self._socket.settimeout(EMULATED_S)
                return
            self._file = os.open(self.port, os.O_RDWR | os.O_CLOEXEC)
            if not self._shared:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.ioctl(self._file, I2C_TIMEOUT, TIMEOUT_10MS)
            fcntl.ioctl(self._file, I2C_RETRIES, 0)
        except OSError as error:
            self.close()
            self._closed_because = str(error) if isinstance(error, ConnectionError) else why_not(self.port, error)
            raise LinkLost(self._closed_because) from error

    def transfer(self, address: int, data: bytes, read: int = 0) -> bytes:
        """Write, then read so many bytes; either may be none. Raises NoAnswer, or LinkLost where the bus is gone."""
        if not self.is_open:
            raise LinkLost(self._closed_because)
        try:
            return (
                self._by_socket(address, data, read)
                if self._socket is not None
                else self._by_kernel(address, data, read)
            )
        except OSError as error:
            words = why_failed(self.port, address, error)
            if error.errno in NOT_GONE:
                raise NoAnswer(words) from error
            self.close()
            self._closed_because = words
            raise LinkLost(words) from error

    def _by_kernel(self, address: int, data: bytes, read: int) -> bytes:
        answer = ctypes.create_string_buffer(read)
        messages = [Message(address, 0, len(data), data)] if data or not read else []
        if read:
            messages.append(Message(address, I2C_M_RD, read, ctypes.cast(answer, ctypes.c_char_p)))
        fcntl.ioctl(self._file, I2C_RDWR, Transfer((Message * len(messages))(*messages), len(messages)))
        return answer.raw

    def _by_socket(self, address: int, data: bytes, read: int) -> bytes:
        assert self._socket is not None
        self._socket.sendall(bytes((address, read)) + data)
        answer = self._socket.recv(ANSWER_MAX)
        if not answer:
            raise ConnectionResetError(errno.ECONNRESET, "nobody is there any more")
        if answer[0]:
            raise OSError(answer[0], os.strerror(answer[0]))
        return answer[1:]

    def close(self) -> None:
        """Never raises."""
        file, self._file = self._file, -1
        end, self._socket = self._socket, None
        if file >= 0:
            with suppress(OSError):  # gone already
                os.close(file)
        if end is not None:
            end.close()
