"""An RPLidar from the other end of the wire: requests, answers, a motor that must run up, scans with byte timing.

Written from SLAMTEC's "Interface Protocol and Application Notes": a request while scanning ends the scan; SCAN answers
at once but its samples wait for a stable motor; a protection stop refuses to scan until RESET; scans in capsules are
`rplidar_capsules.py`. Every beam is cast at the pose of its own moment.

Its vices are those of its relatives: an A1's motor knows only the line DTR (asserted: it stands; clear: it turns) and
not the motor's request; an S3 has no standard scan; what firmware does not know it passes over without a word (GET_SAMPLERATE
before 1.17, modes of scans before 1.24); at another baud rate it hears nothing and says what nobody understands; a lidar
that triangulates corrects angles by distance, 8 degrees less what the SDK takes off for near points, so they go back where
the distance jumps, and samples without a return stand ahead of the others.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numba import njit

from drivers.emulators import rplidar_capsules as capsules
from drivers.emulators.lidar_beams import in_millimetres, lidar_poses, look
from drivers.emulators.uart import Uart
from drivers.emulators.world import World

NODE_BYTES = 5
SPIN_UP_S = 0.5
DUTY_PER_HZ = 66.0  # of the motor: 660 turns it at 10 Hz
LEAST_DUTY = 300  # below it the motor does not turn
RANGE_M = 16.38  # a standard scan's 16 bits of quarter millimetres hold no more
NEAREST_M = 0.05
FIRMWARE_MAJOR, HARDWARE = 1, 3
SAMPLE_RATE_MINOR = 17  # the first firmware 1.x that tells its sample rate
CONF_MINOR = 24  # ... and its scan modes
RPM_PER_HZ = 60.0
AHEAD_RAD = math.radians(8.0)  # how far the laser looks ahead of the angle of a far point
AHEAD_LESS_RAD_M = 98361.0 / 4.0 / 1024.0 / 1000.0  # what a near one takes off, by its distance
HEALTH_GOOD, HEALTH_ERROR = 0, 2
STANDARD, EXPRESS, ULTRA, DENSE, ULTRA_DENSE = 0x81, 0x82, 0x84, 0x85, 0x86
SIZES = {EXPRESS: 84, ULTRA: 132, DENSE: 84, ULTRA_DENSE: 170}
SAMPLES = {EXPRESS: 32, ULTRA: 96, DENSE: 40, ULTRA_DENSE: 64}


@dataclass(frozen=True)
class Mode:
    """One way to scan."""

    name: str
    sample_us: float
    answer: int
    range_m: float


STANDARD_MODE = Mode("Standard", 250.0, STANDARD, RANGE_M)
FASTER = {  # by the model's number: the modes besides the standard one, the typical one last
    0x18: (Mode("Express", 254.0, EXPRESS, 12.0), Mode("Boost", 127.0, ULTRA, 12.0), Mode("Sensitivity", 127.0, ULTRA, 12.0)),
    0x28: (Mode("Express", 254.0, EXPRESS, 12.0), Mode("Boost", 127.0, ULTRA, 12.0), Mode("Sensitivity", 127.0, ULTRA, 12.0)),
    0x2C: (Mode("Express", 127.0, EXPRESS, 12.0), Mode("Boost", 62.5, ULTRA, 12.0), Mode("Sensitivity", 62.5, ULTRA, 12.0)),
    0x31: (Mode("Express", 127.0, EXPRESS, 16.0), Mode("Boost", 62.5, ULTRA, 25.0), Mode("Stability", 100.0, ULTRA, 25.0),
           Mode("Sensitivity", 62.5, ULTRA, 25.0)),
    0x41: (Mode("DenseBoost", 200.0, DENSE, 12.0),),
    0x61: (Mode("DenseBoost", 109.0, DENSE, 40.0),),
    0x71: (Mode("DenseBoost", 31.25, DENSE, 30.0),),
    0x81: (Mode("DenseBoost", 31.25, ULTRA_DENSE, 40.0),),
}  # fmt: skip
NO_STANDARD_SCAN = (0x81,)


@dataclass(frozen=True)
class RPLidarWiring:
    """How the emulated lidar is made and mounted, how noisy it is (standard deviations), and what it does not see."""

    model: int = 0x31  # A3
    baud: int = 256_000
    firmware_minor: int = 29  # of 1.x
    sample_s: float = 250e-6  # of the standard scan
    motor_by_dtr: bool = False
    motor_turns: bool = False  # always: a pseudo-terminal has no line DTR that a host could clear
    turn_hz: float = 5.5  # of a motor that is not told how fast
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
            error_rel, sample_s, range_m, mount, triangulating, turns, correction, millimetres):  # fmt: skip
    """Samples first .. first+count-1 of a scan, into (count,) float64 each: turns of the motor since the scan began; by how
    much, degrees, each beam's angle is behind the motor's; distance, mm, 0 where nothing came back.

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
            turns[k] = (first + k) * sample_s * turn_hz
            own = 2.0 * math.pi * (turns[k] - math.floor(turns[k])) - (AHEAD_RAD - ahead[k] if triangulating else 0.0)
            angles[k] = mount[2] + mount[3] * own
        look(angles, pose_from, pose_to, distance_m, frame, people, range_m, metres)
        for k in range(count if triangulating and pass_ == 0 else 0):
            ahead[k] = AHEAD_LESS_RAD_M / max(0.2, metres[k])
    in_millimetres(metres, noise, lost, error_m, error_rel, NEAREST_M, millimetres)
    for k in range(count):
        correction[k] = 0.0
        if triangulating and millimetres[k] > 0.0:
            correction[k] = math.degrees(AHEAD_RAD - ahead[k])


