"""A virtual car inside the test's own process: drivers on real ptys, emulators behind them, time moved by the test.

And a virtual Crazyflie, which is a process of its own, in real time, behind a UDP cable.
"""

import fcntl
import socket
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.crazyflie import Crazyflie, CrazyflieSettings
from drivers.emulators.process import Emulator
from drivers.emulators.rplidar import RPLidarEmulator
from drivers.emulators.virtual_car import VirtualCarConfig
from drivers.emulators.virtual_crazyflie import VirtualCrazyflie, VirtualCrazyflieConfig, start_virtual_crazyflie
from drivers.rplidar import RPLidar, RPLidarSettings
from drivers.vesc import Vesc, VescSettings

TICK_S = 0.02


class Bench:
    """One emulated car, a clock that only `wait` moves, and drivers for both devices."""

    def __init__(self, config: VirtualCarConfig, directory: Path) -> None:
        self.emulator = Emulator(config, directory)
        self.world = self.emulator.world
        self.vesc = Vesc(VescSettings(str(directory / "vesc"), servo_min=0.0, servo_max=1.0), self)
        self.lidar = RPLidar(RPLidarSettings(port=str(directory / "lidar"), baud=256_000, scan_mode="standard"), self)

    def now(self) -> float:
        return self.emulator.time_s

    def wait(self, duration_s: float) -> None:
        self.emulator.advance(self.emulator.time_s + duration_s)

    def drive(self, steer_rad: float, speed_m_s: float, duration_s: float) -> None:
        """Command the car every tick, as a control loop does."""
        for _ in range(round(duration_s / TICK_S)):
            self.wait(TICK_S)
            self.vesc.read()
            self.vesc.write(steer_rad, speed_m_s)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Makes benches; `bench(noise=0.0)` has exact sensors."""
    made: list[Bench] = []

    def make(**changes: object) -> Bench:
        directory = tmp_path / str(len(made))
        directory.mkdir()
        made.append(Bench(VirtualCarConfig(**changes), directory))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.vesc.close()
        each.lidar.close()
        each.emulator.vesc_pty.unplug()
        each.emulator.lidar_pty.unplug()


@pytest.fixture
def modem_lines(monkeypatch: pytest.MonkeyPatch) -> Callable[[RPLidarEmulator], None]:
    """Leads the line DTR, which a pseudo-terminal does not have, from the host's port to a lidar."""

    def lead_to(lidar: RPLidarEmulator) -> None:
        real = fcntl.ioctl

        def ioctl(descriptor: int, request: int, *rest: bytes) -> object:
            if request not in (termios.TIOCMBIS, termios.TIOCMBIC):
                return real(descriptor, request, *rest)
            if struct.unpack("I", rest[0])[0] & termios.TIOCM_DTR:
                lidar.set_dtr(lidar._world.time_s, request == termios.TIOCMBIS)
            return 0

        monkeypatch.setattr(fcntl, "ioctl", ioctl)

    return lead_to


class UdpWire:
    """Forwards datagrams both ways, under an address of its own that stays the same when it is plugged in again."""

    def __init__(self, uri: str) -> None:
        host, port = uri.removeprefix("udp://").split(":")
        self._device = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._device.connect((host, int(port)))
        self._device.settimeout(0.01)
        self._place = ("127.0.0.1", 0)
        self._host: socket.socket | None = None
        self._peer: tuple[str, int] | None = None
        self._ended = False
        self.silent = False
        self.plug()
        self.uri = f"udp://127.0.0.1:{self._place[1]}"
        self._threads = [threading.Thread(target=self._up), threading.Thread(target=self._down)]
        for thread in self._threads:
            thread.start()

    def plug(self) -> None:
        """Make the device appear."""
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.bind(self._place)
        end.settimeout(0.01)
        self._place = end.getsockname()
        self._host = end

    def unplug(self) -> None:
        """Make it vanish: what is sent to it is refused."""
        end, self._host = self._host, None
        assert end is not None
        end.close()

    def say(self, data: bytes) -> None:
        """Send something to the driver that the device did not say."""
        if self._host is not None and self._peer is not None:
            self._host.sendto(data, self._peer)

    def close(self) -> None:
        self._ended = True
        for thread in self._threads:
            thread.join()
        self._device.close()
        if self._host is not None:
            self._host.close()

    def _up(self) -> None:
        while not self._ended:
            end = self._host
            if end is None:
                threading.Event().wait(0.005)
                continue
            try:
                datagram, self._peer = end.recvfrom(64)
            except OSError:
                continue
            self._device.send(datagram)

    def _down(self) -> None:
        while not self._ended:
            try:
                datagram = self._device.recv(64)
            except OSError:
                continue
            if not self.silent:
                try:
                    self.say(datagram)
                except OSError:
                    continue


class DroneBench:
    """One virtual Crazyflie, its driver, and a clock that `wait` moves along with real time."""

    def __init__(self, drone: VirtualCrazyflie, wire: UdpWire) -> None:
        self.drone, self.wire = drone, wire
        self.time_s = 0.0
        self.driver = self.make(wire.uri)

    def make(self, uri: str) -> Crazyflie:
        return Crazyflie(CrazyflieSettings(uri, connect_s=10.0), self)

    def now(self) -> float:
        return self.time_s

    def wait(self, duration_s: float) -> None:
        time.sleep(duration_s)
        self.time_s += duration_s

    def until(self, reached: Callable[[], bool], limit_s: float = 3.0) -> None:
        """Wait until something holds."""
        for _ in range(round(limit_s / TICK_S)):
            if reached():
                return
            self.wait(TICK_S)
        raise AssertionError(f"not reached within {limit_s} s")

    def fly_to(self, height_m: float, duration_s: float) -> None:
        """Stream a set-point above the origin."""
        for _ in range(round(duration_s / TICK_S)):
            self.driver.write((0.0, 0.0, height_m), 0.0)
            self.wait(TICK_S)


def drone_benches() -> Iterator[Callable[..., DroneBench]]:
    """A maker of benches, which closes them in the end."""
    made: list[DroneBench] = []

    def make(**changes: object) -> DroneBench:
        drone = start_virtual_crazyflie(VirtualCrazyflieConfig(**changes))  # type: ignore[arg-type]
        made.append(DroneBench(drone, UdpWire(drone.uri)))
        return made[-1]

    yield make
    for each in made:
        each.driver.close()
        each.wire.close()
        each.drone.close()


@pytest.fixture
def drone_bench() -> Iterator[Callable[..., DroneBench]]:
    """Makes benches; `drone_bench(loss=0.1)` has a bad link."""
    yield from drone_benches()


@pytest.fixture(scope="module")
def standing() -> Iterator[DroneBench]:
    """A drone that stands on the ground, for tests that do not fly it."""
    for make in drone_benches():
        yield make()
