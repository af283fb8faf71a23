"""The lidars that a virtual car may have, by the names that robots' files call them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.emulators.hokuyo import HokuyoEmulator, HokuyoWiring
from drivers.emulators.lines import Line, Pty, SocketLine
from drivers.emulators.rplidar import RPLidarEmulator, RPLidarWiring


def serial_line(link: Path, lidar: Any) -> Line:
    return Pty(link)


def network_line(path: Path, lidar: Any) -> Line:
    return SocketLine(path, lidar.connected)


@dataclass(frozen=True)
class EmulatedLidar:
    """wiring: as it comes; make: the emulator, of world, wiring and a random generator; start: what lets it measure; line:
    its cable, at a path.
    """

    wiring: Any
    make: Callable[..., Any]
    start: bytes
    line: Callable[[Path, Any], Line] = serial_line


MOTOR_AND_SCAN = b"\xa5\xf0\x02\x94\x02\xc1\xa5\x20"
MEASURE = b"MD0000108001000\n"
LIDARS = {
    "rplidar": EmulatedLidar(RPLidarWiring(), RPLidarEmulator, MOTOR_AND_SCAN),
    "hokuyo-ust-10lx": EmulatedLidar(HokuyoWiring(), HokuyoEmulator, MEASURE, network_line),
    "hokuyo-ust-20lx": EmulatedLidar(
        HokuyoWiring(model="UST-20LX", range_m=20.0, dmax_mm=60000), HokuyoEmulator, MEASURE, network_line
    ),
}


def find_lidar(name: str) -> EmulatedLidar:
    """Raises ValueError for a name that is none."""
    if name not in LIDARS:
        raise ValueError(f"lidar_model: found {name!r}, allowed: {', '.join(LIDARS)}")
    return LIDARS[name]
