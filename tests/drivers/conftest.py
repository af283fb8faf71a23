"""A virtual car inside the test's own process: drivers on real ptys, emulators behind them, time moved by the test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.emulators.process import Emulator
from drivers.emulators.virtual_car import VirtualCarConfig
from drivers.rplidar import RPLidar, RPLidarSettings
from drivers.vesc import Vesc, VescSettings

TICK_S = 0.02


class Bench:
    """One emulated car, a clock that only `wait` moves, and drivers for both devices."""

    def __init__(self, config: VirtualCarConfig, directory: Path) -> None:
        self.emulator = Emulator(config, directory)
        self.world = self.emulator.world
        self.vesc = Vesc(VescSettings(port=str(directory / "vesc")), self)
        self.lidar = RPLidar(RPLidarSettings(port=str(directory / "lidar")), self)

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
