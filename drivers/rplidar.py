"""RPLidars, A1 to A3, S1 to S3 and C1, over their serial ports; `drivers/rplidar_protocol.py` is what they speak.

A device is asked at each baud rate until it answers; it tells its model, its health, and how it can scan. The faster scans
send capsules (`drivers/rplidar_capsules.py`), the standard scan one node of 5 bytes a sample (`drivers/rplidar_nodes.py`).

The motor of an A1 hangs on the port's DTR line: asserted, as opening a port leaves it, it stands. A2 and A3 are told a
duty, the S series a speed; a C1 turns while it scans.
"""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from drivers import rplidar_protocol as protocol
from drivers.base import NEVER_S, Clock, LidarReading, LinkLost
from drivers.declared import Declared
from drivers.lidar import LidarSettings, seen_from_car, thinned
from drivers.rplidar_capsules import SAMPLES, SIZES, parse_capsules
from drivers.rplidar_nodes import NODE_BYTES, parse_nodes
from drivers.rplidar_protocol import Info, find_answer, motor_pwm
from drivers.serial_driver import SerialDriver
from drivers.serial_port import SerialPort
from drivers.told_text import told_text

BAUDS = (256_000, 115_200, 1_000_000, 460_800)  # A3, A2M12, S1; A1, A2M8; S2, S3; C1
TYPICAL, STANDARD = "typical", "standard"  # scan modes that need not be looked for
SAMPLE_S = 250e-6  # until the device has told its own
SAMPLES_S = (1e-6, 0.01)  # that it may tell
LEGACY_SAMPLE_S = 476e-6  # of firmware that does not tell it: the SDK's figure
SETTLE_S = 0.01  # after STOP; the document asks for at least 1 ms
REBOOT_S = 1.0  # after RESET
ANSWER_S = 0.5  # to a request
PROBE_S = 0.25  # ... while the baud rate is sought
SPIN_UP_S = 4.0  # from the start of the scan to its first sample
SILENCE_S = 1.0  # between samples
HELD_UP_S = 0.2  # after a longer pause the kernel may have thrown bytes away (it keeps 4 KiB): nobody knows when
MODES_MAX = 16

_NO_POINTS = np.empty(0, dtype=np.float32)


@dataclass(frozen=True)
class RPLidarSettings(LidarSettings):
    """Where one lidar is connected, how it is mounted and run."""

    port: str
    baud: int = 0  # 0: found by asking
    scan_mode: str = TYPICAL  # what the device calls typical; `standard`; or a mode's name, as the device tells it
    motor_duty: int = 660  # of 1023, of A2 and A3; about 10 revolutions a second
    motor_rpm: int = 600  # of the S series

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.baud < 0:
            raise ValueError(f"baud: found {self.baud}, allowed: above 0, or 0: it is found by asking")
        if not self.scan_mode:
            raise ValueError(f"scan_mode: found '', allowed: {TYPICAL}, {STANDARD}, or a mode's name")
        if not 0 < self.motor_duty <= 1023:
            raise ValueError(f"motor_duty: found {self.motor_duty}, allowed: 1 to 1023")
        if not 0 < self.motor_rpm <= 3000:
            raise ValueError(f"motor_rpm: found {self.motor_rpm}, allowed: 1 to 3000")


@dataclass(frozen=True)
class Ask:
    """A step of the start: what is sent, the type of its answer (0: none comes), and how long that is waited for."""

    request: bytes
    answer: int = 0
    wait_s: float = ANSWER_S


class NotStarted(Exception):
    """The start cannot go on; it begins again after a RESET, if that is asked for."""

    def __init__(self, why: str, reset: bool = False) -> None:
        super().__init__(why)
        self.reset = reset


Steps = Generator[Ask, bytes | None, None]


