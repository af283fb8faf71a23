"""An emulator behind a packet socket: the process around a model of one device, and the handle on it.

    host(Model(...), directory, lockstep)          in the process; `start_host` starts it

The model's STATE goes out whenever its time went on, to all that have sent anything, and at once to who asks with ASK. In
lockstep its time goes on by the socket `lockstep`, as `robot.runtime.clock.LockstepClock` asks; otherwise with the clock.
SILENCE lets it say nothing to drivers until SPEAK, as a device does that hangs.
"""

import json
import select
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from drivers.emulators.child import end_child, end_when_told, start_emulator
from drivers.emulators.keep_time import keep_time, pieces, share
from drivers.packet_link import plug
from drivers.unix_socket import listen

TIME = struct.Struct("<d")
ASK, SILENCE, SPEAK = b"?", b"!silence", b"!speak"
STEP_S = 0.005  # real time
READY_S = 30.0
ANSWER_S = 0.2  # a process that takes longer hangs, or nearly so


class Model(Protocol):
    """A device and the world around it. state: a packet that begins with its time, s, float64."""

    def advance(self, time_s: float) -> None: ...

    def obey(self, packet: bytes) -> None: ...

    def state(self) -> bytes: ...


class PacketEmulator:
    """The running process. Made by `start_host`."""

    def __init__(self, process: subprocess.Popen, ready: dict[str, Any], directory: Path) -> None:
        self.process, self.directory, self.ports = process, directory, {ready["name"]: str(directory / "device")}
        self._judge = plug(str(directory / "device"))
        self._judge.settimeout(READY_S)
        self._judge.send(ASK)
        self._last = self._judge.recv(1 << 16)
        if not self._last:
            raise ConnectionError(f"the virtual {ready['name']} ended as it began")
        self._asks = threading.Lock()  # one at a time: answers do not say whose they are

    def state(self, patience_s: float = ANSWER_S) -> bytes:
        """The model's state, now; of a process that was killed, or takes longer, the last one that was seen. Any thread may ask."""
        with self._asks:
            self._hear_all()  # what came too late for the questions before, and unasked, is old, and may leave no room for an answer
            self._judge.settimeout(patience_s)
            with suppress(ConnectionError, TimeoutError):
                self._judge.send(ASK)
                self._last = self._judge.recv(1 << 16) or self._last
            self._hear_all()
            return self._last

    def _hear_all(self) -> None:
        """What it has said so far."""
        with suppress(OSError):
            while self._says_more() and (newer := self._judge.recv(1 << 16)):
                self._last = newer

    def _says_more(self) -> bool:
        """At once: a socket that may wait would, even to be read without waiting, and who is told unasked would never come to an end."""
        return bool(select.select([self._judge], [], [], 0.0)[0])

    def fault(self, do: str, **arguments: Any) -> None:
        """`silence`, on or off. Raises ValueError for anything else."""
        if do != "silence":
            raise ValueError(f"fault: found {do!r}, allowed: silence")
        self._judge.send(SILENCE if arguments["on"] else SPEAK)

    def truth(self) -> "Truth":
        return Truth(self.state())

    def close(self) -> None:
        """End the process, and remove its directory. Never raises."""
        self._judge.close()
        end_child(self.process)
        shutil.rmtree(self.directory, ignore_errors=True)


class Truth:
    """How things really are, as the model's packet says."""

    def __init__(self, state: bytes) -> None:
        self.state, self.time_s = state, float(TIME.unpack_from(state)[0])


def start_host(module: str, name: str, clock: str, **options: Any) -> PacketEmulator:
    """Start `python -m MODULE --config FILE`, which calls `host_of_options`, and wait until it can be reached."""
    told = json.dumps({"name": name, "lockstep": clock == "lockstep", "options": options}).encode()
    return start_emulator(PacketEmulator, module, f"virtual {name}", lambda directory: told, READY_S)


def host_of_options(make: Callable[..., Model]) -> None:
    """The process: `make` a model of the options in its configuration, and serve it until the parent ends."""
    directory = Path(sys.argv[2]).parent
    told = json.loads(Path(sys.argv[2]).read_text())
    end_when_told(str(directory))
    model = make(**told["options"])
    device, clock = listen(directory / "device", socket.SOCK_SEQPACKET), listen(directory / "lockstep")
    print(json.dumps({"name": told["name"]}), flush=True)
    serve(model, device, clock, told["lockstep"])


def serve(model: Model, device: socket.socket, clock: socket.socket, lockstep: bool) -> None:
    """For ever: take what comes through the doors, and let time go on."""
    drivers, clocks = Drivers([device]), [clock]  # with their doors
    if not lockstep:
        keep_time()
    begin_s, reached_s = time.monotonic(), 0.0
    while True:
        ready = select.select([*drivers.ends, *clocks], [], [], None if lockstep else STEP_S)[0]
        orders: list[bytes] = []
        while heard := select.select(drivers.ends, [], [], 0.0)[0]:  # all that was said before time goes on
            for end in heard:
                orders += listen_to(model, end, drivers)
        since_s, reached_s = reached_s, 0.0 if lockstep else time.monotonic() - begin_s
        count = 1 if lockstep else pieces(reached_s - since_s)
        for k in range(count):
            for packet in orders[share(len(orders), k, count)]:
                model.obey(packet)
            if not lockstep:
                model.advance(since_s + (reached_s - since_s) * (k + 1) / count)
        for end in ready:
            if end is clock:
                clocks.append(clock.accept()[0])
            elif end in clocks:
                asked = receive(end)
                if asked:
                    model.advance(*TIME.unpack(asked))
                    tell(model, drivers.listening)
                    end.sendall(model.state()[: TIME.size])
                else:
                    clocks.remove(end)
        if not lockstep:
            tell(model, drivers.listening)


@dataclass
class Drivers:
    """ends: their door, and those that came through it. told: those of them that the state goes out to."""

    ends: list[socket.socket]
    told: list[socket.socket] = field(default_factory=list)
    silent: bool = False

    @property
    def listening(self) -> list[socket.socket]:
        return [] if self.silent else self.told


def listen_to(model: Model, end: socket.socket, drivers: Drivers) -> list[bytes]:
    """Take a packet from a driver's end, or let a new driver in by their door. Returns what is to be obeyed."""
    if end is drivers.ends[0]:
        drivers.ends.append(end.accept()[0])
        return []
    packet = receive(end)
    if packet == ASK:
        tell(model, [end])
    elif packet in (SILENCE, SPEAK):
        drivers.silent = packet == SILENCE
    elif packet:
        drivers.told += [end] if end not in drivers.told else []
        return [packet]
    else:
        for ends in (drivers.ends, drivers.told):
            if end in ends:
                ends.remove(end)
    return []


def receive(end: socket.socket) -> bytes:
    """What came; nothing if the other end is gone."""
    try:
        return end.recv(1 << 16)
    except ConnectionError:
        return b""


def tell(model: Model, ends: Iterable[socket.socket]) -> None:
    """Send the state to those that have room for it."""
    for end in ends:
        try:
            end.send(model.state(), socket.MSG_DONTWAIT)
        except OSError:  # it reads too slowly, or is gone: `receive` will tell
            continue
