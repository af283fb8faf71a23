"""The lidars that a virtual car may have, by the names that robots' files call them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.emulators.hokuyo import HokuyoEmulator, HokuyoWiring
from drivers.emulators.ld19 import LD19Emulator, LD19Wiring
from drivers.emulators.lines import Line, Pty, SocketLine
from drivers.emulators.rplidar import RPLidarEmulator, RPLidarWiring


def serial_line(link: Path, lidar: Any) -> Line:
    return Pty(link)


def network_line(path: Path, lidar: Any) -> Line:
    return SocketLine(path, lidar.connected)


@dataclass(frozen=True)
class EmulatedLidar:
    """wiring: as it comes; make: the emulator, of world, wiring and a random generator; start: what lets it measure; line:
    its cable, at a path; view_rad: how far around it looks.
    """

    wiring: Any
    make: Callable[..., Any]
    start: bytes
    line: Callable[[Path, Any], Line] = serial_line
    view_rad: float = 2.0 * math.pi


MOTOR_AND_SCAN = b"\xa5\xf0\x02\x94\x02\xc1\xa5\x20"
THREE_QUARTERS = 1.5 * math.pi
MEASURE = b"MD0000108001000\n"
SPEED_AND_SCAN = b"\xa5\xa8\x02\x58\x02\x55\xa5\x82\x05\x01\x00\x00\x00\x00\x23"
# A virtual A1's motor turns always: its line DTR is not on a pseudo-terminal. Those that measure the time of flight are even
# at any distance, and coarser near by.
FLIGHT = {"noise_m": 0.015, "noise_share": 0.0}
RPLIDARS = {
    "a1": RPLidarWiring(0x18, 115_200, sample_s=508e-6, motor_by_dtr=True, motor_turns=True, triangulating=True, noise_share=0.008),
    "a2m8": RPLidarWiring(0x28, 115_200, sample_s=508e-6, triangulating=True, noise_share=0.006),
    "a2m12": RPLidarWiring(0x2C, 256_000, triangulating=True, noise_share=0.006),
    "a3": RPLidarWiring(0x31, 256_000, triangulating=True),
    "s1": RPLidarWiring(0x61, 256_000, **FLIGHT),
    "s2": RPLidarWiring(0x71, 1_000_000, sample_s=62.5e-6, **FLIGHT),
    "s3": RPLidarWiring(0x81, 1_000_000, **FLIGHT),
    "c1": RPLidarWiring(0x41, 460_800, sample_s=200e-6, motor_turns=True, turn_hz=10.0, **FLIGHT),
}  # fmt: skip
LIDARS = {
    "rplidar": EmulatedLidar(RPLidarWiring(), RPLidarEmulator, MOTOR_AND_SCAN),
    **{
        f"rplidar-{name}": EmulatedLidar(
            wiring, RPLidarEmulator, MOTOR_AND_SCAN if wiring.model < 0x60 else SPEED_AND_SCAN
        )
        for name, wiring in RPLIDARS.items()
    },
    "ld06": EmulatedLidar(LD19Wiring(), LD19Emulator, b""),
    "ld19": EmulatedLidar(LD19Wiring(), LD19Emulator, b""),
    "hokuyo-ust-10lx": EmulatedLidar(HokuyoWiring(), HokuyoEmulator, MEASURE, network_line, THREE_QUARTERS),
    "hokuyo-ust-20lx": EmulatedLidar(
        HokuyoWiring(model="UST-20LX", range_m=20.0, dmax_mm=60000),
        HokuyoEmulator,
        MEASURE,
        network_line,
        THREE_QUARTERS,
    ),
}


def find_lidar(name: str) -> EmulatedLidar:
    """Raises ValueError for a name that is none."""
    if name not in LIDARS:
        raise ValueError(f"lidar_model: found {name!r}, allowed: {', '.join(LIDARS)}")
    return LIDARS[name]