class RPLidar(SerialDriver):
    """Driver of one RPLidar. `open` asks it to stop; the following reads take it through its start, step by step.

    Whenever an answer or the scan stays away, the start begins again by itself, so that a lidar that lost its power
    for a moment comes back; `trouble` says what is missing meanwhile.
    """

    def __init__(self, settings: RPLidarSettings, clock: Clock) -> None:
        self.settings = settings
        self.model = ""  # "RPLidar A3 (model 49), firmware 1.29, hardware 3", as the device tells it
        self.mode = ""  # the scan's, as the device calls it
        self.skipped_bytes = 0  # that belonged to nothing whole
        self._clock = clock
        self._bauds: tuple[int, ...] = (settings.baud,) if settings.baud else BAUDS
        self._port = SerialPort(settings.port, self._bauds[0], dtr=False)  # an A1's motor turns
        self._info: Info | None = None
        self._by_dtr = True  # how its motor is stopped
        self._sample_s = SAMPLE_S
        self._buffer = b""
        self._kind = protocol.STANDARD  # of the scan
        self._synchronised = True  # with the nodes of the scan
        self._usual_deg = 0.0  # that a capsule turns
        self._steps: Steps | None = None  # of the start; None while it scans, or stands
        self._step = Ask(b"")
        self._stopped = True
        self._wait_until_s = 0.0  # when the step's answer, or the scan, is overdue
        self._read_s = 0.0  # time of the last read
        self._newest_s = -NEVER_S  # when the newest point was measured
        self._revolution = 0
        self._link_trouble = f"{settings.port}: not open"
        self._start_trouble = ""

    def open(self) -> None:
        """Open the port and begin to start the device. Raises LinkLost with what to do about it."""
        self._port.open()
        self._link_trouble = self._start_trouble = ""
        self._begin()

    def _begin(self, reset: bool = False) -> None:
        self._stopped = False
        self._steps = self._start(reset)
        self._take(next(self._steps))

    def _take(self, step: Ask) -> None:
        """Send a step's request, and wait for its answer."""
        self._step, self._buffer = step, b""
        self._wait_until_s = self._clock.now() + step.wait_s
        if step.request:
            self._send(step.request)

    def _start(self, reset: bool) -> Steps:
        """The start, from top to bottom: each step is answered by what came, None where nothing did in time."""
        if reset:
            yield Ask(protocol.RESET, wait_s=REBOOT_S)
        info = yield from self._find()
        health = yield Ask(protocol.GET_HEALTH, protocol.HEALTH)
        if health is None or len(health) < 3:
            raise NotStarted("no answer to the question for its health")
        if health[0] == protocol.HEALTH_ERROR:
            raise NotStarted(f"protection stop, error code {int.from_bytes(health[1:3], 'little')}: resetting it", True)
        yield from self._turn(info)
        mode = yield from self._choose(info)
        if mode is not None and self._kind != protocol.STANDARD:
            if (yield Ask(protocol.express_scan(mode), self._kind)) is not None:
                return
            self._kind, self.mode = protocol.STANDARD, STANDARD  # firmware that passes over what it does not know
        if info.knows_sample_rate:
            told = yield Ask(protocol.GET_SAMPLE_RATE, protocol.SAMPLE_RATE)
            self._sample_s = (int.from_bytes(told[:2], "little") * 1e-6 or SAMPLE_S) if told else LEGACY_SAMPLE_S
        else:
            self._sample_s = LEGACY_SAMPLE_S
        if (yield Ask(protocol.SCAN, protocol.STANDARD)) is None:
            raise NotStarted(f"no answer to the request for a scan; {info}")

    def _find(self) -> Generator[Ask, bytes | None, Info]:
        """Ask for model and version, at one baud rate after the other."""
        for baud in self._bauds:
            self._port.set_baud(baud)
            yield Ask(protocol.STOP, wait_s=SETTLE_S)
            told = yield Ask(protocol.GET_INFO, protocol.INFO, PROBE_S if len(self._bauds) > 1 else ANSWER_S)
            if told is not None and len(told) >= 4:
                self._bauds = tuple(sorted(self._bauds, key=lambda other: other != baud))  # here first, the next time
                self._info = Info(told[0], (told[2], told[1]), told[3])
                self.model = str(self._info)
                return self._info
        asked = ", ".join(map(str, self._bauds))
        raise NotStarted(f"nobody answers at {asked} baud: is an RPLidar there, and powered?" + (
            " (leave baud out, and it is found)" if self.settings.baud else ""))  # fmt: skip

    def _turn(self, info: Info) -> Generator[Ask, bytes | None, None]:
        """Let the motor turn."""
        self._by_dtr = info.series < protocol.FIRST_WITH_SPEED
        self._port.set_dtr(False)
        if info.series >= protocol.FIRST_WITH_SPEED:
            yield Ask(protocol.motor_speed(self.settings.motor_rpm), wait_s=0.0)
        elif protocol.A2_SERIES <= info.series < protocol.FIRST_OF_LATER:
            flags = yield Ask(protocol.BOARD_FLAGS, protocol.BOARD)
            if flags and flags[0] & 1:
                yield Ask(motor_pwm(self.settings.motor_duty), wait_s=0.0)

    def _choose(self, info: Info) -> Generator[Ask, bytes | None, int | None]:
        """The number of the scan's mode, and what it is like; None for the standard scan, as old firmware knows no other."""
        self._kind, self.mode, wanted = protocol.STANDARD, STANDARD, self.settings.scan_mode
        if wanted == STANDARD or not info.knows_conf:
            return None
        if wanted == TYPICAL:
            told = yield from self._conf(protocol.TYPICAL_MODE)
            if len(told) < 2:
                return None
            mode = int.from_bytes(told[:2], "little")
            self.mode = told_text((yield from self._conf(protocol.MODE_NAME, mode)))
        else:
            mode = yield from self._named(wanted)
        kind, microseconds = (yield from self._conf(protocol.ANSWER_TYPE, mode)), (
            yield from self._conf(protocol.US_PER_SAMPLE, mode))  # fmt: skip
        sample_s = int.from_bytes(microseconds[:4], "little") / 256e6
        if mode > 255 or not SAMPLES_S[0] <= sample_s <= SAMPLES_S[1]:
            raise NotStarted(f"scan mode {mode}: found {1e6 * sample_s:.2f} us a sample, which no lidar can")
        if not kind or kind[0] not in {*SIZES, protocol.STANDARD}:
            raise NotStarted(
                f"scan mode {self.mode or mode}: its answers are of type {kind.hex() or '?'}, which nobody reads"
            )
        self._kind, self._sample_s = kind[0], sample_s
        return mode

    def _named(self, wanted: str) -> Generator[Ask, bytes | None, int]:
        """The number of a mode of this name."""
        count = int.from_bytes((yield from self._conf(protocol.MODE_COUNT))[:2], "little")
        names = []
        for mode in range(min(count, MODES_MAX)):
            names.append(told_text((yield from self._conf(protocol.MODE_NAME, mode))))
            if names[-1].lower() == wanted.lower():
                self.mode = names[-1]
                return mode
        raise NotStarted(f"scan_mode: found {wanted!r}, allowed: {', '.join([TYPICAL, STANDARD, *names])}")

    def _conf(self, what: int, mode: int | None = None) -> Generator[Ask, bytes | None, bytes]:
        """A setting of the device; empty if it does not tell."""
        told = yield Ask(protocol.get_conf(what, mode), protocol.CONF)
        return told[4:] if told is not None and int.from_bytes(told[:4], "little") == what else b""

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
        scans = self._steps is None and not self._stopped
        if held_up and scans:
            data = self._buffer = b""
            self._synchronised, self._usual_deg = False, 0.0
            self._wait_until_s = now + SILENCE_S
        self._buffer += data
        if scans:
            return self._points(now)
        if self._steps is not None:
            self._go_on(now)
        return self._reading(now, _NO_POINTS, _NO_POINTS, _NO_POINTS)

    def _go_on(self, now: float) -> None:
        """Take the start one step further, if its answer is here or overdue."""
        assert self._steps is not None
        answer = find_answer(self._buffer, self._step.answer) if self._step.answer else None
        if answer is None and now < self._wait_until_s:
            return
        rest = self._buffer[answer[1] :] if answer else b""
        try:
            self._take(self._steps.send(answer[0] if answer else None))
        except StopIteration:
            self._steps = None
            self._buffer, self._synchronised, self._usual_deg = rest, True, 0.0
            self._wait_until_s = now + SPIN_UP_S
        except NotStarted as error:
            self._start_trouble = str(error)
            self._begin(error.reset)
        except LinkLost as error:
            self._link_trouble = str(error)
            raise

    def _points(self, now: float) -> LidarReading:
        stream = np.frombuffer(self._buffer, dtype=np.uint8)
        parse = self._parse_nodes if self._kind == protocol.STANDARD else self._parse_capsules
        angle_rad, distance_m, consumed, revolutions, skipped, newest_age_s = parse(stream)
        self._buffer = self._buffer[consumed:]
        self._revolution += revolutions
        self.skipped_bytes += skipped
        points = len(angle_rad)
        if points == 0:
            if now > self._wait_until_s:
                self._start_trouble = "the scan has ceased: is it powered, and free to turn?"
                self._begin()
            return self._reading(now, _NO_POINTS, _NO_POINTS, _NO_POINTS)
        self._newest_s = now - newest_age_s
        self._wait_until_s = now + SILENCE_S
        self._start_trouble = ""
        kept = thinned(points, self._revolution)
        age_s = newest_age_s + self._sample_s * np.arange(points - 1, -1, -1, dtype=np.float32)
        return self._reading(now, angle_rad[kept], distance_m[kept], age_s[kept].astype(np.float32, copy=False))

    def _parse_nodes(self, stream: np.ndarray) -> tuple[np.ndarray, np.ndarray, int, int, int, float]:
        """Points in the car's frame, bytes consumed, revolutions, bytes skipped, age of the newest point."""
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
        # What waits behind the newest point tells how long ago it was sent: whole nodes, and a part of one.
        nodes, part = divmod(len(stream) - consumed, NODE_BYTES)
        age_s = nodes * self._sample_s + (part + NODE_BYTES) * self._byte_s
        return angle_rad[:points], distance_m[:points], consumed, revolutions, skipped, age_s

    def _parse_capsules(self, stream: np.ndarray) -> tuple[np.ndarray, np.ndarray, int, int, int, float]:
        """As `_parse_nodes`."""
        size, samples = SIZES[self._kind], SAMPLES[self._kind]
        angle_rad = np.empty(len(stream) // size * samples, dtype=np.float32)
        distance_m = np.empty_like(angle_rad)
        points, consumed, revolutions, skipped, self._usual_deg = parse_capsules(
            stream, self._kind, size, samples, self._usual_deg, angle_rad, distance_m
        )
        angle_rad, distance_m = angle_rad[:points], distance_m[:points]
        np.negative(angle_rad, out=angle_rad)  # told clockwise
        self.settings.to_car(angle_rad, distance_m)
        # The capsule behind the newest point is here; of the next one, a part, or nothing yet: then it may begin at once.
        capsule_s, sent_s = samples * self._sample_s, (len(stream) - consumed - size) * self._byte_s
        waiting_s = (
            sent_s if sent_s > 0.0 else 0.5 * (size * self._byte_s + max(capsule_s, size * self._byte_s)) - capsule_s
        )
        return angle_rad, distance_m, consumed, revolutions, skipped, 2.0 * capsule_s + waiting_s

    @property
    def _byte_s(self) -> float:
        return 10 / self._port.baud

    def _reading(self, now: float, angle_rad: np.ndarray, distance_m: np.ndarray, age_s: np.ndarray) -> LidarReading:
        return LidarReading(angle_rad, distance_m, age_s, now - self._newest_s, self._revolution)

    def stop(self) -> None:
        """Stop the scan and the motor. Never raises. The scan begins again with `reconnect`."""
        self._steps, self._stopped, self._buffer = None, True, b""
        try:
            self._send(protocol.STOP)
            if self._info is not None and self._info.series >= protocol.FIRST_WITH_SPEED:
                self._send(protocol.motor_speed(0))
            else:
                self._send(motor_pwm(0))
                self._port.set_dtr(True)
        except LinkLost as error:
            self._link_trouble = str(error)

    def trouble(self) -> str:
        """What is wrong, in one line; empty while all is well, and while it starts for the first time."""
        if self._link_trouble:
            return self._link_trouble
        return f"{self.settings.port}: {self._start_trouble}" if self._start_trouble else ""

    def _send(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except LinkLost as error:
            self._link_trouble = str(error)
            raise


DRIVER = Declared("rplidar", "RPLidar A1, A2, A3, S1, S2, S3, C1", RPLidarSettings, RPLidar, LidarReading)
