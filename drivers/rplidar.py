"""RPLidar of the A series (A1, A2, A3) in standard scan, over its serial port.

The protocol is that of SLAMTEC's "Interface Protocol and Application Notes": requests are `A5 command`, with `length
payload checksum` where they carry something; answers begin with a descriptor `A5 5A length30|mode2 type`; a standard
scan then sends one 5-byte node a sample, little-endian:

    byte 0      quality << 2 | not S << 1 | S        S: first sample of a revolution
    bytes 1-2   angle in 1/64 degree << 1 | 1        clockwise, the last bit checks
    bytes 3-4   distance in 1/4 mm                   0: nothing came back

A lidar that triangulates corrects a sample's angle by its distance, so angles may go back from one sample to the next,
and one without a return stands some degrees ahead of its neighbours. Angles therefore say nothing about whether bytes
were lost; the check bits of several samples in a row do.

The motor of an A1 hangs on the port's DTR line: asserted, as opening a port leaves it, it stands. A2 and A3 are told a
duty; both are done, as in SLAMTEC's SDK.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from drivers.base import NEVER_S, Clock, LidarReading, LinkLost
from drivers.declared import Declared
from drivers.lidar import LidarSettings, seen_from_car, thinned
from drivers.serial_port import SerialPort

BAUD = 256_000  # A3, A2M12, S1; A1 and A2M8: 115200
NODE_BYTES = 5
PROOF = 6  # samples in a row whose check bits prove that the one before them is whole, and that a stream is found
SAMPLE_S = 250e-6  # until the device has told its own
SAMPLE_RATE_SINCE = (1, 17)  # the first firmware that tells it
LEGACY_SAMPLE_S = 476e-6  # of older ones, and of those that do not answer: the SDK's figure
SETTLE_S = 0.01  # after STOP; the document asks for at least 1 ms
REBOOT_S = 1.0  # after RESET
ANSWER_S = 0.5  # to a request; without an answer the start begins again
SPIN_UP_S = 4.0  # from the start of the scan to its first sample
SILENCE_S = 1.0  # between samples
HELD_UP_S = 0.2  # after a longer pause the kernel may have thrown bytes away (it keeps 4 KiB): nobody knows when

STOP, RESET, SCAN = b"\xa5\x25", b"\xa5\x40", b"\xa5\x20"
GET_INFO, GET_HEALTH, GET_SAMPLE_RATE = b"\xa5\x50", b"\xa5\x52", b"\xa5\x59"
SCAN_DESCRIPTOR = b"\xa5\x5a\x05\x00\x00\x40\x81"
HEALTH_ERROR = 2  # protection stop
# Request, descriptor of its answer, bytes of its answer: asked one after the other before the scan.
QUESTIONS = (
    (GET_INFO, b"\xa5\x5a\x14\x00\x00\x00\x04", 20),
    (GET_HEALTH, b"\xa5\x5a\x03\x00\x00\x00\x06", 3),
    (GET_SAMPLE_RATE, b"\xa5\x5a\x04\x00\x00\x00\x15", 4),
    (SCAN, SCAN_DESCRIPTOR, 0),
)
_NO_POINTS = np.empty(0, dtype=np.float32)


def motor_pwm(duty: int) -> bytes:
    """Request that sets the motor's duty, 0 (stop) to 1023; A2 and A3 behind their USB adapter."""
    request = b"\xa5\xf0\x02" + duty.to_bytes(2, "little")
    checksum = 0
    for byte in request:
        checksum ^= byte
    return request + bytes([checksum])


@njit(cache=True, inline="always")
def _is_node(stream, i):
    """Whether the check bits of the 5 bytes at i are right."""
    return ((stream[i] ^ (stream[i] >> 1)) & 1) == 1 and (stream[i + 1] & 1) == 1


@njit(cache=True, inline="always")
def _good_in_a_row(stream, i, most):
    """How many nodes from i on have right check bits, up to `most`; only one of them may begin a revolution.

    Read one byte late, every node seems to begin one; read at another wrong place, check bits fit once in four.
    """
    begun = 0
    for k in range(most):
        j = i + k * NODE_BYTES
        begun += stream[j] & 1
        if not _is_node(stream, j) or begun > 1:
            return k
    return most


