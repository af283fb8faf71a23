"""A hidden car inside the test's own process, and the rig that measures it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from drivers.emulators.hidden_wiring import HiddenWiring
from drivers.emulators.process import Emulator
from drivers.rplidar import RPLidar, RPLidarSettings
from drivers.vesc import VescSettings
from robot.robots.car.setup_car.rig import Rig
from sim.car.model import load_parameters


class Owned:
    """An emulated car, its clock, and a rig at its devices."""

    def __init__(self, hidden: HiddenWiring, folder: Path, **config: Any) -> None:
        self.emulator = Emulator(hidden.config(**config), folder)
        self.world = self.emulator.world
        self.car = load_parameters()
        motor = VescSettings(str(folder / "vesc"), servo_min=0.0, servo_max=1.0)
        lidar = RPLidar(RPLidarSettings(str(folder / "lidar")), self)
        self.rig = Rig(motor, lidar, self.car, self)

    def now(self) -> float:
        return self.emulator.time_s

    def sleep_until(self, time_s: float) -> None:
        if time_s > self.emulator.time_s:
            self.emulator.advance(time_s)


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[Callable[..., Owned]]:
    """Makes them, with their rigs open."""
    with ExitStack() as stack:

        def make(hidden: HiddenWiring, **config: Any) -> Owned:
            made = Owned(hidden, tmp_path, **config)
            stack.enter_context(made.rig)
            return made

        yield make
