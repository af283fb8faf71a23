"""An RPLidar A3 from the other end of the wire: requests, answers, a motor that must run up, a scan with byte timing.

Written from SLAMTEC's "Interface Protocol and Application Notes": a request while scanning ends the scan; SCAN answers
at once but its samples wait for a stable motor; a protection stop refuses to scan until RESET. Standard scan only:
EXPRESS SCAN gets no answer, as from firmware before 1.17. Every beam is cast at the pose of its own moment.

Its vices are those of its relatives: an A1's motor knows only the line DTR (asserted: it stands; clear: it turns) and
not the motor's request; firmware before 1.17 does not know GET_SAMPLERATE; a lidar that triangulates corrects angles by
distance, 8 degrees less what the SDK takes off for near points, so they go back where the distance jumps, and samples
without a return stand ahead of the others.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numba import njit

from drivers.emulators.lidar_beams import lidar_poses, look
from drivers.emulators.uart import Uart
from drivers.emulators.world import World

NODE_BYTES = 5
SPIN_UP_S = 0.5
DUTY_PER_HZ = 66.0  # of the motor: 660 turns it at 10 Hz
LEAST_DUTY = 300  # below it the motor does not turn
RANGE_M = 16.38  # a standard scan's 16 bits of quarter millimetres hold no more
NEAREST_M = 0.05
MODEL, FIRMWARE_MAJOR, HARDWARE = 0x31, 1, 3
SAMPLE_RATE_MINOR = 17  # the first firmware 1.x that tells its sample rate
DTR_TURN_HZ = 5.5  # of an A1, whose motor has one speed
AHEAD_RAD = math.radians(8.0)  # how far the laser looks ahead of the angle of a far point
AHEAD_LESS_RAD_M = 98361.0 / 1024.0 / 1000.0  # what a near one takes off, by its distance
HEALTH_GOOD, HEALTH_ERROR = 0, 2


@dataclass(frozen=True)
class RPLidarWiring:
    """How the emulated lidar is made and mounted, how noisy it is (standard deviations), and what it does not see."""

    baud: int = 256_000
    firmware_minor: int = 29  # of 1.x
    sample_s: float = 250e-6
    motor_by_dtr: bool = False
    triangulating: bool = False
    mount_yaw_rad: float = 0.0  # of its own zero in the car's frame, counter-clockwise positive
    mirrored: bool = False  # upside down
    mount_x_m: float = 0.0  # of its axis, from the car's centre of gravity
    mount_y_m: float = 0.0
    noise_m: float = 0.01
    noise_share: float = 0.003  # of the distance
    drop_out: float = 0.01  # share of the beams
    speed_error: float = 0.005  # share by which the motor's speed differs from the nominal one, drawn once


@njit(cache=True)
def measure(first, count, begin_s, turn_hz, before, after, after_s, distance_m, frame, people, noise, lost, error_m,
            error_rel, sample_s, mount, triangulating):  # fmt: skip
    """The nodes of samples first .. first+count-1 of a scan, uint8 (count * 5), as the device sends them.

    begin_s: time of sample 0. before, after: rows whose first three entries are x, y, yaw, one physics step apart,
    `after` at after_s. people (n, 2): where they stand. noise (count,) standard normal; lost (count,) bool. mount (4,):
    x, y (m), yaw (rad), and the sign with which the lidar turns, -1 clockwise.
    """
    angles, metres, ahead = np.empty(count, np.float32), np.empty(count, np.float32), np.zeros(count)
    pose_from, pose_to = np.empty(3), np.empty(3)  # one sample before the first, and at the last
    lidar_poses(begin_s + (first - 1) * sample_s, begin_s + (first + count - 1) * sample_s, before, after, after_s, mount,
                pose_from, pose_to)  # fmt: skip
    if triangulating:
        ahead[:] = AHEAD_RAD
    for pass_ in range(2 if triangulating else 1):
        for k in range(count):
            turns = (first + k) * sample_s * turn_hz
            own = 2.0 * math.pi * (turns - math.floor(turns)) - (AHEAD_RAD - ahead[k] if triangulating else 0.0)
            angles[k] = mount[2] + mount[3] * own
        look(angles, pose_from, pose_to, distance_m, frame, people, RANGE_M, metres)
        for k in range(count if triangulating and pass_ == 0 else 0):
            ahead[k] = AHEAD_LESS_RAD_M / max(0.2, metres[k])
    nodes = np.empty(count * NODE_BYTES, dtype=np.uint8)
    for k in range(count):
        turns = (first + k) * sample_s * turn_hz
        new_turn = first + k == 0 or math.floor(turns) != math.floor((first + k - 1) * sample_s * turn_hz)
        quarter_mm = 0
        if not lost[k] and metres[k] > NEAREST_M:
            seen = metres[k] + noise[k] * (error_m + error_rel * metres[k])
            quarter_mm = min(65535, max(0, int(seen * 4000.0 + 0.5)))
        own_turns = turns - math.floor(turns)
        if triangulating and quarter_mm > 0:
            own_turns -= (AHEAD_RAD - ahead[k]) / (2.0 * math.pi)
            own_turns -= math.floor(own_turns)
        angle = int(own_turns * 23040.0) % 23040
        node = k * NODE_BYTES
        nodes[node] = (47 if quarter_mm > 0 else 0) << 2 | (1 if new_turn else 2)
        nodes[node + 1] = (angle & 0x7F) << 1 | 1
        nodes[node + 2] = angle >> 7
        nodes[node + 3] = quarter_mm & 0xFF
        nodes[node + 4] = quarter_mm >> 8
    return nodes


class RPLidarEmulator:
    """The lidar on `World`'s car. Feed it with `receive`, move it with `run`."""

    def __init__(self, world: World, wiring: RPLidarWiring, rng: np.random.Generator) -> None:
        self.uart = Uart(wiring.baud, rng)
        self.frozen = False  # sends nothing and hears nothing
        self.health = HEALTH_GOOD
        self._world = world
        self._wiring = wiring
        self._rng = rng
        self._mount = np.array(
            [wiring.mount_x_m, wiring.mount_y_m, wiring.mount_yaw_rad, 1.0 if wiring.mirrored else -1.0]
        )
        self._speed_share = 1.0 + wiring.speed_error * float(rng.standard_normal())
        self._requests = bytearray()
        self._arrived: deque[tuple[float, int, bytes]] = deque()  # when its last byte arrives, command, payload
        self._turn_hz = 0.0
        self._stable_s = math.inf  # when the motor's speed is stable
        self._scanning = False
        self._asked_s = math.inf  # when the scan was asked for
        self._begin_s = math.inf  # time of the scan's sample 0
        self._measured = 0  # samples of this scan
        self._sent = 0  # bytes of this scan
        self._nodes = bytearray()  # measured and not yet sent

    def receive(self, data: bytes, at_s: float) -> None:
        """Bytes that the host puts on the wire at a time."""
        begin_s = self.uart.receive(len(data), at_s)
        if self.frozen:
            return
        earlier = len(self._requests)
        self._requests += data
        taken = 0
        while (start := self._requests.find(b"\xa5", taken)) >= 0:
            request = self._requests[start:]
            if len(request) < 2 or (request[1] & 0x80 and (len(request) < 3 or len(request) < request[2] + 4)):
                taken = start
                break
            size, payload = 2, b""
            if request[1] & 0x80:  # commands that carry a payload: its length, itself, and the exclusive or of it all
                size = request[2] + 4
                payload = bytes(request[3 : size - 1])
                if np.bitwise_xor.reduce(np.frombuffer(bytes(request[:size]), dtype=np.uint8)) != 0:
                    taken = start + 1
                    continue
            taken = start + size
            self._arrived.append((begin_s + (taken - earlier) * self.uart.byte_s, request[1], payload))
        else:
            taken = len(self._requests)
        del self._requests[:taken]

    def run(self, until_s: float) -> None:
        """Answer the requests that have arrived by a time in the world's last step, and measure until then."""
        while self._arrived and self._arrived[0][0] <= until_s:
            at_s, command, payload = self._arrived.popleft()
            self._measure(at_s)
            if not self.frozen:
                self._obey(at_s, command, payload)
        self._measure(until_s)

    def _obey(self, at_s: float, command: int, payload: bytes) -> None:
        if command == 0xF0 and len(payload) == 2:
            if not self._wiring.motor_by_dtr:
                self._turn(at_s, int.from_bytes(payload, "little") / DUTY_PER_HZ)
            return
        self._scanning = False  # any other request ends the scan
        self._nodes.clear()
        if command == 0x40:
            self.health = HEALTH_GOOD
        elif command == 0x50:
            identity = bytes([MODEL, self._wiring.firmware_minor, FIRMWARE_MAJOR, HARDWARE]) + bytes(range(16))
            self._answer(at_s, b"\x14\x00\x00\x00\x04", identity)
        elif command == 0x52:
            self._answer(at_s, b"\x03\x00\x00\x00\x06", bytes([self.health, 0, 0]))
        elif command == 0x59 and self._wiring.firmware_minor >= SAMPLE_RATE_MINOR:
            microseconds = round(1e6 * self._wiring.sample_s).to_bytes(2, "little")
            self._answer(at_s, b"\x04\x00\x00\x00\x15", 2 * microseconds)
        elif command == 0xFF:  # whether the adapter takes the motor's duty
            self._answer(at_s, b"\x04\x00\x00\x00\xff", bytes([not self._wiring.motor_by_dtr, 0, 0, 0]))
        elif command in (0x20, 0x21) and self.health != HEALTH_ERROR:
            self._answer(at_s, b"\x05\x00\x00\x40\x81", b"")
            self._scanning = True
            self._measured = self._sent = 0
            self._asked_s = at_s
            self._begin_s = max(at_s + 0.002, self._stable_s)

    def _answer(self, at_s: float, length_and_type: bytes, data: bytes) -> None:
        self.uart.send(b"\xa5\x5a" + length_and_type + data, at_s)

    def set_dtr(self, at_s: float, asserted: bool) -> None:
        """The host sets the line DTR. As long as nobody clears it, it is asserted: opening the port does that."""
        if self._wiring.motor_by_dtr:
            self._turn(at_s, 0.0 if asserted else DTR_TURN_HZ)

    def _turn(self, at_s: float, hz: float) -> None:
        """Set the motor's speed."""
        turns = hz * DUTY_PER_HZ >= LEAST_DUTY
        if turns and self._turn_hz == 0.0:
            self._stable_s = at_s + SPIN_UP_S
            if self._measured == 0:
                self._begin_s = max(self._asked_s, self._stable_s)
        elif not turns:
            self._scanning = False
            self._nodes.clear()
            self._stable_s = math.inf
        self._turn_hz = hz * self._speed_share if turns else 0.0

    def _measure(self, until_s: float) -> None:
        """Take the samples of the scan up to a time."""
        if not self._scanning or until_s < self._begin_s:
            return
        first = self._measured
        self._measured = math.floor((until_s - self._begin_s) / self._wiring.sample_s + 1e-6) + 1
        count = self._measured - first
        if count == 0:
            return
        if self.frozen:
            self._nodes.clear()
            self._sent = NODE_BYTES * self._measured
            return
        world, wiring = self._world, self._wiring
        nodes = measure(
            first, count, self._begin_s, self._turn_hz, world.before, world.moving, world.time_s, world.distance_m,
            world.frame, world.people.at, self._rng.standard_normal(count), self._rng.random(count) < wiring.drop_out,
            wiring.noise_m, wiring.noise_share, wiring.sample_s, self._mount, wiring.triangulating,
        )  # fmt: skip
        self._nodes += nodes.tobytes()

    def arrived(self, until_s: float) -> bytes:
        """The bytes that have reached the host by a time."""
        data = self.uart.arrived(until_s)
        if not self._scanning or until_s < self._begin_s or self.frozen:
            return data
        samples = math.floor((until_s - self._begin_s) / self._wiring.sample_s + 1e-6)
        part_s = until_s - self._begin_s - samples * self._wiring.sample_s
        part = min(NODE_BYTES, math.floor(part_s / self.uart.byte_s + 1e-6))
        due = min(len(self._nodes), max(0, samples * NODE_BYTES + part - self._sent))
        self._sent += due
        nodes = bytes(self._nodes[:due])
        del self._nodes[:due]
        return data + self.uart.damage(nodes)
