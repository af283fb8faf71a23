"""The cameras of a virtual Crazyflie: its pose, as a motion capture system sends it, on a UDP port.

As wrong as `crazyflie_vices.toml` has it: late, each frame by another time, so that some overtake others; frames that the
network loses; gaps in which the body is out of sight, and the software says nothing or repeats what it saw last; markers
that are taken for each other, which turns the body by a quarter or a half, or puts it where another one is.
"""

import json
import math
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType

import numpy as np
from typing_extensions import Self

from drivers.emulators.crazyflie_vices import Errors, Gaps, MotionCaptureVices, load_vices
from drivers.emulators.virtual_crazyflie import DroneTruth, VirtualCrazyflie
from sim.quadrotor.model import rotation_matrix

OTHER_BODY_M = 1.2  # how far away it stands
TURNS_RAD = (0.5 * math.pi, math.pi, -0.5 * math.pi)  # of a body whose markers are nearly a square
POLL_S = 0.001

Pose = tuple[list[float], list[float]]  # position, m; attitude x, y, z, w


class Cameras:
    """What they see of one body, frame by frame. `silent`, `frozen`, `swapped`: for tests, a vice that stays."""

    def __init__(self, vices: MotionCaptureVices, errors: Errors) -> None:
        self._vices, self._errors = vices, errors
        self._marker_m = errors.many(vices.marker_m, 3)
        self._gaps = Gaps(errors, vices.gap_every_s, vices.gap_s)
        self._swaps = Gaps(errors, vices.swap_every_s, vices.swap_s)
        self._gap_repeats = self._away = self._mistaken = False
        self._turn_rad, self._shift_m = 0.0, np.zeros(3)
        self._last: Pose | None = None
        self.silent = self.frozen = self.swapped = False

    def frame(self, truth: DroneTruth) -> Pose | None:
        """The pose that a frame gives, to be asked for every frame; None if it gives none."""
        step_s, rng = 1.0 / self._vices.rate_hz, self._errors.rng
        away, mistaken = self._gaps.now(truth.time_s, step_s), self._swaps.now(truth.time_s, step_s) or self.swapped
        if away and not self._away:
            self._gap_repeats = bool(rng.random() < 0.5)
        if mistaken and not self._mistaken:
            self._turn_rad = float(rng.choice(TURNS_RAD))
            distance_m = OTHER_BODY_M if rng.random() < 0.5 else self._vices.swap_m
            direction_rad = rng.uniform(-math.pi, math.pi)
            self._shift_m = distance_m * np.array([math.cos(direction_rad), math.sin(direction_rad), 0.0])
        self._away, self._mistaken = away, mistaken
        if (self.frozen or (away and self._gap_repeats)) and self._last is not None:
            return self._last
        if self.silent or away:
            return None
        self._last = self._seen(truth, mistaken)
        return self._last

    def _seen(self, truth: DroneTruth, mistaken: bool) -> Pose:
        r = np.array(rotation_matrix(truth.q_w, truth.q_x, truth.q_y, truth.q_z)).reshape(3, 3)
        position = np.array([truth.x, truth.y, truth.z]) + r @ self._marker_m
        position += self._errors.many(self._vices.position_m, 3)
        attitude = np.array([truth.q_x, truth.q_y, truth.q_z, truth.q_w])
        if mistaken:
            position += self._shift_m
            attitude = turned(attitude, self._turn_rad)
        attitude += self._errors.many(0.5 * self._vices.attitude_rad, 4)
        return position.tolist(), (attitude / np.linalg.norm(attitude)).tolist()


def turned(attitude: np.ndarray, yaw_rad: float) -> np.ndarray:
    """A quaternion x, y, z, w turned about the body's own axis."""
    x, y, z, w = attitude
    s, c = math.sin(0.5 * yaw_rad), math.cos(0.5 * yaw_rad)
    return np.array([x * c + y * s, y * c - x * s, z * c + w * s, w * c - z * s])


class Frames:
    """What becomes of the frames of `cameras` on their way: some are lost, each is late by a time of its own."""

    def __init__(self, body: str, seed: int = 0, noise: float = 1.0) -> None:
        """noise: factor on all vices; 0: none but the latency."""
        self._body, self._vices = body, load_vices().motion_capture
        self._errors = Errors(np.random.default_rng([seed, 0x3C]), noise)
        self.cameras = Cameras(self._vices, self._errors)
        self._on_the_way: list[tuple[float, bytes]] = []  # when it arrives, and what
        self._next_s = -math.inf

    def arrived(self, now_s: float, truth: Callable[[], DroneTruth]) -> list[bytes]:
        """The messages that arrive now; to be asked for often."""
        if now_s >= self._next_s:
            self._next_s = max(self._next_s + 1.0 / self._vices.rate_hz, now_s)
            seen = truth()
            pose = self.cameras.frame(seen)
            if pose is not None and not self._errors.happens(self._vices.lost_share):
                late_s = self._vices.latency_s + self._vices.jitter_s * self._errors.rng.random()
                self._on_the_way.append((now_s + late_s, self._message(seen.time_s, pose)))
        due = sorted(each for each in self._on_the_way if each[0] <= now_s)
        self._on_the_way = [each for each in self._on_the_way if each[0] > now_s]
        return [message for _, message in due]

    def _message(self, time_s: float, pose: Pose) -> bytes:
        position_m, attitude = pose
        fields = {"body": self._body, "time_s": time_s, "position_m": position_m, "attitude_xyzw": attitude}
        return json.dumps(fields).encode()


class VirtualMotionCapture:
    """Sends what `cameras` see, from `with` on."""

    def __init__(
        self, drone: VirtualCrazyflie, body: str, to: tuple[str, int], seed: int = 0, noise: float = 1.0
    ) -> None:
        """noise: factor on all vices; 0: none but the latency."""
        self._watcher, self._to = drone.watcher(), to
        self._frames = Frames(body, seed, noise)
        self.cameras = self._frames.cameras
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ended = threading.Event()
        rotation_matrix(1.0, 0.0, 0.0, 0.0)  # compiled, or loaded, before the first frame
        self._thread = threading.Thread(target=self._send, name="virtual motion capture", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        self._socket.close()
        self._watcher.close()

    def _send(self) -> None:
        while not self._ended.wait(POLL_S):
            for message in self._frames.arrived(time.monotonic(), self._watcher.truth):
                self._socket.sendto(message, self._to)
