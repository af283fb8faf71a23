"""Motion capture for a Crazyflie: poses that arrive on a UDP port, or in a file, go to the drone's estimator by radio.

A message is one JSON object, one a datagram or one a line of the file (docs/motion_capture.md):

    {"body": "cf1", "time_s": 12.345, "position_m": [0.1, -0.2, 0.5], "attitude_xyzw": [0.0, 0.0, 0.0, 1.0]}

What is no such message, is not later than the last one, or lies or is turned where the drone cannot be by now, is refused;
what is refused is not there. The drone lands when there is nothing for STALE_S, and when the pose of a flying drone does
not move. From then on it may not be found anywhere else: cameras that take it for another body would send it there.
"""

import math
import os
import select
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from drivers.base import NEVER_S, Clock, LinkLost
from drivers.crazyflie_reading import Vector
from drivers.declared import Declared

STALE_S = 0.3  # without a pose for longer, the drone has to land: its estimator goes on by itself for seconds, not more
FROZEN_S = 0.3  # cameras see a hovering drone move by more than the last digit in so long
# Between two poses. What is further away than that and than the last speed and these explain is another body, or a wrong one.
JITTER_M, JITTER_RAD = 0.1, 0.2
ACCELERATION_MAX_M_S2, TURN_MAX_RAD_S = 20.0, 6.0
SPEED_MAX_M_S = 5.0  # while the speed is not known
GAP_S = 0.2  # turning is not allowed for longer than this: a quarter of a turn is what markers make that were mixed up
SPEED_AFTER_S = 0.005  # of poses less far apart, none is known
FORGET_S = 1.0  # after which a pose may be anywhere again, before the flight
NORM_ERROR = 0.05  # of a quaternion
REACH_M = 100.0  # the firmware's estimator starts anew beyond it
WAIT_S, POLL_S = 0.1, 0.002
MESSAGE_BYTES = 2048


class Sender(Protocol):
    """What poses are sent by: a `Crazyflie`."""

    def send_pose(self, position_m: Vector, attitude: tuple[float, float, float, float] | None) -> None: ...


class Message(msgspec.Struct, frozen=True):
    """One pose of one body. World: z up, right-handed, the ground at 0. Attitude: body (x forward, y left) to world."""

    body: str
    time_s: float  # when the cameras saw it, by a clock that runs on
    position_m: tuple[float, float, float]
    attitude_xyzw: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class MotionCaptureSettings:
    """Where poses come from, `udp` or `file`, and the name of the drone in them."""

    body: str
    udp: str = ""  # HOST:PORT to listen on
    file: str = ""  # that another program writes lines to

    def __post_init__(self) -> None:
        if bool(self.udp) == bool(self.file):
            raise ValueError(
                f"found {'both udp and file' if self.udp else 'neither udp nor file'}, allowed: one of them"
            )
        if not self.body:
            raise ValueError("body: found '', allowed: the drone's name in the poses")
        if self.udp:
            self.address()

    def address(self) -> tuple[str, int]:
        """Host and port. Raises ValueError."""
        host, _, port = self.udp.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(f"udp: found {self.udp!r}, allowed: HOST:PORT, such as 0.0.0.0:5005")
        return host, int(port)


@dataclass(frozen=True, slots=True)
class PoseReading:
    """How old the newest pose is, and since when it is the same one."""

    pose_age_s: float = NEVER_S
    moved_age_s: float = NEVER_S


