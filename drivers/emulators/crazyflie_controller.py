"""An out-of-tree app as the virtual Crazyflie's controller: the exported C itself, called every millisecond."""

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from drivers.emulators.crazyflie_app import (
    FORCE,
    LEGACY,
    LOG_TYPES,
    PARAMETER_KIND,
    PARAMETER_TYPES,
    Control,
    CrazyflieApp,
    Euler,
    Quaternion,
    SensorData,
    State,
    Variable,
    Vector,
)
from drivers.emulators.crazyflie_app import Setpoint as CSetpoint
from drivers.emulators.crazyflie_body import ACC_X, E_A_X, E_PITCH, E_Q_W, E_Q_X, E_ROLL, E_V_X, E_X, E_YAW, GYRO_X
from drivers.emulators.crazyflie_commander import Priority
from drivers.emulators.crazyflie_pid import distribute
from drivers.emulators.crazyflie_setpoint import Setpoint
from drivers.emulators.crazyflie_toc import LogVariable, Number, Parameter

if TYPE_CHECKING:
    from drivers.emulators.crazyflie_firmware import Firmware

C_NAMES = {"c_byte": "int8_t", "c_short": "int16_t", "c_int": "int32_t", "c_ubyte": "uint8_t", "c_ushort": "uint16_t",
           "c_uint": "uint32_t", "c_float": "float"}  # fmt: skip

AXES = ("x", "y", "z", "roll", "pitch", "yaw", "quat")  # of a set-point's modes
# Where a State has what an estimate has, in words of four bytes.
IN_ESTIMATE = [E_ROLL, E_PITCH, E_YAW, E_Q_X, E_Q_X + 1, E_Q_X + 2, E_Q_W, *range(E_X, E_X + 3),
               *range(E_V_X, E_V_X + 3), *range(E_A_X, E_A_X + 3)]  # fmt: skip
