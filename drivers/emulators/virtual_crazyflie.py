"""Start, disturb and judge a virtual Crazyflie: the other side of `drivers.emulators.crazyflie`.

with start_virtual_crazyflie(VirtualCrazyflieConfig(app="controller.so", loss=0.02)) as drone:
    Crazyflie().open_link(drone.uri)       # cflib, or whatever else speaks CRTP
    drone.fault("cut_link", on=True)
    drone.truth().z                        # for judges only: nothing that flies may look at it
"""

import json
import shutil
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import msgspec
from typing_extensions import Self

from drivers.emulators.child import end_child, last_words, start_emulator
from drivers.unix_socket import connect

ANSWER_S = 30.0
READY_S = 400.0  # the first start on a machine compiles the kernels; one that fails says so at once


class VirtualCrazyflieConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the process is to be; written to its configuration file as JSON."""

    quadrotor: str = "crazyflie_2_1"  # a name in sim/quadrotor/data, or the path of a parameter file
    factors: dict[str, float] = {}  # on its quantities, by their names in sim.quadrotor.model.Factors: {"mass": 1.1}
    app: str = ""  # shared library of an app built for the host; none: the firmware as it comes
    loss: float = 0.0  # shares of datagrams, each way: lost,
    duplicate: float = 0.0  # ... doubled,
    late: float = 0.0  # ... held back for up to
    late_s: float = 0.05
    seed: int = 0  # of all noise, and of what happens to datagrams
    noise: float = 1.0  # factor on the errors of sensors and estimate; 0: none
    start: tuple[float, float, float] = (0.0, 0.0, 0.0)  # x, y (m), yaw (rad)
    firmware: str = "2026.08"  # the release that it behaves as, see crazyflie_version.py
    positioning: str = "lighthouse"  # see `crazyflie_positioning.SYSTEMS`; "none": it needs poses by radio
    imu_bias: tuple[float, float, float, float, float] | None = (
        None  # gyro x, y, z, rad/s; accelerometer x, y, g; none: drawn
    )
    rotors: tuple[float, float, float, float] | None = None  # factors on each one's thrust; none: drawn
    latency_s: float = (
        0.0  # until what an app's controller decides reaches the rotors; the firmware's own is tuned without
    )
    propellers: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)  # out of balance, as multiples of a new one's
    port: int = 0  # UDP, on the loopback; 0: any that is free
    directory: str = ""  # for its control socket; the program that starts the process sets it


class DroneTruth(NamedTuple):
    """How things really are. World: z up, 0 on the ground. Body: x forward, y left."""

    time_s: float  # of the drone's clock, which is real time unless the machine was too busy
    x: float
    y: float
    z: float
    q_w: float
    q_x: float
    q_y: float
    q_z: float
    v_x: float
    v_y: float
    v_z: float
    w_x: float
    w_y: float
    w_z: float
    motor_1: float  # rotor speeds, shares of full speed
    motor_2: float
    motor_3: float
    motor_4: float
    force: float  # mean of what the controller asks of the rotors, share of the greatest thrust
    state: str  # of the supervisor, see `crazyflie_supervisor.State`
    controller: int  # stabilizer.controller
    impact_m_s: float  # the greatest speed at which it has touched the ground so far
    slipped_s: float  # real time that the drone's clock has lost because the machine was busy


class Watcher:
    """One connection to a virtual Crazyflie's control socket. Several threads may ask, one after the other."""

    def __init__(self, control: str, directory: Path) -> None:
        self._control, self._directory = connect(control), directory
        self._control.settimeout(ANSWER_S)
        self._asking = threading.Lock()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Give an order. Raises ValueError with the process's words, ConnectionError if it has ended or hangs."""
        with self._asking:
            decoded: dict[str, Any] = json.loads(self._answer(request))
        if "error" in decoded:
            raise ValueError(decoded["error"])
        return decoded

    def _answer(self, request: dict[str, Any]) -> bytes:
        answer = b""
        try:
            self._control.sendall(json.dumps(request).encode() + b"\n")
            while not answer.endswith(b"\n"):
                piece = self._control.recv(4096)
                if not piece:
                    raise ConnectionError(f"the virtual Crazyflie has ended: {last_words(self._directory)}")
                answer += piece
        except TimeoutError as error:
            raise ConnectionError(f"the virtual Crazyflie does not answer within {ANSWER_S:.0f} s") from error
        return answer

    def truth(self) -> DroneTruth:
        """How things really are, now."""
        return DroneTruth(**self.ask({"do": "truth"}))

    def close(self) -> None:
        with suppress(OSError):
            self._control.close()


class VirtualCrazyflie:
    """A running process. Made by `start_virtual_crazyflie`; ends with `close` or its `with` block."""

    def __init__(self, process: subprocess.Popen, ready: dict[str, Any], directory: Path) -> None:
        self.process = process
        self.directory = directory
        self.uri: str = ready["uri"]
        self.scheduling: str = ready["scheduling"]  # what the process was granted to keep its time
        self._control: str = ready["control"]
        self._watcher = self.watcher()

    @property
    def ports(self) -> dict[str, str]:
        """Where its radio is."""
        return {"crazyflie": self.uri}

    def watcher(self) -> Watcher:
        """Another connection, for another thread."""
        return Watcher(self._control, self.directory)

    def truth(self) -> DroneTruth:
        """How things really are, now."""
        return self._watcher.truth()

    def fault(self, do: str, **arguments: Any) -> None:
        """Do something to the drone or its link; see `drivers.emulators.crazyflie`.

        Raises ValueError with the process's words if it cannot be done.
        """
        self._watcher.ask({"do": do, **arguments})

    def close(self) -> None:
        """End the process and remove its directory. Never raises."""
        self._watcher.close()
        end_child(self.process)
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start_virtual_crazyflie(
    config: VirtualCrazyflieConfig = VirtualCrazyflieConfig(), ready_s: float = READY_S
) -> VirtualCrazyflie:
    """Start the process and wait until it answers. It ends with this program.

    Raises ValueError with the process's own words if the configuration is wrong, TimeoutError after `ready_s`.
    """
    return start_emulator(
        VirtualCrazyflie,
        "drivers.emulators.crazyflie",
        "virtual Crazyflie",
        lambda directory: msgspec.json.encode(msgspec.structs.replace(config, directory=str(directory))),
        ready_s,
    )
