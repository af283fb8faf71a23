"""A serial port that never blocks, and that says clearly why it cannot be opened."""

import errno
import os
from contextlib import suppress
from pathlib import Path

import serial

from drivers.base import LinkLost

CHUNK = 4096
READ_MAX = 1 << 17  # bytes a read: at 1 Mbaud a second of them; who babbles faster cannot keep a read from returning
BY_ID = Path("/dev/serial/by-id")


def known_ports() -> list[str]:
    """Serial ports of this machine, the names that survive replugging first."""
    stable = sorted(str(path) for path in BY_ID.glob("*"))
    return stable + sorted(str(path) for pattern in ("ttyACM*", "ttyUSB*") for path in Path("/dev").glob(pattern))


def why_not(path: str, error: Exception) -> str:
    """One line: what was looked for, what was found and what to do about it."""
    code = getattr(error, "errno", None)
    if code == errno.ENOENT or not os.path.exists(path):
        found = ", ".join(known_ports()) or "no serial port at all"
        return f"{path}: no such port; found {found}. Plug the device in, or name its port in the configuration."
    if code == errno.EACCES:
        return (
            f"{path}: not allowed. Add yourself to the group that owns it (usually dialout): "
            "sudo usermod -aG dialout $USER, then log in again."
        )
    if "lock" in str(error):
        return f"{path}: in use by another program. Stop that one first."
    return f"{path}: cannot be opened as a serial port: {error}"


class SerialPort:
    """One serial port. `path` may be a `/dev/serial/by-id` name or any link to a port.

    Held by this process alone, unless `shared`: then it opens even where another process holds it. dtr: what the line
    DTR is after opening.
    """

    def __init__(self, path: str, baud: int, shared: bool = False, dtr: bool = True) -> None:
        self.path = path
        self.baud = baud
        self._shared = shared
        self._dtr = dtr
        self._port: serial.Serial | None = None
        self._descriptor = -1
        self._closed_because = f"{path}: not open"

    @property
    def is_open(self) -> bool:
        return self._port is not None

    def open(self) -> None:
        """Open the port and throw away what waits in it. Raises LinkLost with the reason."""
        self.close()
        try:
            port = serial.Serial(baudrate=self.baud, timeout=0, write_timeout=0, exclusive=not self._shared)
            port.port, port.dtr = self.path, self._dtr
            port.open()
        except (OSError, ValueError) as error:  # SerialException is an OSError
            self._closed_because = why_not(self.path, error)
            raise LinkLost(self._closed_because) from error
        self._port, self._descriptor = port, port.fileno()
        with suppress(OSError, ValueError, NotImplementedError):  # pseudo-terminals and some adapters have no such mode
            port.set_low_latency_mode(True)
        self.read()

    def set_baud(self, baud: int) -> None:
        """Go on at another baud rate. Raises LinkLost if the port is gone, or cannot."""
        if self._port is None:
            raise LinkLost(self._closed_because)
        if baud == self.baud:
            return
        self.baud = baud
        try:
            self._port.baudrate = baud
        except OSError as error:
            raise self._lost(error) from error
        except ValueError as error:
            raise self._lost(OSError(errno.EINVAL, str(error))) from error

    def set_dtr(self, on: bool) -> None:
        """Assert or clear DTR. Raises LinkLost if the port is gone."""
        if self._port is None:
            raise LinkLost(self._closed_because)
        try:
            self._port.dtr = on
        except OSError as error:
            if error.errno not in (errno.ENOTTY, errno.EINVAL):  # a pseudo-terminal has no such line
                raise self._lost(error) from error

    def read(self) -> bytes:
        """Everything that has arrived, up to about READ_MAX; b"" if nothing has. Raises LinkLost if the port is gone."""
        if self._port is None:
            raise LinkLost(self._closed_because)
        data = b""
        try:
            # The kernel hands over a pseudo-terminal's bytes in pieces: only an empty read says that all were taken.
            while len(data) < READ_MAX and (piece := os.read(self._descriptor, CHUNK)):
                data += piece
            if not data:
                self._port.in_waiting  # noqa: B018  an unplugged port reads as empty, but fails here
        except BlockingIOError:
            return data
        except OSError as error:
            raise self._lost(error) from error
        return data

    def write(self, data: bytes) -> None:
        """Queue `data` for sending. Raises LinkLost if the port is gone or takes no more: it is stuck."""
        if self._port is None:
            raise LinkLost(self._closed_because)
        try:
            taken = os.write(self._descriptor, data)
        except OSError as error:
            raise self._lost(error) from error
        if taken < len(data):
            raise self._lost(BlockingIOError(errno.EAGAIN, "its buffer is full, nothing is being sent"))

    def _lost(self, error: OSError) -> LinkLost:
        self.close()
        self._closed_because = f"{self.path}: the link is gone ({error.strerror}). Check the cable and the power."
        return LinkLost(self._closed_because)

    def close(self) -> None:
        """Release the port. Never raises."""
        port, self._port, self._descriptor = self._port, None, -1
        if port is None:
            return
        with suppress(OSError):  # the port is gone already, and so is what there was to release
            port.close()