IN_STATE = [
    (outer.offset + inner.offset) // 4
    for outer, inners in (
        (State.attitude, (Euler.roll, Euler.pitch, Euler.yaw)),
        (State.attitudeQuaternion, (Quaternion.x, Quaternion.y, Quaternion.z, Quaternion.w)),
        (State.position, (Vector.x, Vector.y, Vector.z)),
        (State.velocity, (Vector.x, Vector.y, Vector.z)),
        (State.acc, (Vector.x, Vector.y, Vector.z)),
    )
    for inner in inners
]
STATE_TIMES = [field.offset // 4 for field in (State.attitude, State.position, State.velocity, State.acc)]
IN_SENSORS = [ACC_X, ACC_X + 1, ACC_X + 2, GYRO_X, GYRO_X + 1, GYRO_X + 2]  # the order of SensorData


class AppController:
    """One app; see `crazyflie_firmware.OutOfTree`."""

    def __init__(self, shared_object: Path, latency_ms: int = 0) -> None:
        """latency_ms: until forces that it decides reach the rotors. shared_object: built by `firmware_export.crazyflie_app.build_for_host`. Raises ValueError if it cannot be."""
        try:
            self.app = CrazyflieApp(shared_object, self._fall_back, self._command)
        except OSError as error:
            raise ValueError(f"app: {error}") from error
        self.log_variables = [log_variable(name, v) for name, v in self.app.logs.items()]
        self.parameters = [parameter(name, v) for name, v in self.app.parameters.items()]
        self._firmware: Firmware | None = None
        self._state, self._sensors, self._setpoint = State(), SensorData(), CSetpoint()
        self._state_words = np.frombuffer(memoryview(self._state), dtype=np.float32)
        self._state_times = np.frombuffer(memoryview(self._state), dtype=np.uint32)
        self._sensor_words = np.frombuffer(memoryview(self._sensors), dtype=np.float32)
        self._taken: Setpoint | None = None
        self._latency_ms = latency_ms
        self._on_their_way: deque[np.ndarray] = deque()

    def start(self) -> None:
        """The controller is selected."""
        self.app.init()

    def control(self, firmware: "Firmware", setpoint: Setpoint, forces: np.ndarray) -> None:
        """One tick: fill in rotor forces (4,) as shares of the greatest thrust."""
        self._firmware = firmware
        if setpoint is not self._taken:
            self._taken = setpoint
            fill_setpoint(self._setpoint, setpoint)
        self._state_words[IN_STATE] = firmware.body.estimate[IN_ESTIMATE]
        self._state_times[STATE_TIMES] = firmware.now_ms
        self._sensor_words[:] = firmware.body.sensors[IN_SENSORS]
        self.app.set_time_us(1000 * firmware.now_ms)
        self.app.tell(firmware.supervisor.is_flying, firmware.battery.is_low)
        before = forces.copy()
        control = self.app.step(self._setpoint, self._sensors, self._state, firmware.now_ms)
        if control.controlMode != FORCE:
            self._on_their_way.clear()
        if control.controlMode == LEGACY:
            distribute(control.thrust, control.roll, control.pitch, -control.yaw, forces)
        elif control.controlMode == FORCE:
            if firmware.version.distributes_forces:
                forces[:] = control.normalizedForces
                np.clip(np.nan_to_num(forces, copy=False), 0.0, 1.0, out=forces)
                self._delay(before, forces)
        else:
            raise ValueError(f"app: control mode: found {control.controlMode}, allowed: {LEGACY}, {FORCE}")

    def _delay(self, before: np.ndarray, forces: np.ndarray) -> None:
        """Exchange what is decided now for what was decided `latency_ms` ago; `before` it, what the rotors had."""
        if self._latency_ms:
            waiting = self._on_their_way
            waiting.extend([before] * (self._latency_ms - len(waiting)))
            waiting.append(forces.copy())
            forces[:] = waiting.popleft()

    def console(self) -> str:
        """What the app has printed since the last call."""
        text = "".join(self.app.console)
        self.app.console.clear()
        return text

    def take(self, data: bytes) -> None:
        """A packet of the app channel."""
        self.app.take(data)

    def run_task(self) -> None:
        """appMain, in what the control loop leaves of a millisecond."""
        self.app.run_task()

    def packets(self) -> list[bytes]:
        """What the app has given to its channel since the last call."""
        packets = self.app.sent.copy()
        self.app.sent.clear()
        return packets

    def _fall_back(self, control: Control, setpoint: CSetpoint, sensors: SensorData, state: State, tick: int) -> None:
        """controllerPid. What the app was given is what the firmware has."""
        assert self._firmware is not None
        thrust, roll, pitch, yaw = self._firmware.control_pid(tick, self._firmware.forces)
        control.controlMode = LEGACY
        control.thrust, control.roll, control.pitch, control.yaw = thrust, int(roll), int(pitch), -int(yaw)

    def _command(self, setpoint: CSetpoint | None, priority: int) -> None:
        """commanderSetSetpoint and commanderRelaxPriority."""
        assert self._firmware is not None
        if setpoint is None:
            self._firmware.relax()
        else:
            self._firmware.command(read_setpoint(setpoint), Priority(priority))
            setpoint.timestamp = self._firmware.now_ms


def read_setpoint(given: CSetpoint) -> Setpoint:
    """A set-point out of the firmware's structure."""
    p, v, a, angles, rate = given.position, given.velocity, given.acceleration, given.attitude, given.attitudeRate
    q = given.attitudeQuaternion
    return Setpoint(
        tuple(getattr(given.mode, axis) for axis in AXES), (p.x, p.y, p.z), (v.x, v.y, v.z), (a.x, a.y, a.z),
        (angles.roll, angles.pitch, angles.yaw), (rate.roll, rate.pitch, rate.yaw), (q.x, q.y, q.z, q.w),
        given.thrust, bool(given.velocity_body),
    )  # fmt: skip


def fill_setpoint(out: CSetpoint, setpoint: Setpoint) -> None:
    """Write a set-point into the firmware's structure."""
    out.timestamp = setpoint.timestamp_ms
    for axis, mode in zip(AXES, setpoint.modes, strict=True):
        setattr(out.mode, axis, mode)
    for vector, values in (
        (out.position, setpoint.position_m),
        (out.velocity, setpoint.velocity_m_s),
        (out.acceleration, setpoint.acceleration_m_s2),
    ):
        vector.timestamp = setpoint.timestamp_ms
        vector.x, vector.y, vector.z = values
    for euler, values in ((out.attitude, setpoint.attitude_deg), (out.attitudeRate, setpoint.rate_deg_s)):
        euler.timestamp = setpoint.timestamp_ms
        euler.roll, euler.pitch, euler.yaw = values
    q = out.attitudeQuaternion
    q.x, q.y, q.z, q.w = setpoint.quaternion
    out.thrust, out.velocity_body = setpoint.thrust, setpoint.velocity_is_body


def log_variable(name: str, variable: Variable) -> LogVariable:
    """An entry of the app's log table."""
    return LogVariable(name, C_NAMES[LOG_TYPES[variable.type & 0x0F].__name__], lambda: variable.value)


def parameter(name: str, variable: Variable) -> Parameter:
    """An entry of the app's parameter table."""

    def write(value: Number) -> None:
        variable.value = value

    c_type = C_NAMES[PARAMETER_TYPES[variable.type & PARAMETER_KIND].__name__]
    return Parameter(name, c_type, lambda: variable.value, None if variable.read_only else write)
