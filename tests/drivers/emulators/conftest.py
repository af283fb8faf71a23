"""A virtual Crazyflie inside the test's own process: raw packets in and out, time moved by the test."""

import math
import struct

import numpy as np
import pytest

from drivers.emulators.crazyflie_body import Body
from drivers.emulators.crazyflie_firmware import Firmware, OutOfTree
from drivers.emulators.crtp import Packet, Port, decoded
from sim.quadrotor.model import load_parameters


class Drone:
    """A firmware with its body, as the radio sees it, and the truth."""

    def __init__(
        self, noise: float = 1.0, seed: int = 0, quadrotor: str = "crazyflie_2_1", app: OutOfTree | None = None, **body
    ):
        self.body = Body(load_parameters(quadrotor), np.random.default_rng(seed), noise, **body)
        self.firmware = Firmware(self.body, app)
        self.wait(0.2)  # checks before the flight

    @property
    def position(self) -> np.ndarray:
        return self.body.state[:3]

    @property
    def tilt_deg(self) -> float:
        x, y = self.body.state[4:6]
        return math.degrees(math.acos(1.0 - 2.0 * (x * x + y * y)))

    @property
    def yaw_deg(self) -> float:
        w, x, y, z = self.body.state[3:7]
        return math.degrees(math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z)))

    @property
    def state(self) -> str:
        return self.firmware.supervisor.state.name

    def ask(self, port: Port, channel: int, data: bytes) -> bytes | None:
        """Send a packet; returns the data of the answer."""
        answer = self.firmware.receive(Packet(port, channel, data).encoded())
        if answer is None:
            return None
        packet = decoded(answer)
        assert packet[:2] == (port, channel)
        return packet.data

    def wait(self, duration_s: float) -> None:
        for _ in range(round(1000 * duration_s)):
            self.firmware.tick()

    def arm(self, wanted: bool = True) -> bytes | None:
        answer = self.ask(Port.SUPERVISOR, 1, bytes([1, wanted]))
        self.wait(0.05)
        return answer

    def stream(self, duration_s: float, kind: int, *values: float, layout: str = "4f") -> None:
        """Send the same set-point every 20 ms."""
        for _ in range(round(50 * duration_s)):
            self.ask(Port.SETPOINT, 0, struct.pack("<B" + layout, kind, *values))
            self.wait(0.02)

    def climb(self, height_m: float = 1.0) -> None:
        """Arm, take off with a moving set-point, and hover."""
        self.arm()
        for k in range(100):
            self.stream(0.02, 7, *self.position[:2], height_m * k / 100, 0.0)
        self.stream(2.0, 7, 0.0, 0.0, height_m, 0.0)

    def high_level(self, command: int, layout: str, *values: float) -> int:
        """Send a command to the high-level commander; returns its result."""
        return self.ask(Port.HIGH_LEVEL, 0, struct.pack("<BB" + layout, command, 0, *values))[3]

    def flag(self, bit: int) -> bool:
        """A bit of the supervisor's state."""
        answer = self.ask(Port.SUPERVISOR, 0, b"\x0c")
        assert answer[0] == 0x8C
        return bool(struct.unpack("<H", answer[1:])[0] >> bit & 1)


@pytest.fixture(scope="session")
def make_drone() -> type[Drone]:
    """Makes drones: `make_drone(noise=0.0)`."""
    return Drone
