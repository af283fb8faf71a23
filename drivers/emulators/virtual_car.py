"""Start, move, disturb and judge a virtual car: the other side of `drivers.emulators.process`.

with start_virtual_car(VirtualCarConfig(track="oval", clock="lockstep")) as car:
    vesc = Vesc(VescSettings(port=car.vesc_path), clock)
    ...
    car.advance(0.02)              # lockstep: the world moves on to 0.02 s and its devices speak
    car.fault("wall", s=4.0)       # disturb it
    car.truth().collisions         # for judges only: nothing that drives may look at it
"""

import json
import mmap
import shutil
import socket
import struct
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple

import msgspec
from typing_extensions import Self

from drivers.emulators.child import end_child, last_words, start_emulator
from drivers.unix_socket import connect

MotorModel = Literal["vesc", "pca9685"]  # a driver's name

READY_S = 400.0  # the first start on a machine compiles the kernels; one that fails says so at once
ANSWER_S = 60.0  # for the process to answer; longer, and it hangs
TORN_S = 0.05  # a truth that is half written for so long was left by a process that was killed


class VirtualCarConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the emulator process is to be; written to its configuration file as JSON, TOML is read as well."""

    track: str = "oval"  # a built-in track, or the path of a map's YAML file
    clock: Literal["lockstep", "realtime"] = "lockstep"
    seed: int = 0  # of all noise
    hidden_seed: int | None = None  # of the hidden car; none: the car of the data sheet
    tyres_apart: bool = False  # whether its front and rear tyres have a grip each
    car: dict[
        str, float
    ] = {}  # parameters that differ from the data sheet's, by their names in sim.car.model.CarParameters
    lidar_model: str = "rplidar"  # a name of drivers.emulators.lidars.LIDARS
    camera_seed: int | None = None  # of what the place looks like to its camera; none: it has no camera
    motor_model: MotorModel = "vesc"
    # How the devices differ from what a robot's file says of them, and their vices: by their names in
    # drivers.emulators.vesc.VescWiring, of esc.EscWiring, and the wiring of that lidar's emulator.
    vesc: dict[str, bool | int | float] = {}
    esc: dict[str, bool | int | float] = {}
    lidar: dict[str, bool | int | float] = {}
    start: tuple[float, float, float] | None = None  # x, y (m), yaw (rad); none: on the course, along it
    start_s_m: float = 0.0  # from the course's first point on, where there is no `start`
    loop: int = 0  # of a map that has several; 0: the best, or the one nearest to `start`
    charge: float = 1.0  # of the battery, 0 to 1
    people: int = 0  # who walk across the course
    noise: float = 1.0  # factor on the noise of all sensors; 0: none
    directory: str = ""  # for links, sockets and truth; the program that starts the process sets it


class Truth(NamedTuple):
    """How things really are. Frame: the map's; lateral and heading error against the course's centreline."""

    time_s: float
    x: float
    y: float
    yaw: float
    v_x: float
    v_y: float
    yaw_rate: float
    steer: float
    s: float
    lateral: float
    heading_error: float
    collisions: float  # contacts with a wall, each counted once
    laps: float
    last_lap_s: float  # not a number before the first
    charge: float
    voltage: float
    motor_mode: float  # command at the wheels: 0 released, 1 speed, 2 current, 3 brake, 5 throttle
    motor_value: float  # m/s or A
    steer_command: float
    odometer_m: float
    impact_m_s: float  # of the hardest contact with a wall so far
    people_hit: float  # touches, each counted once
    people_worst_m_s: float  # speed of the car at the hardest of these touches
    late_s: float  # real time: how long, in all, the process was late, see `drivers.emulators.keep_time`


TRUTH = struct.Struct(f"<{len(Truth._fields)}d")
TRUTH_SEQUENCE = struct.Struct("<Q")  # before it: odd while it is being written
TRUTH_BYTES = TRUTH_SEQUENCE.size + TRUTH.size
TIME = struct.Struct("<d")


def load_config(path: Path) -> VirtualCarConfig:
    """Read a configuration file, JSON or TOML. Raises ValueError naming file, field and what is allowed."""
    try:
        decode = msgspec.toml.decode if path.suffix == ".toml" else msgspec.json.decode
        return decode(path.read_bytes(), type=VirtualCarConfig)
    except (OSError, msgspec.MsgspecError) as error:
        raise ValueError(f"{path}: {error}") from error


class VirtualCar:
    """A running emulator process. Made by `start_virtual_car`; ends with `close` or its `with` block."""

    def __init__(self, process: subprocess.Popen, ready: dict[str, Any], directory: Path) -> None:
        self.process = process
        self.directory = directory
        self.vesc_path: str = ready[
            "vesc"
        ]  # of whatever drives its motor; links that stay the same when a device is unplugged and plugged
        self.lidar_path: str = ready["lidar"]
        self.camera_path: str | None = ready["camera"]
        self.scheduling: str = ready["scheduling"]
        self._control = connect(ready["control"])
        self._lockstep = connect(ready["lockstep"]) if ready["lockstep"] else None
        for end in (self._control, self._lockstep):
            if end is not None:
                end.settimeout(ANSWER_S)
        with open(ready["truth"], "rb") as file:
            self._truth = mmap.mmap(file.fileno(), TRUTH_BYTES, access=mmap.ACCESS_READ)

    @property
    def ports(self) -> dict[str, str]:
        """Of the devices, by name."""
        camera = {} if self.camera_path is None else {"camera": self.camera_path}
        return {"motor": self.vesc_path, "lidar": self.lidar_path, **camera}

    def advance(self, time_s: float) -> float:
        """Lockstep: move the world to a time, seconds; returns the time reached. Bytes to read are then in the ptys."""
        if self._lockstep is None:
            raise ValueError("advance: the virtual car runs in real time, nobody can move it on")
        self._lockstep.sendall(TIME.pack(time_s))
        answer = self._lockstep.recv(TIME.size, socket.MSG_WAITALL)
        if len(answer) < TIME.size:
            raise ConnectionError(f"the virtual car has ended: {last_words(self.directory)}")
        return TIME.unpack(answer)[0]

    def fault(self, do: str, **arguments: Any) -> None:
        """Do something to the car, its world or its devices; see `drivers.emulators.process.Emulator.faults`.

        Raises ValueError with the emulator's words if it cannot be done.
        """
        self._control.sendall(json.dumps({"do": do, **arguments}).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            piece = self._control.recv(4096)
            if not piece:
                raise ConnectionError(f"the virtual car has ended: {last_words(self.directory)}")
            answer += piece
        if error := json.loads(answer).get("error"):
            raise ValueError(error)

    def truth(self) -> Truth:
        """How things really are, at one moment; of a process that was killed in the middle of writing, what it left."""
        patience = time.monotonic() + TORN_S
        while True:
            before = TRUTH_SEQUENCE.unpack_from(self._truth)[0]
            values = TRUTH.unpack_from(self._truth, TRUTH_SEQUENCE.size)
            whole = before % 2 == 0 and TRUTH_SEQUENCE.unpack_from(self._truth)[0] == before
            if whole or time.monotonic() > patience:
                return Truth._make(values)

    def close(self) -> None:
        """End the process and remove its directory. Never raises."""
        for end in (self._control, self._lockstep):
            if end is not None:
                with suppress(OSError):
                    end.close()
        self._truth.close()
        end_child(self.process)
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start_virtual_car(config: VirtualCarConfig, ready_s: float = READY_S) -> VirtualCar:
    """Start the emulator process and wait until its devices can be opened. It ends with this program.

    Raises ValueError with the process's own words if the configuration is wrong, TimeoutError after `ready_s`.
    """
    return start_emulator(
        VirtualCar,
        "drivers.emulators.process",
        "virtual car",
        lambda directory: msgspec.json.encode(msgspec.structs.replace(config, directory=str(directory))),
        ready_s,
    )
