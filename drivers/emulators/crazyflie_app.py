"""The out-of-tree app of a Crazyflie, compiled for this computer and called as the firmware calls it.

The structures are those of the firmware's stabilizer_types.h as far as `firmware_export/crazyflie_stubs` declares them,
units included: m, m/s, g, deg/s, degrees (Euler pitch inverted), quaternion x, y, z, w from body to world.
"""

import ctypes
import shutil
from collections import deque
from collections.abc import Callable
from ctypes import (
    Structure,
    Union,
    c_bool,
    c_char_p,
    c_float,
    c_int,
    c_int16,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)
from pathlib import Path
from typing import Any

from sim.scratch_folder import scratch_folder

OFF, ABSOLUTE, VELOCITY = 0, 1, 2  # modes of a set-point's axis
LEGACY, FORCE_TORQUE, FORCE = 0, 1, 2  # what a Control holds
CHANNEL_ROOM = 10  # packets to an app that wait for it (app_channel.c)


class Vector(Structure):
    """x, y, z, with the time in ms at which the firmware computed them."""

    _fields_ = [("timestamp", c_uint32), ("x", c_float), ("y", c_float), ("z", c_float)]


class Axes(Structure):
    """x, y, z of a sensor."""

    _fields_ = [("x", c_float), ("y", c_float), ("z", c_float)]


class Euler(Structure):
    """Roll, pitch and yaw, degrees or deg/s."""

    _fields_ = [("timestamp", c_uint32), ("roll", c_float), ("pitch", c_float), ("yaw", c_float)]


class Quaternion(Structure):
    """Attitude, body to world."""

    _fields_ = [("x", c_float), ("y", c_float), ("z", c_float), ("w", c_float)]


class Modes(Structure):
    """How each axis of a set-point is meant: OFF, ABSOLUTE or VELOCITY."""

    _fields_ = [(axis, c_int) for axis in ("x", "y", "z", "roll", "pitch", "yaw", "quat")]


class Setpoint(Structure):
    """setpoint_t. `timestamp`, ms, changes whenever the commander takes a new one."""

    _fields_ = [
        ("timestamp", c_uint32),
        ("attitude", Euler),
        ("attitudeRate", Euler),
        ("attitudeQuaternion", Quaternion),
        ("thrust", c_float),
        ("position", Vector),
        ("velocity", Vector),
        ("acceleration", Vector),
        ("velocity_body", c_bool),
        ("mode", Modes),
    ]


class SensorData(Structure):
    """sensorData_t: acceleration in g, angular rate in deg/s, both about the body's x, y, z."""

    _fields_ = [("acc", Axes), ("gyro", Axes)]


class State(Structure):
    """state_t: the estimate. Position in m, velocity in m/s, world; acceleration in g."""

    _fields_ = [
        ("attitude", Euler),
        ("attitudeQuaternion", Quaternion),
        ("position", Vector),
        ("velocity", Vector),
        ("acc", Vector),
    ]


class LegacyControl(Structure):
    """Torques and collective thrust in the firmware's own unit: 65535 is a rotor's full thrust."""

    _fields_ = [("roll", c_int16), ("pitch", c_int16), ("yaw", c_int16), ("thrust", c_float)]


class ForceTorque(Structure):
    """Collective thrust, N, and torques, N m."""

    _fields_ = [("thrustSi", c_float), ("torque", c_float * 3)]


class ControlValues(Union):
    """What a Control holds, by its mode."""

    _anonymous_ = ("legacy", "si")
    _fields_ = [("legacy", LegacyControl), ("si", ForceTorque), ("normalizedForces", c_float * 4)]


class Control(Structure):
    """control_t: the answer. `controlMode` LEGACY: roll, pitch, yaw, thrust; FORCE: normalizedForces, 0 to 1 of a
    rotor's full thrust, front right, back right, back left, front left."""

    _anonymous_ = ("values",)
    _fields_ = [("values", ControlValues), ("controlMode", c_int)]


# The firmware's own controller: fill in the control for a set-point, sensors, a state and the stabilizer's step.
Fallback = Callable[[Control, Setpoint, SensorData, State, int], None]
# commanderSetSetpoint, with a priority; None: commanderRelaxPriority.
Command = Callable[[Setpoint | None, int], None]

PARAMETER_TYPES = {0: ctypes.c_int8, 1: c_int16, 2: ctypes.c_int32, 8: c_uint8, 9: ctypes.c_uint16, 10: c_uint32,
                   6: c_float}  # fmt: skip
PARAMETER_KIND, PARAMETER_READ_ONLY = 0x0F, 0x40  # bits of a parameter's type; the others: extended, core
LOG_TYPES = {1: c_uint8, 2: ctypes.c_uint16, 3: c_uint32, 4: ctypes.c_int8, 5: c_int16, 6: ctypes.c_int32, 7: c_float}


class _Entry(Structure):
    """One line of the tables that the stubs of PARAM_ADD and LOG_ADD fill."""

    _fields_ = [("group", c_char_p), ("name", c_char_p), ("type", c_uint8), ("address", ctypes.c_void_p)]


class Variable:
    """A parameter or log variable of the app: `value` reads and writes the app's memory.

    type: the firmware's type byte (param.h: 0x08 uint8 ... 0x06 float, 0x40 read-only; log.h: 1 uint8 ... 7 float).
    """

    def __init__(self, entry: _Entry, types: dict[int, Any], kind_mask: int) -> None:
        self.type: int = entry.type
        self.read_only = types is PARAMETER_TYPES and bool(self.type & PARAMETER_READ_ONLY)
        self._cell = types[self.type & kind_mask].from_address(entry.address)

    @property
    def value(self) -> float:
        """The number, an int unless the type is float."""
        return self._cell.value

    @value.setter
    def value(self, value: float) -> None:
        self._cell.value = value

    @property
    def bytes(self) -> bytes:
        """As it travels in CRTP: little-endian."""
        return bytes(self._cell)


