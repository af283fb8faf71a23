"""The virtual Crazyflie's log variables and parameters, by the firmware's names, types and units."""

from typing import TYPE_CHECKING

import numpy as np

from drivers.emulators.crazyflie_body import ACC_X, E_A_X, E_PITCH, E_Q_W, E_Q_X, E_ROLL, E_V_X, E_X, E_YAW, GYRO_X
from drivers.emulators.crazyflie_pid import FULL, LOOPS
from drivers.emulators.crazyflie_toc import LogVariable, Number, Parameter

if TYPE_CHECKING:
    from drivers.emulators.crazyflie_firmware import Firmware

DECKS = (
    ("bcLighthouse4", "lighthouse"),
    ("bcFlow2", "flow"),
    ("bcDWM1000", "loco"),
)  # deck.NAME is 1 where it is there
BATTERY_EMPTY_V, BATTERY_FULL_V = 3.0, 4.2


def log_variables(firmware: "Firmware") -> list[LogVariable]:
    """All that can be logged of a drone without an app."""
    body, supervisor = firmware.body, firmware.supervisor

    def entry(name: str, values: np.ndarray, index: int) -> LogVariable:
        return LogVariable(name, "float", lambda: float(values[index]))

    def goal(field: str, index: int, name: str) -> LogVariable:
        return LogVariable(f"ctrltarget.{name}", "float", lambda: float(getattr(firmware.setpoint, field)[index]))

    def variance(name: str, index: int) -> LogVariable:
        return LogVariable(name, "float", lambda: body.variance(index))

    def motor(index: int) -> LogVariable:
        return LogVariable(f"motor.m{index + 1}", "uint16_t", lambda: round(FULL * float(firmware.forces[index])))

    table = []
    for first, names in ((E_X, "x y z"), (E_V_X, "vx vy vz"), (E_A_X, "ax ay az"), (E_ROLL, "roll pitch yaw"),
                         (E_Q_X, "qx qy qz"), (E_Q_W, "qw")):  # fmt: skip
        table += [entry(f"stateEstimate.{name}", body.estimate, first + k) for k, name in enumerate(names.split())]
    table += [entry(f"gyro.{axis}", body.sensors, GYRO_X + k) for k, axis in enumerate("xyz")]
    table += [entry(f"acc.{axis}", body.sensors, ACC_X + k) for k, axis in enumerate("xyz")]
    table += [
        entry("stabilizer.roll", body.estimate, E_ROLL),
        entry("stabilizer.pitch", body.estimate, E_PITCH),
        entry("stabilizer.yaw", body.estimate, E_YAW),
        LogVariable("stabilizer.thrust", "float", lambda: float(firmware.forces.mean() * FULL)),
    ]
    table += [goal("position_m", k, axis) for k, axis in enumerate("xyz")]
    table += [goal("velocity_m_s", k, f"v{axis}") for k, axis in enumerate("xyz")]
    table.append(goal("attitude_deg", 2, "yaw"))
    table += [motor(k) for k in range(4)]
    return [
        *table,
        LogVariable("pm.vbat", "float", lambda: body.battery_v),
        LogVariable("pm.vbatMV", "uint16_t", lambda: round(1000 * body.battery_v)),
        LogVariable("pm.batteryLevel", "uint8_t", lambda: battery_percent(body.battery_v)),
        LogVariable("pm.state", "int8_t", lambda: int(firmware.battery.state)),
        LogVariable("supervisor.info", "uint16_t", lambda: firmware.info),
        LogVariable("sys.canfly", "uint8_t", lambda: int(supervisor.motors_may_run)),
        LogVariable("sys.isFlying", "uint8_t", lambda: int(supervisor.is_flying)),
        LogVariable("sys.isTumbled", "uint8_t", lambda: int(supervisor.is_tumbled)),
        *firmware.health.log_variables(),
        *(variance(f"kalman.var{axis}", k) for k, axis in enumerate(("X", "Y", "Z", "PX", "PY", "PZ"))),
    ]


def battery_percent(voltage_v: float) -> int:
    return round(100 * min(1.0, max(0.0, (voltage_v - BATTERY_EMPTY_V) / (BATTERY_FULL_V - BATTERY_EMPTY_V))))


def parameters(firmware: "Firmware") -> list[Parameter]:
    """All parameters of a drone without an app."""
    pid, supervisor, body = firmware.pid, firmware.supervisor, firmware.body

    def deck(name: str, there: bool) -> Parameter:
        return Parameter(f"deck.{name}", "uint8_t", lambda: int(there), None)

    def thrust_base(value: Number) -> None:
        pid.thrust_base = int(value)

    def stop(value: Number) -> None:
        supervisor.stop_parameter = int(value)

    def reset(value: Number) -> None:
        firmware.reset_wanted = bool(value)

    table = [
        Parameter("stabilizer.controller", "uint8_t", lambda: firmware.controller,
                  lambda value: firmware.select_controller(int(value))),
        Parameter("stabilizer.stop", "uint8_t", lambda: supervisor.stop_parameter, stop),
        cell("stabilizer.estimator", "uint8_t", 2),  # Kalman
        cell("commander.enHighLevel", "uint8_t", 1),
        Parameter("kalman.resetEstimation", "uint8_t", lambda: int(firmware.reset_wanted), reset),
        *(element(f"kalman.dragB_{axis}", body.drag_told, k) for k, axis in enumerate("xyz")),
        Parameter("posCtlPid.thrustBase", "uint16_t", lambda: pid.thrust_base, thrust_base, persistent=True),
        *(deck(name, body.positioning == system) for name, system in DECKS),
        Parameter("system.selftestPassed", "int8_t", lambda: 1, None),
        *firmware.health.parameters(),
    ]  # fmt: skip
    for row, prefix in enumerate(LOOPS):
        letters = ("kp", "ki", "kd") if prefix.endswith("_") else ("Kp", "Ki", "Kd")
        for column, letter in enumerate(letters):
            table.append(element(prefix + letter, pid.gains, row, column))
    return table


def cell(name: str, c_type: str, value: Number) -> Parameter:
    """A parameter that is only remembered."""
    box = [value]
    return Parameter(name, c_type, lambda: box[0], lambda new: box.__setitem__(0, new))


def element(name: str, array: np.ndarray, *place: int) -> Parameter:
    """A float parameter that is an element of an array."""
    return Parameter(
        name, "float", lambda: float(array[place]),
        lambda value: array.__setitem__(place, value), persistent=True,
    )  # fmt: skip
