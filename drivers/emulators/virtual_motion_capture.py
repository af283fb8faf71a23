"""The cameras of a virtual Crazyflie: its true pose, as a motion capture system sends it, on a UDP port."""

import json
import socket
import threading
from types import TracebackType

import numpy as np
from typing_extensions import Self

from drivers.emulators.virtual_crazyflie import VirtualCrazyflie

PERIOD_S = 0.01
POSITION_M, ATTITUDE = 0.0003, 0.001  # standard deviations: of markers, and of the quaternion that they give


class VirtualMotionCapture:
    """Sends from `with` on. `silent`, `frozen`: what cameras do that lose sight, and whose software goes on regardless."""

    def __init__(self, drone: VirtualCrazyflie, body: str, to: tuple[str, int], seed: int = 0) -> None:
        self._watcher = drone.watcher()
        self._body, self._to = body, to
        self._rng = np.random.default_rng([seed, 0x3C])
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send, name="virtual motion capture", daemon=True)
        self.silent = self.frozen = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        self._socket.close()
        self._watcher.close()

    def _send(self) -> None:
        position: list[float] = []
        attitude: list[float] = []
        while not self._ended.wait(PERIOD_S):
            truth = self._watcher.truth()
            if not (self.frozen and position):
                seen = np.array([truth.x, truth.y, truth.z]) + POSITION_M * self._rng.standard_normal(3)
                turned = np.array([truth.q_x, truth.q_y, truth.q_z, truth.q_w]) + ATTITUDE * self._rng.standard_normal(
                    4
                )
                position, attitude = seen.tolist(), (turned / np.linalg.norm(turned)).tolist()
            message = {"body": self._body, "time_s": truth.time_s, "position_m": position, "attitude_xyzw": attitude}
            if not self.silent:
                self._socket.sendto(json.dumps(message).encode(), self._to)