@njit(cache=True)
def parse_nodes(stream, synchronised, mount_yaw_rad, angle_rad, distance_m):
    """Find the nodes in `stream` (uint8).

    Returns (points, bytes consumed, revolutions begun, bytes skipped, whether it is in step with the stream).
    `angle_rad`, `distance_m`: float32, room for len(stream) // 5. A node counts, whatever its angle, when its own check
    bits and those of the PROOF nodes behind it are right: so a node that lost bytes is found out, and the last ones of a
    stream wait. A single node with wrong check bits is left out; otherwise the stream is searched for where it goes on.
    """
    size = stream.shape[0]
    i = points = revolutions = skipped = 0
    while i + NODE_BYTES * (PROOF + 1) <= size:
        good = _good_in_a_row(stream, i, PROOF + 1)
        whole = good == PROOF + 1
        if not whole and synchronised:
            # One damaged node in a stream that is in step, or bytes are missing? What comes behind it says.
            behind = i + NODE_BYTES * (good + 1)
            if behind + NODE_BYTES * PROOF > size:
                break
            if _good_in_a_row(stream, behind, PROOF) == PROOF:
                if good == 0:
                    i += NODE_BYTES
                    skipped += NODE_BYTES
                    continue
                whole = True
        if not whole:
            synchronised = False
            i += 1
            skipped += 1
            continue
        synchronised = True
        clockwise = (int(stream[i + 1]) >> 1) | (int(stream[i + 2]) << 7)
        angle = mount_yaw_rad - clockwise * (math.pi / 11520)
        angle_rad[points] = angle - 2.0 * math.pi * math.floor((angle + math.pi) / (2.0 * math.pi))
        distance_m[points] = (int(stream[i + 3]) | (int(stream[i + 4]) << 8)) * 0.00025
        points += 1
        revolutions += stream[i] & 1
        i += NODE_BYTES
    return points, i, revolutions, skipped, synchronised


@dataclass(frozen=True)
class RPLidarSettings(LidarSettings):
    """Where one lidar is connected, how it is mounted and run."""

    port: str
    baud: int = BAUD
    motor_duty: int = 660  # of 1023; about 10 revolutions a second

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.baud <= 0:
            raise ValueError(f"baud: found {self.baud}, allowed: above 0")
        if not 0 < self.motor_duty <= 1023:
            raise ValueError(f"motor_duty: found {self.motor_duty}, allowed: 1 to 1023")


