"""The virtual Crazyflie: `python -m drivers.emulators.crazyflie --config FILE` flies one drone behind a UDP port.

It speaks CRTP, one packet a datagram, to whoever wrote to it last. On stdout it prints one line of JSON: its `uri`,
what it was granted to keep its time, and the path of its `control` socket, which takes one JSON object a line, `{"do": NAME, ...}`, and answers with one:

    truth           how things really are: `DroneTruth`
    put             x, y, z (m), yaw, roll (rad): pick the drone up, and let go of it there at rest
    push            x, y, z (N): a force on it from now on
    battery         volts; fall_v_s, plugged: another open-circuit voltage, which falls; whether it is being charged
    cut_link        on: true or false; nothing passes, in either direction
    link            loss, duplicate, late, late_s: as in the configuration, from now on

Time is real. If the machine is too busy to keep up, the drone's clock stands still for as long (`slipped_s`), so that a
busy machine neither crashes a drone nor wakes its watchdogs.
"""

import argparse
import gc
import json
import math
import select
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from drivers.emulators.child import end_when_told
from drivers.emulators.crazyflie_body import Body
from drivers.emulators.crazyflie_controller import AppController
from drivers.emulators.crazyflie_firmware import Firmware
from drivers.emulators.crazyflie_version import RELEASES
from drivers.emulators.crtp import FaultyLink, LinkFaults
from drivers.emulators.keep_time import keep_time
from drivers.emulators.virtual_crazyflie import DroneTruth, VirtualCrazyflieConfig
from drivers.unix_socket import listen
from sim.quadrotor.model import load_parameters

POLL_MS = 1
CATCH_UP_MS = 50  # the most that is made up for at once
LATENCY_MAX_S = 0.1
WARM_UP_MS = 200  # compiles, and lets the estimate settle


def load_config(path: Path) -> VirtualCrazyflieConfig:
    """Read a configuration file. Raises ValueError naming file, field and what is allowed."""
    try:
        config = msgspec.json.decode(path.read_bytes(), type=VirtualCrazyflieConfig)
    except (OSError, msgspec.MsgspecError) as error:
        raise ValueError(f"{path}: {error}") from error
    for name in ("loss", "duplicate", "late"):
        if not 0.0 <= getattr(config, name) <= 1.0:
            raise ValueError(f"{path}: {name}: found {getattr(config, name)}, allowed: 0 to 1")
    if not 0.0 <= config.latency_s <= LATENCY_MAX_S:
        raise ValueError(f"{path}: latency_s: found {config.latency_s}, allowed: 0 to {LATENCY_MAX_S}")
    return config


def build_firmware(config: VirtualCrazyflieConfig) -> Firmware:
    """The drone of a configuration. Raises ValueError naming the field that is wrong."""
    quadrotor = load_parameters(config.quadrotor)
    try:
        quadrotor = quadrotor.scaled(**config.factors)
    except TypeError as error:
        raise ValueError(f"factors: {error}") from error
    if config.firmware not in RELEASES:
        raise ValueError(f"firmware: found {config.firmware!r}, allowed: {', '.join(RELEASES)}")
    body = Body(quadrotor, np.random.default_rng([config.seed, 0xCF]), config.noise, config.start, config.positioning,
                config.imu_bias, config.rotors)  # fmt: skip
    app = AppController(Path(config.app), round(1000.0 * config.latency_s)) if config.app else None
    return Firmware(body, app, RELEASES[config.firmware], config.propellers)


def truth_of(firmware: Firmware, slipped_s: float = 0.0) -> DroneTruth:
    """How things really are."""
    values = (1e-3 * firmware.now_ms, *firmware.body.state.tolist(), float(firmware.forces.mean()))
    others = (firmware.supervisor.state.name, firmware.controller, firmware.impact_m_s, slipped_s)
    return DroneTruth._make((*values, *others))