class CrazyflieApp:
    """An app built by `firmware_export.crazyflie_app.build_for_host`, in its state after power-on.

    shared_object: the .so; a private copy is loaded, so that several apps do not share their memory.
    fallback: stands for the firmware's `controllerPid`; must set `control.controlMode`.
    command: takes the set-points that the app gives by itself; without one it may give none.
    parameters, logs: "group.name" to Variable.
    console: what the app printed. sent: packets that it gave to the app channel. received: those that wait for it.
    """

    def __init__(self, shared_object: Path, fallback: Fallback, command: Command | None = None) -> None:
        with scratch_folder("policy-app") as folder:
            private = shutil.copy(shared_object, folder / "app.so")
            self._app = ctypes.CDLL(str(private))
        sizes = (c_uint32 * 4).in_dll(self._app, "stub_sizes")
        if list(sizes) != [ctypes.sizeof(s) for s in (Control, Setpoint, SensorData, State)]:
            raise ValueError(f"{shared_object}: structures of other sizes {list(sizes)}: built from other stubs")
        self._fallback, self._command = fallback, command
        self._failure: Exception | None = None
        self.console: list[str] = []
        self.sent: list[bytes] = []
        self.received: deque[bytes] = deque()
        pointers = [ctypes.POINTER(s) for s in (Control, Setpoint, SensorData, State)]
        # All are kept: ctypes forgets a callback that nobody holds.
        self._pid = ctypes.CFUNCTYPE(None, *pointers, c_uint32)(self._controller_pid)
        self._print = ctypes.CFUNCTYPE(None, c_char_p)(lambda text: self.console.append(text.decode()))
        self._give = ctypes.CFUNCTYPE(None, pointers[1], c_int)(self._give_setpoint)
        self._send = ctypes.CFUNCTYPE(c_int, c_void_p, c_size_t)(self._send_packet)
        self._receive = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_size_t)(self._receive_packet)
        self._app.stub_set_host(self._pid, self._print, self._give, self._send, self._receive)
        self._app.controllerOutOfTreeTest.restype = c_bool
        self._app.controllerOutOfTree.argtypes = [*pointers, c_uint32]
        self._app.controllerOutOfTree.restype = None
        self._is_flying = c_uint8.in_dll(self._app, "stub_is_flying")
        self._battery_low = c_uint8.in_dll(self._app, "stub_battery_low")
        self.parameters = self._table("stub_parameters", PARAMETER_TYPES, PARAMETER_KIND)
        self.logs = self._table("stub_logs", LOG_TYPES, 0x0F)
        self._control = Control()
        self._app.appMain()

    def init(self) -> None:
        """What the firmware calls when the controller is chosen (stabilizer.controller)."""
        self._app.controllerOutOfTreeInit()

    def test(self) -> bool:
        """What the firmware asks at start-up."""
        return self._app.controllerOutOfTreeTest()

    def step(self, setpoint: Setpoint, sensors: SensorData, state: State, tick: int) -> Control:
        """One step of the stabilizer's loop, 1 kHz. Returns the same Control each time, as the firmware keeps one.

        tick: number of the step. What the fallback raises, this raises.
        """
        self._app.controllerOutOfTree(self._control, setpoint, sensors, state, tick)
        if self._failure is not None:
            raise self._failure
        return self._control

    def take(self, data: bytes) -> None:
        """A packet from the ground. The queue has room for CHANNEL_ROOM; what comes while it is full is lost."""
        if len(self.received) < CHANNEL_ROOM:
            self.received.append(data)

    def run_task(self) -> None:
        """The app's own task, which has the time that the control loop leaves: it takes what waits for it."""
        if self.received:
            self._app.appMain()

    def set_time_us(self, time_us: int) -> None:
        """What the app's clock shows from now on (usecTimestamp)."""
        c_uint64.in_dll(self._app, "stub_time_us").value = time_us

    def tell(self, is_flying: bool, battery_low: bool) -> None:
        """What supervisorIsFlying and pmIsBatteryLow answer from now on."""
        self._is_flying.value, self._battery_low.value = is_flying, battery_low

    def _send_packet(self, data: int, length: int) -> int:
        self.sent.append(ctypes.string_at(data, length))
        return 1

    def _receive_packet(self, buffer: int, room: int) -> int:
        if not self.received:
            return 0
        data = self.received.popleft()[:room]
        ctypes.memmove(buffer, data, len(data))
        return len(data)

    def _give_setpoint(self, setpoint: Any, priority: int) -> None:
        try:
            if self._command is None:
                raise ValueError("the app gives set-points, and nobody takes them")
            self._command(setpoint.contents if setpoint else None, priority)
        except Exception as error:  # ctypes would print it and go on
            self._failure = error

    def _controller_pid(self, control: Any, setpoint: Any, sensors: Any, state: Any, tick: int) -> None:
        try:
            self._fallback(control.contents, setpoint.contents, sensors.contents, state.contents, tick)
        except Exception as error:  # ctypes would print it and go on
            self._failure = error

    def _table(self, name: str, types: dict[int, Any], kind_mask: int) -> dict[str, Variable]:
        count = c_uint32.in_dll(self._app, f"{name}_count").value
        entries = (_Entry * count).in_dll(self._app, name)
        return {f"{e.group.decode()}.{e.name.decode()}": Variable(e, types, kind_mask) for e in entries}
