"""The cart's driver, and the handle on its emulator."""

import json
import shutil
import socket
import struct
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from drivers.base import NEVER_S, Clock, LinkLost
from drivers.emulators.child import connect, end_child, start_emulator
from tests.toy_robot.emulator import PUSH, STATE


@dataclass(frozen=True, slots=True)
class CartReading:
    """What the cart tells: where it is on its rail, m, how fast, m/s, and how old that is."""

    place_m: float = 0.0
    speed_m_s: float = 0.0
    age_s: float = NEVER_S


def plug(port: str) -> socket.socket:
    try:
        return connect(port, socket.SOCK_SEQPACKET)
    except OSError as error:
        raise LinkLost(f"cart: {port}: {error.strerror}") from error


class Cart:
    """The driver."""

    def __init__(self, port: str, clock: Clock) -> None:
        self.port, self.clock = port, clock
        self._link: socket.socket | None = None
        self._newest, self._heard_s = (0.0,) * 4, -NEVER_S

    def open(self) -> None:
        self._link = plug(self.port)
        self._link.setblocking(False)

    def reconnect(self) -> bool:
        with suppress(LinkLost):
            self.open()
        return self._link is not None

    def _try(self, talk: Callable[[socket.socket], Any]) -> Any:
        try:
            if self._link is not None:
                return talk(self._link)
        except BlockingIOError:
            return b""
        except OSError:
            self.close()
        raise LinkLost(self.trouble())

    def read(self) -> CartReading:
        while data := self._try(lambda link: link.recv(STATE.size)):
            self._newest, self._heard_s = STATE.unpack(data), self.clock.now()
        return CartReading(*self._newest[1:3], self.clock.now() - self._heard_s)

    def push(self, force_n: float) -> None:
        self._try(lambda link: link.send(PUSH.pack(force_n)))

    def stop(self) -> None:
        with suppress(LinkLost):
            self.push(0.0)

    def trouble(self) -> str:
        return "" if self._link is not None else f"cart: nobody answers at {self.port}"

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None


class Truth(NamedTuple):
    time_s: float
    place_m: float
    speed_m_s: float
    push_n: float


class VirtualCart:
    """The emulator, running."""

    def __init__(self, process: subprocess.Popen, ready: dict[str, Any], directory: Path) -> None:
        self.process, self.directory, self.ports = process, directory, {"cart": str(directory / "cart")}
        self._judge, self._last = plug(self.ports["cart"]), Truth(0.0, 0.0, 0.0, 0.0)

    def truth(self) -> Truth:
        """Of a process that was killed, what it said last."""
        with suppress(OSError, struct.error):
            self._judge.send(b"?")
            self._last = Truth._make(STATE.unpack(self._judge.recv(STATE.size)))
        return self._last

    def fault(self, do: str, **arguments: Any) -> None:
        """`silence`, on or off: it is as before, but says nothing."""
        if do != "silence":
            raise ValueError(f"fault: found {do}, allowed: silence")
        self._judge.send(b"1" if arguments["on"] else b"0")

    def close(self) -> None:
        self._judge.close()
        end_child(self.process)
        shutil.rmtree(self.directory, ignore_errors=True)


def start_cart(clock: str, place_m: float = 0.0) -> VirtualCart:
    told = json.dumps({"clock": clock, "place_m": place_m}).encode()
    return start_emulator(VirtualCart, "tests.toy_robot.emulator", "virtual cart", lambda directory: told, 30.0)
