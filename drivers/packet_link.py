"""The link to a device that sends and takes whole packets through a Unix socket: a simulator that somebody else brings."""

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from drivers.base import NEVER_S, Clock, LinkLost
from drivers.unix_socket import connect


def plug(port: str) -> socket.socket:
    """A connection to a packet socket. Raises LinkLost naming its path."""
    try:
        return connect(port, socket.SOCK_SEQPACKET)
    except OSError as error:
        raise LinkLost(str(error)) from error


class PacketLink:
    """One end of it. newest: the packet that came last, empty before the first; age_s: how long ago."""

    def __init__(self, port: str, clock: Clock) -> None:
        self.port, self.clock = port, clock
        self.newest = b""
        self._heard_s = -NEVER_S
        self._link: socket.socket | None = None

    def open(self) -> None:
        """Raises LinkLost."""
        self.close()
        self._link = plug(self.port)
        self._link.setblocking(False)

    def reconnect(self) -> bool:
        with suppress(LinkLost):
            self.open()
        return self._link is not None

    @property
    def age_s(self) -> float:
        return self.clock.now() - self._heard_s

    def take(self) -> None:
        """Take in what has come. Never blocks. Raises LinkLost."""
        while data := self._try(lambda link: link.recv(1 << 16)):
            self.newest, self._heard_s = data, self.clock.now()

    def send(self, data: bytes) -> None:
        """What finds no room is lost, as on any wire. Raises LinkLost."""
        self._try(lambda link: link.send(data))

    def _try(self, talk: Callable[[socket.socket], Any]) -> Any:
        try:
            if self._link is not None:
                return talk(self._link)
        except BlockingIOError:
            return b""
        except OSError:
            self.close()
        raise LinkLost(self.trouble())

    def trouble(self) -> str:
        """What is wrong, in one line; empty while all is well."""
        return "" if self._link is not None else f"{self.port}: nobody answers"

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None
