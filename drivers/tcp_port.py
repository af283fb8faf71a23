"""A connection to a device on the network, which never blocks and says clearly why there is none.

The address is HOST:PORT, the host in numbers, so that no name has to be looked up; or the path of a Unix socket, behind
which an emulated device answers in step with a simulated clock.
"""

import errno
import fcntl
import ipaddress
import os
import select
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass

from drivers.base import LinkLost
from drivers.unix_socket import short_address

CHUNK = 1 << 16
READ_MAX = 1 << 20  # bytes a read: who babbles faster cannot keep it from returning
OPEN_S = 1.5  # that `open` waits for an answer
GLANCE_S = 0.002  # that `reconnect` waits: a device on the same wire answers sooner
SOON_S = 5.0  # after which a connection that ends has been one to the device that is meant
ATTEMPT_S = 1.0  # after which an attempt that nobody has answered is made anew
SIOCGIFADDR, SIOCGIFNETMASK = 0x8915, 0x891B
PREFIXES_OF_CABLES = ("e", "usb")  # eth0, enp3s0, enx..., usb0


def host_and_port(address: str, port: int) -> tuple[str, int]:
    """Host and port of an address HOST or HOST:PORT. port: where none is told. Raises ValueError."""
    host, _, told = address.partition(":")
    try:
        ipaddress.IPv4Address(host)
        if told:
            port = int(told)
        if not 0 < port < 65536:
            raise ValueError
    except ValueError:
        raise ValueError(
            f"port: found {address!r}, allowed: an address in numbers and a port, such as 192.168.0.10:10940"
        ) from None
    return host, port


@dataclass(frozen=True)
class Interface:
    """A network port of this machine, and the network that it is in, if it has an address."""

    name: str
    network: ipaddress.IPv4Interface | None

    def __str__(self) -> str:
        return f"{self.name} {self.network or 'without an address'}"


def interfaces() -> list[Interface]:
    """The network ports of this machine, the one to itself left out."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        for _, name in socket.if_nameindex():
            if name == "lo":
                continue
            request = struct.pack("16s16x", name.encode()[:15])
            network = None
            with suppress(OSError):  # one without an address, or that has just gone
                told = [
                    socket.inet_ntoa(fcntl.ioctl(end, what, request)[20:24]) for what in (SIOCGIFADDR, SIOCGIFNETMASK)
                ]
                network = ipaddress.IPv4Interface("/".join(told))
            found.append(Interface(name, network))
    return found


def another_network(host: str) -> str:
    """What is wrong if no network port of this machine is in the device's network, and what to do; empty otherwise."""
    address, found = ipaddress.IPv4Address(host), interfaces()
    if address.is_loopback or any(port.network is not None and address in port.network.network for port in found):
        return ""
    cables = [port for port in found if port.name.startswith(PREFIXES_OF_CABLES)]
    cables.sort(key=lambda port: port.network is not None)
    own = ipaddress.IPv4Address(int(address) ^ 5)  # any other one of that network
    return (
        f"this machine has no address in its network (found {', '.join(map(str, found)) or 'no network port'}): "
        f"give the port that its cable is in one, sudo ip addr add {own}/24 dev {cables[0].name if cables else 'PORT'}"
    )


def why_not(host: str, port: int, code: int) -> str:
    """One line for a connection that failed with an error's number: what was looked for, what was found, what to do."""
    elsewhere = another_network(host)
    if code == errno.ECONNREFUSED:
        found = elsewhere or "it is still starting up, or another device has this address"
        return f"{host}:{port}: something answers there, but nothing listens: {found}"
    found = elsewhere or "check its power, its cable, and that this is its address"
    return f"{host}:{port}: no answer ({os.strerror(code)}): {found}"


