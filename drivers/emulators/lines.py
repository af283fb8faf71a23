"""The device's end of its cable: a pseudo-terminal, or a place on the network. It can be unplugged and plugged in again
under the same name."""

import fcntl
import os
import socket
import termios
import tty
from array import array
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from drivers.unix_socket import listen

CHUNK = 4096
TCGETS2 = 0x802C542A  # the settings of a line with any baud rate, as a number


class Line(Protocol):
    """name: what a driver opens."""

    name: str

    def plug(self) -> None:
        """Make the device appear."""
        ...

    def unplug(self) -> None:
        """Pull the cable: who has the device open sees it vanish."""
        ...

    def read(self) -> bytes:
        """All that the host has written."""
        ...

    def write(self, data: bytes) -> None:
        """Send to the host."""
        ...

    def flush(self) -> None:
        """Throw away what waits on the line, in either direction."""
        ...

    def baud(self) -> int:
        """What the host has set; 0 where there is no such thing."""
        ...


class Pty:
    """A pseudo-terminal."""

    def __init__(self, link: Path) -> None:
        self.link, self.name = link, str(link)
        self.master = self._slave = -1
        self.plug()

    def plug(self) -> None:
        """Its line settings are raw, so that nothing is echoed or translated."""
        if self.master >= 0:
            return
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.link.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        if self.master < 0:
            return
        self.link.unlink()
        os.close(self.master)
        os.close(self._slave)
        self.master = self._slave = -1

    def read(self) -> bytes:
        data = b""
        if self.master >= 0:
            try:
                while piece := os.read(self.master, CHUNK):
                    data += piece
            except BlockingIOError:
                return data
        return data

    def write(self, data: bytes) -> None:
        """What its buffers do not take is lost, as on a wire."""
        if data and self.master >= 0:
            try:
                os.write(self.master, data)
            except BlockingIOError:
                return

    def flush(self) -> None:
        if self.master >= 0:
            termios.tcflush(self._slave, termios.TCIOFLUSH)
            self.read()

    def baud(self) -> int:
        if self.master < 0:
            return 0
        told = array("i", bytes(4 * 64))
        fcntl.ioctl(self._slave, TCGETS2, told)
        return told[10]


class SocketLine:
    """A device on the network that serves one program at a time: whoever comes while another is there is hung up on.

    place: a port of this machine (0: any), or a path, whose bytes arrive in the moment in which they are sent. connected: is
    told that somebody new has come.
    """

    def __init__(self, place: Path | int, connected: Callable[[], None]) -> None:
        self._place, self._connected = place, connected
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self._unsent = b""
        self.name = str(place)
        self.plug()

    def plug(self) -> None:
        if self._listener is not None:
            return
        if isinstance(self._place, Path):
            self._listener = listen(self._place)
        else:
            self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind(("127.0.0.1", self._place))
            self._listener.listen()
            self._place = self._listener.getsockname()[1]
            self.name = f"127.0.0.1:{self._place}"
        self._listener.setblocking(False)

    def unplug(self) -> None:
        listener, self._listener = self._listener, None
        if listener is None:
            return
        listener.close()
        if isinstance(self._place, Path):
            self._place.unlink()
        self.hang_up()

    def hang_up(self) -> None:
        """End the connection, as a device does that restarts."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def read(self) -> bytes:
        if self._listener is None:
            return b""
        data, gone = self._receive()
        with suppress(BlockingIOError):
            while True:
                end, _ = self._listener.accept()
                if gone:
                    self.hang_up()
                if self._client is not None:
                    end.close()
                    continue
                end.setblocking(False)
                if end.family == socket.AF_INET:
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._client, self._unsent, gone = end, b"", False
                self._connected()
        return data if data or self._client is None else self._receive()[0]

    def _receive(self) -> tuple[bytes, bool]:
        """What the program that is connected has sent, and whether it has gone."""
        data = b""
        if self._client is None:
            return data, True
        try:
            while piece := self._client.recv(CHUNK):
                data += piece
        except BlockingIOError:
            return data, False
        except OSError:
            return data, True
        return data, True

    def write(self, data: bytes) -> None:
        """What finds no room in the buffers waits: nothing is lost on a connection."""
        self._unsent += data
        if self._client is None:
            self._unsent = b""
            return
        try:
            self._unsent = self._unsent[self._client.send(self._unsent, socket.MSG_NOSIGNAL) :]
        except BlockingIOError:
            return
        except OSError:
            self._unsent = b""

    def flush(self) -> None:
        """What was sent cannot be taken back; what waits is forgotten."""
        self._unsent = b""
        self.read()

    def baud(self) -> int:
        return 0