class RPLidar:
    """Driver of one RPLidar. `open` asks it to stop; the following reads take it through info, health, rate and scan.

    Whenever an answer or the scan stays away, the start begins again by itself, so that a lidar that lost its power
    for a moment comes back; `trouble` says what is missing meanwhile.
    """

    def __init__(self, settings: RPLidarSettings, clock: Clock) -> None:
        self.settings = settings
        self.model = ""  # "model 49, firmware 1.29, hardware 3", as the device tells it
        self.skipped_bytes = 0  # that belonged to no whole node
        self._clock = clock
        self._port = SerialPort(settings.port, settings.baud, dtr=False)  # an A1's motor turns
        self._byte_s = 10 / settings.baud
        self._sample_s = SAMPLE_S
        self._version = (0, 0)  # of the firmware
        self._buffer = b""
        self._synchronised = True  # with the nodes of the scan
        self._question = -1  # index into QUESTIONS; -1 while the device settles, len(QUESTIONS) while it scans
        self._wait_until_s = 0.0  # while it settles; then, when the question or the scan is overdue
        self._read_s = 0.0  # time of the last read
        self._newest_s = -NEVER_S  # when the newest point was measured
        self._revolution = 0
        self._link_trouble = f"{settings.port}: not open"
        self._start_trouble = ""

    def open(self) -> None:
        """Open the port and begin to start the device. Raises LinkLost with what to do about it."""
        self._port.open()
        self._sample_s, self._version = SAMPLE_S, (0, 0)
        self._link_trouble = self._start_trouble = ""
        self._restart(STOP, SETTLE_S)

    def _restart(self, request: bytes, wait_s: float) -> None:
        self._send(request)
        self._buffer = b""
        self._question = -1
        self._wait_until_s = self._clock.now() + wait_s

    def read(self) -> LidarReading:
        """Return the points that arrived since the last read. Never blocks. Raises LinkLost if the port is gone.

        Who reads again after more than HELD_UP_S gets no points this time, for their ages are not known.
        """
        try:
            data = self._port.read()
        except LinkLost as error:
            self._link_trouble = str(error)
            raise
        now = self._clock.now()
        held_up = now - self._read_s > HELD_UP_S
        self._read_s = now
        if held_up and self._question == len(QUESTIONS):
            data = self._buffer = b""
            self._synchronised = False
            self._wait_until_s = now + SILENCE_S
        self._buffer += data
        if self._question < len(QUESTIONS):
            self._start(now)
            return self._reading(now, _NO_POINTS, _NO_POINTS, _NO_POINTS)
        return self._points(now)

    def _points(self, now: float) -> LidarReading:
        stream = np.frombuffer(self._buffer, dtype=np.uint8)
        angle_rad = np.empty(len(stream) // NODE_BYTES + 1, dtype=np.float32)
        distance_m = np.empty_like(angle_rad)
        mount, turned = self.settings, self.settings.mount_yaw_rad
        points, consumed, revolutions, skipped, self._synchronised = parse_nodes(
            stream, self._synchronised, -turned if mount.mirrored else turned, angle_rad, distance_m
        )
        if mount.mirrored:
            np.negative(angle_rad, out=angle_rad)
        if mount.mount_x_m != 0.0 or mount.mount_y_m != 0.0:
            seen_from_car(angle_rad[:points], distance_m[:points], mount.mount_x_m, mount.mount_y_m)
        self._buffer = self._buffer[consumed:]
        self._revolution += revolutions
        self.skipped_bytes += skipped
        if points == 0:
            if now > self._wait_until_s:
                self._start_trouble = "the scan has ceased"
                self._restart(STOP, SETTLE_S)
            return self._reading(now, _NO_POINTS, _NO_POINTS, _NO_POINTS)
        # What waits behind the newest point tells how long ago it was sent: whole nodes, and a part of one.
        nodes, part = divmod(len(self._buffer), NODE_BYTES)
        newest_age_s = nodes * self._sample_s + (part + NODE_BYTES) * self._byte_s
        self._newest_s = now - newest_age_s
        self._wait_until_s = now + SILENCE_S
        self._start_trouble = ""
        kept = thinned(points, self._revolution)
        age_s = newest_age_s + self._sample_s * np.arange(points - 1, -1, -1, dtype=np.float32)
        return self._reading(now, angle_rad[kept], distance_m[kept], age_s[kept].astype(np.float32, copy=False))

    def _reading(self, now: float, angle_rad: np.ndarray, distance_m: np.ndarray, age_s: np.ndarray) -> LidarReading:
        return LidarReading(angle_rad, distance_m, age_s, now - self._newest_s, self._revolution)

    def _start(self, now: float) -> None:
        """Take the start one step further, if its answer is here."""
        if self._question < 0:
            if now >= self._wait_until_s:
                self._send(motor_pwm(self.settings.motor_duty))
                self._ask(0, now)
            return
        request, descriptor, length = QUESTIONS[self._question]
        at = self._buffer.find(descriptor)
        answer = self._buffer[at + len(descriptor) :]
        if at < 0 or len(answer) < length:
            if now > self._wait_until_s and request == GET_SAMPLE_RATE:
                self._sample_s = LEGACY_SAMPLE_S
                self._ask(self._question + 1, now)
            elif now > self._wait_until_s:
                self._start_trouble = f"no answer to request {request.hex(' ')}"
                self._restart(STOP, SETTLE_S)
            return
        if request == GET_INFO:
            self._version = (answer[2], answer[1])
            self.model = f"model {answer[0]}, firmware {answer[2]}.{answer[1]:02d}, hardware {answer[3]}"
        elif request == GET_HEALTH and answer[0] == HEALTH_ERROR:
            code = int.from_bytes(answer[1:3], "little")
            self._start_trouble = f"protection stop, error code {code}: resetting it"
            self._restart(RESET, REBOOT_S)
            return
        elif request == GET_HEALTH and self._version < SAMPLE_RATE_SINCE:
            self._sample_s = LEGACY_SAMPLE_S
            self._ask(self._question + 2, now)
            return
        elif request == GET_SAMPLE_RATE:
            self._sample_s = int.from_bytes(answer[:2], "little") * 1e-6 or SAMPLE_S
        elif request == SCAN:
            self._buffer, self._synchronised = answer, True
            self._question += 1
            self._wait_until_s = now + SPIN_UP_S
            return
        self._ask(self._question + 1, now)

    def _ask(self, question: int, now: float) -> None:
        self._buffer = b""
        self._question = question
        self._wait_until_s = now + ANSWER_S
        self._send(QUESTIONS[question][0])

    def stop(self) -> None:
        """Stop the scan and the motor. Never raises. The scan begins again with `reconnect`."""
        try:
            self._restart(STOP, math.inf)
            self._send(motor_pwm(0))
            self._port.set_dtr(True)
        except LinkLost as error:
            self._link_trouble = str(error)

    def trouble(self) -> str:
        """What is wrong, in one line; empty while all is well, and while it starts for the first time."""
        if self._link_trouble:
            return self._link_trouble
        if self._start_trouble:
            port = f"{self.settings.port} ({self.settings.baud} baud)"
            return (
                f"{port}: {self._start_trouble}; is an RPLidar there, powered, free to turn, and at this baud rate? "
                "(A1, A2M8: 115200; A2M12, A3, S1: 256000)"
            )
        return ""

    def close(self) -> None:
        """Release the port. Never raises."""
        self._port.close()
        self._link_trouble = f"{self.settings.port}: not open"

    def reconnect(self) -> bool:
        """Try once to open the port again by its name, and start the scan. True when the port is open."""
        try:
            self.open()
        except LinkLost as error:
            self._link_trouble = str(error)
            return False
        return True

    def _send(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except LinkLost as error:
            self._link_trouble = str(error)
            raise


DRIVER = Declared("rplidar", "RPLidar A1, A2, A3, S1 in standard scan", RPLidarSettings, RPLidar, LidarReading)