class MotionCapture:
    """Forwards poses in a thread of its own while it is open. airborne: whether the drone flies, by who flies it."""

    def __init__(self, settings: MotionCaptureSettings, clock: Clock, sender: Sender | None = None) -> None:
        """sender: what takes the poses; None: nobody does."""
        self._settings, self._clock, self._sender = settings, clock, sender
        self._pose: Message | None = None
        self._velocity_m_s: Vector | None = None
        self.airborne = self._flew = False
        self._arrived_s = self._moved_s = -math.inf
        self._refused = ""
        self._source: Source | None = None
        self._thread = threading.Thread()

    def open(self) -> None:
        """Listen. Raises ValueError if the port or the file cannot be opened."""
        self._source = open_source(self._settings)
        self._thread = threading.Thread(target=self._forward, args=[self._source], name="motion capture", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, and the source."""
        source, self._source = self._source, None
        if source is not None:
            self._thread.join(10 * WAIT_S)
            source.close()

    def read(self) -> PoseReading:
        """Raises LinkLost before `open`."""
        if self._source is None:
            raise LinkLost("motion capture: not open")
        now = self._clock.now()
        return PoseReading(now - self._arrived_s, now - self._moved_s)

    def trouble(self) -> str:
        """What is wrong, in one line; empty while poses come. In the air a pose that stays the same is wrong, too."""
        now = self._clock.now()
        self._flew = self._flew or self.airborne
        name = self._settings.body
        if now - self._arrived_s > STALE_S:
            since = f" for {now - self._arrived_s:.1f} s" if math.isfinite(self._arrived_s) else ""
            return f"motion capture: no pose of {name!r}{since}" + (
                f"; refused: {self._refused}" if self._refused else ""
            )
        if self.airborne and now - self._moved_s > FROZEN_S:
            return f"motion capture: the pose of {name!r} is frozen since {now - self._moved_s:.1f} s"
        return ""

    def reconnect(self) -> bool:
        """A port that listens is not lost."""
        return self._source is not None

    def stop(self) -> None:
        """Poses go on for as long as the drone is in the air."""

    def take(self, message: bytes) -> None:
        """One message, as it arrived."""
        now = self._clock.now()
        try:
            pose = msgspec.json.decode(message, type=Message)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            self._refused = str(error)
            return
        if pose.body != self._settings.body:
            return
        before = self._pose if self._flew or now - self._arrived_s < FORGET_S else None
        self._refused = why_not(pose, before, self._velocity_m_s)
        if self._refused:
            return
        self._arrived_s = now
        moved = before is None or (pose.position_m, pose.attitude_xyzw) != (before.position_m, before.attitude_xyzw)
        if not moved and self._flew:
            return  # nobody has seen it there: the last pose once more
        if moved:
            self._moved_s = now
        self._velocity_m_s = None if before is None else velocity(pose, before)
        self._pose = pose
        if self._sender is None:
            return
        with suppress(LinkLost):  # whoever flies the drone finds out
            self._sender.send_pose(pose.position_m, pose.attitude_xyzw)

    def _forward(self, source: "Source") -> None:
        while self._source is source:
            for message in source.read():
                self.take(message)


def why_not(pose: Message, before: Message | None, velocity_m_s: Vector | None) -> str:
    """Why a pose cannot be true; empty if it can. before: the last one, if it counts; with the velocity it had, if known."""
    if not all(math.isfinite(x) and abs(x) < REACH_M for x in pose.position_m) or not math.isfinite(pose.time_s):
        return f"position_m {list(pose.position_m)} at {pose.time_s} s"
    if pose.attitude_xyzw is not None:
        norm = math.sqrt(sum(q * q for q in pose.attitude_xyzw))
        if not abs(norm - 1.0) < NORM_ERROR:
            return f"attitude_xyzw {list(pose.attitude_xyzw)} is no unit quaternion"
    if before is None:
        return ""
    passed_s = pose.time_s - before.time_s
    if not passed_s > 0.0:
        return f"time_s {pose.time_s} is not later than {before.time_s}"
    blind_s = min(passed_s, STALE_S)
    known = velocity_m_s is not None
    reach_m = JITTER_M + (0.5 * ACCELERATION_MAX_M_S2 * blind_s**2 if known else SPEED_MAX_M_S * blind_s)
    expected = [x + blind_s * v for x, v in zip(before.position_m, velocity_m_s or (0.0, 0.0, 0.0), strict=True)]
    away_m = math.sqrt(sum((x - there) ** 2 for x, there in zip(pose.position_m, expected, strict=True)))
    if not away_m < reach_m:
        return f"position_m {list(pose.position_m)} is {away_m:.2f} m from where it should be by now"
    if pose.attitude_xyzw is not None and before.attitude_xyzw is not None:
        turned_rad = angle_between(pose.attitude_xyzw, before.attitude_xyzw)
        if not turned_rad < JITTER_RAD + TURN_MAX_RAD_S * min(passed_s, GAP_S):
            return f"attitude_xyzw {list(pose.attitude_xyzw)} is turned by {turned_rad:.2f} rad since the last one"
    return ""


def velocity(pose: Message, before: Message) -> Vector | None:
    """Between two poses, m/s; None if they are too near to each other to tell."""
    passed_s = pose.time_s - before.time_s
    if passed_s < SPEED_AFTER_S:
        return None
    x, y, z = ((here - there) / passed_s for here, there in zip(pose.position_m, before.position_m, strict=True))
    return (x, y, z)


def angle_between(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """By how much two attitudes differ, rad."""
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    return 2.0 * math.acos(min(1.0, abs(dot)))


class Source(Protocol):
    """Where messages come from."""

    def read(self) -> list[bytes]:
        """What has arrived, oldest first; waits for WAIT_S at most."""
        ...

    def close(self) -> None: ...


class UdpSource:
    """A UDP port. Of what has piled up, everything is read: the newest may be of another body."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            raise ValueError(f"udp: {host}:{port}: {error.strerror or error}") from error
        self._socket.setblocking(False)

    def read(self) -> list[bytes]:
        select.select([self._socket], [], [], WAIT_S)
        messages: list[bytes] = []
        with suppress(BlockingIOError):
            while len(messages) < 1000:
                messages.append(self._socket.recv(MESSAGE_BYTES))
        return messages

    def close(self) -> None:
        self._socket.close()


class FileSource:
    """A file, or a named pipe, that another program writes lines to. What it holds already is of the past."""

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            with suppress(OSError):  # a pipe has no end to go to
                os.lseek(self._descriptor, 0, os.SEEK_END)
        except OSError as error:
            raise ValueError(f"file: {path}: {error.strerror}") from error
        self._begun = b""
        self._waiting = threading.Event()

    def read(self) -> list[bytes]:
        data = b""
        with suppress(BlockingIOError):
            data = os.read(self._descriptor, 1 << 16)
        if not data:
            self._waiting.wait(POLL_S)
            return []
        *lines, self._begun = (self._begun + data).split(b"\n")
        return [line for line in lines if line.strip()]

    def close(self) -> None:
        os.close(self._descriptor)


def open_source(settings: MotionCaptureSettings) -> Source:
    """The source of the settings. Raises ValueError if it cannot be opened."""
    try:
        return UdpSource(*settings.address()) if settings.udp else FileSource(Path(settings.file))
    except ValueError as error:
        raise ValueError(f"motion_capture: {error}") from error


DRIVER = Declared(
    "motion_capture", "poses of a motion capture system, on a UDP port or in a file", MotionCaptureSettings,
    MotionCapture, PoseReading,
)  # fmt: skip