class TcpPort:
    """One connection. `address`: as `host_and_port` takes it, or a path. port: where the address has none."""

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self._place = None if "/" in address else host_and_port(address, port)
        self._socket: socket.socket | None = None
        self._ready = False  # the connection stands
        self._since_s = 0.0  # real time: the network knows no other
        self._heard = False
        self._closed_because = f"{address}: not open"

    def open(self) -> None:
        """Connect, waiting OPEN_S at most. Raises LinkLost with the reason."""
        self.close()
        if not self._connect(OPEN_S):
            raise LinkLost(self._closed_because)

    def reconnect(self) -> bool:
        """Begin to connect, or go on with what was begun. True when the connection stands."""
        if self._ready:
            self.close()
        if self._socket is not None and time.monotonic() - self._since_s > ATTEMPT_S:
            self._fail(errno.ETIMEDOUT)
        return self._connect(GLANCE_S)

    def _connect(self, wait_s: float) -> bool:
        if self._socket is None:
            self._heard, self._since_s = False, time.monotonic()
            if self._place is None:
                return self._connect_here()
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = self._socket.connect_ex(self._place)
            if code not in (0, errno.EINPROGRESS):
                return self._fail(code)
        poll = select.poll()
        poll.register(self._socket, select.POLLOUT)
        if not poll.poll(1000.0 * wait_s):
            self._closed_because = why_not(*self._place, errno.ETIMEDOUT) if self._place else self._closed_because
            return False
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            return self._fail(code)
        self._ready = True
        return True

    def _connect_here(self) -> bool:
        """To a device of this machine."""
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        end.setblocking(False)
        try:
            with short_address(self.address) as address:
                end.connect(address)
        except OSError as error:
            end.close()
            self._closed_because = f"{self.address}: no device there ({error.strerror})"
            return False
        self._socket, self._ready = end, True
        return True

    def _fail(self, code: int) -> bool:
        self.close()
        if self._place is not None:
            self._closed_because = why_not(*self._place, code)
        return False

    def read(self) -> bytes:
        """Everything that has arrived; b"" if nothing has. Raises LinkLost if the connection is gone."""
        if self._socket is None or not self._ready:
            raise LinkLost(self._closed_because)
        data, ended = b"", False
        try:
            while not ended and len(data) < READ_MAX:
                piece = self._socket.recv(CHUNK)
                data, ended = data + piece, not piece
        except BlockingIOError:
            ended = False
        except ConnectionResetError:
            ended = True
        except OSError as error:
            raise self._lost(error.strerror or str(error)) from error
        self._heard |= bool(data)
        if ended and not data:
            if self._heard:
                raise self._lost("it hung up: is it the device that is meant, its power steady, its cable in?")
            raise self._lost("it hung up at once: another program is connected to it, stop that one first")
        return data

    def write(self, data: bytes) -> None:
        """Queue `data` for sending. Raises LinkLost if the connection is gone or takes no more: it is stuck."""
        if self._socket is None or not self._ready:
            raise LinkLost(self._closed_because)
        try:
            taken = self._socket.send(data, socket.MSG_NOSIGNAL)
        except OSError as error:
            raise self._lost(error.strerror or str(error)) from error
        if taken < len(data):
            raise self._lost("its buffer is full, nothing is being sent")

    def give_up(self, why: str) -> LinkLost:
        """Close a connection that is of no use, and say why."""
        return self._lost(why)

    def _lost(self, why: str) -> LinkLost:
        soon = time.monotonic() - self._since_s < SOON_S
        elsewhere = another_network(self._place[0]) if self._place and soon else ""
        if elsewhere:
            why = f"{elsewhere}; what answers at that address is something else, a router or a gateway ({why})"
        self.close()
        self._closed_because = f"{self.address}: {why}"
        return LinkLost(self._closed_because)

    @property
    def trouble(self) -> str:
        """Why there is no connection; empty while it stands."""
        return "" if self._ready else self._closed_because

    def close(self) -> None:
        """Release the connection. Never raises."""
        end, self._socket, self._ready = self._socket, None, False
        if end is None:
            return
        with suppress(OSError):
            end.close()
        self._closed_because = f"{self.address}: not open"