class Server:
    """One drone, its UDP port and its control socket."""

    def __init__(self, config: VirtualCrazyflieConfig, firmware: Firmware, directory: Path) -> None:
        self.firmware = firmware
        faults = LinkFaults(config.loss, config.duplicate, config.late, config.late_s)
        rngs = np.random.default_rng([config.seed, 0x2D]).spawn(2)
        self.up, self.down = FaultyLink(faults, rngs[0]), FaultyLink(faults, rngs[1])
        self.radio = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.radio.bind(("127.0.0.1", config.port))
        self.radio.setblocking(False)
        self.control_path = directory / "control"
        self._peer: tuple[str, int] | None = None
        self._slipped_s = 0.0
        self._poll = select.poll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._watch(self.radio, self._receive)
        self._listener = listen(self.control_path)
        self._watch(self._listener, self._accept)
        self._orders: dict[str, Callable[..., None]] = {
            "put": self._put,
            "push": lambda x, y, z: firmware.body.push(float(x), float(y), float(z)),
            "battery": firmware.battery.tell,
            "cut_link": self._cut_link,
            "link": self._set_faults,
        }

    @property
    def uri(self) -> str:
        return "udp://{}:{}".format(*self.radio.getsockname())

    def _watch(self, end: socket.socket, handler: Callable[[], None]) -> None:
        self._handlers[end.fileno()] = handler
        self._poll.register(end, select.POLLIN)

    # Orders.

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        self._watch(connection, lambda: self._obey(connection))

    def _obey(self, connection: socket.socket) -> None:
        line = b""
        while not line.endswith(b"\n"):
            piece = connection.recv(4096)
            if not piece:
                self._poll.unregister(connection)
                del self._handlers[connection.fileno()]
                connection.close()
                return
            line += piece
        connection.sendall(json.dumps(self._order(line)).encode() + b"\n")

    def _order(self, line: bytes) -> dict[str, Any]:
        try:
            request: dict[str, Any] = json.loads(line)
            name = request.pop("do")
            if name == "truth":
                return self.truth()._asdict()
            if name not in self._orders:
                raise ValueError(f"do: found {name!r}, allowed: truth, {', '.join(self._orders)}")
            self._orders[name](**request)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return {"error": f"{type(error).__name__}: {error}"}
        return {}

    def _put(self, x: float, y: float, z: float, yaw: float = 0.0, roll: float = 0.0) -> None:
        self.firmware.body.put(float(x), float(y), float(z), float(yaw), float(roll))

    def _cut_link(self, on: bool) -> None:
        self.up.cut = self.down.cut = bool(on)

    def _set_faults(self, **shares: float) -> None:
        self.up.faults = self.down.faults = LinkFaults(**{name: float(share) for name, share in shares.items()})

    def truth(self) -> DroneTruth:
        """How things really are."""
        return truth_of(self.firmware, self._slipped_s)

    # Time.

    def _receive(self) -> None:
        """Take in what the host has sent."""
        while True:
            try:
                datagram, self._peer = self.radio.recvfrom(64)
            except BlockingIOError:
                return
            self.up.send(datagram, 1e-3 * self.firmware.now_ms)

    def _exchange(self) -> None:
        """Let the firmware read what has arrived, and send what it answers and what it has to say."""
        now_s = 1e-3 * self.firmware.now_ms
        for datagram in self.up.arrived(now_s):
            if (answer := self.firmware.receive(datagram)) is not None:
                self.down.send(answer, now_s)
        if self._peer is None:
            return
        for datagram in self.firmware.outgoing():
            self.down.send(datagram, now_s)
        for datagram in self.down.arrived(now_s):
            self.radio.sendto(datagram, self._peer)

    def serve(self) -> None:
        """Fly for ever."""
        start_s = time.monotonic() - 1e-3 * self.firmware.now_ms
        while True:
            for descriptor, _ in self._poll.poll(POLL_MS):
                self._handlers[descriptor]()
            behind_ms = math.floor(1e3 * (time.monotonic() - start_s)) - self.firmware.now_ms
            if behind_ms > CATCH_UP_MS:
                start_s += 1e-3 * (behind_ms - CATCH_UP_MS)
                self._slipped_s += 1e-3 * (behind_ms - CATCH_UP_MS)
                behind_ms = CATCH_UP_MS
            self._exchange()
            for _ in range(behind_ms):
                self.firmware.tick()
                self._exchange()


def main() -> int:
    """Run the process; returns 2 and one line on stderr if the configuration is wrong."""
    parser = argparse.ArgumentParser(prog="python -m drivers.emulators.crazyflie", description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True, help="JSON file, see VirtualCrazyflieConfig")
    path = parser.parse_args().config
    try:
        config = load_config(path)
        end_when_told(config.directory)
        run(config, Path(config.directory or path.parent))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def run(config: VirtualCrazyflieConfig, directory: Path) -> None:
    """One drone, for ever. Raises ValueError naming the field that is wrong."""
    firmware = build_firmware(config)
    for _ in range(WARM_UP_MS):
        firmware.tick()
    server = Server(config, firmware, directory)
    told = {"uri": server.uri, "control": str(server.control_path), "scheduling": keep_time()}
    print(json.dumps(told), flush=True)
    gc.freeze()
    server.serve()


if __name__ == "__main__":
    sys.exit(main())