@njit(cache=True)
def in_nodes(first_of_scan, before_turns, turns, correction, millimetres):
    """The nodes of a standard scan, uint8 (count * 5). before_turns: of the motor at the sample before the first."""
    count = turns.shape[0]
    nodes = np.empty(count * NODE_BYTES, dtype=np.uint8)
    for k in range(count):
        earlier = before_turns if k == 0 else turns[k - 1]
        new_turn = (first_of_scan and k == 0) or math.floor(turns[k]) != math.floor(earlier)
        quarter_mm = min(65535, max(0, int(millimetres[k] * 4.0 + 0.5)))
        own_turns = turns[k] - math.floor(turns[k])
        if correction[k] != 0.0:
            own_turns -= correction[k] / 360.0
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
        standard = Mode(STANDARD_MODE.name, 1e6 * wiring.sample_s, STANDARD, RANGE_M)
        self.modes = (standard, *FASTER.get(wiring.model, ()))
        self._mode = standard
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
        self._waiting = np.empty((3, 0))  # samples for the next capsule
        self._capsules = 0  # sent of this scan
        if wiring.motor_turns:
            self._turn(-1.0, wiring.turn_hz)

    def receive(self, data: bytes, at_s: float) -> None:
        """Bytes that the host puts on the wire at a time."""
        begin_s = self.uart.receive(len(data), at_s)
        if self.frozen or self.uart.garbled:
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
        if command == 0xA8 and len(payload) == 2:
            if self._wiring.model >> 4 >= 6:
                self._turn(at_s, int.from_bytes(payload, "little") / RPM_PER_HZ)
            return
        later, minor = self._wiring.model >> 4 >= 4, self._wiring.firmware_minor
        if (command == 0x59 and not later and minor < SAMPLE_RATE_MINOR) or (
            command in (0x82, 0x84) and not later and minor < CONF_MINOR
        ):
            return  # it does not know what that is
        self._scanning = False  # any other request ends the scan
        self._nodes.clear()
        if command == 0x40:
            self.health = HEALTH_GOOD
        elif command == 0x50:
            identity = bytes([self._wiring.model, minor, FIRMWARE_MAJOR, HARDWARE]) + bytes(range(16))
            self._answer(at_s, b"\x14\x00\x00\x00\x04", identity)
        elif command == 0x52:
            code = b"\x01\x80" if self.health != HEALTH_GOOD else bytes(2)
            self._answer(at_s, b"\x03\x00\x00\x00\x06", bytes([self.health]) + code)
        elif command == 0x59:
            express_us = self.modes[min(1, len(self.modes) - 1)].sample_us
            told = round(self.modes[0].sample_us).to_bytes(2, "little") + round(express_us).to_bytes(2, "little")
            self._answer(at_s, b"\x04\x00\x00\x00\x15", told)
        elif command == 0xFF:  # whether the adapter takes the motor's duty
            self._answer(at_s, b"\x04\x00\x00\x00\xff", bytes([not self._wiring.motor_by_dtr, 0, 0, 0]))
        elif command == 0x84:
            self._tell(at_s, payload)
        elif command in (0x20, 0x21) and self.health != HEALTH_ERROR and self._wiring.model not in NO_STANDARD_SCAN:
            self._scan(at_s, self.modes[0])
        elif command == 0x82 and len(payload) == 5 and self.health != HEALTH_ERROR and payload[0] < len(self.modes):
            self._scan(at_s, self.modes[payload[0] or 1])  # mode 0 is the old express scan

    def _tell(self, at_s: float, payload: bytes) -> None:
        """Answer GET_LIDAR_CONF."""
        what, number = int.from_bytes(payload[:4], "little"), int.from_bytes(payload[4:6], "little")
        if what in (0x70, 0x7C):
            value = len(self.modes) if what == 0x70 else len(self.modes) - 1
            data = value.to_bytes(2, "little")
        elif what in (0x71, 0x74, 0x75, 0x7F) and number < len(self.modes):
            mode = self.modes[number]
            data = {
                0x71: round(256.0 * mode.sample_us).to_bytes(4, "little"),
                0x74: round(256.0 * mode.range_m).to_bytes(4, "little"),
                0x75: bytes([mode.answer]),
                0x7F: mode.name.encode() + b"\0",
            }[what]
        else:
            return
        told = what.to_bytes(4, "little") + data
        self._answer(at_s, len(told).to_bytes(4, "little") + b"\x20", told)

    def _scan(self, at_s: float, mode: Mode) -> None:
        """Begin to scan in a mode."""
        size = NODE_BYTES if mode.answer == STANDARD else SIZES[mode.answer]
        self._answer(at_s, (size | 1 << 30).to_bytes(4, "little") + bytes([mode.answer]), b"")
        self._mode, self._scanning = mode, True
        self._measured = self._sent = self._capsules = 0
        self._waiting = np.empty((3, 0))
        self._asked_s = at_s
        self._begin_s = max(at_s + 0.002, self._stable_s)

    def reboot(self, at_s: float) -> None:
        """Take its power away for a moment: it forgets what it was told."""
        self._requests.clear()
        self._arrived.clear()
        self.uart.clear()
        self._scanning = False
        self._nodes.clear()
        if not self._wiring.motor_by_dtr and not self._wiring.motor_turns:
            self._turn(at_s, 0.0)

    def _answer(self, at_s: float, length_and_type: bytes, data: bytes) -> None:
        self.uart.send(b"\xa5\x5a" + length_and_type + data, at_s)

    def set_dtr(self, at_s: float, asserted: bool) -> None:
        """The host sets the line DTR. As long as nobody clears it, it is asserted: opening the port does that."""
        if self._wiring.motor_by_dtr:
            self._turn(at_s, 0.0 if asserted else self._wiring.turn_hz)

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
        sample_s, standard = 1e-6 * self._mode.sample_us, self._mode.answer == STANDARD
        first = self._measured
        self._measured = math.floor((until_s - self._begin_s) / sample_s + 1e-6) + 1
        count = self._measured - first
        if count == 0:
            return
        if self.frozen:
            self._nodes.clear()
            self._sent = NODE_BYTES * self._measured
            self._waiting = np.empty((3, 0))
            return
        world, wiring = self._world, self._wiring
        samples = np.empty((3, count))
        measure(
            first, count, self._begin_s, self._turn_hz, world.before, world.moving, world.time_s, world.distance_m,
            world.frame, world.people.at, self._rng.standard_normal(count), self._rng.random(count) < wiring.drop_out,
            wiring.noise_m, wiring.noise_share, sample_s, self._mode.range_m, self._mount,
            wiring.triangulating or self._mode.answer == ULTRA, *samples,
        )  # fmt: skip
        if standard:
            self._nodes += in_nodes(first == 0, (first - 1) * sample_s * self._turn_hz, *samples).tobytes()
        else:
            self._waiting = np.concatenate([self._waiting, samples], axis=1)
            self._pack(self._begin_s + (self._measured - 1) * sample_s, sample_s)

    def _pack(self, newest_s: float, sample_s: float) -> None:
        """Send the capsules whose samples are there, and the first one of the next. newest_s: time of the newest sample."""
        kind = self._mode.answer
        size = SAMPLES[kind]
        while self._waiting.shape[1] > size:
            (turns, correction, mm), next_mm = self._waiting[:, :size], self._waiting[2, size]
            at_s = newest_s - (self._waiting.shape[1] - size - 1) * sample_s
            first = self._capsules == 0
            if kind == EXPRESS:
                data = capsules.express(turns, correction, mm, first)
            elif kind == ULTRA:
                data = capsules.ultra(turns, mm, next_mm, first)
            elif kind == DENSE:
                data = capsules.dense(turns, mm, first)
            else:
                data = capsules.ultra_dense(turns, mm, first, round(1e6 * at_s))
            self.uart.send(data, at_s)
            self._capsules += 1
            self._waiting = self._waiting[:, size:]

    def arrived(self, until_s: float) -> bytes:
        """The bytes that have reached the host by a time."""
        data = self.uart.arrived(until_s)
        if not self._scanning or until_s < self._begin_s or self.frozen or self._mode.answer != STANDARD:
            return data
        samples = math.floor((until_s - self._begin_s) / self._wiring.sample_s + 1e-6)
        part_s = until_s - self._begin_s - samples * self._wiring.sample_s
        part = min(NODE_BYTES, math.floor(part_s / self.uart.byte_s + 1e-6))
        due = min(len(self._nodes), max(0, samples * NODE_BYTES + part - self._sent))
        self._sent += due
        nodes = bytes(self._nodes[:due])
        del self._nodes[:due]
        return data + self.uart.damage(nodes)
