"""An LD06 or LD19 from the other end of the wire: it turns and sends as long as it has power, and hears nothing.

Written from LDROBOT's "LD06 Development Manual": 4500 points a second, twelve a packet, clockwise, ten turns a second.

Its vices are those of its relatives: its motor takes a moment to run up, and its packets tell the speed meanwhile; its time
stamp begins again at 30 seconds; where nothing is, it sees ghosts, weak ones; what it measures on things nearer than it can
see is nonsense; a motor that is held sends the same direction over and over.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from drivers.emulators.lidar_beams import in_millimetres, lidar_poses, look
from drivers.emulators.uart import Uart
from drivers.emulators.world import World

POINTS = 12
STAMP_MS = 30_000
NEAREST_M = 0.02
STRONG, WEAK = 220, 10
HEALTH_ERROR = 2  # its motor is held


@dataclass(frozen=True)
class LD19Wiring:
    """How the emulated lidar is made and mounted, how noisy it is (standard deviations), and what it does not see."""

    baud: int = 230_400
    turn_hz: float = 10.0
    sample_s: float = 1.0 / 4500.0
    range_m: float = 12.0
    mount_yaw_rad: float = 0.0  # of its own zero in the car's frame, counter-clockwise positive
    mirrored: bool = False  # upside down
    mount_x_m: float = 0.0  # of its axis, from the car's centre of gravity
    mount_y_m: float = 0.0
    noise_m: float = 0.01
    noise_share: float = 0.003  # of the distance
    drop_out: float = 0.01  # share of the beams
    ghosts: float = 0.2  # share of the beams that meet nothing, and see something weak all the same
    speed_error: float = 0.005  # share by which the motor's speed differs from the nominal one, drawn once
    spin_up_s: float = 1.0
    clock_ms: int = 0  # its time stamp when the world begins


@njit(cache=True)
def measure(begin_s, sample_s, begin_turns, turn_hz, before, after, after_s, distance_m, frame, people, noise, lost,
            error_m, error_rel, range_m, mount, millimetres):  # fmt: skip
    """Distances, mm, of the samples of a packet, the first one at begin_s."""
    count = millimetres.shape[0]
    angles, metres = np.empty(count, np.float32), np.empty(count, np.float32)
    pose_from, pose_to = np.empty(3), np.empty(3)
    lidar_poses(begin_s - sample_s, begin_s + (count - 1) * sample_s, before, after, after_s, mount, pose_from, pose_to)
    for k in range(count):
        turns = begin_turns + k * sample_s * turn_hz
        angles[k] = mount[2] + mount[3] * 2.0 * math.pi * (turns - math.floor(turns))
    look(angles, pose_from, pose_to, distance_m, frame, people, range_m, metres)
    in_millimetres(metres, noise, lost, error_m, error_rel, NEAREST_M, millimetres)


def crc8(data: bytes) -> int:
    """Polynomial 0x4D, bit by bit."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x4D) & 0xFF if crc & 0x80 else crc << 1
    return crc


def packet(
    speed_deg_s: float, first_deg: float, last_deg: float, mm: np.ndarray, strong: np.ndarray, stamp_ms: int
) -> bytes:
    """Twelve points: distances (12,), mm, and how strong they came back (12,)."""
    data = bytearray(b"\x54\x2c" + round(speed_deg_s).to_bytes(2, "little"))
    data += (round(100.0 * first_deg) % 36000).to_bytes(2, "little")
    for distance, strength in zip(mm.astype(int).tolist(), strong.astype(int).tolist(), strict=True):
        data += min(65535, distance).to_bytes(2, "little") + bytes([strength])
    data += (round(100.0 * last_deg) % 36000).to_bytes(2, "little") + stamp_ms.to_bytes(2, "little")
    return bytes(data) + bytes([crc8(data)])


class LD19Emulator:
    """The lidar on `World`'s car. Move it with `run`."""

    def __init__(self, world: World, wiring: LD19Wiring, rng: np.random.Generator) -> None:
        self.uart = Uart(wiring.baud, rng)
        self.frozen = False  # sends nothing
        self.health = 0
        self._world, self._wiring, self._rng = world, wiring, rng
        self._mount = np.array(
            [wiring.mount_x_m, wiring.mount_y_m, wiring.mount_yaw_rad, 1.0 if wiring.mirrored else -1.0]
        )
        self._turn_hz = wiring.turn_hz * (1.0 + wiring.speed_error * float(rng.standard_normal()))
        self._power_s = -wiring.spin_up_s  # it turns already when the world begins
        self._packet_s = 0.0  # when the next packet's first point is measured
        self._turns = 0.0  # of the motor, then

    def receive(self, data: bytes, at_s: float) -> None:
        """It hears nothing."""

    def reboot(self, at_s: float) -> None:
        """Take its power away for a moment."""
        self._power_s = self._packet_s = at_s
        self.uart.clear()

    def run(self, until_s: float) -> None:
        """Measure until a time in the world's last step."""
        wiring = self._wiring
        while self._packet_s + (POINTS - 1) * wiring.sample_s <= until_s:
            at_s = self._packet_s + (POINTS - 1) * wiring.sample_s
            share = min(1.0, (at_s - self._power_s) / wiring.spin_up_s) if wiring.spin_up_s > 0.0 else 1.0
            hz = 0.0 if self.health == HEALTH_ERROR else share * self._turn_hz
            if not self.frozen:
                self._send(at_s, hz)
            self._turns += POINTS * wiring.sample_s * hz
            self._packet_s += POINTS * wiring.sample_s

    def _send(self, at_s: float, hz: float) -> None:
        world, wiring = self._world, self._wiring
        mm = np.empty(POINTS)
        measure(
            self._packet_s, wiring.sample_s, self._turns, hz, world.before, world.moving, world.time_s, world.distance_m,
            world.frame, world.people.at, self._rng.standard_normal(POINTS), self._rng.random(POINTS) < wiring.drop_out,
            wiring.noise_m, wiring.noise_share, wiring.range_m, self._mount, mm,
        )  # fmt: skip
        strong = np.where(mm > 0.0, STRONG, 0)
        ghosts = (mm == 0.0) & (self._rng.random(POINTS) < wiring.ghosts)
        mm[ghosts], strong[ghosts] = self._rng.uniform(100.0, 12_000.0, np.count_nonzero(ghosts)), WEAK
        last = self._turns + (POINTS - 1) * wiring.sample_s * hz
        stamp_ms = math.floor(1000.0 * at_s + wiring.clock_ms - 1000.0 * max(0.0, self._power_s)) % STAMP_MS
        self.uart.send(packet(360.0 * hz, 360.0 * self._turns, 360.0 * last, np.rint(mm), strong, stamp_ms), at_s)

    def arrived(self, until_s: float) -> bytes:
        """The bytes that have reached the host by a time."""
        return self.uart.arrived(until_s)
